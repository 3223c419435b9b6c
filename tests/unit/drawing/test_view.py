"""stgcn_torch/drawing/view.py."""

from itertools import permutations, product

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.recordings.joint_mapping import place
from stgcn_torch.data.skating.clip import skating_clip
from stgcn_torch.data.skating.elements import ELEMENTS
from stgcn_torch.drawing.pose import standing
from stgcn_torch.drawing.view import ARMS, limits, view_of
from stgcn_torch.skeleton import LAYOUTS, Skeleton, skeleton

BODY = LAYOUTS["fsd10"]
HAND = skeleton({"joints": ["wrist", "palm"], "bones": [["palm", "wrist"]], "center": "wrist"})
DIRECTIONS = [
    np.stack([s * np.eye(3)[i] for s, i in zip(signs, order, strict=True)])
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
ROTATIONS = [turn for turn in DIRECTIONS if np.linalg.det(turn) > 0]


def facing(body: Skeleton = BODY, T: int = 9, lean: float = 0.0) -> Clip:
    """A person (3, T, V, 1) who sways: x to the viewer's right, y up, z to the viewer, right-handed."""
    x, y = standing(body).T
    sway = np.linspace(-0.1, 0.1, T)[:, None]
    z = 0.05 * np.sin(np.arange(len(x))) + lean * y
    return np.stack([x + sway, y + 0 * sway, z + 0 * sway])[..., None] + 1.0


def turned(clip: Clip, turn: np.ndarray) -> Clip:
    """The clip in other coordinates: ``turn[i]`` is the old direction of the new axis i."""
    return np.einsum("id,dtvm->itvm", turn, clip)


def left_of(points: np.ndarray, body: Skeleton = BODY) -> float:
    """How far to the viewer's right the left of a body lies, in the mean of all its pairs."""
    left, right = zip(*body.pairs, strict=True)
    return float((points[:, list(left), 0, 0] - points[:, list(right), 0, 0]).mean())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_y_may_point_up_or_down(layout: str) -> None:
    """And the picture is the same."""
    body = LAYOUTS[layout]
    up = facing(body)[:2]
    down = up * np.array([1.0, -1.0])[:, None, None, None]
    views = [view_of(clip, "xy", body).points(clip, "xy") for clip in (up, down)]
    np.testing.assert_array_equal(views[0], np.moveaxis(up, 0, -1))
    np.testing.assert_array_equal(views[0], views[1])


@pytest.mark.parametrize("turn", ROTATIONS, ids=lambda turn: " ".join(map(str, turn.astype(int).tolist())))
def test_a_person_stands_and_is_not_mirrored_whatever_the_axes(turn: np.ndarray) -> None:
    """They also face the viewer, but where the coordinates are a camera's."""
    clip = turned(facing(), turn)
    view = view_of(clip, "xyz", BODY)
    points = view.points(clip, "xyz")
    np.testing.assert_allclose(np.diff(points[0, :, 0, 1]), np.diff(facing()[1, 0, :, 0]))
    assert np.linalg.det(view.basis) == pytest.approx(1)
    if view.basis[1] != (0, -1, 0):
        assert left_of(points) > 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("side", ["L", "R"])
def test_a_hand_thrust_forward_does_not_turn_the_viewer(layout: str, side: str) -> None:
    """One metre, of a person as high as a metre: hips and shoulders tell where left is."""
    body = LAYOUTS[layout]
    clip = facing(body)
    hand = [v for v, joint in enumerate(body.joints) if place(body, joint) in {f"{side}{part}" for part in ARMS[1:]}]
    assert hand
    clip[2, :, hand] += 1.0
    assert view_of(clip, "xyz", body).basis == ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def test_where_a_layout_has_but_arms_they_tell_where_left_is() -> None:
    arms = skeleton(
        {
            "joints": ["Neck", "Head", "LWrist", "RWrist"],
            "bones": [["Head", "Neck"], ["LWrist", "Neck"], ["RWrist", "Neck"]],
            "center": "Neck",
            "pairs": [["LWrist", "RWrist"]],
        }
    )
    clip = turned(facing(arms), np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]))
    assert left_of(view_of(clip, "xyz", arms).points(clip, "xyz"), arms) > 0


def test_of_a_camera_with_y_down_x_is_to_the_right() -> None:
    """Also where it sees people from behind: their left is then on the left."""
    away = facing() * np.array([-1, 1, -1])[:, None, None, None]
    clip = turned(away, np.diag([1.0, -1, -1]))
    view = view_of(clip, "xyz", BODY)
    assert view.basis == ((1, 0, 0), (0, -1, 0), (0, 0, -1))
    assert left_of(view.points(clip, "xyz")) < 0


def test_channels_may_come_in_any_order() -> None:
    clip = np.concatenate([facing(), np.ones((1, 9, 25, 1))])
    shuffled = clip[[3, 1, 2, 0]]
    np.testing.assert_array_equal(
        view_of(shuffled, ("score", "y", "z", "x"), BODY).points(shuffled, ("score", "y", "z", "x")),
        view_of(clip, ("x", "y", "z", "score"), BODY).points(clip, ("x", "y", "z", "score")),
    )


def test_axes_may_have_different_units() -> None:
    """A leaning person whose depth is in metres and whose image is in shares of its height."""
    clip = facing(lean=0.5) * np.array([0.2, -0.2, 2])[:, None, None, None]
    assert view_of(clip, "xyz", BODY).basis[1] == (0, -1, 0)


@pytest.mark.parametrize("turns", [0.4, 3.0])
def test_a_somersault_turns_in_one_view(turns: float) -> None:
    """Frames upside down do not turn the picture."""
    x, y = standing(BODY).T - np.array([[0.0], [0.5]])
    angle = 2 * np.pi * turns * np.clip(np.linspace(-1, 2, 60), 0, 1)[:, None]  # 20 frames before it, and 20 after
    angle[40:] = 0
    clip = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)])[..., None]
    points = view_of(clip, "xy", BODY).points(clip, "xy")
    np.testing.assert_array_equal(points, np.moveaxis(clip, 0, -1))


@pytest.mark.parametrize("element", ELEMENTS)
def test_skaters_of_the_synthetic_set_stand_upright(element: str) -> None:
    """Which has y down, as images have, and spins, with joints missing."""
    for seed in range(4):
        clip = skating_clip(element, np.random.default_rng(seed))
        assert view_of(clip, ("x", "y", "score"), BODY).basis == ((1, 0), (0, -1))


def test_undetected_joints_have_no_place() -> None:
    clip = facing()[:2]
    clip[:, 3, 7], clip[0, 4, 2] = 0, np.nan
    missing = np.isnan(view_of(clip, "xy", BODY).points(clip, "xy")).all(axis=-1)
    assert np.argwhere(missing).tolist() == [[3, 7, 0], [4, 2, 0]]


def test_undetected_joints_do_not_tell_where_up_is() -> None:
    clip = -facing()[:2]
    clip[:, :, BODY.index("LAnkle") :] = 0  # far above the rest, were they there
    assert view_of(clip, "xy", BODY).basis[1] == (0, -1)


@pytest.mark.parametrize("sign", [1, -1])
def test_without_known_joints_y_points_up(sign: int) -> None:
    clip = sign * np.arange(1.0, 9).reshape(2, 2, 2, 1)
    assert view_of(clip, "xy", HAND).basis == ((1, 0), (0, 1))


def test_an_empty_clip_has_a_view() -> None:
    clip = np.zeros((3, 5, 25, 2))
    view = view_of(clip, "xyz", BODY)
    assert view.basis == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert limits(view.points(clip, "xyz")) == ((-1, 1), (-1, 1))


def test_a_viewer_who_walks_a_quarter_around_sees_depth() -> None:
    clip = facing()
    view = view_of(clip, "xyz", BODY)
    x, y, z = np.eye(3)
    np.testing.assert_allclose(view.project(np.stack([x, y, z]), 90), [[0, 0], [0, 1], [-1, 0]], atol=1e-15)


def test_other_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="2 or 3 coordinates, got the channels x, score"):
        view_of(np.zeros((2, 5, 25, 1)), ("x", "score"), BODY)
    with pytest.raises(ValueError, match=r"V=25, got \(2, 5, 17, 1\)"):
        view_of(np.zeros((2, 5, 17, 1)), "xy", BODY)


def test_limits_are_a_square_around_every_joint() -> None:
    points = np.random.default_rng(0).normal(size=(40, 25, 2, 2)) * (3, 1)
    points[0, 0] = np.nan
    (left, right), (bottom, top) = limits(points)
    assert right - left == pytest.approx(top - bottom)
    assert np.nanmin(points[..., 0]) > left
    assert np.nanmax(points[..., 0]) < right
    assert np.nanmin(points[..., 1]) > bottom
    assert np.nanmax(points[..., 1]) < top


def test_limits_leave_out_false_detections_far_off() -> None:
    """A raised arm is none."""
    points = np.random.default_rng(0).uniform(-1, 1, (100, 25, 1, 2))
    usual = limits(points)
    points[3, 4], points[5, 6] = 40, (-1, -9)
    np.testing.assert_allclose(limits(points), usual, atol=0.02)
    points[7, 8] = 0, 1.7
    assert limits(points)[1][1] > 1.7
