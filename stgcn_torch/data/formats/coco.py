"""Reader of COCO keypoint JSON: ``images`` and ``annotations``, or a detector's bare list of results.

Images of one ``video_id``, or else of one folder, are the frames of one recording, in the order of ``frame_id`` or else
of their file names, numbers by value. A list of results lacks the images that show nobody: if names end in numbers,
missing numbers are empty frames. If every annotation has a ``track_id``, it identifies the people; otherwise poses are
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
Annotations = Mapping[Any, list[Mapping[str, Any]]]  # of each image


def recordings(root: Path) -> list[Recording]:
    """The recordings of a file, or of every file under a folder; errors of an unreadable file come when it is read."""
    return [video for path in files_in(root, ".json") for video in _recordings(path, root)]


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
def _contents(path: Path, _written: int) -> tuple[dict[str, Images], Annotations]:
    """The images of each recording in a file, and the annotations by image; ``_written`` is the file's time."""
    data = load_json(path)
    annotations = data if isinstance(data, list) else part(data, "annotations", list)
    by_image: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), int | str):
            raise ValueError(f"it has {str(annotation)[:40]} where an annotation with an image_id belongs")
        by_image[annotation["image_id"]].append(annotation)
    images = [{"id": name} for name in by_image] if isinstance(data, list) else part(data, "images", list)
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
    if isinstance(data, list):
        return {video: _with_gaps(frames) for video, frames in ordered.items()}, by_image
    return {video: [name for _, name in frames] for video, frames in ordered.items()}, by_image


def _with_gaps(frames: list[tuple[tuple[Any, ...], Any]]) -> Images:
    """The names of frames in order, with None for each missing number if the names differ by number alone.

    Raises:
        ValueError: The numbers span more than ``MAX_FRAMES``.
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
    videos, annotations = _contents(path, path.stat().st_mtime_ns)
    images = videos[video] if video is not None else []
    poses = [[(_track(each), _pose(each)) for each in annotations.get(image, [])] for image in images]
    numbered = all(number is not None for frame in poses for number, _ in frame)
    people = _numbered(poses) if numbered else tracks((t, _stacked(frame)) for t, frame in enumerate(poses) if frame)
    return Scene(len(images), people, ("x", "y", "score"), "coco")


def _numbered(poses: list[list[tuple[Any, np.ndarray]]]) -> list[Track]:
    """People by ``track_id``, in falling order of their sums of scores."""
    tracked: dict[Any, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for t, frame in enumerate(poses):
        for number, pose in frame:
            tracked[number].append((t, pose))
    people = [track_of([t for t, _ in each], [pose for _, pose in each]) for each in tracked.values()]
    return sorted(people, key=lambda track: -float(track.poses[..., 2].sum()))


def _stacked(frame: list[tuple[Any, np.ndarray]]) -> Float[np.ndarray, "P 17 3"]:
    return np.stack([pose for _, pose in frame])


def _track(annotation: Mapping[str, Any]) -> int | str | None:
    number = annotation.get("track_id")
    return number if isinstance(number, int | str) else None


def _pose(annotation: Mapping[str, Any]) -> Float[np.ndarray, "17 3"]:
    """x, y and score; in ground truth the score is 1 for a labelled joint, hidden (1) or visible (2), else 0."""
    try:
        pose = numbers(annotation.get("keypoints"), {51: "17 joints"}).reshape(17, 3)
    except ValueError as error:
        raise ValueError(f"image {annotation['image_id']}: {error}") from None
    pose[:, 2] = np.clip(pose[:, 2], 0, 1)
    return np.where(pose[:, 2:] > 0, pose, 0)
