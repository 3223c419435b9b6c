"""Laws of scenes: people over frames as an array and back."""

from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Scene,
    Track,
    by_number,
    files_in,
    recording,
    scene_of,
    shown,
    track_of,
)

CHANNELS = ("x", "y")


def test_people_stand_side_by_side_at_their_frames() -> None:
    people = [Track(0, np.ones((2, 3, 2), "f4")), Track(1, np.full((3, 3, 2), 2, "f4"))]
    scene = Scene(5, people, CHANNELS)
    assert scene.together()[0, :, 0].T.tolist() == [[1, 1, 0, 0, 0], [0, 2, 2, 2, 0]]
    assert [clip.shape for clip in scene.each()] == [(2, 2, 3, 1), (2, 3, 3, 1)]


def test_frames_between_are_zero() -> None:
    track = track_of([3, 6], [np.ones((4, 2)), np.full((4, 2), 2)])
    assert (track.start, track.end) == (3, 7)
    assert track.poses[:, 0, 0].tolist() == [1, 0, 0, 2]


def test_refuses_a_track_that_runs_too_far() -> None:
    with pytest.raises(ValueError, match=rf"^frames run from 0 to {MAX_FRAMES}; at most {MAX_FRAMES} are allowed$"):
        track_of([0, MAX_FRAMES], [np.ones((4, 2))] * 2)


def test_an_array_is_its_scene_and_back() -> None:
    clip = np.random.default_rng(0).uniform(0.1, 1, (2, 6, 3, 3)).astype("f4")
    clip[..., 1] = clip[:, :2, :, 0] = clip[:, 3, :, 0] = clip[:, 5:] = 0
    scene = scene_of(clip, CHANNELS)
    assert [(track.start, track.end) for track in scene.people] == [(2, 5), (0, 5)]
    np.testing.assert_array_equal(scene.together(), clip[:, :5, :, [0, 2]])


def test_refuses_other_channels_than_named() -> None:
    with pytest.raises(ValueError, match=r"^a clip must be \(C, T, V, M\) with C=2 \(x, y\), got \(3, 4, 5, 1\)$"):
        scene_of(np.ones((3, 4, 5, 1)), CHANNELS)


def test_a_number_beyond_float32_is_infinite_without_a_warning() -> None:
    assert np.isinf(scene_of(np.full((2, 1, 3, 1), 1e300), CHANNELS).together()).all()
    assert np.isinf(track_of([0], [np.full((3, 2), 1e300)]).poses).all()


def test_names_are_shown_as_text_that_any_file_takes() -> None:
    assert shown(Path("a/日本 ü\udcff\n\x1b")) == "a/日本 ü\\xff\\n\\x1b"


def test_numbers_sort_by_value() -> None:
    names = ["a_10", "a_9", "b", "a_1", "a", "9" * 30]
    assert [path.stem for path in sorted(map(Path, names), key=by_number)] == ["9" * 30, "a", "a_1", "a_9", "a_10", "b"]


def test_a_root_that_is_the_recording_has_its_name(tmp_path: Path) -> None:
    found = recording(tmp_path, tmp_path, lambda _: Scene(0, [], CHANNELS))
    assert (found.source, found.label, found.group) == (tmp_path.name, None, "")


def test_hidden_files_are_no_source(tmp_path: Path) -> None:
    for name in ("a.json", "._a.json", ".trash/b.json", "deep/c.json", "d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_in(tmp_path, ".json") == [tmp_path / "a.json", tmp_path / "deep" / "c.json"]
    assert files_in(tmp_path / "d.txt", ".json") == [tmp_path / "d.txt"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    for name in ("set/sit/1.json", "elsewhere/wave/2.json", "elsewhere/3.JSON", "set/.hidden/4.json", "set/5.json.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    root = tmp_path / "set"
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "6.json").symlink_to(root / "sit" / "1.json")
    (root / "nowhere.json").symlink_to(root / "none")
    (root / "sit" / "up").symlink_to(root)
    (tmp_path / "elsewhere" / "wave" / "back").symlink_to(root)
    found = [path.relative_to(root).as_posix() for path in files_in(root, ".json")]
    once = ["5.json.gz", "6.json", "linked/3.JSON", "linked/wave/2.json", "sit/1.json"]
    assert sorted(name for name in found if "back" not in name) == once
    assert not any("up/" in name or name.count("linked") > 1 for name in found)
