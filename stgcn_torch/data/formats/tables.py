"""Reader of CSV: a row per joint, with columns frame, joint, x, y and, as there are, person, z, score, label, video.

Columns are in any order and may have the names in ``COLUMNS``; those that are not used are told. Semicolons or tabs may
replace commas. A joint is a name or a number of the layout. Missing rows and empty cells are undetected joints. Rows of
another ``video`` are another recording, and ``label`` is its class; else a file is one recording, and a file in a class
folder, as in ``class_folders``, has that class. Without a frame, times are counted in their order.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from stgcn_torch.data.formats.text_files import bytes_of, encoding_of
from stgcn_torch.data.recordings.labels import number_of
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Label,
    Recording,
    Scene,
    Track,
    files_in,
    recording,
    shown_text,
    track_of,
)

COLUMNS = {  # what programs call them; the first that a file has counts
    "frame": ("frame", "frame_id", "frame_index", "frame_idx", "frame_number", "frame_num", "frame_no"),
    "time": ("time", "timestamp", "time_s", "time_ms", "timestamp_ms", "seconds"),
    "person": ("person", "person_id", "track_id", "track", "person_index", "pose_id"),
    "joint": (
        *("joint", "joint_name", "landmark", "landmark_name", "keypoint", "keypoint_name", "bodypart"),
        *("joint_id", "joint_index", "landmark_id", "landmark_index", "keypoint_id", "keypoint_index"),
    ),
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
    "score": ("score", "confidence", "visibility", "likelihood", "conf"),
    "label": ("label", "class", "action", "category", "class_name"),
    "video": ("video", "video_id", "video_name", "clip", "clip_id", "recording", "filename", "file", "sequence"),
}
NEEDED = ("frame", "joint", "x", "y")
CHANNELS = ("x", "y", "z", "score")
MAX_JOINTS = 1000

Frames = dict[float, dict[str, list[float]]]  # values of each joint in each frame


@dataclass
class Table:
    """The rows of one recording.

    Attributes:
        people: The frames of each.
        labels: The classes that rows name.
    """

    people: dict[str, Frames] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    labels: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """Which column of a file is which.

    Attributes:
        names: What the file calls each.
        unused: The others.
    """

    names: Mapping[str, str]
    unused: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of a joint's values."""
        return tuple(name for name in CHANNELS if name in self.names)


def recordings(root: Path) -> list[Recording]:
    """The recordings of a file, or of every ``.csv`` under a folder, in the order of their paths."""
    return [table for path in files_in(root, ".csv") for table in _recordings(path, root)]


def _recordings(path: Path, root: Path) -> list[Recording]:
    whole = recording(path, root, read_table)
    try:
        with _opened(path) as file:
            columns = _columns(_reader(file))
        if "video" not in columns.names:
            return [whole]
        videos = [*_tables(path, path.stat().st_mtime_ns)[0]]
    except (ValueError, OSError):
        return [whole]  # which tells it when it is read
    if len(videos) == 1:
        return [whole]
    return [
        replace(whole, source=f"{whole.source}:{shown_text(video)}", read=partial(read_table, path, video))
        for video in videos
    ]


def read_table(path: Path, video: str | None = None) -> Scene:
    """The people of one recording in a file, in falling order of their sums of scores.

    Raises:
        ValueError: The file holds something else; the message names the wrong line.
    """
    tables, columns = _tables(path, path.stat().st_mtime_ns)
    if not tables:
        return Scene(0, [], columns.channels)
    table = tables[video] if video is not None else next(iter(tables.values()))
    if len(table.labels) > 1:
        raise ValueError(f"it is of the classes {', '.join(map(shown_text, [*table.labels][:3]))}, must be of one")
    scene = _scene(table.people, columns.channels)
    label = next((_label(name) for name in table.labels), None)
    problems = []
    if columns.unused:
        problems.append(f"columns that are not used: {', '.join(map(shown_text, columns.unused))}"[:200])
    if "frame" not in columns.names:
        problems.append(f"frames are counted in the order of {columns.names['time']}")
    if scene.joints and all(joint.isdecimal() for joint in scene.joints) and "0" not in scene.joints:
        problems.append("no joint has the number 0: if they are numbered from 1, each is taken for the one after it")
    return replace(scene, label=label, problems=tuple(problems))


def _label(name: str) -> Label:
    return Label(shown_text(name), number_of(name) if name.isdecimal() else None)


def _opened(path: Path) -> io.StringIO:
    content = bytes_of(path)
    return io.StringIO(content.decode(encoding_of(content), "backslashreplace"), newline="")


def _reader(file: io.StringIO) -> "csv.DictReader[str]":
    delimiter = max(",;\t", key=file.readline(1 << 16).count)
    file.seek(0)
    return csv.DictReader(file, delimiter=delimiter, skipinitialspace=True, strict=True)


@lru_cache(maxsize=1)  # the recordings of a file are read one after the other
def _tables(path: Path, _written: int) -> tuple[dict[str, Table], Columns]:
    """The rows of a file by recording; ``_written`` is the file's time."""
    tables: dict[str, Table] = defaultdict(Table)
    with _opened(path) as file:
        rows = _reader(file)
        columns = _columns(rows)
        try:
            for row in rows:
                _take(row, columns, tables)
        except ValueError as error:
            raise ValueError(f"line {rows.line_num}: {error}") from None
        except csv.Error as error:  # in the line after the last one read
            raise ValueError(f"line {rows.line_num + 1}: {error}") from None
    return dict(tables), columns


def _take(row: dict[str, str], columns: Columns, tables: dict[str, Table]) -> None:
    """Put a row where it belongs."""
    if None in row:  # DictReader's key for cells beyond the last column
        raise ValueError("it has more cells than there are columns")
    values = {name: (row[column] or "").strip() for name, column in columns.names.items()}
    table = tables[values.get("video", "")]
    frame = _moment(values)
    if not values["joint"]:
        raise ValueError("it names no joint")
    poses = table.people[values.get("person") or "0"][frame]
    if values["joint"] in poses:
        others = f"; columns that are not used: {', '.join(columns.unused)}" if columns.unused else ""
        raise ValueError(f"joint {values['joint']} of frame {frame:g} stands there twice{others}")
    cells = [values[channel] for channel in columns.channels]
    poses[values["joint"]] = [float(cell) for cell in cells] if all(cells) else [0.0] * len(cells)
    if values.get("label"):
        table.labels[values["label"]] = None


def _moment(values: Mapping[str, str]) -> float:
    if "frame" not in values:
        moment = float(values["time"] or "nan")
        if not np.isfinite(moment):
            raise ValueError(f"time must be a number, got {values['time']!r}")
        return moment
    frame = float(values["frame"] or "nan")
    if not frame.is_integer():
        raise ValueError(f"frame must be a whole number, got {values['frame']!r}")
    return frame


def _columns(rows: "csv.DictReader[str]") -> Columns:
    """Which column is which; ValueError if one is lacking."""
    try:
        called = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in rows.fieldnames or ()}
    except csv.Error as error:
        raise ValueError(f"line 1: {error}") from None
    names = {
        column: called[alias]
        for column, aliases in COLUMNS.items()
        if (alias := next((each for each in aliases if each in called), None))
    }
    lacking = [name for name in NEEDED if name not in names and not (name == "frame" and "time" in names)]
    if lacking:
        raise ValueError(f"it lacks the column {', '.join(lacking)}; it has {', '.join(called)[:200] or 'none'}")
    if "frame" in names:
        names.pop("time", None)
    return Columns(names, tuple(name for name in called.values() if name not in names.values()))


def _scene(people: Mapping[str, Frames], channels: tuple[str, ...]) -> Scene:
    joints = tuple(dict.fromkeys(joint for frames in people.values() for poses in frames.values() for joint in poses))
    if len(joints) > MAX_JOINTS:
        raise ValueError(f"it names {len(joints)} joints; at most {MAX_JOINTS} are allowed")
    moments = sorted({frame for frames in people.values() for frame in frames})
    if all(moment.is_integer() for moment in moments):
        if moments[-1] - moments[0] >= MAX_FRAMES:
            raise ValueError(f"frames run from {moments[0]:.0f} to {moments[-1]:.0f}; at most {MAX_FRAMES} are allowed")
        at = {moment: int(moment - moments[0]) for moment in moments}
    else:  # times
        at = {moment: t for t, moment in enumerate(moments)}
    index = {joint: v for v, joint in enumerate(joints)}
    tracks = []
    for frames in people.values():
        order = sorted(frames)
        tracks.append(track_of([at[t] for t in order], list(_poses(frames, order, index, len(channels)))))
    tracks.sort(key=lambda track: -_total_score(track, channels))
    return Scene(at[moments[-1]] + 1, tracks, channels, joints=joints)


def _total_score(track: Track, channels: tuple[str, ...]) -> float:
    """The sum of a person's scores, or without scores the number of its detected joints."""
    if "score" not in channels:
        return float(track.poses.any(axis=2).sum())
    scores = track.poses[..., -1]
    return float(scores[np.isfinite(scores)].sum())


def _poses(frames: Frames, order: list[float], index: dict[str, int], C: int) -> Iterator[np.ndarray]:
    for t in order:
        pose = np.zeros((len(index), C))
        for joint, values in frames[t].items():
            pose[index[joint]] = values
        yield pose
