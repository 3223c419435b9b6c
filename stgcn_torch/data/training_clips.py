"""Facts about the clips that a network was trained on, on which its answers depend; a checkpoint holds them."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from stgcn_torch.data.fingerprints import Fingerprints
from stgcn_torch.data.preprocessing.steps import refuse_unknown
from stgcn_torch.yaml_files import load_yaml

QUANTILES = (0.05, 0.5, 0.95, 1.0)  # of the lengths
LONG = 3.0  # times the 95th percentile of training's lengths: longer clips are told of
DIGITS = 16  # of a clip's hash, hexadecimal
ORIGIN = "recordings.yaml"  # in a folder that prepare wrote


@dataclass(frozen=True)
class TrainingClips:
    """Facts about the clips of a training, as plain values.

    Attributes:
        slots: People in the array of a clip, absent ones included. Features are a mean over them, so that another
            number of slots is another network.
        people: How the people of recordings were put into clips: ``each`` or ``together``; None if unknown.
        frames: Live frames of a clip: 5th, 50th and 95th percentile, and the largest; None if unknown.
        fps: Frames per second; None if unknown.
        unit: Factor that the recordings' coordinates were multiplied by; None if unknown.
        scale: Root mean square of the coordinates as stored; None if unknown.
        split: ``val`` and ``test``: the rules that held clips out.
        hashes: 16 hexadecimal digits for each clip that is not empty, one after the other, in their order.
        labels: SHA-256 of the labels in their order, as little-endian int64; empty if unknown.
    """

    slots: int
    people: str | None = None
    frames: tuple[int, ...] | None = None
    fps: float | None = None
    unit: float | None = None
    scale: float | None = None
    split: Mapping[str, Any] | None = None
    hashes: str = ""
    labels: str = ""

    @classmethod
    def of(cls, values: object) -> "TrainingClips":
        """From plain values, as a checkpoint holds them.

        Raises:
            ValueError: A key is unknown, or a value is not what it must be.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"training_clips must be a mapping, got {type(values).__name__}")
        refuse_unknown("training_clips", values, [field.name for field in fields(cls)])
        frames = values.get("frames")
        known = {**values, "frames": tuple(frames) if isinstance(frames, list) else frames}
        try:
            clips = cls(**known)
        except TypeError as error:
            raise ValueError(f"training_clips: {error}") from None
        if problems := clips._problems():
            raise ValueError(f"training_clips: {'; '.join(problems)}")
        return clips

    def _problems(self) -> list[str]:
        rates = {"fps": self.fps, "unit": self.unit, "scale": self.scale}
        found = {
            "slots": type(self.slots) is int and 1 <= self.slots <= 1000,
            "people": self.people in (None, "each", "together"),
            "frames": self.frames is None
            or (
                isinstance(self.frames, tuple)
                and len(self.frames) == len(QUANTILES)
                and all(type(frames) is int and frames >= 0 for frames in self.frames)
                and list(self.frames) == sorted(self.frames)
            ),
            "split": self.split is None
            or (
                isinstance(self.split, Mapping)
                and {*self.split} <= {"val", "test"}
                and all(isinstance(rule, Mapping) for rule in self.split.values())
            ),
            "hashes": isinstance(self.hashes, str) and len(self.hashes) % DIGITS == 0 and _is_hex(self.hashes),
            "labels": isinstance(self.labels, str) and _is_hex(self.labels),
            **{name: rate is None or _is_positive(rate) for name, rate in rates.items()},
        }
        return [f"{name} is {getattr(self, name)!r:.60}" for name, fine in found.items() if not fine]

    @property
    def plain(self) -> dict[str, Any]:
        """Plain values, as a checkpoint holds them."""
        values = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @property
    def typical(self) -> int | None:
        """The median of the lengths, in frames; None if unknown or 0."""
        return (self.frames[1] or None) if self.frames else None

    @property
    def longest(self) -> int | None:
        """Frames beyond which a clip is unlike those of the training; None if unknown."""
        return int(LONG * self.frames[2]) if self.frames and self.frames[2] else None

    def seen(self, hashes: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each hash of ``Fingerprints``, whether it is a training clip's; never for 0, of an empty clip."""
        whole = bytes.fromhex(self.hashes)
        known = np.frombuffer(whole, ">u8").astype(np.uint64)
        return np.asarray(np.isin(hashes, known) & (hashes != 0))


def _is_hex(text: str) -> bool:
    return not text.strip("0123456789abcdef")


def _is_positive(rate: object) -> bool:
    return isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate < float("inf")


def read_origin(folder: Path) -> dict[str, Any]:
    """What ``prepare`` wrote of a folder's recordings: ``people``, ``fps`` and ``unit``, as far as they are known.

    Raises:
        ValueError: The file cannot be read, or holds something else.
    """
    path = folder / ORIGIN
    if not path.is_file():
        return {}
    told = load_yaml(path)
    if not isinstance(told, dict):
        raise ValueError(f"{path} must be a mapping of people, fps and unit")
    refuse_unknown(str(path), told, ("people", "fps", "unit"))
    try:
        TrainingClips.of({"slots": 1, **told})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return told


def facts(
    prints: Fingerprints, slots: int, labels: Int[np.ndarray, " N"], split: Mapping[str, Any], **told: Any
) -> TrainingClips:
    """The facts about training clips.

    Args:
        prints: Of these clips.
        slots: People in their array.
        labels: Their classes.
        split: The rules that held others out.
        told: ``people``, ``fps`` and ``unit``, as far as they are known.
    """
    live = prints.frames[prints.frames > 0]
    quantiles = np.quantile(live, QUANTILES, method="nearest").tolist() if live.size else None
    return TrainingClips(
        slots,
        frames=tuple(map(int, quantiles)) if quantiles else None,
        scale=prints.scale,
        split=dict(split),
        hashes="".join(f"{value:016x}" for value in prints.hashes.tolist() if value),
        labels=hashlib.sha256(np.asarray(labels).astype("<i8").tobytes()).hexdigest(),
        **told,
    )
