"""Results of a reader: a recording that has not been read yet, and the scene in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.preprocessing.steps import Clip, live_frames
from stgcn_torch.skeleton import Skeleton

UNNAMED = "?"  # a channel that the file does not name
MAX_FRAMES = 1_000_000  # in one recording: nine hours at 30 frames a second
Poses = Float[np.ndarray, "T V C"]


@dataclass(frozen=True)
class Label:
    """A class.

    Attributes:
        name: Its name.
        number: Its index, where the source numbers its classes.
    """

    name: str
    number: int | None = None


@dataclass(frozen=True)
class Track:
    """One person.

    Attributes:
        start: Frame of the first pose.
        poses: One per frame, in the source's precision; zero where the person or a joint is undetected.
    """

    start: int
    poses: Poses

    @property
    def end(self) -> int:
        """The frame after the last pose."""
        return self.start + len(self.poses)


@dataclass(frozen=True)
class Scene:
    """The content of a recording: people over frames.

    Attributes:
        frames: Number of frames; people come and go within them.
        people: The most prominent first.
        channels: Names of the last axis of a pose; ``score`` is a detector's confidence.
        layout: The joint layout or its name, where the source names it.
        joints: Name or number of each joint in the source's order; empty if the order is the layout's.
        label: The class, where the recording itself names it.
        problems: Ignored faults of the files, a line each.
        told: Reason for a layout that was detected from the poses; empty for the format's usual layout.
        third: Reason for the name of the third channel, where the file does not say it.
        as_stored: Whether the values are an array's, which stay as they are, and not an estimator's or a sensor's.
    """

    frames: int
    people: Sequence[Track]
    channels: tuple[str, ...]
    layout: str | Skeleton | None = None
    joints: tuple[str, ...] = ()
    label: Label | None = None
    problems: tuple[str, ...] = ()
    told: str = ""
    third: str = ""
    as_stored: bool = False

    def together(self) -> Clip:
        """The people side by side: (C, T, V, M) float32."""
        V = self.people[0].poses.shape[1] if self.people else 0
        clip = np.zeros((len(self.channels), self.frames, V, len(self.people)), np.float32)
        with np.errstate(over="ignore"):  # overflow gives infinity, which is left to preprocessing
            for m, track in enumerate(self.people):
                clip[:, track.start : track.end, :, m] = track.poses.transpose(2, 0, 1)
        return clip

    def each(self) -> list[Clip]:
        """A clip of every person, from the first frame to the last of its track: (C, T, V, 1)."""
        return [track.poses.transpose(2, 0, 1)[..., None] for track in self.people]


@dataclass(frozen=True)
class Recording:
    """One recording of a source.

    Attributes:
        source: Its path, relative to the root.
        read: Function that reads it; raises ValueError or OSError if it cannot be read.
        label: The class, where the folders name it.
        group: Name of the group that no split may divide: a skater, a subject, a camera; empty if unknown.
        columns: Other facts by name: the publisher's split, the camera.
    """

    source: str
    read: Callable[[], Scene]
    label: Label | None = None
    group: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def recording(path: Path, root: Path, read: Callable[[Path], Scene]) -> Recording:
    """The recording of a file or folder under a root, with group and class from a path ``GROUP/CLASS/CLIP``."""
    if path == root:
        return Recording(shown(Path(path.name)), lambda: read(path))
    place = path.relative_to(root)
    label = Label(shown(Path(place.parent.name))) if place.parent.name else None
    above = place.parent.parent
    return Recording(shown(place), lambda: read(path), label, shown(above) if above.name else "")


def files_in(root: Path, suffix: str) -> list[Path]:
    """The files with a suffix under a folder, in the order of their paths; the root if it is a file itself.

    The suffix may be written in capitals, and ``.gz`` behind it.
    """
    if not root.is_dir():
        return [root]
    return sorted((path for path in walk(root) if kind_of(path) == suffix), key=by_number)


def kind_of(path: Path) -> str:
    """The suffix of a path in small letters, without ``.gz`` behind it."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def walk(root: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The files under a folder. Links to folders are followed, but not into a folder that they lie in.

    Hidden files are ignored: macOS puts a ``._NAME`` beside each NAME on foreign disks.

    Args:
        root: The folder.
        above: The folders that it was reached through, without links.
    """
    above |= {root.resolve()}
    for path in sorted(root.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and path.resolve() not in above:
            yield from walk(path, above)


def hidden(path: Path, root: Path) -> bool:
    """Whether a file or a folder above it, below the root, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def shown(path: Path) -> str:
    """A path as printable text: bytes that are not UTF-8, and characters that cannot be printed, are escaped."""
    return shown_text(path.as_posix())


def shown_text(text: str) -> str:
    """A name from a file as printable text, as in ``shown``."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def by_number(path: Path) -> tuple[object, ...]:
    """A sort key: by folder and name, with a number at the end of the name by its value."""
    stem = path.stem.rstrip("0123456789")
    number = path.stem[len(stem) :]
    return (path.parent.as_posix(), stem, int(number[-18:] or 0), path.name)


def track_of(frames: Sequence[int], poses: Sequence[np.ndarray]) -> Track:
    """A person's track from rising frame numbers and the pose (V, C) in each; zero in the frames between.

    Raises:
        ValueError: The frames span more than ``MAX_FRAMES``.
    """
    length = frames[-1] - frames[0] + 1
    if length > MAX_FRAMES:
        raise ValueError(f"frames run from {frames[0]} to {frames[-1]}; at most {MAX_FRAMES} are allowed")
    dense = np.zeros((length, *poses[0].shape), np.float32)
    with np.errstate(over="ignore"):  # as in Scene.together
        dense[np.asarray(frames) - frames[0]] = poses
    return Track(frames[0], dense)


def scene_of(
    clip: Clip, channels: tuple[str, ...], layout: str | Skeleton | None = None, label: Label | None = None
) -> Scene:
    """The scene of an array (C, T, V, M): up to its last frame that is not zero, without people who never appear.

    Raises:
        ValueError: The clip is too long, or its number of channels is not that of ``channels``.
    """
    if clip.ndim != 4 or len(clip) != len(channels):
        raise ValueError(
            f"a clip must be (C, T, V, M) with C={len(channels)} ({', '.join(channels)}), got {clip.shape}"
        )
    T = live_frames(clip)
    if T > MAX_FRAMES:
        raise ValueError(f"it has {T} frames; at most {MAX_FRAMES} are allowed")
    people = []
    for m in range(clip.shape[3]):
        live = np.flatnonzero((clip[:, :T, :, m] != 0).any(axis=(0, 2)))
        if live.size:
            people.append(Track(int(live[0]), clip[:, live[0] : live[-1] + 1, :, m].transpose(1, 2, 0)))
    return Scene(T, people, channels, layout, label=label)
