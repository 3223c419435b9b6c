"""Laws of telling BODY_25 from BODY_25B: the bones decide, for any person, view and number of visible bones."""

from collections.abc import Sequence

import numpy as np
import pytest

from stgcn_torch.data.recordings.joint_mapping import mapped
from stgcn_torch.data.recordings.joint_order import LONGER, bone_length_ratio, order_of_25
from stgcn_torch.data.recordings.recording import Track
from stgcn_torch.data.skating.clip import skating_clip
from stgcn_torch.data.skating.elements import ELEMENTS
from stgcn_torch.drawing.pose import standing
from stgcn_torch.skeleton import LAYOUTS

ORDERS = ("fsd10", "body_25b")
T = 20
every_order = pytest.mark.parametrize("order", ORDERS)


def person(order: str, seed: int = 0, turn: float = 0.0, width: float = 1.0, missing: float = 0.0) -> Track:
    """A person of a few hundred pixels who moves every joint, turned in the image, and as narrow as from the side."""
    rng = np.random.default_rng(seed)
    pose = standing(LAYOUTS[order]) * (width, -1) + rng.normal(0, 0.02, (T, 25, 2))
    turned = pose @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    poses = np.concatenate([400 * turned + 500, rng.uniform(0.3, 1, (T, 25, 1))], axis=2)
    poses[rng.random((T, 25)) < missing] = 0
    return Track(0, poses.astype(np.float32))


def with_joints(track: Track, order: str, joints: Sequence[str]) -> Track:
    """The person with only these joints detected."""
    poses = np.zeros_like(track.poses)
    shown = [LAYOUTS[order].index(joint) for joint in joints]
    poses[:, shown] = track.poses[:, shown]
    return Track(track.start, poses)


def detected_order(people: Sequence[Track]) -> str:
    """The order detected from the bones."""
    return ORDERS[bone_length_ratio(people) > LONGER]


@every_order
@pytest.mark.parametrize("turn", [0, 0.5, 1], ids=["upright", "lying", "upside down"])
@pytest.mark.parametrize("width", [1, 0.1], ids=["in front", "from the side"])
@pytest.mark.parametrize("missing", [0, 0.4])
def test_bones_tell_the_order(order: str, turn: float, width: float, missing: float) -> None:
    assert detected_order([person(order, turn=np.pi * turn, width=width, missing=missing)]) == order


@every_order
@pytest.mark.parametrize("element", sorted(ELEMENTS))
def test_bones_tell_the_order_of_who_jumps_and_spins(order: str, element: str) -> None:
    clip = skating_clip(element, np.random.default_rng(0))
    clip = mapped(clip, ("x", "y", "score"), LAYOUTS["fsd10"], LAYOUTS[order])
    assert detected_order([Track(0, clip[..., 0].transpose(1, 2, 0))]) == order


@every_order
def test_size_and_place_do_not_count(order: str) -> None:
    track = person(order)
    expected = bone_length_ratio([track])
    for scale, shift in ((1e-3, 0), (8, 1000), (1, -3000)):
        poses = track.poses * np.array([scale, scale, 1]) + np.array([shift, shift, 0])
        assert bone_length_ratio([Track(0, poses)]) == pytest.approx(expected, rel=1e-6)  # float64; measured: 1e-12


@every_order
@pytest.mark.parametrize("half", ["upper", "lower"])
def test_half_a_body_does_not_mislead(order: str, half: str) -> None:
    legs = ("Hip", "Knee", "Ankle", "Toe", "Heel")
    joints = [joint for joint in LAYOUTS[order].joints if joint.endswith(legs) == (half == "lower")]
    assert detected_order([with_joints(person(order), order, joints)]) == order


@every_order
def test_all_people_and_frames_decide_together(order: str) -> None:
    """A person whom the detector has mistaken for others does not."""
    jumbled = person(order, seed=3)
    jumbled = Track(0, jumbled.poses[:, np.random.default_rng(0).permutation(25)])
    assert detected_order([jumbled, person(order, seed=1), person(order, seed=2, turn=np.pi)]) == order


@every_order
def test_too_little_tells_nothing(order: str) -> None:
    track = person(order)
    arm = with_joints(track, order, ["Nose", "LShoulder", "LElbow", "LWrist"])
    point = Track(0, np.ones_like(track.poses))
    assert bone_length_ratio([]) == bone_length_ratio([arm]) == bone_length_ratio([arm, point]) == 1


def test_infinity_tells_nothing() -> None:
    """Values beyond float32 are infinite, and left to preprocessing."""
    track = person("body_25b")
    broken = track.poses.copy()
    broken[::2, :, 0] = np.inf
    assert bone_length_ratio([Track(0, broken)]) == bone_length_ratio([Track(0, track.poses[1::2])])


def test_the_largest_numbers_of_float32_have_lengths() -> None:
    track = person("body_25b")
    large = track.poses * np.array([1e35, 1e35, 1], np.float32)
    ratio = bone_length_ratio([track])
    assert bone_length_ratio([Track(0, large)]) == pytest.approx(ratio, rel=1e-5)  # rounded to float32


@pytest.mark.parametrize("order", ["fsd10", "body_25b", "ntu-rgb+d"])
@pytest.mark.parametrize("channels", [("x", "y"), ("x", "y", "score"), ("x", "y", "z")])
@pytest.mark.parametrize("missing", [0, 0.3])
def test_bones_tell_any_order_of_25_whatever_the_channels(
    order: str, channels: tuple[str, ...], missing: float
) -> None:
    """Kinect's joints in a picture, and OpenPose's in space."""
    poses = person(order, missing=missing).poses
    if "z" in channels:
        poses[..., 2] = np.where(poses[..., 2] > 0, 30 + 40 * poses[..., 2], 0)
    layout, told = order_of_25([Track(0, poses[..., : len(channels)])], channels)
    usual = "ntu-rgb+d" if "z" in channels else "fsd10"
    assert layout == order
    assert told.startswith(f"read as {order}: in the order of {usual} its bones are ") == (order != usual)


def test_where_nothing_tells_the_order_is_the_usual_one() -> None:
    nobody = [Track(0, np.zeros((3, 25, 3), np.float32))]
    assert order_of_25(nobody, ("x", "y", "score")) == ("fsd10", "")
    assert order_of_25([], ("x", "y", "z")) == ("ntu-rgb+d", "")
