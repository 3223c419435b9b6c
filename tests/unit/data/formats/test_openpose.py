"""Laws of OpenPose's folders: frames by their numbers, people as tracks, a bad frame is an empty one."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.formats.openpose import people_of, read_folder, recordings
from stgcn_torch.data.recordings.recording import Label
from stgcn_torch.drawing.pose import standing
from stgcn_torch.skeleton import LAYOUTS

BODY_25 = np.random.default_rng(0).uniform(100, 200, (25, 3)).round(3) / (1, 1, 1000)


def frame(people: Sequence[np.ndarray], key: str = "pose_keypoints_2d") -> str:
    return json.dumps({"version": 1.3, "people": [{key: pose.ravel().tolist()} for pose in people]})


def video(folder: Path, frames: Sequence[int] = range(10), pose: np.ndarray = BODY_25) -> Path:
    folder.mkdir(parents=True)
    for t in frames:
        (folder / f"video_{t:012}_keypoints.json").write_text(frame([np.add(pose, (t, 0, 0))]))
    return folder


@pytest.mark.parametrize(("joints", "layout"), [(25, "fsd10"), (18, "openpose")])
def test_a_folder_is_its_numbers(tmp_path: Path, joints: int, layout: str) -> None:
    scene = read_folder(video(tmp_path / "one", pose=BODY_25[:joints]))
    assert (scene.frames, scene.layout, scene.channels, scene.problems) == (10, layout, ("x", "y", "score"), ())
    for t in range(10):
        expected = (np.add(BODY_25[:joints], (t, 0, 0))).T.astype(np.float32)
        np.testing.assert_array_equal(scene.together()[:, t, :, 0], expected)


@pytest.mark.parametrize("order", ["fsd10", "body_25b"])
def test_people_of_75_numbers_are_of_the_order_that_their_bones_tell(tmp_path: Path, order: str) -> None:
    person = np.hstack([200 * standing(LAYOUTS[order]) * (1, -1) + 300, np.full((25, 1), 0.9)])
    scene = read_folder(video(tmp_path / "one", pose=person))
    assert scene.layout == order
    said = r"read as BODY_25B: in BODY_25's order its bones are [\d.]+ times as long; layout=fsd10 overrules"
    assert re.fullmatch(said if order == "body_25b" else "", scene.told)
    np.testing.assert_array_equal(scene.together()[:, 0, :, 0], person.T.astype(np.float32))  # in the file's order


def test_a_missing_frame_is_empty(tmp_path: Path) -> None:
    scene = read_folder(video(tmp_path / "one", [7, 8, 12]))
    clip = scene.together()
    assert clip.shape == (3, 6, 25, 1)
    assert np.flatnonzero(clip.any(axis=(0, 2, 3))).tolist() == [0, 1, 5]


@pytest.mark.parametrize("name", ["cam01.{:04}.json", "{}.json", "a_{}_keypoints.json", "clip2_{:012}_keypoints.json"])
def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path, name: str) -> None:
    for t in (2, 10, 9, 11):
        (tmp_path / name.format(t)).write_text(frame([np.add(BODY_25, (t, 0, 0))]))
    clip = read_folder(tmp_path).together()
    assert clip.shape[1] == 10
    x = clip[0, :, 0, 0] - BODY_25[0, 0]
    np.testing.assert_allclose(x[[0, 7, 8, 9]], [2, 9, 10, 11], atol=1e-4)


def test_frames_without_numbers_are_counted(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.json").write_text(frame([BODY_25]))
    assert read_folder(tmp_path).frames == 3


def test_nobody_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text(frame([]))
    scene = read_folder(tmp_path)
    assert (scene.frames, list(scene.people)) == (1, [])


def test_one_frame_is_a_clip(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(frame([BODY_25]))
    (found,) = recordings(tmp_path / "one.json")
    assert found.read().together().shape == (3, 1, 25, 1)


def test_a_person_who_is_only_a_hand_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text('{"people": [{"pose_keypoints_2d": [], "hand_left_keypoints_2d": [1, 2, 0.5]}]}')
    assert people_of(tmp_path / "0.json") == []


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace(" ", "\r\n")])
def test_windows_files_are_the_same(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "0.json").write_text(change(frame([BODY_25])), encoding="utf-8", newline="")
    np.testing.assert_array_equal(people_of(tmp_path / "0.json")[0], BODY_25.astype(np.float32))


def test_old_files_have_another_key(tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text(frame([BODY_25], "pose_keypoints"))
    assert len(people_of(tmp_path / "0.json")) == 1


BAD = {
    "truncated": (frame([BODY_25])[:300], r"it is no JSON: .*"),
    "empty": ("", r"it is no JSON: .*"),
    "binary": ("\x00\x01", r"it is no JSON: .*"),
    "nested": ("[" * 100_000, r"it is no JSON: it nests too deeply"),
    "list": ("[1, 2]", r"it has no 'people' that is a list"),
    "people": ('{"people": {}}', r"it has no 'people' that is a list"),
    "person": ('{"people": [7]}', r"it has None where a list of numbers belongs"),
    "words": ('{"people": [{"pose_keypoints_2d": ["a"]}]}', r"it has 'a' where a number belongs"),
    "joints": (frame([BODY_25[:24]]), r"it has 72 numbers for a person, must be 75 \(BODY_25\) or 54 \(COCO\)"),
    "mixed": (frame([BODY_25, BODY_25[:18]]), r"it has people of 18 and 25 joints"),
    "other": (frame([BODY_25[:18]]), r"it has people of 18 and 25 joints"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_frame_that_cannot_be_read_is_empty_and_told_of(tmp_path: Path, name: str) -> None:
    text, reason = BAD[name]
    folder = video(tmp_path / "one")
    (folder / "video_000000000004_keypoints.json").write_text(text)
    scene = read_folder(folder)
    assert np.flatnonzero(~scene.together().any(axis=(0, 2, 3))).tolist() == [4]
    (problem,) = scene.problems
    assert problem.startswith("1 of 10 frames are taken as empty; video_000000000004_keypoints.json: ")
    with pytest.raises(ValueError, match=f"^{reason}$"):
        raise ValueError(problem.split("keypoints.json: ")[1])


def test_a_joint_without_a_score_or_a_number_is_missing_and_costs_no_other(tmp_path: Path) -> None:
    folder, poses = video(tmp_path / "one"), np.array(BODY_25)
    poses[4], poses[5], poses[6] = (-1, -1, 0), (900, 900, -0.1), (np.nan, 1, 0.9)
    (folder / "video_000000000004_keypoints.json").write_text(frame([poses]))
    scene = read_folder(folder)
    assert scene.problems == ()
    there = scene.together()[:, 4, :, 0].any(axis=0)
    assert np.flatnonzero(~there).tolist() == [4, 5, 6]


def test_a_person_without_numbers_is_nobody_and_costs_no_other(tmp_path: Path) -> None:
    folder = video(tmp_path / "one")
    people = [BODY_25 * np.nan, np.add(BODY_25, (4, 0, 0))]
    (folder / "video_000000000004_keypoints.json").write_text(frame(people))
    scene = read_folder(folder)
    assert (len(scene.people), scene.problems) == (1, ())
    assert scene.together().any(axis=(0, 2, 3)).all()


def test_a_folder_of_which_no_frame_can_be_read_is_refused(tmp_path: Path) -> None:
    for t in range(3):
        (tmp_path / f"{t}.json").write_text("no")
    with pytest.raises(ValueError, match=r"^none of its 3 frames can be read; the first: 0\.json: it is no JSON: .*$"):
        read_folder(tmp_path)


def test_refuses_numbers_that_run_too_far(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^frames are numbered from 0 to 999999999; at most 1000000 are allowed$"):
        read_folder(video(tmp_path / "one", [0, 999_999_999]))


@pytest.mark.parametrize(
    ("place", "source", "label", "group"),
    [
        (".", "root", None, ""),
        ("one", "one", None, ""),
        ("spin/one", "spin/one", "spin", ""),
        ("Ann/spin/one", "Ann/spin/one", "spin", "Ann"),
    ],
)
def test_folders_above_name_class_and_group(
    tmp_path: Path, place: str, source: str, label: str | None, group: str
) -> None:
    video(tmp_path / "root" / place)
    (found,) = recordings(tmp_path / "root")
    assert (found.source, found.label.name if found.label else None, found.group) == (source, label, group)


def test_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    video(Path(str(tmp_path / "root" / "spin" / "one") + "\udcff\n"))
    assert [found.source for found in recordings(tmp_path / "root")] == ["spin/one\\xff\\n"]


def test_hidden_files_are_no_frames(tmp_path: Path) -> None:
    folder = video(tmp_path / "one")
    (folder / "._video_000000000000_keypoints.json").write_bytes(b"\0\5\x16\7")
    assert read_folder(folder).problems == ()


def test_a_file_that_is_no_frame_leaves_the_order_of_the_frames(tmp_path: Path) -> None:
    """Frame 10 comes after frame 9, with any other files in the folder."""
    for t in range(12):
        (tmp_path / f"frame_{t}.json").write_text(frame([np.add(BODY_25, (t, 0, 0))]))
    (tmp_path / "metadata.json").write_text('{"fps": 30}')
    scene = read_folder(tmp_path)
    np.testing.assert_allclose(scene.together()[0, :, 0, 0], BODY_25[0, 0] + np.arange(12), atol=1e-4)
    assert scene.problems == ("1 files without a number in their names are no frames, such as metadata.json",)


def test_videos_in_one_folder_are_recordings_of_its_class(tmp_path: Path) -> None:
    for name, length in (("a1", 3), ("b-2", 5)):
        video(tmp_path / name, range(length))
        (tmp_path / "Ann" / "spin").mkdir(parents=True, exist_ok=True)
        for path in (tmp_path / name).iterdir():
            path.rename(tmp_path / "Ann" / "spin" / path.name.replace("video", name))
    found = recordings(tmp_path / "Ann")
    assert [(each.source, each.label, each.read().frames) for each in found] == [
        ("spin/a1", Label("spin"), 3),
        ("spin/b-2", Label("spin"), 5),
    ]


def test_two_files_of_one_frame_are_refused(tmp_path: Path) -> None:
    for name in ("a_1.json", "a_01.json"):
        (tmp_path / name).write_text(frame([BODY_25]))
    with pytest.raises(ValueError, match=r"^two of its frames have the same number$"):
        read_folder(tmp_path)
