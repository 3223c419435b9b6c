"""Reader of CSV: one file per clip, a row per joint, with columns frame, person, joint, x, y, z and score in any order.

``person``, ``z`` and ``score`` may be lacking; ``confidence``, ``visibility`` and ``likelihood`` are scores too.
Semicolons or tabs may replace commas. A joint is a name or a number of the layout. Missing rows and empty cells are
undetected joints. A file in a class folder, as in ``class_folders``, has that class.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stgcn_torch.data.formats.text_files import bytes_of, encoding_of
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Recording,
    Scene,
    Track,
    files_in,
    recording,
    track_of,
)

NEEDED = ("frame", "joint", "x", "y")
CHANNELS = ("x", "y", "z", "score")
SCORES = ("score", "confidence", "visibility", "likelihood")  # pose estimators' names; the first in the file counts
MAX_JOINTS = 1000


def recordings(root: Path) -> list[Recording]:
    """The ``.csv`` files under a folder, or the single file, in the order of their paths."""
    return [recording(path, root, read_table) for path in files_in(root, ".csv")]


def read_table(path: Path) -> Scene:
    """The people of one file, in falling order of their sums of scores; ValueError names the wrong line."""
    people: dict[str, dict[int, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    content = bytes_of(path)
    with io.StringIO(content.decode(encoding_of(content), "backslashreplace"), newline="") as file:
        delimiter = max(",;\t", key=file.readline(1 << 16).count)
        file.seek(0)
        rows = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        channels = _channels(rows)
        try:
            for row in rows:
                frame, joint, values = _row(row, channels)
                poses = people[row.get("person") or "0"][frame]
                if joint in poses:
                    raise ValueError(f"joint {joint} of frame {frame} stands there twice")
                poses[joint] = values
        except ValueError as error:
            raise ValueError(f"line {rows.line_num}: {error}") from None
        except csv.Error as error:  # in the line after the last one read
            raise ValueError(f"line {rows.line_num + 1}: {error}") from None
    joints = tuple(dict.fromkeys(joint for frames in people.values() for poses in frames.values() for joint in poses))
    return _scene(people, joints, channels)


def _channels(rows: "csv.DictReader[str]") -> tuple[str, ...]:
    try:
        names = [name.strip().lower() for name in rows.fieldnames or ()]
    except csv.Error as error:
        raise ValueError(f"line 1: {error}") from None
    lacking = [name for name in NEEDED if name not in names]
    if lacking:
        raise ValueError(f"it lacks the column {', '.join(lacking)}; it has {', '.join(names)[:200] or 'none'}")
    score = next((name for name in SCORES if name in names), None)
    rows.fieldnames = ["score" if name == score else name for name in names]
    names = rows.fieldnames
    return tuple(name for name in CHANNELS if name in names)


def _row(row: dict[str, str], channels: tuple[str, ...]) -> tuple[int, str, list[float]]:
    frame, joint = float(row["frame"] or "nan"), (row["joint"] or "").strip()
    if not frame.is_integer():
        raise ValueError(f"frame must be a whole number, got {row['frame']!r}")
    if not joint:
        raise ValueError("it names no joint")
    if None in row:  # DictReader's key for cells beyond the last column
        raise ValueError("it has more cells than there are columns")
    cells = [row[channel] for channel in channels]
    if not all(cell and cell.strip() for cell in cells):
        return int(frame), joint, [0.0] * len(channels)
    return int(frame), joint, [float(cell) for cell in cells]


def _scene(
    people: dict[str, dict[int, dict[str, list[float]]]], joints: tuple[str, ...], channels: tuple[str, ...]
) -> Scene:
    if not people:
        return Scene(0, [], channels, joints=joints)
    if len(joints) > MAX_JOINTS:
        raise ValueError(f"it names {len(joints)} joints; at most {MAX_JOINTS} are allowed")
    first = min(min(frames) for frames in people.values())
    last = max(max(frames) for frames in people.values())
    if last - first >= MAX_FRAMES:
        raise ValueError(f"frames run from {first} to {last}; at most {MAX_FRAMES} are allowed")
    index = {joint: v for v, joint in enumerate(joints)}
    tracks = []
    for frames in people.values():
        order = sorted(frames)
        tracks.append(track_of([t - first for t in order], list(_poses(frames, order, index, len(channels)))))
    tracks.sort(key=lambda track: -_total_score(track, channels))
    return Scene(last - first + 1, tracks, channels, joints=joints)


def _total_score(track: Track, channels: tuple[str, ...]) -> float:
    """The sum of a person's scores, or without scores the number of its detected joints."""
    if "score" not in channels:
        return float(track.poses.any(axis=2).sum())
    scores = track.poses[..., -1]
    return float(scores[np.isfinite(scores)].sum())


def _poses(
    frames: dict[int, dict[str, list[float]]], order: list[int], index: dict[str, int], C: int
) -> Iterator[np.ndarray]:
    for t in order:
        pose = np.zeros((len(index), C))
        for joint, values in frames[t].items():
            pose[index[joint]] = values
        yield pose
