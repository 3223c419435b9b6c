"""Laws of PYSKL's pickle: read as data without running code, and written for a plain ``pickle.load``."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert import UnreadableError, UnsafeError
from stgcn_torch.data.formats.pyskl import recordings
from stgcn_torch.data.recordings.collection import Collection, collect
from stgcn_torch.data.recordings.pyskl_writer import write_pyskl
from stgcn_torch.data.recordings.recording import Label, Recording, scene_of
from stgcn_torch.data.recordings.selection import Selection
from tests.unit.data.test_arrays import Touch

RNG = np.random.default_rng(0)


def clip(name: str = "one", label: Any = 3, M: int = 2, T: int = 5, V: int = 17, C: int = 2) -> dict[str, Any]:
    score = {"keypoint_score": RNG.uniform(0.1, 1, (M, T, V)).astype("f2")} if C == 2 else {}
    keypoint = RNG.uniform(1, 9, (M, T, V, C)).astype("f2")
    return {"frame_dir": name, "label": label, "keypoint": keypoint, "total_frames": T, "img_shape": (9, 9), **score}


def saved(folder: Path, content: Any, protocol: int = 4) -> Path:
    (folder / "data.pkl").write_bytes(pickle.dumps(content, protocol))
    return folder / "data.pkl"


@pytest.mark.parametrize("protocol", range(6))
def test_a_clip_is_its_numbers(tmp_path: Path, protocol: int) -> None:
    content = clip()
    (found,) = recordings(saved(tmp_path, {"annotations": [content], "split": {}}, protocol))
    scene = found.read()
    assert (found.source, found.label, scene.layout, scene.channels) == (
        "one",
        Label("3", 3),
        "coco",
        ("x", "y", "score"),
    )
    expected = np.concatenate([content["keypoint"], content["keypoint_score"][..., None]], 3).transpose(3, 1, 2, 0)
    np.testing.assert_array_equal(scene.together(), expected)


@pytest.mark.parametrize(
    ("V", "C", "layout"), [(17, 2, "coco"), (18, 2, "openpose"), (25, 2, "fsd10"), (25, 3, "ntu-rgb+d"), (13, 2, None)]
)
def test_joints_and_coordinates_tell_the_layout(tmp_path: Path, V: int, C: int, layout: str | None) -> None:
    (found,) = recordings(saved(tmp_path, [clip(V=V, C=C)]))
    assert found.read().layout == layout


def test_splits_are_columns(tmp_path: Path) -> None:
    splits = {"xsub_train": ["a", "b"], "xsub_val": ["c"], "xset_val": ["a"], "train": ["a"], "mine": ["c"]}
    found = recordings(saved(tmp_path, {"annotations": [clip(name) for name in "abcd"], "split": splits}))
    assert [{key: value for key, value in each.columns.items() if key != "img_shape"} for each in found] == [
        {"xsub": "train", "xset": "val", "split": "train"},
        {"xsub": "train"},
        {"xsub": "val", "mine": "in"},
        {},
    ]


@pytest.mark.parametrize("label", [None, -1], ids=str)
def test_a_clip_may_have_no_label(tmp_path: Path, label: Any) -> None:
    assert recordings(saved(tmp_path, [clip(label=label)]))[0].label is None


@pytest.mark.parametrize("label", [True, "spin", 2.5, [1]], ids=str)
def test_an_odd_label_costs_one_clip(tmp_path: Path, label: Any) -> None:
    good, bad, last = recordings(saved(tmp_path, [clip(label=1), clip(label=label), clip(label=2)]))
    assert (good.label, last.label) == (Label("1", 1), Label("2", 2))
    with pytest.raises(ValueError, match=r"^its label must be a whole number, as others' are, got "):
        bad.read()


def test_labels_may_be_names(tmp_path: Path) -> None:
    clips = [clip(label=label) for label in ("sit up", np.str_("fall"), " walk\n", None)]
    labels = [each.label for each in recordings(saved(tmp_path, clips))]
    assert labels == [Label("sit up"), Label("fall"), Label("walk"), None]


def test_every_protocol_s_split_is_a_column_of_its_own(tmp_path: Path) -> None:
    splits = {"train1": ["a", "b"], "test1": ["c"], "train2": ["c"], "test2": ["a"]}
    found = recordings(saved(tmp_path, {"annotations": [clip(name) for name in "abc"], "split": splits}))
    assert [{key: value for key, value in each.columns.items() if key != "img_shape"} for each in found] == [
        {"split1": "train", "split2": "test"},
        {"split1": "train"},
        {"split1": "test", "split2": "train"},
    ]


def test_one_person_needs_no_axis_and_one_clip_no_list(tmp_path: Path) -> None:
    content = clip(M=1)
    single = content | {"keypoint": content["keypoint"][0], "keypoint_score": content["keypoint_score"][0]}
    (found,) = recordings(saved(tmp_path, single))
    np.testing.assert_array_equal(found.read().together(), recordings(saved(tmp_path, [content]))[0].read().together())


@pytest.mark.parametrize("label", [7, np.int64(7), np.uint8(7), "7", 7.0, np.float32(7)], ids=repr)
def test_an_index_of_any_type_is_a_label(tmp_path: Path, label: Any) -> None:
    assert recordings(saved(tmp_path, [clip(label=label)]))[0].label == Label("7", 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoint": None}, r"keypoint must be an array \(M, T, V, C\) or \(T, V, C\), got NoneType"),
        ({"keypoint": np.ones((5, 17))}, r"keypoint must be an array \(M, T, V, C\) or \(T, V, C\), got .* \(5, 17\)"),
        ({"keypoint": np.ones((2, 5, 17, 2), "c8")}, r"keypoint must be .*, got complex64 .*"),
        (
            {"keypoint_score": np.ones((2, 4, 17))},
            r"keypoint_score must be .* = \(2, 5, 17\), got float64 \(2, 4, 17\)",
        ),
        ({"keypoint": np.ones((2, 5, 17, 4))}, r"keypoint must have 2 or 3 coordinates, got 4"),
    ],
)
def test_refuses_one_clip_that_is_none(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    bad, good = recordings(saved(tmp_path, [clip("bad") | change, clip("good")]))
    assert good.read().frames == 5
    with pytest.raises(ValueError, match=f"^{message}$"):
        bad.read()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], r"must hold a list of annotations, got list"),
        ({"split": {}}, r"must hold a list of annotations, got NoneType"),
        (7, r"must hold a list of annotations, got int"),
        ({"annotations": [], "split": [1]}, r"split must be lists of clips by name, got list"),
        ({"annotations": [], "split": {"train": 3}}, r"split must be lists of clips by name, got dict"),
    ],
    ids=str,
)
def test_refuses_what_holds_no_clips(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^.*data\.pkl:? {message}$"):
        recordings(saved(tmp_path, content))


@pytest.mark.parametrize("protocol", range(6))
def test_runs_nothing_that_a_pickle_asks_for(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    path = saved(tmp_path, {"annotations": [clip(label=Touch(canary))], "split": {}}, protocol)
    with pytest.raises(UnsafeError, match=r"^.*data\.pkl: wants to import .*open.*$"):
        recordings(path)
    assert not canary.exists()


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_refuses_a_truncated_pickle(tmp_path: Path, size: int) -> None:
    path = saved(tmp_path, [clip()])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UnreadableError, match=r"data\.pkl"):
        recordings(path)


def collected(tmp_path: Path, label: Label | None = None) -> Collection:
    scenes = [scene_of(RNG.uniform(0.1, 1, (3, T, 17, 2)).astype("f4"), ("x", "y", "score"), "coco") for T in (4, 6)]
    splits = [{"split": "train"}, {"xsub": "val", "camera": "001"}]
    found = [
        Recording(f"{i}.json", lambda scene=scene: scene, label, columns=columns)  # type: ignore[misc]
        for i, (scene, columns) in enumerate(zip(scenes, splits, strict=True))
    ]
    return collect(found, tmp_path / "clips", Selection())


def test_what_is_written_plain_pickle_loads(tmp_path: Path) -> None:
    collection = collected(tmp_path, Label("spin"))
    write_pyskl(collection, tmp_path / "out.pkl")
    content = pickle.loads((tmp_path / "out.pkl").read_bytes())
    assert content["split"] == {"train": ["0.json"], "xsub_val": ["1.json"]}
    for annotation, whole in zip(content["annotations"], collection, strict=True):
        assert (annotation["total_frames"], annotation["label"]) == (whole.shape[1], 0)
        np.testing.assert_array_equal(annotation["keypoint"], whole[:2].transpose(3, 1, 2, 0))
        np.testing.assert_array_equal(annotation["keypoint_score"], whole[2].transpose(2, 0, 1))
        assert annotation["keypoint"].flags.writeable


def test_what_is_written_names_numpy_as_numpy_1_does(tmp_path: Path) -> None:
    write_pyskl(collected(tmp_path), tmp_path / "out.pkl")
    written = (tmp_path / "out.pkl").read_bytes()
    assert b"cnumpy.core.multiarray\n_reconstruct\n" in written
    assert b"numpy._core" not in written


def test_splits_image_sizes_and_class_names_are_kept(tmp_path: Path) -> None:
    """Read, and written again."""
    splits = {"train1": ["a"], "test1": ["b"], "xsub_val": ["a"], "mine": ["b"]}
    clips = [clip(name, label, M=1) | {"original_shape": (720, 1280)} for name, label in (("a", "walk"), ("b", "fall"))]
    path = saved(tmp_path, {"annotations": clips, "split": splits})
    write_pyskl(collect(recordings(path), tmp_path / "clips", Selection()), tmp_path / "out.pkl")
    content = pickle.loads((tmp_path / "out.pkl").read_bytes())
    assert content["split"] == splits
    assert content["classes"] == ["fall", "walk"]
    for before, after in zip(clips, content["annotations"], strict=True):
        assert (after["frame_dir"], after["img_shape"], after["original_shape"]) == (
            before["frame_dir"],
            (9, 9),
            (720, 1280),
        )
        assert content["classes"][after["label"]] == before["label"]
    assert [each.label for each in recordings(tmp_path / "out.pkl")] == [Label("walk", 1), Label("fall", 0)]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    collection = collected(tmp_path)
    write_pyskl(collection, tmp_path / "out.pkl")
    found = recordings(tmp_path / "out.pkl")
    assert [each.label for each in found] == [None, None]
    for each, whole in zip(found, collection, strict=True):
        np.testing.assert_array_equal(each.read().together(), whole)
