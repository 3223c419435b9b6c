"""Laws of Kinetics-skeleton: the two surest people of each frame, labels from the file beside or inside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.formats.kinetics import read_clip, recordings
from stgcn_torch.data.recordings.recording import Label

POSE = np.random.default_rng(0).uniform(0.1, 0.9, (18, 2)).round(3)


def person(score: float, pose: np.ndarray = POSE) -> dict[str, Any]:
    return {"pose": pose.ravel().tolist(), "score": [score] * len(pose)}


def clip(*frames: list[dict[str, Any]], first: int = 1) -> dict[str, Any]:
    data = [{"frame_index": t, "skeleton": people} for t, people in enumerate(frames, first)]
    return {"data": data, "label": "juggling", "label_index": 3}


def saved(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_people_are_the_two_surest_of_the_first_five(tmp_path: Path) -> None:
    people = [person(score) for score in (0.3, 0.1, 0.8, 0.2, 0.5, 0.9)]
    scene = read_clip(saved(tmp_path / "a.json", clip(people, people[:1], [])))
    assert (scene.frames, scene.layout, scene.channels) == (3, "openpose", ("x", "y", "score"))
    array = scene.together()
    assert array.shape == (3, 3, 18, 2)
    np.testing.assert_allclose(array[2, :, 0], [[0.8, 0.5], [0.3, 0], [0, 0]])
    np.testing.assert_allclose(array[:2, 0, :, 0], POSE.T, rtol=1e-6)


def test_a_joint_without_score_is_at_zero(tmp_path: Path) -> None:
    pose = person(0.5)
    pose["score"][4] = 0.0
    array = read_clip(saved(tmp_path / "a.json", clip([pose]))).together()
    assert not array[:, 0, 4].any()
    assert array[:, 0, 5].all()


def test_frames_have_the_places_of_their_numbers(tmp_path: Path) -> None:
    content = clip([person(0.5)], [], [person(0.5)], first=7)
    del content["data"][1]
    content["data"].reverse()
    array = read_clip(saved(tmp_path / "a.json", content)).together()
    assert array.any(axis=(0, 2, 3)).tolist() == [True, False, True]


@pytest.mark.parametrize("content", [clip(), clip([], [])], ids=["no frames", "empty frames"])
def test_nobody_is_no_error(tmp_path: Path, content: dict[str, Any]) -> None:
    assert list(read_clip(saved(tmp_path / "a.json", content)).people) == []


@pytest.mark.parametrize(("label", "name"), [("ice \r\n skating", "ice skating"), (" ", "3")])
def test_a_label_is_one_line(tmp_path: Path, label: str, name: str) -> None:
    """classes.txt has one name a line, and blank lines do not count."""
    saved(tmp_path / "a.json", clip([person(0.5)]) | {"label": label})
    assert read_clip(tmp_path / "a.json").label == Label(name, 3)


def test_labels_come_from_the_file_beside_the_folder(tmp_path: Path) -> None:
    for split in ("train", "val"):
        saved(tmp_path / f"kinetics_{split}" / "a.json", clip([person(0.5)]))
        labels = {"a": {"has_skeleton": True, "label": "singing", "label_index": 9}}
        saved(tmp_path / f"kinetics_{split}_label.json", labels)
    found = recordings(tmp_path)
    assert [each.source for each in found] == ["kinetics_train/a.json", "kinetics_val/a.json"]
    assert [each.label for each in found] == [Label("singing", 9)] * 2
    assert [each.columns for each in found] == [{"split": "train"}, {"split": "val"}]


@pytest.mark.parametrize(
    "place", ["kinetics_train_label.json", "kinetics_train_labels.json", "kinetics_train/all_label.json"]
)
@pytest.mark.parametrize("key", ["a", "a.json"])
@pytest.mark.parametrize("number", [9, "9", 9.0])
def test_labels_lie_where_and_are_called_as_people_have_them(tmp_path: Path, place: str, key: str, number: Any) -> None:
    (tmp_path / "kinetics_train").mkdir()
    saved(tmp_path / "kinetics_train" / "a.json", clip([person(0.5)]))
    saved(tmp_path / place, {key: {"label": "singing", "label_index": number}})
    (found,) = recordings(tmp_path / "kinetics_train")
    assert (found.label, found.columns) == (Label("singing", 9), {"split": "train"})


def test_every_label_file_in_a_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for name, number in (("a", 1), ("b", 2)):
        saved(tmp_path / "all" / f"{name}.json", clip([person(0.5)]))
        saved(tmp_path / "all" / f"{name}_label.json", {name: {"label": f"class {number}", "label_index": number}})
    assert [each.label for each in recordings(tmp_path / "all")] == [Label("class 1", 1), Label("class 2", 2)]


def test_labels_come_from_inside_where_no_file_has_them(tmp_path: Path) -> None:
    (found,) = recordings(saved(tmp_path / "a.json", clip([person(0.5)])))
    assert found.label is None
    assert found.read().label == Label("juggling", 3)


def without(key: str) -> dict[str, Any]:
    content = clip([person(0.5)])
    del content[key]
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(clip([person(0.5)]))[:200], r"it is no JSON: .*"),
        ([], r"it has no 'data' that is a list"),
        (without("data"), r"it has no 'data' that is a list"),
        ({"data": [{"skeleton": []}]}, r"it has no 'frame_index' that is a int"),
        ({"data": [{"frame_index": 1}]}, r"it has no 'skeleton' that is a list"),
        (clip([person(0.5)], [{"pose": []}]), r"frame 2: it has 0 numbers for a person, must be 36 \(18 joints\)"),
        (clip([person(0.5, POSE[:17])]), r"frame 1: it has 34 numbers for a person, must be 36 \(18 joints\)"),
        (clip([{"pose": [0.5] * 36}]), r"frame 1: it has no 'score' that is a list"),
        ({"data": [{"frame_index": t, "skeleton": []} for t in (0, 10**15)]}, r"frames are numbered from 0 to 10+; .*"),
        ({"data": [], "label": 7, "label_index": 7}, r"it has no 'label' that is a str"),
    ],
)
def test_refuses_what_is_no_clip(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_clip(saved(tmp_path / "a.json", content))


def test_names_a_label_file_that_is_none(tmp_path: Path) -> None:
    saved(tmp_path / "kinetics_train" / "a.json", clip([person(0.5)]))
    saved(tmp_path / "kinetics_train_label.json", "{")
    with pytest.raises(ValueError, match=r"^.*kinetics_train_label\.json: it is no JSON: .*$"):
        recordings(tmp_path)
