"""Clips of many recordings put one after the other on disk, so that memory does not grow with their number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.recordings.recording import Label, Recording, Scene
from stgcn_torch.data.recordings.selection import Selection, check_alike, completed, fitted, parts_of

MAX_CLASSES = 100_000
SPARSE = 0.5  # share of frames that show somebody: with fewer, frames are likely numbered in another unit
QUOTED = 300  # characters of what is said about a recording


@dataclass(frozen=True)
class Row:
    """One clip that was kept.

    Attributes:
        source: The recording's.
        person: Number of the one person in it, from 0; empty if its people are together.
        label: The recording's.
        group: The recording's.
        columns: The recording's.
        shape: (C, T, V, M).
        start: The recording's frame that is the clip's first.
        at: Where it starts in the file of clips, in numbers.
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
        selection: What became of a scene, layout and channels told.
        clips: File that holds the numbers, float32.
        rows: One per clip.
        left_out: Recordings that could not be used, a line each.
        problems: What was passed over in those that could, a line each.
        crowd: People that are in no clip, as it had its most without them.
    """

    selection: Selection
    clips: Path
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    crowd: int = 0

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
        recordings: What to read. One that cannot be read is left out.
        clips: The file to write.
        selection: What becomes of a scene.

    Raises:
        ValueError: Nothing can be used.
    """
    made = Collection(selection, clips)
    asked = selection.body is not None
    at = 0
    with clips.open("wb") as file:
        for recording in recordings:
            try:
                scene = recording.read()
                selection = completed(made.selection, scene)
                kept = fitted(scene, selection)
                if not asked:
                    check_alike(scene, selection)
                parts = parts_of(kept, selection)
            except (ValueError, OSError) as error:
                made.left_out.append(_line(recording, error))
                continue
            told = [scene.told] if scene.told and made.selection.body is None else []  # once: the others are alike
            made.selection = selection
            made.problems += [_line(recording, problem) for problem in (*told, *scene.problems, *_empty(kept))]
            made.crowd += max(0, len(scene.people) - selection.most) * (selection.people == "together")
            for person, start, clip in parts:
                label = recording.label or scene.label
                row = Row(recording.source, person, label, recording.group, recording.columns, clip.shape, start, at)
                made.rows.append(row)
                file.write(np.ascontiguousarray(clip, np.float32).data)
                at += clip.size
    if not made.rows:
        raise ValueError(f"none of {len(made.left_out)} recordings can be read; the first: {made.left_out[0]}")
    return made


def _empty(scene: Scene) -> list[str]:
    """That most frames show nobody, as where they are numbered by milliseconds, or where only every fifth is there."""
    seen = np.zeros(scene.frames, dtype=bool)
    for track in scene.people:
        seen[track.start : track.end] |= track.poses.any(axis=(1, 2))
    live = np.count_nonzero(seen)
    return [f"only {live} of its {len(seen)} frames show anybody"] if live < SPARSE * len(seen) else []


def _line(recording: Recording, problem: object) -> str:
    """One line, however much of a broken file it quotes."""
    return f"{recording.source}: {' '.join(str(problem).split()):.{QUOTED}}"


def leave_out_unlabelled(made: Collection) -> None:
    """Leave out the clips without a class if others have one: they cannot be trained on together."""
    if any(row.label for row in made.rows):
        made.left_out += [f"{row.source}: it has no class, and others have one" for row in made.rows if not row.label]
        made.rows = [row for row in made.rows if row.label]


def classes_of(labels: Sequence[Label | None]) -> tuple[list[str], list[int]]:
    """Names of the classes and each clip's index in them; both empty if the clips have none.

    Where the source numbers all of its classes they keep their numbers, and those that no clip has are called by them;
    else they are sorted by name.

    Raises:
        ValueError: A number is ``MAX_CLASSES`` or more.
    """
    given = [label for label in labels if label]
    numbers = [label.number for label in given if label.number is not None]
    if given and len(numbers) == len(given):
        if max(numbers) >= MAX_CLASSES:
            raise ValueError(f"a clip is of class {max(numbers)}; class numbers must be below {MAX_CLASSES}")
        names = {label.number: label.name for label in given}
        return [names.get(k, str(k)) for k in range(max(numbers) + 1)], numbers
    classes = sorted({label.name for label in given})
    index = {name: k for k, name in enumerate(classes)}
    return classes, [index[label.name] for label in given]
