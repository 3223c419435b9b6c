"""Laws of collecting: each recording is read once, unusable ones are reported, and memory does not grow."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.recordings.collection import Collection, classes_of, collect, leave_out_unlabelled
from stgcn_torch.data.recordings.recording import UNNAMED, Label, Recording, Scene, Track, scene_of
from stgcn_torch.data.recordings.selection import Selection
from stgcn_torch.skeleton import Skeleton, skeleton

CHANNELS = ("x", "y", "score")
BODY = Skeleton("three", ("Hip", "Knee", "Foot"), ((1, 0), (2, 1)), 0)


def scene(T: int = 5, M: int = 1, V: int = 17, C: int = 3, layout: str | None = "coco") -> Scene:
    clip = np.random.default_rng(T).uniform(0.1, 1, (C, T, V, M)).astype("f4")
    return scene_of(clip, CHANNELS[:C], layout)


def of(*scenes: Scene | str, label: Label | None = None) -> list[Recording]:
    """Recordings of scenes, or of errors."""

    def read(item: Scene | str) -> Scene:
        if isinstance(item, str):
            raise ValueError(item)
        return item

    return [Recording(f"r{i}", lambda item=item: read(item), label) for i, item in enumerate(scenes)]  # type: ignore[misc]


def collected(tmp_path: Path, found: list[Recording], **options: object) -> Collection:
    return collect(found, tmp_path / "clips", Selection(**options))  # type: ignore[arg-type]


def test_clips_are_the_recordings_in_their_order(tmp_path: Path) -> None:
    scenes = [scene(5), scene(3), scene(4, M=2)]
    collection = collected(tmp_path, of(*scenes))
    for clip, original in zip(collection, scenes, strict=True):
        np.testing.assert_array_equal(clip, original.together())
    body, channels = collection.selection.told
    assert (body.name, channels) == ("coco", CHANNELS)


TOLD = [replace(scene(T, V=25, layout="body_25b"), told="read as BODY_25B") for T in (5, 3)]


def test_how_the_layout_was_told_is_said_once(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(*TOLD))
    assert collection.selection.told[0].name == "body_25b"
    assert collection.problems == ["r0: read as BODY_25B"]


def test_a_layout_that_is_given_overrules_recordings(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(*TOLD, scene(4, V=25, layout="ntu-rgb+d")), body=skeleton("fsd10"))
    assert collection.selection.told[0].name == "fsd10"
    assert (len(collection), collection.left_out, collection.problems) == (3, [], [])


def test_a_recording_of_another_layout_with_as_many_joints_is_left_out(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(scene(4, V=25, layout="fsd10"), *TOLD))
    message = "it is body_25b, and those before are fsd10; layout=NAME reads all as one"
    assert collection.left_out == [f"r1: {message}", f"r2: {message}"]
    assert collection.problems == []


def test_the_most_prominent_people_are_kept(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(scene(M=5), scene(M=1)))
    assert [row.shape[3] for row in collection.rows] == [2, 1]
    assert collection.crowd == 3


def test_each_person_is_a_clip_from_first_to_last_frame(tmp_path: Path) -> None:
    people = [Track(0, np.ones((9, 17, 3), "f4")), Track(4, np.full((2, 17, 3), 2, "f4"))]
    collection = collected(tmp_path, of(Scene(9, people, CHANNELS, "coco")), people="each")
    assert [(row.person, row.shape) for row in collection.rows] == [("0", (3, 9, 17, 1)), ("1", (3, 2, 17, 1))]
    assert collection.crowd == 0
    assert [float(clip.mean()) for clip in collection] == [1, 2]


def test_short_clips_are_left_out(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(scene(5), scene(3)), min_frames=4)
    assert collection.left_out == ["r1: it has 3 frames, fewer than min_frames=4"]


def test_lengths_have_a_unit_and_scores_none(tmp_path: Path) -> None:
    (clip,) = collected(tmp_path, of(scene()), unit=0.5)
    np.testing.assert_allclose(clip, scene().together() * np.reshape([0.5, 0.5, 1], (3, 1, 1, 1)))


def test_joints_by_name_or_number_are_put_in_order(tmp_path: Path) -> None:
    poses = np.arange(1, 7, dtype="f4").reshape(1, 2, 3)
    (clip,) = collected(tmp_path, of(Scene(1, [Track(0, poses)], CHANNELS, joints=("Foot", "0"))), body=BODY)
    assert clip[:, 0, :, 0].T.tolist() == [[4, 5, 6], [0, 0, 0], [1, 2, 3]]


def test_what_cannot_be_used_is_told_of_and_the_rest_goes_on(tmp_path: Path) -> None:
    named = Scene(1, [Track(0, np.ones((1, 1, 3), "f4"))], CHANNELS, joints=("Tail",))
    twice = Scene(1, [Track(0, np.ones((1, 2, 3), "f4"))], CHANNELS, joints=("Nose", "0"))
    nobody = Scene(4, [], CHANNELS, "coco")
    scenes = ("it is broken", nobody, scene(), scene(V=18), scene(C=2), named, twice, scene())
    collection = collected(tmp_path, of(*scenes))
    assert [row.source for row in collection.rows] == ["r2", "r7"]
    assert [line[:60] for line in collection.left_out] == [
        "r0: it is broken",
        "r1: it shows nobody",
        "r3: (C, V) must be (3, 17), x, y, score of coco, got (3, 18)",
        "r4: (C, V) must be (3, 17), x, y, score of coco, got (2, 17)",
        "r5: layout 'coco' has no joint 'Tail'; choose an index below",
        "r6: it names a joint in two ways: Nose, 0",
    ]


def test_without_class_is_left_out_where_others_have_one(tmp_path: Path) -> None:
    collection = collected(tmp_path, [*of(scene(), label=Label("spin")), *of(scene())])
    leave_out_unlabelled(collection)
    assert len(collection.rows) == 1
    assert collection.left_out == ["r0: it has no class, and others have one"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (of("it is broken", "so is this"), r"none of 2 recordings can be read; the first: r0: it is broken"),
        (of(scene(layout=None)), r"none of 1 .*; the first: r0: its layout cannot be told; give layout=NAME"),
        (of(scene_of(np.ones((1, 4, 17, 1)), ("?",), "coco")), r"none of 1 .* its channels cannot be told; give .*"),
    ],
)
def test_nothing_to_use_is_an_error(tmp_path: Path, found: list[Recording], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        collected(tmp_path, found)


@pytest.mark.parametrize(
    ("option", "message"),
    [({"people": "some"}, "people 'some' is unknown; choose together or each"), ({"most": 0}, ".*, got 0 and 1")],
)
def test_refuses_a_selection_that_is_none(option: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Selection(**option)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        ([Label("b"), Label("a"), Label("b")], ["a", "b"], [1, 0, 1]),
        ([Label("sit", 3), Label("up", 1)], ["0", "up", "2", "sit"], [3, 1]),
        ([Label("sit", 3), Label("up")], ["sit", "up"], [0, 1]),
        ([None, None], [], []),
    ],
    ids=str,
)
def test_numbered_classes_keep_their_numbers(labels: list[Label], classes: list[str], indices: list[int]) -> None:
    assert classes_of(labels) == (classes, indices)


def test_refuses_a_class_number_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"^a clip is of class 1000000000000; class numbers must be below 100000$"):
        classes_of([Label("a", 10**12)])


def test_memory_does_not_grow_with_the_clips(tmp_path: Path) -> None:
    def many(count: int) -> Iterator[Recording]:
        for i in range(count):
            yield Recording(str(i), lambda: scene(100))

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in collect(many(count), tmp_path / f"{count}", Selection()):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2)
    assert peak(200) < peak(10) + 500_000  # bytes; 190 clips more have 3 900 000


def test_clips_are_brought_into_the_layout_that_is_wanted(tmp_path: Path) -> None:
    """COCO has no neck and no middle of the hips: they are built."""
    target = skeleton("openpose")
    collection = collected(tmp_path, of(scene()), to=target)
    coco, (clip,) = skeleton("coco"), list(collection)
    original = scene().together()
    assert collection.selection.told == (target, CHANNELS)
    np.testing.assert_array_equal(clip[:, :, target.index("LKnee")], original[:, :, coco.index("LKnee")])
    shoulders = original[:2, :, [coco.index("LShoulder"), coco.index("RShoulder")]].mean(axis=2)
    np.testing.assert_allclose(clip[:2, :, target.index("Neck")], shoulders, rtol=1e-6)  # of float32; measured: 0


def test_a_source_that_names_no_layout_is_taken_for_the_wanted_one(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(scene(layout=None)), to=skeleton("coco"))
    np.testing.assert_array_equal(collection[0], scene().together())


def test_channels_are_chosen_by_name_where_the_source_has_names(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(scene()), channels=("score", "x"), to=skeleton("coco"))
    np.testing.assert_array_equal(collection[0], scene().together()[[2, 0]])
    with pytest.raises(ValueError, match="none of 1 recordings can be read"):  # a channel too many is a mistake
        collected(tmp_path, of(scene()), channels=("score", "x"))


def test_a_confidence_is_not_taken_for_a_depth(tmp_path: Path) -> None:
    wanted = {"keep": ("x", "y", "z"), "to": skeleton("coco")}
    with pytest.raises(ValueError, match=r"it has x, y, score and not x, y, z; channels=\[\.\.\.\] says otherwise$"):
        collected(tmp_path, of(scene()), **wanted)
    collection = collected(tmp_path, of(scene()), channels=("x", "y", "z"), **wanted)
    np.testing.assert_array_equal(collection[0], scene().together())


def test_all_clips_have_the_channels_of_the_first(tmp_path: Path) -> None:
    solid = replace(scene(), channels=("x", "y", "z"))
    collection = collected(tmp_path, of(scene(), solid))
    assert collection.left_out == ["r1: it has x, y, z and not x, y, score; channels=[...] says otherwise"]


def test_numbers_without_names_are_what_is_wanted(tmp_path: Path) -> None:
    collection = collected(tmp_path, of(replace(scene(), channels=(UNNAMED,) * 3)), keep=CHANNELS, to=skeleton("coco"))
    np.testing.assert_array_equal(collection[0], scene().together())


def test_numbers_of_joints_are_not_taken_for_another_layout_s(tmp_path: Path) -> None:
    numbered = replace(scene(layout=None), joints=tuple(map(str, range(17))))
    with pytest.raises(ValueError, match=r"it numbers 17 joints, and fsd10 has 25; layout=NAME says which they are$"):
        collected(tmp_path, of(numbered), to=skeleton("fsd10"))
    collection = collected(tmp_path, of(numbered), body=skeleton("coco"), to=skeleton("openpose"))
    assert collection[0].shape == (3, 5, 18, 1)
    assert collected(tmp_path, of(numbered), to=skeleton("coco"))[0].shape == (3, 5, 17, 1)


@pytest.mark.parametrize(("step", "problems"), [(1, []), (2, []), (33, ["r0: only 4 of its 100 frames show anybody"])])
def test_a_recording_of_empty_frames_is_told_of(tmp_path: Path, step: int, problems: list[str]) -> None:
    """An example: frames numbered in milliseconds."""
    poses = np.zeros((3 * step + 1, 17, 3), "f4")
    poses[::step] = 1
    collection = collected(tmp_path, of(Scene(len(poses), [Track(0, poses)], CHANNELS, "coco")))
    assert collection.problems == problems
