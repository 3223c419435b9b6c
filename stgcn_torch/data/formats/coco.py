"""Reader of COCO keypoint JSON: ``images`` and ``annotations``, or a detector's bare list of results.

Images of one ``video_id``, or else of one folder, are the frames of one recording, in the order of ``frame_id`` or else
of their file names, numbers by value. A list of results has no word of images that show nobody: where names end in
numbers, those between are empty frames. Where every annotation has a ``track_id`` the people are those, else they are
linked into tracks. A file in a class folder, as in ``class_folders``, has that class.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.json_files import load_json, numbers, part
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Recording,
    Scene,
    Track,
    by_number,
    files_in,
    recording,
    shown,
    track_of,
)
from stgcn_torch.data.recordings.tracking import tracks

Images = list[Any]  # of one recording: their ids, in the order of frames
Found = Mapping[Any, list[Mapping[str, Any]]]  # the annotations of each image


def recordings(root: Path) -> list[Recording]:
    """The recordings of a file, or of every file under a folder. One that cannot be read is told of when it is read."""
    return [found for path in files_in(root, ".json") for found in _recordings(path, root)]


def _recordings(path: Path, root: Path) -> list[Recording]:
    whole = recording(path, root, lambda path: _scene(path, None))
    try:
        videos = list(_contents(path, path.stat().st_mtime_ns)[0])
    except (ValueError, OSError):
        return [whole]
    if len(videos) == 1:
        return [replace(whole, read=partial(_scene, path, videos[0]))]
    return [replace(whole, source=f"{whole.source}:{video}", read=partial(_scene, path, video)) for video in videos]


@lru_cache(maxsize=1)  # the recordings of a file are read one after the other
def _contents(path: Path, _written: int) -> tuple[dict[str, Images], Found]:
    """The images of each recording in a file as it was written at a time, and its annotations by image."""
    held = load_json(path)
    annotations = held if isinstance(held, list) else part(held, "annotations", list)
    found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), int | str):
            raise ValueError(f"it has {str(annotation)[:40]} where an annotation with an image_id belongs")
        found[annotation["image_id"]].append(annotation)
    images = [{"id": name} for name in found] if isinstance(held, list) else part(held, "images", list)
    videos: dict[str, list[tuple[tuple[Any, ...], Any]]] = defaultdict(list)
    for image in images:
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
            raise ValueError(f"it has {str(image)[:40]} where an image with an id belongs")
        # Windows' paths may have either slash.
        name = PureWindowsPath(str(image.get("file_name", image["id"])))
        moment = (float(part(image, "frame_id", int)),) if "frame_id" in image else by_number(Path(name.name))
        videos[shown(Path(str(image.get("video_id", name.parent.as_posix()))))].append((moment, image["id"]))
    try:
        ordered = {video: sorted(frames) for video, frames in videos.items()}
    except TypeError:
        raise ValueError("only some of its images have a frame_id, or ids of one kind") from None
    if isinstance(held, list):
        return {video: _with_gaps(frames) for video, frames in ordered.items()}, found
    return {video: [name for _, name in frames] for video, frames in ordered.items()}, found


def _with_gaps(frames: list[tuple[tuple[Any, ...], Any]]) -> Images:
    """The names of frames in order, None for each number that is missing between them if they differ by number alone.

    Raises:
        ValueError: The numbers run too far.
    """
    names, numbers = [name for _, name in frames], [moment[2] for moment, _ in frames]
    first, last = numbers[0], numbers[-1]
    if len({moment[1] for moment, _ in frames}) > 1 or len(set(numbers)) < len(names):
        return names
    if last - first >= MAX_FRAMES:
        raise ValueError(f"images are numbered from {first} to {last}; at most {MAX_FRAMES} are allowed")
    at = dict(zip(numbers, names, strict=True))
    return [at.get(number) for number in range(first, last + 1)]


def _scene(path: Path, video: str | None) -> Scene:
    videos, found = _contents(path, path.stat().st_mtime_ns)
    images = videos[video] if video is not None else []
    poses = [[(_track(each), _pose(each)) for each in found.get(image, [])] for image in images]
    numbered = all(number is not None for frame in poses for number, _ in frame)
    people = _numbered(poses) if numbered else tracks((t, _stacked(frame)) for t, frame in enumerate(poses) if frame)
    return Scene(len(images), people, ("x", "y", "score"), "coco")


def _numbered(poses: list[list[tuple[Any, np.ndarray]]]) -> list[Track]:
    """People by their own numbers, the one with the largest sum of scores first."""
    seen: dict[Any, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for t, frame in enumerate(poses):
        for number, pose in frame:
            seen[number].append((t, pose))
    people = [track_of([t for t, _ in each], [pose for _, pose in each]) for each in seen.values()]
    return sorted(people, key=lambda track: -float(track.poses[..., 2].sum()))


def _stacked(frame: list[tuple[Any, np.ndarray]]) -> Float[np.ndarray, "P 17 3"]:
    return np.stack([pose for _, pose in frame])


def _track(annotation: Mapping[str, Any]) -> int | str | None:
    number = annotation.get("track_id")
    return number if isinstance(number, int | str) else None


def _pose(annotation: Mapping[str, Any]) -> Float[np.ndarray, "17 3"]:
    """x, y and score; of a person's annotation 0, 1 for what is labelled, hidden (1) or visible (2)."""
    try:
        pose = numbers(annotation.get("keypoints"), {51: "17 joints"}).reshape(17, 3)
    except ValueError as error:
        raise ValueError(f"image {annotation['image_id']}: {error}") from None
    pose[:, 2] = np.clip(pose[:, 2], 0, 1)
    return np.where(pose[:, 2:] > 0, pose, 0)
