"""Laws of COCO's keypoints: frames in the order of the images, people by their numbers or else tracked."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.formats.coco import recordings
from stgcn_torch.data.recordings.collection import collect
from stgcn_torch.data.recordings.recording import Label
from stgcn_torch.data.recordings.selection import Selection
from stgcn_torch.skeleton import LAYOUTS

BODY = np.random.default_rng(0).uniform(0, 100, (17, 2)).round(2)


def keypoints(x: float, visibility: float = 2) -> list[float]:
    return np.column_stack([np.add(BODY, (x, 0)), np.full(17, visibility)]).ravel().tolist()


def image(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, **more}


def person(number: int, x: float = 0, **more: Any) -> dict[str, Any]:
    return {"image_id": number, "category_id": 1, "keypoints": keypoints(x), **more}


def saved(folder: Path, images: list[Any], annotations: list[Any], name: str = "a.json") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder / name


def test_frames_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    images = [image(1, "frame10.jpg"), image(2, "frame9.jpg"), image(3, "frame1.jpg")]
    (video,) = recordings(saved(tmp_path, images, [person(1, 2), person(3, 0)]))
    scene = video.read()
    assert (scene.frames, scene.layout, scene.channels) == (3, "coco", ("x", "y", "score"))
    np.testing.assert_allclose(scene.together()[0, :, 0, 0], [BODY[0, 0], 0, BODY[0, 0] + 2], rtol=1e-6)


def test_frame_ids_come_before_names(tmp_path: Path) -> None:
    images = [image(1, "a.jpg", frame_id=2), image(2, "b.jpg", frame_id=1)]
    (video,) = recordings(saved(tmp_path, images, [person(1)]))
    assert video.read().together().any(axis=(0, 2, 3)).tolist() == [False, True]


def test_people_have_their_own_numbers(tmp_path: Path) -> None:
    images = [image(t, f"{t}.jpg") for t in range(4)]
    annotations = [person(t, 1000 * (t % 2), track_id=t // 2) for t in range(4)]
    scene = recordings(saved(tmp_path, images, annotations))[0].read()
    assert [(track.start, track.end) for track in scene.people] == [(0, 2), (2, 4)]


def test_people_without_numbers_are_tracked(tmp_path: Path) -> None:
    images = [image(t, f"{t}.jpg") for t in range(10)]
    annotations = [person(t, x) for t in range(10) for x in ([1000, 3 * t] if t % 2 else [3 * t, 1000])]
    scene = recordings(saved(tmp_path, images, annotations))[0].read()
    assert [(track.start, track.end) for track in scene.people] == [(0, 10), (0, 10)]
    x = sorted(float(track.poses[-1, 0, 0] - BODY[0, 0]) for track in scene.people)
    assert x == pytest.approx([27, 1000], abs=1e-3)


def test_what_is_not_labelled_is_undetected(tmp_path: Path) -> None:
    annotation = person(0)
    annotation["keypoints"][2::3] = [0, 1, 2, *[0.25] * 14]
    clip = recordings(saved(tmp_path, [image(0, "0.jpg")], [annotation]))[0].read().together()[:, 0, :, 0]
    assert not clip[:, 0].any()
    assert clip[2, 1:4].tolist() == [1, 1, 0.25]


@pytest.mark.parametrize("key", ["video_id", "folder"])
def test_videos_are_recordings(tmp_path: Path, key: str) -> None:
    images = [image(v * 3 + t, f"{v}/{t}.jpg" if key == "folder" else f"{t}.jpg") for v in (4, 5) for t in range(3)]
    if key == "video_id":
        images = [each | {"video_id": each["id"] // 3 + 1} for each in images]
    videos = recordings(saved(tmp_path, images, [person(12), person(16)]))
    assert len(videos) == 2
    assert [each.read().together().any(axis=(0, 2, 3)).tolist() for each in videos] == [
        [True, False, False],
        [False, True, False],
    ]


def test_a_bare_list_of_results_is_read(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps([person(t) | {"image_id": f"{t}.jpg"} for t in (10, 9)]))
    (video,) = recordings(tmp_path)
    assert video.read().together().shape == (3, 2, 17, 1)


@pytest.mark.parametrize("name", ["{}", "frame_{:04}.jpg", 7], ids=str)
def test_frames_of_results_that_show_nobody_are_empty(tmp_path: Path, name: str | int) -> None:
    results = [person(t) | {"image_id": t if name == 7 else str(name).format(t)} for t in (3, 4, 8)]
    (tmp_path / "results.json").write_text(json.dumps(results))
    (video,) = recordings(tmp_path)
    assert video.read().together().any(axis=(0, 2, 3)).tolist() == [True, True, False, False, False, True]


def test_results_whose_names_have_no_numbers_are_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps([person(0) | {"image_id": name} for name in ("c1", "a9")]))
    assert recordings(tmp_path)[0].read().frames == 2


def test_refuses_numbers_that_run_too_far(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps([person(t) for t in (0, 10**9)]))
    with pytest.raises(ValueError, match=r"^images are numbered from 0 to 1000000000; at most 1000000 are allowed$"):
        recordings(tmp_path)[0].read()


def test_folders_may_be_windows_own(tmp_path: Path) -> None:
    images = [image(t, f"v{t // 2}\\{t}.jpg") for t in range(4)]
    assert [each.source for each in recordings(saved(tmp_path, images, []))] == ["a.json:v0", "a.json:v1"]


def test_a_folder_above_is_the_class(tmp_path: Path) -> None:
    saved(tmp_path, [image(0, "0.jpg")], [person(0)], "Ann/spin/a.json")
    (video,) = recordings(tmp_path)
    assert (video.source, video.label, video.group) == ("Ann/spin/a.json", Label("spin"), "Ann")


@pytest.mark.parametrize(
    ("images", "annotations", "message"),
    [
        ([7], [], r"it has 7 where an image with an id belongs"),
        ([image(0, "0.jpg")], [7], r"it has 7 where an annotation with an image_id belongs"),
        (
            [image(0, "0.jpg")],
            [{"image_id": 0, "keypoints": "x"}],
            r"image 0: it has x where a list of numbers belongs",
        ),
        ([image(0, "0.jpg")], [person(0) | {"keypoints": [1] * 54}], r"image 0: it has 54 numbers for a person, .*"),
        ([image(0, "0.jpg", frame_id="x")], [], r"it has no 'frame_id' that is a int"),
        ([image(0, "0.jpg", frame_id=0), image(1, "1.jpg")], [], r"only some of its images have a frame_id.*"),
    ],
)
def test_refuses_what_is_no_annotation(tmp_path: Path, images: list[Any], annotations: list[Any], message: str) -> None:
    (video,) = recordings(saved(tmp_path, images, annotations))
    with pytest.raises(ValueError, match=f"^{message}$"):
        video.read()


@pytest.mark.parametrize("layout", ["coco", "h36m", "fsd10", "openpose", "mediapipe"])
def test_joints_are_those_that_the_category_names(tmp_path: Path, layout: str) -> None:
    """In any order, beside a category without any; joint v of the layout lies at x = v + 1."""
    body = LAYOUTS[layout]
    order = np.random.default_rng(0).permutation(len(body.joints))
    names = [
        re.sub("^[LR](?=[A-Z])", lambda side: {"L": "left_", "R": "right_"}[side[0]], body.joints[v]) for v in order
    ]
    values = np.column_stack([order + 1.0, order + 50.0, np.full(len(order), 2)]).ravel().tolist()
    annotations = [
        {"image_id": 0, "category_id": 3, "keypoints": values},
        {"image_id": 0, "category_id": 1, "bbox": [0]},
    ]
    categories = [{"id": 1, "name": "dog"}, {"id": 3, "name": "person", "keypoints": names}]
    data = {"images": [image(0, "0.jpg")], "annotations": annotations, "categories": categories}
    (tmp_path / "a.json").write_text(json.dumps(data))
    collection = collect(recordings(tmp_path), tmp_path / "clips", Selection())
    assert collection.selection.told[0].name == layout
    assert collection[0][0, 0, :, 0].tolist() == [v + 1 for v in range(len(order))]


@pytest.mark.parametrize("category", [[1], {}, None, "1", 1.0])
def test_a_category_of_any_kind_is_no_crash(tmp_path: Path, category: Any) -> None:
    data = {"images": [image(0, "0.jpg")], "annotations": [person(0) | {"category_id": category}]}
    (tmp_path / "a.json").write_text(json.dumps(data | {"categories": [{"id": category}, 7, {"id": 1}]}))
    (found,) = recordings(tmp_path)
    assert found.read().layout == "coco"


def test_missing_numbers_of_images_are_told(tmp_path: Path) -> None:
    images = [image(k, f"a_{t}.jpg") for k, t in enumerate((1, 2, 9))]
    (found,) = recordings(saved(tmp_path, images, [person(k) for k in range(3)]))
    scene = found.read()
    assert scene.frames == 3
    assert scene.problems == ("6 frames are missing, such as 3: the images are taken one after the other",)
    (found,) = recordings(saved(tmp_path, [*images, image(3, "a_9.png")], [person(k) for k in range(4)]))
    assert found.read().problems == ("1 images have the number of another, and come after it",)


def test_joints_of_no_layout_are_asked_about(tmp_path: Path) -> None:
    names = ["nose", "head_bottom", *(f"part_{v}" for v in range(15))]
    data = {"images": [image(0, "0.jpg")], "annotations": [person(0)]}
    (tmp_path / "a.json").write_text(json.dumps(data | {"categories": [{"id": 1, "keypoints": names}]}))
    with pytest.raises(ValueError, match=r"its layout cannot be told: the joints head_bottom, .*; give layout=NAME$"):
        collect(recordings(tmp_path), tmp_path / "clips", Selection())
    (tmp_path / "a.json").write_text(json.dumps(data | {"categories": [{"id": 1, "keypoints": names[:5]}]}))
    (found,) = recordings(tmp_path)
    with pytest.raises(ValueError, match=r"^image 0: it has 51 numbers for a person, must be 15 \(5 joints\)$"):
        found.read()


def test_an_annotation_without_keypoints_is_passed_over_and_told(tmp_path: Path) -> None:
    boxes = [{"image_id": 0, "category_id": 2, "bbox": [0, 0, 9, 9]}, {"image_id": 1, "keypoints": []}]
    images = [image(0, "0.jpg"), image(1, "1.jpg")]
    (video,) = recordings(saved(tmp_path, images, [person(0), *boxes, person(1)]))
    scene = video.read()
    assert (scene.frames, scene.problems) == (2, ("2 annotations have no keypoints, and left out",))
    assert scene.together().any(axis=(0, 2, 3)).all()


def test_one_bad_file_leaves_the_others(tmp_path: Path) -> None:
    saved(tmp_path, [image(0, "0.jpg")], [person(0)], "b.json")
    (tmp_path / "a.json").write_text('{"images": [')
    bad, good = recordings(tmp_path)
    assert good.read().frames == 1
    with pytest.raises(ValueError, match=r"^it is no JSON: .*$"):
        bad.read()
