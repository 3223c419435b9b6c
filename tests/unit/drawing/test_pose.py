"""stgcn_torch/drawing/pose.py."""

import numpy as np
import pytest

from stgcn_torch.data.recordings.joint_mapping import place
from stgcn_torch.drawing.pose import COORDINATES, standing
from stgcn_torch.skeleton import LAYOUTS, skeleton

HAND = {"joints": ["wrist", "palm", "tip"], "bones": [["palm", "wrist"], ["tip", "palm"]], "center": "wrist"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_joint_of_a_named_layout_has_its_place(layout: str) -> None:
    body = LAYOUTS[layout]
    assert [joint for joint in body.joints if place(body, joint) not in COORDINATES] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_joints_can_be_told_apart(layout: str) -> None:
    pose = standing(LAYOUTS[layout])
    apart = np.linalg.norm(pose[:, None] - pose[None], axis=-1) + np.eye(len(pose))
    assert apart.min() > 0.015


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_person_faces_the_viewer_and_is_symmetric(layout: str) -> None:
    """Their left is on the viewer's right, and the head is up."""
    body = LAYOUTS[layout]
    pose = standing(body)
    assert (pose[[left for left, _ in body.pairs], 0] > 0).all()
    np.testing.assert_array_equal(pose[list(body.mirror)] * (-1, 1), pose)
    assert pose[body.index("LAnkle"), 1] < pose[body.index("LHip"), 1] < pose[body.index("LShoulder"), 1]


def test_joints_of_unknown_names_become_a_tree_around_the_centre() -> None:
    pose = standing(skeleton(HAND))
    steps = np.linalg.norm(np.diff(pose, axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.12)
    assert np.linalg.norm(pose[2] - pose[0]) > 0.2  # outward, not back


def test_unknown_joints_of_one_parent_do_not_lie_on_each_other() -> None:
    star = {"joints": ["hub", *"abcdef"], "bones": [[name, "hub"] for name in "abcdef"], "center": "hub"}
    pose = standing(skeleton(star))
    assert len(np.unique(pose.round(6), axis=0)) == 7


def test_an_unknown_joint_hangs_from_a_known_one() -> None:
    skate = {"joints": ["LKnee", "LAnkle", "blade"], "bones": [["LAnkle", "LKnee"], ["blade", "LAnkle"]]}
    pose = standing(skeleton(skate | {"center": "LKnee"}))
    assert np.linalg.norm(pose[2] - pose[1]) == pytest.approx(0.12)
    assert pose[2, 1] < pose[1, 1]  # further down, as the shin points
