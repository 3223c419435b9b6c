"""Laws of the dataset: each clip is preprocessed once, at its first request, and later requests give the same bits."""

import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from stgcn_torch.data import dataset as dataset_module
from stgcn_torch.data.arrays import open_clips
from stgcn_torch.data.dataset import ClipDataset, as_is
from stgcn_torch.data.preprocessing.steps import Preprocessing, preprocess
from stgcn_torch.skeleton import Skeleton

BODY = Skeleton("three", ("Left", "Middle", "Right"), ((0, 1), (2, 1)), 1, ((0, 2),))
FIXED = Preprocessing(window=6)
RANDOM = replace(FIXED, random_pad=True)
N = 10
LABELS = np.arange(N) % 4
Counted = Callable[[], list[int]]


def clips_array() -> np.ndarray:
    """Clips whose score is 1 + the clip's number, so that a call of ``preprocess`` tells which it was given."""
    array = np.random.default_rng(0).uniform(-1, 1, (N, 3, 9, 3, 1)).astype("f4")
    array[:, 2] = np.arange(1, N + 1)[:, None, None, None]
    array[:, :, 4:] = 0
    return array


def dataset_of(array: np.ndarray | None = None, preprocessing: Preprocessing = FIXED, **options: Any) -> ClipDataset:
    array = clips_array() if array is None else array
    return ClipDataset(array, LABELS, options.pop("indices", range(N)), preprocessing, BODY, **options)


@pytest.fixture
def preprocessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counted:
    """The clips that were preprocessed so far, in this process or in forks of it."""
    record = tmp_path / "preprocessed"
    record.touch()

    def recorded(clip: np.ndarray, *rest: Any) -> np.ndarray:
        with record.open("a") as file:
            file.write(f"{int(clip[2, 0, 0, 0]) - 1}\n")
        return preprocess(clip, *rest)

    monkeypatch.setattr(dataset_module, "preprocess", recorded)
    return lambda: [int(line) for line in record.read_text().split()]


def test_a_row_is_the_preprocessed_clip_and_its_label() -> None:
    clips = dataset_of()
    assert len(clips) == N
    for i in range(N):
        clip, label = clips[i]
        np.testing.assert_array_equal(clip.numpy(), preprocess(clips_array()[i], FIXED, BODY))
        assert clip.dtype == torch.float32
        assert label == LABELS[i]


def test_rows_follow_the_indices() -> None:
    clips = dataset_of(indices=[7, 2])
    assert len(clips) == 2
    assert clips.labels.tolist() == [LABELS[7], LABELS[2]]
    np.testing.assert_array_equal(clips[0][0].numpy(), preprocess(clips_array()[7], FIXED, BODY))


def test_a_batch_is_its_rows_in_the_order_asked_for() -> None:
    clips = dataset_of()
    batch, labels = clips.__getitems__([5, 0, 5])
    for row, i in enumerate((5, 0, 5)):
        assert torch.equal(batch[row], clips[i][0])
        assert labels[row] == clips[i][1]


def test_without_labels_every_label_is_minus_one() -> None:
    clips = ClipDataset(clips_array(), None, range(3), FIXED, BODY)
    assert clips.__getitems__([0, 1, 2])[1].tolist() == [-1, -1, -1]


def test_nothing_is_preprocessed_before_it_is_asked_for(preprocessed: Counted) -> None:
    clips = dataset_of()
    assert preprocessed() == []
    clips[3]
    assert preprocessed() == [3]


def test_each_clip_is_preprocessed_once_and_stays_the_same(preprocessed: Counted) -> None:
    clips = dataset_of()
    loader = DataLoader(clips, batch_size=4, collate_fn=as_is)
    first = torch.cat([batch for batch, _ in loader])
    for _ in range(3):
        assert torch.equal(torch.cat([batch for batch, _ in loader]), first)
    assert sorted(preprocessed()) == list(range(N))


def test_what_a_caller_does_to_a_batch_does_not_change_the_clips() -> None:
    clips = dataset_of()
    first = clips[0][0].clone()
    clips[0][0].zero_()
    clips.__getitems__([0])[0].zero_()
    assert torch.equal(clips[0][0], first)


def test_forked_workers_share_what_is_preprocessed(preprocessed: Counted) -> None:
    clips = dataset_of()
    loader = DataLoader(clips, batch_size=2, collate_fn=as_is, num_workers=2, multiprocessing_context="fork")
    first = torch.cat([batch for batch, _ in loader])
    assert sorted(preprocessed()) == list(range(N))
    assert torch.equal(torch.cat([batch for batch, _ in loader]), first)
    assert torch.equal(clips.__getitems__(range(N))[0], first)
    assert sorted(preprocessed()) == list(range(N))


def test_a_pickled_dataset_gives_the_same_clips() -> None:
    clips = dataset_of()
    clips[0]
    again: ClipDataset = pickle.loads(pickle.dumps(clips))
    for expected, actual in zip(clips.__getitems__(range(N)), again.__getitems__(range(N)), strict=True):
        assert torch.equal(expected, actual)


def rows_of(clips: ClipDataset) -> np.ndarray:
    return np.asarray(clips.__getitems__(range(len(clips)))[0])


def test_a_spawned_worker_gives_the_same_clips(tmp_path: Path) -> None:
    np.save(tmp_path / "clips.npy", clips_array())
    clips = dataset_of(open_clips(tmp_path / "clips.npy", FIXED.channels, BODY))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(rows_of, clips).result(), rows_of(clips))


@pytest.mark.parametrize("order", ["C", "F"])
def test_pickling_leaves_the_clips_in_their_file(tmp_path: Path, order: str) -> None:
    array = np.tile(clips_array(), (1, 1, 100, 1, 1))
    np.save(tmp_path / "clips.npy", np.asarray(array, order=order))  # type: ignore[call-overload]
    clips = dataset_of(open_clips(tmp_path / "clips.npy", FIXED.channels, BODY))
    pickled = pickle.dumps(clips)
    assert len(pickled) < array.nbytes / 10
    np.testing.assert_array_equal(rows_of(pickle.loads(pickled)), rows_of(clips))


def test_a_pickled_part_of_an_array_is_that_part(tmp_path: Path) -> None:
    np.save(tmp_path / "clips.npy", clips_array())
    clips = dataset_of(open_clips(tmp_path / "clips.npy", FIXED.channels, BODY)[4:], indices=[0, 1])
    np.testing.assert_array_equal(rows_of(pickle.loads(pickle.dumps(clips))), rows_of(clips))


def test_a_clip_with_nan_is_refused_when_it_is_asked_for() -> None:
    array = clips_array()
    array[6, 1, 2, 0, 0] = array[6, 1, 3, 0, 0] = np.nan
    clips = dataset_of(array, indices=[1, 6])
    clips[0]
    expected = r"^clip 6 has 2 NaN .* first at channel 1, frame 2, joint 0, person 0; preprocessing\.nan=missing .*$"
    for _ in range(2):  # it is not taken for preprocessed after the first time
        with pytest.raises(ValueError, match=expected):
            clips[1]
    missing, _ = dataset_of(array, replace(FIXED, nan="missing"))[6]
    assert torch.isfinite(missing).all()


def test_an_empty_clip_is_refused_when_it_is_asked_for() -> None:
    array = clips_array()
    array[6] = 0
    with pytest.raises(ValueError, match=r"^clip 6 is empty: .*; preprocessing\.empty=keep takes it as it is$"):
        dataset_of(array)[6]
    assert not dataset_of(array, replace(FIXED, empty="keep"))[6][0].any()


def test_a_clip_that_cannot_be_preprocessed_is_named() -> None:
    array = clips_array()
    array[4, 2, :] = 1
    with pytest.raises(ValueError, match=r"^clip 4: sampling=to_length needs a frame of padding .*$"):
        dataset_of(array, replace(FIXED, sampling="to_length"))[4]


def test_random_padding_differs_from_epoch_to_epoch() -> None:
    clips = dataset_of(preprocessing=RANDOM, seed=0)
    epochs = []
    for epoch in range(8):
        clips.epoch = epoch
        epochs.append(rows_of(clips).tobytes())
    assert len(set(epochs)) == 8


def test_random_padding_depends_on_seed_epoch_and_clip_alone() -> None:
    first = dataset_of(preprocessing=RANDOM, seed=5)
    first.epoch = 3
    rows = rows_of(first)
    again = dataset_of(preprocessing=RANDOM, seed=5, indices=[8, 2])  # other rows, another order
    again.epoch = 3
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    np.testing.assert_array_equal(rows_of(again), rows[[8, 2]])
    other = dataset_of(preprocessing=RANDOM, seed=6)
    other.epoch = 3
    assert (rows_of(other) != rows).any()


def test_without_a_seed_random_padding_is_off() -> None:
    np.testing.assert_array_equal(rows_of(dataset_of(preprocessing=RANDOM)), rows_of(dataset_of()))


def test_a_full_disk_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match=r"^\d+ MiB for preprocessed clips do not fit in .* \(No space left on device\)"):
        dataset_of()


def test_temporary_files_have_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    clips = dataset_of()
    clips[0]
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_may_be_empty() -> None:
    assert len(dataset_of(indices=[])) == 0


def test_datasets_that_share_a_folder_preprocess_each_clip_once(preprocessed: Counted, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    one, other = dataset_of(), dataset_of()
    for clips in (one, other):
        clips.share(tmp_path / "shared")
    shutil.rmtree(tmp_path / "shared")  # as the first process does once all have come
    batch, _ = one.__getitems__([0, 4, 7])
    again, _ = other.__getitems__([7, 0, 4])
    assert preprocessed() == [0, 4, 7]
    assert torch.equal(again, batch[[2, 0, 1]])
    other.__getitems__(range(N))
    one.__getitems__(range(N))
    assert sorted(preprocessed()) == list(range(N))


def test_what_is_padded_at_random_shares_nothing(tmp_path: Path) -> None:
    clips = dataset_of(preprocessing=RANDOM, seed=0)
    clips.share(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert clips[0][0].shape == (2, 6, 3, 1)
