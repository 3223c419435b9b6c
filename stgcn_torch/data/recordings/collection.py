"""Clips of many recordings put one after the other on disk, so that memory does not grow with their number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.recordings.recording import Label, Recording, Scene
from stgcn_torch.data.recordings.selection import Selection, check_alike, completed, fitted, parts_of

MAX_CLASSES = 100_000
SPARSE = 0.5  # share of frames that show somebody: below it, frames are likely numbered in another unit
QUOTED = 300  # characters of a message about a recording


@dataclass(frozen=True)
class Row:
    """One clip of a collection; ``source``, ``label``, ``group`` and ``columns`` are those of its recording.

    Attributes:
        person: Number of the clip's only person, from 0; empty if its people are together.
        shape: (C, T, V, M).
        start: Frame of the recording at which the clip begins.
        at: Offset in the file of clips, in numbers.
    """

    source: str
    person: str
    label: Label | None
    group: str
    columns: Mapping[str, str]
    shape: tuple[int, ...]
    start: int
    at: int


@dataclass
class Collection:
    """The clips of many recordings.

    Attributes:
        selection: The selection, completed with layout and channels.
        clips: File of the clips' numbers, float32.
        rows: One per clip.
        left_out: Recordings that could not be used, a line each.
        problems: Ignored faults of the other recordings, a line each.
        crowd: Number of people left out because their clip was full.
        origin: What is told of the recordings beside their clips: people, unit, fps.
    """

    selection: Selection
    clips: Path
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    crowd: int = 0
    origin: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int, /) -> Clip:
        """A clip (C, T, V, M), mapped from the file."""
        row = self.rows[index]
        return np.memmap(self.clips, np.float32, "r", row.at * np.dtype(np.float32).itemsize, row.shape)

    def __iter__(self) -> Iterator[Clip]:
        """Each clip."""
        return (self[index] for index in range(len(self)))


def collect(recordings: Iterable[Recording], clips: Path, selection: Selection) -> Collection:
    """Read every recording once, and put its clips into a file.

    Args:
        recordings: The recordings; unreadable ones are left out.
        clips: The file to write.
        selection: People, joints and channels of the clips.

    Raises:
        ValueError: No recording can be used.
    """
    collection = Collection(selection, clips)
    fixed_layout = selection.body is not None
    at = 0
    with clips.open("wb") as file:
        for recording in recordings:
            try:
                scene = recording.read()
                selection = completed(collection.selection, scene)
                selected = fitted(scene, selection)
                if not fixed_layout:
                    check_alike(scene, selection)
                parts = parts_of(selected, selection)
            except (ValueError, OSError) as error:
                collection.left_out.append(_line(recording, error))
                continue
            first = collection.selection.body is None
            notes = [scene.told] if scene.told and first else []  # later scenes have the same layout
            notes += [scene.third] if scene.third and not collection.rows and not selection.channels else []
            problems = (*notes, *selected.problems, *_empty(selected))
            collection.selection = selection
            collection.problems += [_line(recording, problem) for problem in problems]
            collection.crowd += max(0, len(scene.people) - selection.most) * (selection.people == "together")
            for person, start, clip in parts:
                label = recording.label or scene.label
                row = Row(recording.source, person, label, recording.group, recording.columns, clip.shape, start, at)
                collection.rows.append(row)
                file.write(np.ascontiguousarray(clip, np.float32).data)
                at += clip.size
    if not collection.rows:
        errors = collection.left_out
        raise ValueError(f"none of {len(errors)} recordings can be read; the first: {errors[0]}")
    return collection


def _empty(scene: Scene) -> list[str]:
    """A problem if most frames show nobody: they may be numbered in milliseconds, or all but every fifth be missing."""
    occupied = np.zeros(scene.frames, dtype=bool)
    for track in scene.people:
        occupied[track.start : track.end] |= track.poses.any(axis=(1, 2))
    live = np.count_nonzero(occupied)
    return [f"only {live} of its {len(occupied)} frames show anybody"] if live < SPARSE * len(occupied) else []


def _line(recording: Recording, problem: object) -> str:
    """The problem on one line, cut to ``QUOTED`` characters."""
    return f"{recording.source}: {' '.join(str(problem).split()):.{QUOTED}}"


def leave_out_unlabelled(collection: Collection) -> None:
    """Leave out clips without a class if others have one, as training needs a class for every clip."""
    if any(row.label for row in collection.rows):
        unlabelled = [row for row in collection.rows if not row.label]
        collection.left_out += [f"{row.source}: it has no class, and others have one" for row in unlabelled]
        collection.rows = [row for row in collection.rows if row.label]


def classes_of(labels: Sequence[Label | None]) -> tuple[list[str], list[int]]:
    """Names of the classes, and the class index of each clip; both empty if the clips have no classes.

    If the source numbers all of its classes, indices are these numbers, and a class without clips has its number for
    a name; otherwise classes are sorted by name.

    Raises:
        ValueError: A number is ``MAX_CLASSES`` or more.
    """
    known = [label for label in labels if label]
    numbers = [label.number for label in known if label.number is not None]
    if known and len(numbers) == len(known):
        if max(numbers) >= MAX_CLASSES:
            raise ValueError(f"a clip is of class {max(numbers)}; class numbers must be below {MAX_CLASSES}")
        names = {label.number: label.name for label in known}
        return [names.get(k, str(k)) for k in range(max(numbers) + 1)], numbers
    classes = sorted({label.name for label in known})
    index = {name: k for k, name in enumerate(classes)}
    return classes, [index[label.name] for label in known]
