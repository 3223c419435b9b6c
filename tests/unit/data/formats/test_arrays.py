"""Laws of arrays as a source: a row is a recording, labels lie beside it, padding is no part of a clip."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.formats.arrays import recordings
from stgcn_torch.data.recordings.recording import Label
from stgcn_torch.skeleton import Skeleton

DATA = np.random.default_rng(0).uniform(0.1, 1, (3, 3, 8, 5, 2)).astype("f4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = DATA.copy()
    data[1, :, 6:] = 0
    data[2, ..., 1] = 0
    np.save(tmp_path / "train_data.npy", data)
    return tmp_path


def test_padding_and_people_who_never_appear_are_no_part_of_a_clip(folder: Path) -> None:
    clips = [each.read().together() for each in recordings(folder)]
    assert [clip.shape for clip in clips] == [(3, 8, 5, 2), (3, 6, 5, 2), (3, 8, 5, 1)]
    np.testing.assert_array_equal(clips[1], DATA[1, :, :6])


@pytest.mark.parametrize("name", ["train_label.npy", "train_labels.npy", "train_label.pkl"])
def test_labels_lie_beside(folder: Path, name: str) -> None:
    if name.endswith("npy"):
        np.save(folder / name, [4, 0, 1])
    else:
        (folder / name).write_bytes(pickle.dumps((["a", "b", "c"], [4, 0, 1])))
    sources = recordings(folder)
    assert [each.label for each in sources] == [Label("4", 4), Label("0", 0), Label("1", 1)]
    assert [each.source for each in sources] == [f"train_data.npy:{i}" for i in range(3)]
    assert sources[0].columns == {"split": "train"}


def test_what_stands_behind_data_may_stand_behind_label(folder: Path) -> None:
    """As PP-Human's arrays are called."""
    (folder / "train_data.npy").rename(folder / "train_data_ur_fall_50.npy")
    (folder / "train_label_ur_fall_50.pkl").write_bytes(pickle.dumps((["a", "b", "c"], [4, 0, 1])))
    found = recordings(folder)
    assert [each.label for each in found] == [Label("4", 4), Label("0", 0), Label("1", 1)]
    assert all(each.columns == {"split": "train"} for each in found)


def test_without_labels_there_are_none(folder: Path) -> None:
    assert [each.label for each in recordings(folder / "train_data.npy")] == [None] * 3


@pytest.mark.parametrize("clip", [DATA[0], DATA[0, ..., 0]], ids=["C T V M", "C T V"])
def test_one_clip_is_an_array_of_one(tmp_path: Path, clip: np.ndarray) -> None:
    np.save(tmp_path / "clip.npy", clip)
    (source,) = recordings(tmp_path / "clip.npy")
    np.testing.assert_array_equal(source.read().together(), clip.reshape(3, 8, 5, -1))


def test_another_name_has_neither_labels_nor_split(folder: Path) -> None:
    np.save(folder / "label.npy", [1, 2, 3])
    sources = recordings((folder / "train_data.npy").rename(folder / "clips.npy"))
    assert [(each.label, each.columns) for each in sources] == [(None, {})] * 3


def test_refuses_other_axes_and_other_labels(folder: Path) -> None:
    np.save(folder / "train_label.npy", [1, 2])
    with pytest.raises(ValueError, match=r"^.*train_label\.npy must hold 3 labels, one per clip, got shape \(2,\)$"):
        recordings(folder)
    np.save(folder / "two.npy", [[1, 2]])
    with pytest.raises(ValueError, match=r"^.*two\.npy must hold numbers \(N, C, T, V, M\), got int64 \(1, 2\)$"):
        recordings(folder / "two.npy")


def test_what_prepare_wrote_beside_tells_layout_and_channels(folder: Path) -> None:
    (folder / "layout.yaml").write_text("{name: five, joints: [a, b, c, d, e], bones: [[0, 1]], center: a}")
    with pytest.raises(ValueError, match=r"^.*layout\.yaml is no layout: layout 'five': no bones lead .*$"):
        recordings(folder)
    bones = [[v, 0] for v in range(1, 5)]
    (folder / "layout.yaml").write_text(f"{{name: five, joints: [a, b, c, d, e], bones: {bones}, center: a}}")
    (folder / "channels.txt").write_bytes(b"\xef\xbb\xbfx\r\ny\r\nz\r\n")
    scene = recordings(folder)[0].read()
    assert isinstance(scene.layout, Skeleton)
    assert (scene.layout.name, scene.layout.joints, scene.channels) == ("five", tuple("abcde"), ("x", "y", "z"))


@pytest.mark.parametrize("text", ["[", "7", "- a", "\ta: b"])
def test_refuses_a_layout_that_is_none(folder: Path, text: str) -> None:
    (folder / "layout.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^.*layout\.yaml is no layout: .*$"):
        recordings(folder)
