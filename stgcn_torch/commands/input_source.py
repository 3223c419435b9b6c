"""What ``input=`` names, for the commands that ask a network: an array of clips, or recordings of any format."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import DictConfig
from rich.progress import track

from stgcn_torch.commands.clip_scale import other_origin
from stgcn_torch.commands.configuration import load_layout
from stgcn_torch.commands.networks import warn
from stgcn_torch.data.arrays import open_clips, open_npy
from stgcn_torch.data.formats import recordings
from stgcn_torch.data.formats.arrays import told as told_beside
from stgcn_torch.data.formats.registry import format_of
from stgcn_torch.data.preprocessing.people import crowded
from stgcn_torch.data.recordings.collection import Collection, collect
from stgcn_torch.data.recordings.frame_names import Pattern
from stgcn_torch.data.recordings.selection import Selection
from stgcn_torch.data.training_clips import read_origin
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.sliding import ClipSequence
from stgcn_torch.skeleton import skeleton

MOST = 2  # people in a clip, where neither the user nor a checkpoint says it


@dataclass(frozen=True)
class Place:
    """What an answer is about.

    Attributes:
        index: The clip's, from 0.
        source: The recording it is of; empty for a clip of an array.
        person: Number of the person in it; empty if its people are together.
        start: First frame.
        end: The frame after the last.
        rate: Frames per second; None if unknown.
    """

    index: int
    source: str = ""
    person: str = ""
    start: int = 0
    end: int = 0
    rate: float | None = None

    @property
    def start_seconds(self) -> float | None:
        """When the first frame begins, to the millisecond."""
        return None if self.rate is None else round(self.start / self.rate, 3)

    @property
    def end_seconds(self) -> float | None:
        """When the last frame ends, to the millisecond."""
        return None if self.rate is None else round(self.end / self.rate, 3)


@dataclass(frozen=True)
class Source:
    """Clips as the networks that are asked want them.

    Attributes:
        ensemble: The networks; of the kept channels alone where the clips have no others.
        clips: Each (C, T, V, M).
        places: What each of them is.
        columns: The attributes of a place that say which it is.
        rate: Frames per second; None if unknown.
        unit: Factor that the coordinates of recordings were multiplied by; None for clips of an array.
    """

    ensemble: Ensemble
    clips: ClipSequence
    places: Sequence[Place]
    columns: Sequence[str]
    rate: float | None = None
    unit: float | None = None


@contextmanager
def opened(config: DictConfig, ensemble: Ensemble, command: str) -> Iterator[Source]:
    """The clips that a configuration names, as long as they are needed; says on stderr what could not be read.

    Args:
        config: ``input``, and ``format``, ``layout``, ``channels``, ``absent``, ``unit``, ``people``, ``most_people``
            and ``min_frames`` of recordings.
        ensemble: The networks that are asked.
        command: Who says it.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It cannot be read, or is not of the networks' joints and channels.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps what is still mapped
        if config.input_format is None and Path(config.input).suffix == ".npy":
            if has_kept_channels_only(config.input, ensemble):
                ensemble = ensemble.of_kept_channels()
                warn(command, [f"clips of {', '.join(ensemble.channels)} alone"])
            check_told(Path(config.input), ensemble)
            warn(command, without_effect(config))
            origin = origin_of(Path(config.input).parent)
            for module in ensemble.modules[:1]:
                warn(command, other_origin(module.training_clips, people=origin.get("people")))
            array = open_clips(config.input, ensemble.channels, ensemble.body, single=True)
            clips: ClipSequence = array
            unit = None
            rate = rate_of(config, Path(config.input).parent, command)
            places, columns = [Place(i, end=array.shape[2], rate=rate) for i in range(len(array))], ["index"]
        else:
            clips = collection = read_recordings(config, ensemble, Path(folder))
            rate = rate_of(config, Path(config.input), command)
            places = [
                Place(i, row.source, row.person, row.start, row.start + row.shape[1], rate)
                for i, row in enumerate(collection.rows)
            ]
            columns = ["index", "source", "person", "start", "end"]
            unit = collection.selection.unit
        warn(command, too_many(clips, ensemble.least_slots))
        yield Source(ensemble, clips, places, columns, rate, unit)


def rate_of(config: DictConfig, folder: Path, command: str) -> float | None:
    """Frames per second of the clips: as asked for, or as ``prepare`` wrote into their folder; None if unknown."""
    fps, every = config.get("fps"), config.get("every") or 1
    if fps is None:
        try:
            fps = read_origin(folder).get("fps")
        except ValueError as error:  # it may be of another program
            warn(command, [f"{error}: passed over; fps= says the frames per second"])
    if fps is None and every > 1:
        raise ValueError(f"every={every} counts frames of a video, and nobody says how many it has a second: give fps=")
    return None if fps is None else fps / every


def selection_of(config: DictConfig, **others: Any) -> Selection:
    """What becomes of recordings, by the options that commands share.

    Args:
        config: Its ``layout`` and ``channels``, and as far as it has them ``absent``, ``unit``, ``people``,
            ``most_people`` and ``min_frames``.
        others: Further parts of the selection.
    """
    shared = {part: part for part in ("absent", "unit", "people", "min_frames")} | {"most": "most_people"}
    shared = {part: option for part, option in shared.items() if part not in others}
    return Selection(
        body=skeleton(load_layout(config.layout)) if config.layout else None,
        channels=tuple(config.channels) if config.channels else None,
        **{part: config[option] for part, option in shared.items() if option in config},
        **others,
    )


def read_recordings(config: DictConfig, ensemble: Ensemble, folder: Path) -> Collection:
    """The clips of a source of any format, in a file in the folder; says on stderr what could not be read."""
    people, most = config.people or ensemble.people or "each", config.most_people or ensemble.slots or MOST
    unit = unit_of(config, ensemble)
    selection = selection_of(config, keep=ensemble.channels, to=ensemble.body, people=people, most=most, unit=unit)
    apart, pattern = people == "each", pattern_of(config)
    found = recordings(config.input, config.input_format, apart=apart, pattern=pattern)
    collection = collect(tracked(found, "reading"), folder / "clips", selection)
    lines = [*(f"left out {line}" for line in collection.left_out), *collection.problems]
    if config.unit is None and unit != 1:
        lines.append(f"coordinates are multiplied by {unit:g}, as those of the training were; unit= overrules")
    several = collection.crowd or any(row.shape[3] > 1 or row.person not in ("", "0") for row in collection.rows)
    if config.people is None and several:
        other, effect = {
            "each": ("together", "puts those of a recording into one clip"),
            "together": ("each", "makes a clip of each"),
        }[people]
        why = ", as in the clips of the training" if ensemble.people else ""
        lines.append(f"people={people}{why}; people={other} {effect}")
    if config.people is None and len(ways := ensemble.ways) > 1:
        lines.append(f"the networks were trained on people={' and people='.join(ways)}; people= says which is taken")
    if collection.crowd:
        are = "person is" if collection.crowd == 1 else "people are"
        lines.append(f"{collection.crowd} {are} in no clip, as clips have room for {most}")
    for line in lines:
        print(line, file=sys.stderr)
    return collection


def pattern_of(config: DictConfig) -> Pattern | None:
    """How the names of recordings are made, if a user says it."""
    return Pattern(config.pattern) if config.get("pattern") else None


def unit_of(config: DictConfig, ensemble: Ensemble) -> float:
    """The factor of recordings' coordinates: as asked for, or what makes them as large as those of the training."""
    if config.unit is not None:
        return float(config.unit)
    is_array = (config.input_format or format_of(Path(config.input))) == "arrays"  # which stay as they are
    return 1.0 if is_array else ensemble.unit or 1.0


def origin_of(folder: Path) -> dict[str, Any]:
    """What ``prepare`` wrote of a folder's recordings; nothing if the file of that name is of another program."""
    try:
        return read_origin(folder)
    except ValueError:
        return {}


def too_many(clips: ClipSequence, slots: int | None) -> list[str]:
    """A line if clips show more people than a network was trained on."""
    if slots is None:
        return []
    count = sum(crowded(clips[i], slots) for i in range(len(clips)))
    show = "1 clip shows" if count == 1 else f"{count} clips show"
    return [f"{show} more people than the {slots} of the training; the first are taken"] if count else []


def tracked(parts: Iterable[Any], doing: str) -> Iterable[Any]:
    """What there is to go through, with a bar on a terminal that tells how far one is."""
    return track(parts, doing, disable=not sys.stderr.isatty())


def without_effect(config: DictConfig) -> list[str]:
    """A line if options are given that say how recordings are read, and clips of an array are taken as they are."""
    usual = {"absent": "refuse", "min_frames": 1}
    names = ("pattern", "layout", "unit", "people", "most_people", *usual)
    given = [name for name in names if config.get(name, usual.get(name)) != usual.get(name)]
    words = " and ".join(f"{name}=" for name in given)
    one = "says how recordings are read, and changes" if len(given) == 1 else "say how recordings are read, and change"
    return [f"{words} {one} nothing of the clips in {config.input}"] if given else []


def has_kept_channels_only(path: str, ensemble: Ensemble) -> bool:
    """Whether an array has just the channels that all networks see, and not all those that were recorded."""
    kept = {module.preprocessing.keep for module in ensemble.modules}
    shape = open_npy(path).shape
    C = shape[1] if len(shape) == 5 else shape[0] if shape else 0
    return len(kept) == 1 and C == len(next(iter(kept))) != len(ensemble.channels)


def check_told(path: Path, ensemble: Ensemble) -> None:
    """Raise ValueError if what ``prepare`` wrote beside an array says that it has other joints or channels."""
    body, channels = told_beside(path.parent)
    if body and body.joints != ensemble.body.joints:
        raise ValueError(
            f"{path} has the joints of {body.name}, and the network wants {ensemble.body.name}; "
            f"input={path.parent} brings them over"
        )
    if channels and channels != ensemble.channels:
        raise ValueError(f"{path} has {', '.join(channels)}, and the network wants {', '.join(ensemble.channels)}")
