"""Clips as a torch dataset: read from a memory-mapped array, preprocessed once, kept in a temporary file."""

import mmap
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from stgcn_torch.data.arrays import Labels, validate_clip
from stgcn_torch.data.preprocessing.mirroring import MirrorImage
from stgcn_torch.data.preprocessing.people import in_slots
from stgcn_torch.data.preprocessing.steps import Preprocessing, preprocess
from stgcn_torch.skeleton import Skeleton


class ClipArray(Protocol):
    """Clips by index: an array (N, C, T, V, M), or an object that makes each clip on request."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, T, V, M); a clip may have fewer frames than T."""

    def __getitem__(self, index: int, /) -> np.ndarray[Any, Any]:
        """A clip (C, T, V, M)."""


class ClipDataset(Dataset[tuple[Tensor, Tensor]]):
    """Preprocessed clips and their labels.

    A clip is validated and preprocessed at its first request; the result stays in an unnamed file on disk, so that
    later epochs only copy it and memory stays flat. With ``random_pad`` nothing is cached: each epoch differs.

    Args:
        array: Clips (N, C, T, V, M), usually a memory-mapped array.
        labels: One per clip of ``array``; None gives -1 for each.
        indices: The clips of ``array`` that belong to this dataset, in order.
        preprocessing: The steps for every clip.
        body: The layout of the joints.
        seed: For ``random_pad``, with the epoch and the clip's index; None for no randomness.
        slots: People in each clip, as in training; None for those of ``array``.
        image: Mirror image of each recording, whose people follow those of the clip; None for none.
    """

    def __init__(
        self,
        array: ClipArray,
        labels: Labels | None,
        indices: Sequence[int],
        preprocessing: Preprocessing,
        body: Skeleton,
        seed: int | None = None,
        slots: int | None = None,
        image: MirrorImage | None = None,
    ) -> None:
        self.array, self.slots, self.image = array, slots, image
        self.indices = np.asarray(indices, dtype=np.int64)
        self.labels = np.full(len(self.indices), -1) if labels is None else np.asarray(labels)[self.indices]
        self.preprocessing = preprocessing
        self.body = body
        self.seed = seed
        self.epoch = 0
        M = (slots or array.shape[4]) * (1 if image is None else 2)
        self.shape = (len(preprocessing.keep), preprocessing.kept_frames, len(body.joints), M)
        self.caches = not (preprocessing.random_pad and seed is not None)
        self._make_room()

    def of(self, positions: Sequence[int] | np.ndarray[Any, Any]) -> "ClipDataset":
        """The dataset of some of its clips."""
        part = ClipDataset(
            self.array, None, self.indices[positions].tolist(), self.preprocessing, self.body, self.seed, self.slots
        )
        part.labels = self.labels[positions]
        return part

    def _make_room(self, folder: Path | None = None) -> None:
        # Both in files, which forked workers share: every clip is preprocessed by one of them only.
        rows = len(self.indices) if self.caches else 0
        self.preprocessed = _array_on_disk((rows, *self.shape), np.float32, folder and folder / "preprocessed")
        self.ready = _array_on_disk((rows,), np.bool_, folder and folder / "ready")

    def share(self, folder: Path) -> None:
        """Cache preprocessed clips in files of this folder, which processes with the same dataset share.

        The first process to call makes the files; once all have called, the folder may be removed.
        """
        self._make_room(folder)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def nbytes(self) -> int:
        """Bytes of all preprocessed clips."""
        return len(self) * int(np.prod(self.shape)) * np.dtype(np.float32).itemsize

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        """The clip (C, T, V, M) as float32, and its label."""
        clips, labels = self.__getitems__([i])
        return clips[0], labels[0]

    def __getitems__(self, batch: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Clips (N, C, T, V, M) and labels (N), for a loader with ``collate_fn=as_is``."""
        rows = np.asarray(batch)
        if not self.caches:
            clips = np.stack([self._preprocess(i) for i in batch])
        else:
            for i in rows[~self.ready[rows]]:
                self.preprocessed[i] = self._preprocess(i)
                self.ready[i] = True
            clips = self.preprocessed[rows]
        return torch.from_numpy(np.asarray(clips)), torch.from_numpy(self.labels[rows])

    def _preprocess(self, i: int) -> np.ndarray[Any, Any]:
        index = int(self.indices[i])
        clip = in_slots(np.asarray(self.array[index]), self.slots)
        number = self.number(index)
        validate_clip(clip, number, self.preprocessing)
        versions = [clip] if self.image is None else [clip, self.image(clip, self.preprocessing.channels)]
        try:
            made = [preprocess(each, self.preprocessing, self.body, self._rng(index)) for each in versions]
            return np.concatenate(made, axis=3)
        except ValueError as error:
            raise ValueError(f"clip {number}: {error}") from None

    def number(self, index: int) -> int:
        """The number of a clip for messages: pieces of clips have that of their clip."""
        return self.array.number(index) if hasattr(self.array, "number") else index

    def _rng(self, index: int) -> np.random.Generator | None:
        return None if self.seed is None else np.random.default_rng((self.seed, self.epoch, index))

    def __getstate__(self) -> dict[str, Any]:
        """State without the files: a worker that is not forked makes its own, and maps the array itself."""
        state = {key: value for key, value in self.__dict__.items() if key not in ("preprocessed", "ready")}
        if isinstance(self.array, np.memmap) and isinstance(self.array.base, mmap.mmap):  # not a view of one
            state["array"] = _mapping(self.array)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """See ``__getstate__``."""
        self.__dict__.update(state)
        if isinstance(self.array, partial):
            self.array = self.array()
        self._make_room()


def as_is(batch: Any) -> Any:
    """The batch as ``__getitems__`` returns it."""
    return batch


def _mapping(array: np.memmap[Any, Any]) -> partial[np.memmap[Any, Any]]:
    """A call that maps the array again; pickling a memory-mapped array would read all of it."""
    order = "C" if array.flags.c_contiguous else "F"
    section = {"offset": array.offset, "shape": array.shape, "order": order}
    return partial(np.memmap, array.filename, dtype=array.dtype, mode="r", **section)


def _array_on_disk(shape: tuple[int, ...], dtype: type[np.generic], path: Path | None) -> np.ndarray[Any, Any]:
    """An array in a file, zeros if the file is new; without a path the file is unnamed and ends with the process."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size == 0:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() if path is None else path.open("a+b") as file:
        try:
            file.truncate(size)
            if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash in mid-epoch
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise OSError(
                f"{size / 2**20:.0f} MiB for preprocessed clips do not fit in {tempfile.gettempdir()} "
                f"({error.strerror}); name another folder with the variable TMPDIR"
            ) from None
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)
