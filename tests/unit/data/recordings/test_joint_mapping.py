"""Joints keep their positions from one layout to another, and built joints lie where a body has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.data.recordings.joint_mapping import mapped, mapping, place
from stgcn_torch.skeleton import LAYOUTS, Skeleton, skeleton

XYZ = ("x", "y", "z", "score")
RTOL = 1e-6  # float32 of coordinates up to 1e3; measured: 1e-7
PAIRS = [(a, b) for a in sorted(LAYOUTS) for b in sorted(LAYOUTS)]
searched = settings(max_examples=20, deadline=None, derandomize=True, database=None)

# A body of 1.8 m that stands and spreads its arms, facing along z; x to its left, y up, metres.
STANDING = {
    "Nose": (0, 1.65, 0.1),
    "LEye": (0.04, 1.7, 0.08),
    "LEar": (0.08, 1.68, 0),
    "LShoulder": (0.2, 1.45, 0),
    "LElbow": (0.5, 1.45, 0),
    "LWrist": (0.75, 1.45, 0),
    "LHip": (0.1, 0.95, 0),
    "LKnee": (0.1, 0.5, 0),
    "LAnkle": (0.1, 0.1, 0),
    "LHeel": (0.1, 0.02, -0.05),
    "LBigToe": (0.1, 0.02, 0.2),
}
STANDING |= {"R" + joint[1:]: (-x, y, z) for joint, (x, y, z) in STANDING.items() if joint.startswith("L")}


def standing(*joints: str) -> tuple[np.ndarray, Skeleton]:
    """One frame (4, 1, V, 1) of these joints of the body, and their layout."""
    body = skeleton({"joints": joints, "bones": [(joint, joints[0]) for joint in joints[1:]], "center": joints[0]})
    clip = np.ones((4, 1, len(joints), 1))
    clip[:3, 0, :, 0] = np.array([STANDING[joint] for joint in joints]).T
    return clip, body


def random_clip(body: Skeleton, seed: int = 0, dtype: str = "f4") -> np.ndarray:
    """A clip (4, 7, V, 2) with every joint detected."""
    return np.random.default_rng(seed).uniform(0.1, 1, (4, 7, len(body.joints), 2)).astype(dtype)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_layout_is_itself(name: str) -> None:
    clip = random_clip(LAYOUTS[name])
    np.testing.assert_array_equal(mapped(clip, XYZ, LAYOUTS[name], LAYOUTS[name]), clip)
    assert mapping(LAYOUTS[name], LAYOUTS[name]).built == {}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_shared_joints_come_back_as_they_went(source: str, target: str) -> None:
    there, back = LAYOUTS[source], LAYOUTS[target]
    clip = random_clip(there)
    returned = mapped(mapped(clip, XYZ, there, back, absent="missing"), XYZ, back, there, absent="missing")
    places = {place(back, joint) for joint in back.joints}
    shared = [v for v, joint in enumerate(there.joints) if place(there, joint) in places]
    np.testing.assert_array_equal(returned[:, :, shared], clip[:, :, shared])


@pytest.mark.parametrize(("source", "target"), PAIRS)
@given(scale=st.floats(0.01, 1000), shift=st.lists(st.floats(-100, 100), min_size=3, max_size=3))
@settings(parent=searched)
def test_a_body_moved_and_grown_is_mapped_moved_and_grown(
    source: str, target: str, scale: float, shift: list[float]
) -> None:
    body, other = LAYOUTS[source], LAYOUTS[target]
    clip = random_clip(body, dtype="f8")
    change = np.array([scale] * 3 + [1.0]), np.array([*shift, 0.0])
    moved = clip * change[0][:, None, None, None] + change[1][:, None, None, None]
    there = [v for v, joint in enumerate(other.joints) if joint not in mapping(body, other).absent]
    first, last = (mapped(given, XYZ, body, other, absent="missing")[:, :, there] for given in (clip, moved))
    expected = first * change[0][:, None, None, None] + change[1][:, None, None, None]
    np.testing.assert_allclose(last, expected, rtol=RTOL, atol=RTOL * 1000)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_shares_add_up_to_a_whole(source: str, target: str) -> None:
    plan = mapping(LAYOUTS[source], LAYOUTS[target])
    for joint, shares in plan.weights.items():
        assert (joint in plan.absent) == (not shares)
        assert set(shares) <= set(LAYOUTS[source].joints)
        assert sum(shares.values()) == pytest.approx(0 if joint in plan.absent else 1)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_left_is_built_from_left_as_right_from_right(source: str, target: str) -> None:
    def other_side(joint: str) -> str:
        body = LAYOUTS[source]
        return body.joints[body.mirror[body.joints.index(joint)]]

    plan, body = mapping(LAYOUTS[source], LAYOUTS[target]), LAYOUTS[target]
    for left, right in body.pairs:
        mirrored = {other_side(joint): share for joint, share in plan.weights[body.joints[left]].items()}
        assert plan.weights[body.joints[right]] == pytest.approx(mirrored)


@pytest.mark.parametrize(
    ("target", "joint", "sources", "expected"),
    [
        ("fsd10", "MidHip", ["LHip", "RHip"], (0, 0.95, 0)),
        ("h36m", "Pelvis", ["LHip", "RHip"], (0, 0.95, 0)),
        ("openpose", "Neck", ["LShoulder", "RShoulder"], (0, 1.45, 0)),
        ("ntu-rgb+d", "SpineShoulder", ["LShoulder", "RShoulder"], (0, 1.45, 0)),
        ("h36m", "Spine", ["LShoulder", "RShoulder", "LHip", "RHip"], (0, 1.2, 0)),
        ("ntu-rgb+d", "Head", ["LEar", "REar", "LEye", "REye"], (0, 1.68, 0)),
        ("ntu-rgb+d", "Head", ["LEye", "REye", "Nose"], (0, 1.7, 0.08)),
        ("ntu-rgb+d", "Head", ["Nose", "LHip"], (0, 1.65, 0.1)),
        ("ntu-rgb+d", "Neck", ["LEar", "REar", "LShoulder", "RShoulder"], (0, (1.68 + 1.45) / 2, 0)),
        ("h36m", "Head", ["LEar", "REar", "LShoulder", "RShoulder"], (0, 1.795, 0)),
        ("mediapipe", "LEyeInner", ["LEye", "REye"], (0.02, 1.7, 0.08)),
        ("mediapipe", "REyeOuter", ["LEye", "REye"], (-0.06, 1.7, 0.08)),
        ("mediapipe", "LFootIndex", ["LBigToe", "LHeel"], (0.1, 0.02, 0.2)),
        ("ntu-rgb+d", "LHand", ["LWrist", "LElbow"], (0.825, 1.45, 0)),
        ("ntu-rgb+d", "RHandTip", ["RWrist", "RElbow"], (-0.9, 1.45, 0)),
        ("ntu-rgb+d", "RFoot", ["RBigToe", "RAnkle"], (-0.1, 0.02, 0.2)),
        ("fsd10", "LSmallToe", ["LBigToe", "LHeel"], (0.1, 0.02, 0.15)),
    ],
)
def test_a_joint_lies_where_a_body_has_it(
    target: str, joint: str, sources: list[str], expected: tuple[float, ...]
) -> None:
    clip, body = standing(*sources)
    result = mapped(clip, XYZ, body, LAYOUTS[target], absent="missing")
    np.testing.assert_allclose(result[:, 0, LAYOUTS[target].index(joint), 0], [*expected, 1], atol=1e-12)


def test_a_built_joint_is_as_sure_as_its_least_sure_source() -> None:
    clip = random_clip(LAYOUTS["coco"])
    result = mapped(clip, XYZ, LAYOUTS["coco"], LAYOUTS["openpose"])
    shoulders = [LAYOUTS["coco"].index(joint) for joint in ("LShoulder", "RShoulder")]
    np.testing.assert_array_equal(result[3, :, LAYOUTS["openpose"].index("Neck")], clip[3][:, shoulders].min(axis=1))


@pytest.mark.parametrize("channels", [XYZ, ("x", "y", "z", "w"), ("x", "y")])
def test_a_missing_source_makes_a_missing_joint_in_its_frame_only(channels: tuple[str, ...]) -> None:
    clip = random_clip(LAYOUTS["coco"])[: len(channels)]
    clip[:, 3, LAYOUTS["coco"].index("LShoulder"), 1] = 0
    neck = mapped(clip, channels, LAYOUTS["coco"], LAYOUTS["openpose"])[:, :, LAYOUTS["openpose"].index("Neck")]
    gone = np.zeros((7, 2), dtype=bool)
    gone[3, 1] = True
    np.testing.assert_array_equal((neck == 0).all(axis=0), gone)


def test_what_is_not_there_does_not_spoil_what_is() -> None:
    clip = random_clip(LAYOUTS["coco"])
    clip[:, :, LAYOUTS["coco"].index("LWrist")] = np.nan
    result = mapped(clip, XYZ, LAYOUTS["coco"], LAYOUTS["openpose"])
    assert np.isnan(result).any(axis=(0, 1, 3)).sum() == 1


def test_says_what_is_built_and_from_what() -> None:
    built = mapping(LAYOUTS["mediapipe"], LAYOUTS["fsd10"]).built
    assert built["Neck"] == "0.5 LShoulder + 0.5 RShoulder"
    assert built["LSmallToe"] == "0.8 LFootIndex + 0.2 LHeel"
    assert sorted(built) == ["LSmallToe", "MidHip", "Neck", "RSmallToe"]


def test_body_25b_lacks_but_a_neck_and_a_middle_hip_of_body_25() -> None:
    plan = mapping(LAYOUTS["body_25b"], LAYOUTS["fsd10"])
    assert plan.built == {"Neck": "0.5 LShoulder + 0.5 RShoulder", "MidHip": "0.5 LHip + 0.5 RHip"}
    assert plan.absent == ()
    copied = [joint for joint in LAYOUTS["fsd10"].joints if joint not in plan.built]
    assert [plan.weights[joint] for joint in copied] == [{joint: 1.0} for joint in copied]


def test_neck_and_head_of_body_25b_are_those_of_h36m() -> None:
    plan = mapping(LAYOUTS["body_25b"], LAYOUTS["h36m"])
    assert (plan.weights["Neck"], plan.weights["Head"]) == ({"UpperNeck": 1.0}, {"HeadTop": 1.0})


def test_refuses_a_target_with_joints_that_cannot_be_built_and_names_them_all() -> None:
    clip = random_clip(LAYOUTS["coco"])
    toes = "LBigToe, LSmallToe, LHeel, RBigToe, RSmallToe, RHeel"
    with pytest.raises(ValueError, match=f"coco does not say where {toes} of fsd10 are; absent=missing"):
        mapped(clip, XYZ, LAYOUTS["coco"], LAYOUTS["fsd10"])
    left_out = mapped(clip, XYZ, LAYOUTS["coco"], LAYOUTS["fsd10"], absent="missing")
    assert not left_out[:, :, 19:].any()
    assert left_out[:, :, :19].all()


@pytest.mark.parametrize("shape", [(4, 7, 25, 1), (3, 7, 17, 1), (4, 7, 17)])
def test_refuses_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a clip of coco must be \(C, T, V, M\) with C=4 and V=17, got"):
        mapped(np.ones(shape), XYZ, LAYOUTS["coco"], LAYOUTS["h36m"])


def test_refuses_an_unknown_choice() -> None:
    with pytest.raises(ValueError, match="absent 'zero' is unknown; choose refuse or missing"):
        mapped(np.ones((4, 1, 17, 1)), XYZ, LAYOUTS["coco"], LAYOUTS["h36m"], absent="zero")
