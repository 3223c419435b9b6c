"""Measurements of a data set, a few numbers per clip, from which all findings follow."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from rich.progress import track

from stgcn_torch.data.check.finding import Finding
from stgcn_torch.data.check.parts import Part
from stgcn_torch.data.preprocessing.cleaning import is_finite
from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing, detected, live_frames, without_nan
from stgcn_torch.data.preprocessing.teleports import body_path, cuts, steps, strays
from stgcn_torch.skeleton import Skeleton

Rows = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Survey:
    """A data set with its measurements.

    Attributes:
        parts: Its splits.
        rows: For each split by name, a record per clip (see ``record_type``).
        body: The layout of the joints.
        preprocessing: The steps that training would do to every clip.
        classes: Names of the classes.
    """

    parts: Sequence[Part]
    rows: dict[str, Rows]
    body: Skeleton
    preprocessing: Preprocessing
    classes: Sequence[str]

    @property
    def limit(self) -> str:
        """The option of the preprocessing that limits the frames of a clip."""
        return "window" if self.preprocessing.frames is None else "frames"

    def all(self, field: str) -> np.ndarray[Any, Any]:
        """One field of all clips, split after split."""
        return np.concatenate([self.rows[part.name][field] for part in self.parts])

    def finding(
        self,
        severity: str,
        name: str,
        text: str,
        flagged: Bool[np.ndarray, " n"],
        remedy: str = "",
        count: int | None = None,
    ) -> Finding:
        """A finding about clips, each named as ``file[index]``; see ``Finding`` for the other arguments.

        Args:
            severity: As in ``Finding``.
            name: As in ``Finding``.
            text: The finding's sentence.
            flagged: True for the clips concerned, in the order of ``all``.
            remedy: As in ``Finding``.
            count: As in ``Finding``; None for the number of clips.
        """
        places = [f"{part.file}[{index}]" for part in self.parts for index in part.indices]
        where = tuple(places[i] for i in np.flatnonzero(flagged))
        return Finding(severity, name, text, len(where) if count is None else int(count), where, remedy)


def surveyed(parts: Sequence[Part], body: Skeleton, preprocessing: Preprocessing, classes: Sequence[str]) -> Survey:
    """Measure every clip of every split, one at a time."""
    record = record_type(len(preprocessing.channels), len(body.joints))
    rows = {part.name: np.zeros(len(part.indices), record) for part in parts}
    center = preprocessing.center_joint(body)
    center = body.center if center is None else center
    pairs = [(part, i) for part in parts for i in range(len(part.indices))]
    for part, i in track(pairs, description="looking", disable=not sys.stderr.isatty()):
        measure(np.asarray(part.clips[part.indices[i]]), preprocessing.channels, center, rows[part.name][i])
    return Survey(parts, rows, body, preprocessing, classes)


def record_type(C: int, V: int) -> np.dtype[Any]:
    """The record of a clip's measurements."""
    return np.dtype(
        [
            ("bad", "i8"),  # NaN or infinite values
            ("frames", "i8"),  # up to the last live one
            ("holes", "i8"),  # frames without anybody among them
            ("present", "i8"),  # frames with a person, summed over people
            ("missing", "i8", (V,)),  # frames of ``present`` without each joint
            ("headless", "?"),  # whether a person never has the centre joint
            ("cuts", "i8"),  # frames in which the body jumps without a return
            ("strays", "i8"),  # frames in which the body is far from its place before and after
            ("fastest", "f8"),  # largest step of the body's centre, body sizes per frame
            ("size", "f8"),  # of the body: median diagonal of the box around its joints; 0 if unknown
            ("low", "f8", (C,)),  # smallest value of each channel in detected joints
            ("high", "f8", (C,)),  # largest value of each channel in detected joints
            ("digest", "S32"),  # of the live frames
        ]
    )


def measure(clip: Clip, channels: Sequence[str], center: int, row: Any) -> None:
    """Fill a clip's record.

    Args:
        clip: Zeros where a joint is missing and after the last frame.
        channels: Names of the clip's channels.
        center: The joint that would be moved to the origin.
        row: A zero record of ``record_type``.
    """
    clip = clip[:, : live_frames(clip)]
    row["bad"] = np.count_nonzero(~is_finite(clip))
    clip = without_nan(clip)
    row["frames"] = clip.shape[1]
    mask = detected(clip, tuple(channels))
    present = np.asarray(mask.any(axis=1))
    row["holes"] = np.count_nonzero(~present.any(axis=1))
    row["present"] = np.count_nonzero(present)
    row["missing"] = np.count_nonzero(present[:, None] & ~mask, axis=(0, 2))
    row["headless"] = bool(np.any(np.any(present, axis=0) & ~np.any(mask[:, center], axis=0)))
    if mask.any():
        row["low"], row["high"] = clip[:, mask].min(axis=1), clip[:, mask].max(axis=1)
    coordinates = [i for i, channel in enumerate(channels) if channel != "score"]
    sizes = []
    for m in range(clip.shape[3]):
        frames, path, size = body_path(clip[coordinates, :, :, m], mask[:, :, m])
        row["cuts"] += len(cuts(frames, path))
        row["strays"] += len(strays(frames, path))
        row["fastest"] = max(row["fastest"], steps(frames, path).max(initial=0))
        sizes += [size] if size else []
    row["size"] = np.median(sizes) if sizes else 0
    row["digest"] = digest(clip)


def steps_of(clip: Clip, channels: Sequence[str]) -> tuple[Int[np.ndarray, " F"], Float[np.ndarray, " F"]]:
    """Frames of the first person, and the distance to each from the frame before, in body sizes per frame."""
    clip = without_nan(clip[:, : live_frames(clip)])
    coordinates = [i for i, channel in enumerate(channels) if channel != "score"]
    frames, path, _ = body_path(clip[coordinates, :, :, 0], detected(clip, tuple(channels))[:, :, 0])
    return frames[1:], steps(frames, path)


def digest(clip: Clip) -> bytes:
    """Hexadecimal digest of the live frames in float32, independent of type and padding; empty for no frames."""
    live = np.flatnonzero((clip != 0).any(axis=(0, 2, 3)))
    if not live.size:
        return b""
    trimmed = np.ascontiguousarray(clip[:, live[0] : live[-1] + 1], dtype=np.float32)
    return hashlib.blake2b(trimmed.tobytes(), digest_size=16, key=str(trimmed.shape).encode()).hexdigest().encode()
