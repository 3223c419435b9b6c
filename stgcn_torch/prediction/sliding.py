"""Overlapping windows of a long clip, and the timeline of segments from the windows' probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.preprocessing.steps import Clip

Probabilities = Float[np.ndarray, "N K"]


@dataclass(frozen=True)
class Segment:
    """Consecutive frames with the same most likely class.

    Attributes:
        start: First frame.
        end: Frame after the last.
        probabilities: Of each class, the mean over the segment's frames, (K,).
    """

    start: int
    end: int
    probabilities: np.ndarray[Any, np.dtype[np.float64]]


def window_starts(T: int, length: int, stride: int) -> list[int]:
    """First frames of windows that cover T frames, the last one flush with the end; one window for a short clip."""
    if T <= length:
        return [0]
    return [*range(0, T - length, stride), T - length]


class ClipSequence(Protocol):
    """Clips (C, T, V, M) by index, which may differ in T and M; also an array (N, C, T, V, M)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class Piece:
    """Consecutive frames of a clip.

    Attributes:
        clip: Index of the clip.
        start: First frame.
        end: Frame after the last.
    """

    clip: int
    start: int
    end: int


class Pieces:
    """Pieces of clips in the form of ``ClipArray``, each cut out on request."""

    def __init__(self, clips: ClipSequence, pieces: Sequence[Piece]) -> None:
        self.clips, self.pieces = clips, pieces
        shapes = [clips[i].shape for i in {piece.clip for piece in pieces}]
        frames, M = max(piece.end - piece.start for piece in pieces), max(shape[3] for shape in shapes)
        self.shape = (len(pieces), shapes[0][0], frames, shapes[0][2], M)

    def __len__(self) -> int:
        return len(self.pieces)

    def number(self, index: int) -> int:
        """The number of the clip that a piece is of, for messages."""
        return self.pieces[index].clip

    def __getitem__(self, index: int) -> Clip:
        """A piece (C, T, V, M), padded with absent people to the M of all clips."""
        piece = self.pieces[index]
        cut = np.asarray(self.clips[piece.clip][:, piece.start : piece.end])
        return np.pad(cut, [(0, 0)] * 3 + [(0, self.shape[4] - cut.shape[3])])


def near(there: Bool[np.ndarray, " T"], reach: int) -> Bool[np.ndarray, " T"]:
    """Frames with one of ``there`` at most ``reach`` frames away."""
    T, count = len(there), np.concatenate([[0], np.cumsum(there)])
    frames = np.arange(T)
    return np.asarray(count[np.minimum(frames + reach + 1, T)] > count[np.maximum(frames - reach, 0)])


def timeline(
    starts: Sequence[int], length: int, probabilities: Probabilities, there: Bool[np.ndarray, " T"]
) -> list[Segment]:
    """The segments of a recording, in order.

    A frame's probabilities are the mean over its windows, each weighted by how near the frame is to its middle: a
    window says most about its middle (right frames of the synthetic set's recordings, docs/results.md: 0.857, and 0.827
    with equal weights). Frames without a window, and those with nobody within a quarter of one, belong to no segment.

    Args:
        starts: First frame of each window.
        length: Frames of a window.
        probabilities: Of each class, for each window.
        there: Frames of the recording that show somebody.
    """
    T, around = len(there), near(there, length // 4)
    length = min(length, T)
    weight = np.sin((np.arange(length)[:, None] + 0.5) / max(length, 1) * np.pi)
    total, count = np.zeros((T, probabilities.shape[1])), np.zeros((T, 1))
    for start, row in zip(starts, probabilities, strict=True):
        total[start : start + length] += weight * row
        count[start : start + length] += weight
    best = np.where((count[:, 0] > 0) & around, total.argmax(axis=1), -1)
    edges = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), T] if T else []
    mean = total / np.where(count > 0, count, 1)
    return [Segment(start, end, mean[start:end].mean(axis=0)) for start, end in pairwise(edges) if best[start] >= 0]
