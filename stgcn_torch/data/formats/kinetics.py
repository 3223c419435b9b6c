"""Reader of Kinetics-skeleton: one JSON file per clip, OpenPose's 18 joints, its label inside or in a file.

The label of ``kinetics_train/CLIP.json`` is in ``kinetics_train_label.json`` beside the folder or in it, or in the
clip. As in the data of the released ST-GCN, the people of a frame are the two of the first five with the largest sum of
scores, the larger first, so that one place may show different people over time; a joint of score zero is at zero.
Unlike in those data, coordinates are not shifted by 0.5 (``preprocessing.center`` does better), and a clip starts at
its first frame.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.json_files import detected, load_json, numbers, part
from stgcn_torch.data.recordings.labels import number_of
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Label,
    Recording,
    Scene,
    Track,
    files_in,
    recording,
    shown,
    track_of,
)
from stgcn_torch.data.recordings.tracking import tracks

Frames = dict[int, list[Float[np.ndarray, "18 3"]]]  # the people of each frame, by its number
LISTED, KEPT = 5, 2  # people of a frame that are considered, and that are read
SPLIT = re.compile(r"(?:^|_)(train|val|test)$")


def surest(frames: Frames) -> list[Track]:
    """The two of each frame's first five with the largest sums of scores, as in ST-GCN's data."""
    places: list[tuple[list[int], list[np.ndarray]]] = [([], []) for _ in range(KEPT)]
    for frame, listed in frames.items():
        poses = sorted(listed[:LISTED], key=lambda pose: -pose[:, 2].sum(dtype=float))
        for (indices, track), pose in zip(places, poses, strict=False):
            indices.append(frame)
            track.append(pose)
    return [track_of(indices, track) for indices, track in places if indices]


def followed(frames: Frames) -> list[Track]:
    """Every person, linked from frame to frame."""
    return tracks((frame, np.stack(poses)) for frame, poses in frames.items() if poses)


def recordings(root: Path, people: Callable[[Frames], list[Track]] = surest) -> list[Recording]:
    """The clips of a folder and its subfolders, with the labels of each folder's label file."""
    files = files_in(root, ".json")
    clips, labels = [], {folder: _labels(folder) for folder in {path.parent for path in files}}
    for path in files:
        if path.stem.endswith(("_label", "_labels")) and path != root:
            continue
        split = SPLIT.search(path.parent.name)
        clips.append(
            Recording(
                recording(path, root, read_clip).source,
                partial(read_clip, path, people),
                labels[path.parent].get(path.stem) or labels[path.parent].get(path.name),
                columns={"split": split[1]} if split and path != root else {},
            )
        )
    return clips


def _labels(folder: Path) -> dict[str, Label]:
    """The labels of a folder's clips by their names, from the files beside it or else from those inside."""
    ends = ("_label", "_labels")
    beside = [path for end in ends if (path := folder.with_name(f"{folder.name}{end}.json")).is_file()]
    inside = [path for path in sorted(folder.glob("*.json")) if path.stem.endswith(ends)]
    return {clip: label for file in beside or inside for clip, label in _labels_in(file).items()}


def _labels_in(file: Path) -> dict[str, Label]:
    try:
        labels = load_json(file)
        if not isinstance(labels, Mapping):
            raise ValueError("it must hold an object")
        return {clip: label for clip, entry in labels.items() if (label := _label(entry))}
    except ValueError as error:
        raise ValueError(f"{shown(file)}: {error}") from None


def _label(entry: Mapping[str, Any]) -> Label | None:
    name, number = part(entry, "label", str), number_of(entry.get("label_index"))
    if number is None:
        raise ValueError("it has no 'label_index' that is a whole number")
    return Label(" ".join(name.split()) or str(number), number) if number >= 0 else None


def read_clip(path: Path, people: Callable[[Frames], list[Track]] = surest) -> Scene:
    """The people of one clip; ValueError if the file is damaged."""
    clip = load_json(path)
    data = part(clip, "data", list)
    frames = sorted(((part(f, "frame_index", int), part(f, "skeleton", list)) for f in data), key=itemgetter(0))
    label = _label(clip) if "label" in clip and "label_index" in clip else None
    if not frames:
        return Scene(0, [], ("x", "y", "score"), "openpose", label=label)
    first, last = frames[0][0], frames[-1][0]
    if last - first >= MAX_FRAMES:
        raise ValueError(f"frames are numbered from {first} to {last}; at most {MAX_FRAMES} are allowed")
    poses = {frame - first: [_pose(skeleton, frame) for skeleton in skeletons] for frame, skeletons in frames}
    return Scene(last - first + 1, people(poses), ("x", "y", "score"), "openpose", label=label)


def _pose(skeleton: Any, frame: int) -> Float[np.ndarray, "18 3"]:
    try:
        xy = numbers(part(skeleton, "pose", list), {36: "18 joints"}).reshape(18, 2)
        score = numbers(part(skeleton, "score", list), {18: "18 joints"})
    except ValueError as error:
        raise ValueError(f"frame {frame}: {error}") from None
    pose = np.column_stack([xy, score])
    return np.column_stack([detected(pose)[:, :2], np.where(np.isfinite(score), score, 0)])  # as in ST-GCN's data
