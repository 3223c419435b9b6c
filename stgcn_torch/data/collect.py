"""Clips of many recordings put one after the other on disk, so that memory does not grow with their number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stgcn_torch.data.formats.arrays import UNNAMED
from stgcn_torch.data.formats.recording import Label, Recording, Scene, Track
from stgcn_torch.data.mapping import mapped
from stgcn_torch.data.preprocessing import Clip
from stgcn_torch.skeleton import Skeleton, skeleton

PEOPLE = ("together", "each")
ABSENT = ("refuse", "missing")
MAX_CLASSES = 100_000
SPARSE = 0.5  # share of frames that show somebody: with fewer, frames are likely numbered in another unit
QUOTED = 300  # characters of what is said about a recording


@dataclass(frozen=True)
class Selection:
    """What becomes of a scene.

    Attributes:
        body: The layout of the joints; None for the one that the first recording has.
        channels: What a pose's numbers are, if there are as many; None for what each recording says.
        keep: The channels that the clips shall have; None for ``channels``, or else those of the first recording.
        to: The layout that the clips shall have, whatever the recordings have; recordings may then have more channels
            than are kept. None for ``body``.
        absent: ``refuse`` recordings whose layout does not say where a joint of ``to`` is, or leave it ``missing``.
        unit: Every channel but the score is multiplied by it: 0.001 makes metres of millimetres.
        people: ``together`` in one clip, side by side, or ``each`` in a clip of its own.
        most: People in a clip, the most prominent first.
        min_frames: Shorter clips are left out.
    """

    body: Skeleton | None = None
    channels: tuple[str, ...] | None = None
    keep: tuple[str, ...] | None = None
    to: Skeleton | None = None
    absent: str = "refuse"
    unit: float = 1.0
    people: str = "together"
    most: int = 2
    min_frames: int = 1

    @property
    def told(self) -> tuple[Skeleton, tuple[str, ...]]:
        """Layout and channels of the clips; ValueError if they have not been told."""
        body = self.to or self.body
        if body is None or self.keep is None:
            raise ValueError("a selection must have a layout and channels")
        return body, self.keep

    def __post_init__(self) -> None:
        if self.people not in PEOPLE:
            raise ValueError(f"people {self.people!r} is unknown; choose {' or '.join(PEOPLE)}")
        if self.absent not in ABSENT:
            raise ValueError(f"absent {self.absent!r} is unknown; choose {' or '.join(ABSENT)}")
        if self.most < 1 or self.min_frames < 1:
            raise ValueError(f"most_people and min_frames must be at least 1, got {self.most} and {self.min_frames}")


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
                    _check_alike(scene, selection)
                parts = _parts(kept, selection)
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


def _check_alike(scene: Scene, selection: Selection) -> None:
    """Raise ValueError if a recording's layout is not that of those before: it would be read as what it is not."""
    own, others = _layout(scene), selection.body
    if own and others and own.joints != others.joints:
        raise ValueError(f"it is {own.name}, and those before are {others.name}; layout=NAME reads all as one")


def _layout(scene: Scene) -> Skeleton | None:
    return skeleton(scene.layout) if isinstance(scene.layout, str) else scene.layout


def _line(recording: Recording, problem: object) -> str:
    """One line, however much of a broken file it quotes."""
    return f"{recording.source}: {' '.join(str(problem).split()):.{QUOTED}}"


def leave_out_unlabelled(made: Collection) -> None:
    """Leave out the clips without a class if others have one: they cannot be trained on together."""
    if any(row.label for row in made.rows):
        made.left_out += [f"{row.source}: it has no class, and others have one" for row in made.rows if not row.label]
        made.rows = [row for row in made.rows if row.label]


def completed(selection: Selection, scene: Scene) -> Selection:
    """The selection with the layout and the channels of a scene, where it had none; ValueError if none are told."""
    if not scene.people:
        raise ValueError("it shows nobody")
    if selection.body is None:
        if scene.layout is None and selection.to is None:
            raise ValueError("its layout cannot be told; give layout=NAME")
        if scene.layout is None and selection.to and _numbers_others(scene, selection.to):
            raise ValueError(
                f"it numbers {len(scene.joints)} joints, and {selection.to.name} has {len(selection.to.joints)}; "
                "layout=NAME says which they are"
            )
        selection = replace(selection, body=_layout(scene) or selection.to)
    if selection.keep is None:
        if selection.channels is None and UNNAMED in scene.channels:
            raise ValueError("its channels cannot be told; give 'channels=[x,y,score]' or what they are")
        selection = replace(selection, keep=selection.channels or scene.channels)
    return selection


def _numbers_others(scene: Scene, body: Skeleton) -> bool:
    """Whether joints are told by numbers that may be another layout's: there are not as many."""
    return 0 < len(scene.joints) != len(body.joints) and all(joint.isdecimal() for joint in scene.joints)


def fitted(scene: Scene, selection: Selection) -> Scene:
    """The scene with the people that are wanted, the joints in the layout's order, and lengths in its unit.

    Raises:
        ValueError: It has other joints or channels than the selection.
    """
    body, channels = selection.body, selection.told[1]
    assert body is not None, "a selection is completed first"
    V, found = len(body.joints), scene.people[0].poses.shape[1]
    names, rows = _names(scene, selection), _rows(scene, selection)
    if (rows is None and len(names) != len(channels)) or (not scene.joints and found != V):
        raise ValueError(
            f"(C, V) must be ({len(channels)}, {V}), {', '.join(channels)} of {body.name}, got ({len(names)}, {found})"
        )
    if rows is None:
        raise ValueError(f"it has {', '.join(names)} and not {', '.join(channels)}; channels=[...] says otherwise")
    order = [body.index(int(joint) if joint.isdecimal() else joint) for joint in scene.joints] or list(range(V))
    if len(set(order)) < len(order):
        raise ValueError(f"it names a joint in two ways: {', '.join(scene.joints)}")
    scale = np.array([1.0 if channel == "score" else selection.unit for channel in channels])
    people = []
    for track in scene.people[: selection.most if selection.people == "together" else None]:
        poses = np.zeros((len(track.poses), V, len(channels)), np.float32)
        with np.errstate(over="ignore"):
            poses[:, order] = track.poses[..., rows] * scale
        people.append(Track(track.start, poses))
    return replace(scene, people=people, channels=channels)


def _names(scene: Scene, selection: Selection) -> tuple[str, ...]:
    """What the numbers of a pose are: as the user says, or else the recording, or else as they are wanted."""
    C = scene.people[0].poses.shape[2]
    given = selection.channels, (selection.keep if UNNAMED in scene.channels else None)
    return next((names for names in given if names and len(names) == C), scene.channels)


def _rows(scene: Scene, selection: Selection) -> list[int] | None:
    """Which of a pose's numbers are the channels; None if it lacks one, or has more and no layout is asked for.

    By name: three numbers may be x, y, z or x, y, score.
    """
    names, channels = _names(scene, selection), selection.told[1]
    if not set(channels) <= set(names) or (selection.to is None and len(names) > len(channels)):
        return None
    return [names.index(channel) for channel in channels]


def _parts(scene: Scene, selection: Selection) -> list[tuple[str, int, Clip]]:
    """The clips of a scene, with the number of the person in each and its start; ValueError if all are too short."""
    if selection.people == "together":
        clips = [("", 0, scene.together())]
    else:
        starts = [track.start for track in scene.people]
        clips = [(str(m), starts[m], clip) for m, clip in enumerate(scene.each())]
    kept = [(m, start, _mapped(clip, selection)) for m, start, clip in clips if clip.shape[1] >= selection.min_frames]
    if not kept:
        longest = max(clip.shape[1] for *_, clip in clips)
        raise ValueError(f"it has {longest} frames, fewer than min_frames={selection.min_frames}")
    return kept


def _mapped(clip: Clip, selection: Selection) -> Clip:
    if selection.to is None or selection.body is None or selection.body.joints == selection.to.joints:
        return clip
    return mapped(clip, selection.told[1], selection.body, selection.to, absent=selection.absent)


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
