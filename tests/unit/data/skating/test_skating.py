"""Laws of the synthetic skating set: the skater's body, the elements, the camera's image, the files."""

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.skating import ELEMENTS, skating_clip, write_skating_set
from stgcn_torch.data.skating import files as skating_files
from stgcn_torch.data.skating.body import BODY, LENGTHS, SEGMENTS, joints_of, mirrored
from stgcn_torch.data.skating.elements import ELEMENT_OF
from stgcn_torch.data.skating.skater import FEWEST, MOST, performance

SMALL = {"train": 20, "test": 10, "seed": 3}
V = {name: BODY.index(name) for name in BODY.joints}
METRES_ATOL = 1e-9


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def performed(element: str, seed: int) -> np.ndarray:
    stream = rng(seed)
    return performance(ELEMENT_OF[element](stream), stream)


def revolutions(joints: np.ndarray) -> np.ndarray:
    """Angle of the hips to the left since the first frame."""
    across = joints[:, V["LHip"]] - joints[:, V["RHip"]]
    yaw = np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))
    return (yaw - yaw[0]) / (2 * np.pi)


@pytest.fixture(scope="module")
def clips() -> dict[str, list[np.ndarray]]:
    return {element: [skating_clip(element, rng(seed)) for seed in range(8)] for element in ELEMENTS}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_skating_set(tmp_path_factory.mktemp("set") / "skating", **SMALL)


@pytest.mark.parametrize("element", ELEMENTS)
def test_bones_keep_their_length(element: str) -> None:
    joints = performed(element, 0)
    for child, parent in BODY.bones:
        length = np.linalg.norm(joints[:, child] - joints[:, parent], axis=1)
        np.testing.assert_allclose(length, length[0], rtol=0, atol=METRES_ATOL)
        assert length[0] > 0.01


def test_mirrored_angles_give_the_mirror_image() -> None:
    angles = rng(0).normal(0, 40, (5, len(SEGMENTS), 2))
    image = joints_of(angles, LENGTHS)[:, list(BODY.mirror)] * (-1, 1, 1)
    np.testing.assert_allclose(joints_of(mirrored(angles), LENGTHS), image, rtol=0, atol=METRES_ATOL)


@pytest.mark.parametrize("element", ELEMENTS)
def test_only_jumps_leave_the_ice(element: str) -> None:
    lowest = performed(element, 1)[..., 1].min(axis=1)
    assert lowest.min() == pytest.approx(0, abs=METRES_ATOL)
    assert (lowest.max() > 0.2) == element.endswith("jump")


@pytest.mark.parametrize(
    ("element", "turns"), [("single_jump", 1), ("double_jump", 2), ("toe_jump", 1), ("axel_jump", 1.5)]
)
def test_jumps_turn_as_often_as_their_name_says(element: str, turns: float) -> None:
    for seed in range(5):
        joints = performed(element, seed)
        air = np.flatnonzero(joints[..., 1].min(axis=1) > 0)
        turned = revolutions(joints[air[0] - 3 : air[-1] + 4])
        assert abs(turned[-1]) == pytest.approx(turns, abs=0.06)


@pytest.mark.parametrize(("element", "forward"), [("camel_spin", True), ("back_camel_spin", False)])
def test_leg_and_direction_make_the_camel(element: str, forward: bool) -> None:
    for seed in range(10):
        joints = performed(element, seed)
        on_left = joints[:, V["LAnkle"], 1].mean() < joints[:, V["RAnkle"], 1].mean()
        to_left = revolutions(joints)[-1] > 0
        assert (on_left == to_left) == forward


def test_both_hands_are_equally_frequent() -> None:
    to_left = [revolutions(performed("camel_spin", seed))[-1] > 0 for seed in range(200)]
    assert 0.35 < np.mean(to_left) < 0.65  # 4 standard deviations of a fair coin


@pytest.mark.parametrize(
    "pair", [("single_jump", "toe_jump"), ("single_jump", "axel_jump"), ("single_jump", "double_jump")]
)
def test_jumps_pass_through_the_same_postures(pair: tuple[str, str]) -> None:
    one, other = (ELEMENT_OF[element](rng(4)) for element in pair)
    np.testing.assert_array_equal(one.pose_times, other.pose_times)
    np.testing.assert_array_equal(
        *(np.sort(programme.poses.reshape(len(programme.poses), -1), axis=0) for programme in (one, other))
    )


def test_combination_spins_are_each_other_backwards() -> None:
    def heights(element: str) -> str:
        poses = ELEMENT_OF[element](rng(0)).poses[::2]  # each is held between two keys
        lean = poses[:, SEGMENTS.index("Trunk"), 0]
        return "".join("c" if angle > 60 else "s" if angle > 20 else "u" for angle in lean)

    assert "csu" in heights("camel_sit_spin") * 2
    assert "scu" in heights("sit_camel_spin") * 2


@pytest.mark.parametrize("element", ELEMENTS)
def test_clips_are_finite_and_of_the_right_length(element: str, clips: dict[str, list[np.ndarray]]) -> None:
    for clip in clips[element]:
        assert clip.dtype == np.float32
        assert clip.shape == (3, clip.shape[1], 25, 1)
        assert FEWEST <= clip.shape[1] <= MOST
        assert np.isfinite(clip).all()


@pytest.mark.parametrize("element", ELEMENTS)
def test_coordinates_and_scores_stay_in_range(element: str, clips: dict[str, list[np.ndarray]]) -> None:
    for clip in clips[element]:
        assert np.abs(clip[:2]).max() < 0.5
        assert clip[2].min() >= 0
        assert clip[2].max() <= 1


def test_missing_joints_are_zero_in_all_channels(clips: dict[str, list[np.ndarray]]) -> None:
    joints = np.concatenate([clip.reshape(3, -1) for group in clips.values() for clip in group], axis=1)
    missing = joints[2] == 0
    assert 0.01 < missing.mean() < 0.15
    assert not joints[:, missing].any()


def test_first_and_last_frame_show_somebody(clips: dict[str, list[np.ndarray]]) -> None:
    assert all(clip[2, [0, -1]].any(axis=(1, 2)).all() for group in clips.values() for clip in group)


def test_the_neck_is_above_the_lower_ankle(clips: dict[str, list[np.ndarray]]) -> None:
    for clip in (clip for group in clips.values() for clip in group):
        y, score = clip[1:, :, [V["Neck"], V["LAnkle"], V["RAnkle"]], 0]
        neck, *ankles = y[(score > 0).all(axis=1)].T
        assert (neck < np.maximum(*ankles)).mean() > 0.9  # y points down


def test_same_seed_same_clip() -> None:
    np.testing.assert_array_equal(skating_clip("axel_jump", rng(5)), skating_clip("axel_jump", rng(5)))


def test_another_seed_another_clip() -> None:
    one, other = (skating_clip("axel_jump", rng(seed)) for seed in (5, 6))
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_refuses_unknown_element() -> None:
    with pytest.raises(ValueError, match="'quad' is unknown; choose one of single_jump, "):
        skating_clip("quad", rng(0))


@pytest.mark.parametrize(("split", "count"), [("train", 20), ("test", 10)])
def test_arrays_have_the_shapes_of_fsd(written: Path, split: str, count: int) -> None:
    data = np.load(written / f"{split}_data.npy", mmap_mode="r")
    labels = np.load(written / f"{split}_label.npy")
    assert (data.shape, data.dtype) == ((count, 3, MOST, 25, 1), np.float32)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(labels), count // len(ELEMENTS))


def test_tail_is_zero(written: Path) -> None:
    data, labels = (np.load(written / f"train_{name}.npy") for name in ("data", "label"))
    for i, label in enumerate(labels):
        clip = skating_clip(ELEMENTS[label], np.random.default_rng((SMALL["seed"], 0, i)))
        np.testing.assert_array_equal(data[i, :, : clip.shape[1]], clip)
        assert not data[i, :, clip.shape[1] :].any()


def test_test_clips_are_none_of_the_training_clips(written: Path) -> None:
    train, test = (np.load(written / f"{split}_data.npy") for split in ("train", "test"))
    assert not any(np.array_equal(one, other) for one in train for other in test)


def test_names_follow_the_labels(written: Path) -> None:
    assert (written / "classes.txt").read_text().split() == list(ELEMENTS)


def test_same_seed_same_bytes(written: Path, tmp_path: Path) -> None:
    again = write_skating_set(tmp_path / "again", **SMALL)
    assert {p.name: p.read_bytes() for p in written.iterdir()} == {p.name: p.read_bytes() for p in again.iterdir()}


def test_whole_set_is_kept(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skating_files, "skating_clip", None)  # calling it would fail
    assert write_skating_set(written, **SMALL) == written


@pytest.mark.parametrize("locks", [True, False])
def test_of_several_writers_all_find_the_set_and_one_makes_it(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    together, made = threading.Barrier(3), []

    def counted(element: str, stream: np.random.Generator) -> np.ndarray:
        made.append(element)
        return skating_clip(element, stream)

    def write(_: int) -> dict[str, bytes]:
        together.wait()
        root = write_skating_set(tmp_path / "skating", **SMALL)
        return {path.name: path.read_bytes() for path in root.iterdir()}

    def none(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(skating_files, "skating_clip", counted)
    if not locks:  # as on some network disks: the others' work is lost, nothing else
        monkeypatch.setattr(fcntl, "flock", none)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(write, range(3)))
    assert found == [{path.name: path.read_bytes() for path in written.iterdir()}] * 3
    assert len(made) == 30 or not locks
    assert [path.name for path in tmp_path.iterdir()] == ["skating"]


def test_interrupted_set_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(range(25))  # fails among the test clips

    def interrupted(element: str, stream: np.random.Generator) -> np.ndarray:
        if next(made) == 24:
            raise KeyboardInterrupt
        return skating_clip(element, stream)

    monkeypatch.setattr(skating_files, "skating_clip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_skating_set(tmp_path / "skating", **SMALL)
    assert not list(tmp_path.iterdir())


def test_interruption_leaves_the_former_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_skating_set(tmp_path / "skating", **SMALL)
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    monkeypatch.setattr(skating_files, "skating_clip", None)
    with pytest.raises(TypeError):
        write_skating_set(root, **SMALL | {"seed": 4})
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before


def test_other_parameters_replace_the_set(tmp_path: Path) -> None:
    root = write_skating_set(tmp_path / "skating", **SMALL)
    write_skating_set(root, **SMALL | {"test": 20})
    assert len(np.load(root / "test_label.npy")) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["skating"]


def test_refuses_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "train_data.npy").write_bytes(b"somebody's data")
    with pytest.raises(ValueError, match=r"is no synthetic skating set, it holds train_data\.npy"):
        write_skating_set(tmp_path, **SMALL)


def test_refuses_fewer_clips_than_classes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="train and test need 10 clips or more, one per class; got 20 and 9"):
        write_skating_set(tmp_path / "skating", train=20, test=9)
