"""Fingerprints of the clips of an array, taken once and kept beside it: hash, length, people and size of each."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt64

from stgcn_torch.data.preprocessing.steps import Clip, live_frames
from stgcn_torch.files import written_whole

FORM = 1  # of the file beside an array, which another release may write otherwise
Progress = Callable[[Iterable[int]], Iterable[int]]


class Fingerprints(NamedTuple):
    """One number per clip.

    Attributes:
        hashes: 8 bytes of the BLAKE2b hash of the live frames; 0 for a clip without any.
        frames: Live frames.
        people: People up to the last who is ever there.
        squares: Sum of the squares of the finite coordinates that are not zero.
        counts: Number of these coordinates.
    """

    hashes: UInt64[np.ndarray, " N"]
    frames: Int[np.ndarray, " N"]
    people: Int[np.ndarray, " N"]
    squares: Float[np.ndarray, " N"]
    counts: Int[np.ndarray, " N"]

    def of(self, indices: Sequence[int] | Int[np.ndarray, " n"]) -> "Fingerprints":
        """That of some of the clips."""
        return Fingerprints(*(column[np.asarray(indices, np.int64)] for column in self))

    @property
    def scale(self) -> float | None:
        """Root mean square of all coordinates, in the data's units; None without any."""
        count = int(self.counts.sum())
        return float(np.sqrt(self.squares.sum() / count)) if count else None


def measured(clip: Clip, channels: Sequence[str]) -> tuple[int, int, int, float, int]:
    """A row of ``Fingerprints``: the hash is that of live frames as float32, without people who are never there."""
    T = live_frames(clip)
    with np.errstate(over="ignore"):
        live = clip[:, :T].astype(np.float32)
    present = np.flatnonzero((live != 0).any(axis=(0, 1, 2)))
    M = int(present[-1]) + 1 if present.size else 0
    live = np.ascontiguousarray(live[..., :M])
    if not live.size:
        return 0, 0, 0, 0.0, 0
    content = hashlib.blake2b(f"{live.shape}".encode(), digest_size=8)
    content.update(live.data)
    coordinates = live[[c for c, name in enumerate(channels) if name != "score"]].astype(np.float64)
    known = coordinates[np.isfinite(coordinates) & (coordinates != 0)]
    return int.from_bytes(content.digest(), "big"), T, M, float(np.square(known).sum()), known.size


def fingerprints(
    clips: Sequence[Clip] | np.ndarray[Any, Any], channels: Sequence[str], progress: Progress = iter
) -> Fingerprints:
    """The fingerprints of clips, each (C, T, V, M), one at a time.

    Args:
        clips: An array (N, C, T, V, M), usually memory-mapped, or clips of several lengths.
        channels: Names of a clip's channels.
        progress: Goes through the numbers of the clips, and may show how far it is.
    """
    rows = [measured(np.asarray(clips[i]), channels) for i in progress(range(len(clips)))]
    columns = list(zip(*rows, strict=True)) or [()] * len(Fingerprints._fields)
    kinds = (np.uint64, np.int64, np.int64, np.float64, np.int64)
    return Fingerprints(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))


def kept_fingerprints(
    path: Path, clips: np.ndarray[Any, Any], channels: Sequence[str], progress: Progress = iter
) -> Fingerprints:
    """``fingerprints`` of the array in a file, from the hidden file beside it unless that is of another array.

    The file beside is written if it can be; where the folder is not writable, they are taken every time.
    """
    beside = path.with_name(f".{path.name}.fingerprints.npz")
    status = path.stat()
    key = f"{FORM} {status.st_size} {status.st_mtime_ns} {clips.shape} {','.join(channels)}"
    if (kept := _read(beside, key, len(clips))) is not None:
        return kept
    made = fingerprints(clips, channels, progress)
    try:
        with written_whole(beside) as temporary, temporary.open("wb") as file:
            np.savez(file, key=np.array(key), **made._asdict())
    except OSError:
        pass  # it is made anew the next time
    return made


def _read(path: Path, key: str, count: int) -> Fingerprints | None:
    """The fingerprints in a file; None if it is missing, damaged or of another key."""
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            columns = [file[name] for name in Fingerprints._fields]
    except (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None
    return Fingerprints(*columns) if all(column.shape == (count,) for column in columns) else None
