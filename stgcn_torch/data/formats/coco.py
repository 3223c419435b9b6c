"""Reader of COCO keypoint JSON: ``images`` and ``annotations``, or a detector's bare list of results.

Joints are those that ``categories`` name, in their order, or else COCO's 17.

Images of one ``video_id``, or else those of one folder whose names differ by the number of the frame alone
(``frame_names``), are the frames of one recording, in the order of ``frame_id`` or else of that number. A list of
results lacks the images that show nobody: missing numbers are empty frames. If every annotation has a ``track_id``, it
identifies the people; otherwise poses are linked into tracks. A file in a class folder, as in ``class_folders``, has
that class.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from itertools import count
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.json_files import detected, load_json, numbers, part
from stgcn_torch.data.recordings.frame_names import Pattern, Series, missing_frames, series_of, with_fields
from stgcn_torch.data.recordings.named_joints import layout_of
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Recording,
    Scene,
    Track,
    files_in,
    recording,
    shown,
    track_of,
)
from stgcn_torch.data.recordings.tracking import tracks

SUFFIX = re.compile(r"\.(?:jpe?g|png|bmp|tiff?|webp|gif)$", re.IGNORECASE)  # of an image


class Images(NamedTuple):
    """Those of one recording: ids in the order of frames, None for a frame without; and sentences on the choice."""

    ids: list[Any]
    told: tuple[str, ...] = ()
    fields: Mapping[str, str] = {}


Frame = tuple[str, int | None, Any]  # name of an image, its frame_id, its id
Annotations = Mapping[Any, list[Mapping[str, Any]]]  # of each image


class Contents(NamedTuple):
    """A file: the images of each recording, the annotations, and names of the joints if it has them."""

    videos: dict[str, Images]
    annotations: Annotations
    joints: tuple[str, ...]


def recordings(root: Path, pattern: Pattern | None = None) -> list[Recording]:
    """The recordings of a file, or of every file under a folder; errors of an unreadable file come when it is read."""
    return [video for path in files_in(root, ".json") for video in _recordings(path, root, pattern)]


def _recordings(path: Path, root: Path, pattern: Pattern | None) -> list[Recording]:
    whole = recording(path, root, lambda path: _scene(path, None, pattern))
    try:
        videos = _contents(path, path.stat().st_mtime_ns, pattern).videos
    except (ValueError, OSError):
        return [whole]
    found = []
    for video, images in videos.items():
        source = whole.source if len(videos) == 1 else f"{whole.source}:{video}"
        read = partial(_scene, path, video, pattern)
        found.append(with_fields(replace(whole, source=source, read=read), images.fields))
    return found


@lru_cache(maxsize=1)  # the recordings of a file are read one after the other
def _contents(path: Path, _written: int, pattern: Pattern | None) -> Contents:
    """What a file holds; ``_written`` is its time."""
    data = load_json(path)
    annotations = data if isinstance(data, list) else part(data, "annotations", list)
    by_image: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    without = 0  # annotations without keypoints, such as boxes
    for annotation in annotations:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), int | str):
            raise ValueError(f"it has {str(annotation)[:40]} where an annotation with an image_id belongs")
        if annotation.get("keypoints"):
            by_image[annotation["image_id"]].append(annotation)
        elif isinstance(data, list):
            by_image.setdefault(annotation["image_id"], [])
        without += not annotation.get("keypoints")
    images = [{"id": name} for name in by_image] if isinstance(data, list) else part(data, "images", list)
    folders: dict[str, list[Frame]] = defaultdict(list)
    for image in images:
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
            raise ValueError(f"it has {str(image)[:40]} where an image with an id belongs")
        # Windows' paths may have either slash.
        name = PureWindowsPath(str(image.get("file_name") or image["id"]))
        moment = part(image, "frame_id", int) if "frame_id" in image else None
        folder = shown(Path(str(image.get("video_id", "." if pattern else name.parent.as_posix()))))
        folders[folder].append((name.as_posix() if pattern else name.name, moment, image["id"]))
    by_name: dict[str, Images] = {}
    for folder, frames in folders.items():
        for video, found in _videos(folder, frames, isinstance(data, list), pattern):
            names = (video if k == 1 else f"{video} ({k})" for k in count(1))
            by_name[next(each for each in names if each not in by_name)] = found
    if without and by_name:
        has = "1 annotation has" if without == 1 else f"{without} annotations have"
        first = next(iter(by_name))
        by_name[first] = by_name[first]._replace(told=(*by_name[first].told, f"{has} no keypoints, and left out"))
    return Contents(by_name, by_image, _joints(data, by_image))


def _joints(data: Any, annotations: Annotations) -> tuple[str, ...]:
    """The names of joints in the categories of annotations that have keypoints; empty if there are none.

    Raises:
        ValueError: They have joints of several categories.
    """
    categories = data.get("categories") if isinstance(data, dict) else None
    if not isinstance(categories, list):
        return ()
    used = {str(each.get("category_id")) for image in annotations.values() for each in image}
    lists = {
        tuple(map(str, names))
        for each in categories
        if isinstance(each, dict) and (names := each.get("keypoints")) and isinstance(names, list)
        if str(each.get("id")) in used or len(categories) == 1
    }
    if len(lists) > 1:
        raise ValueError(
            f"its categories have {' and '.join(str(len(names)) for names in lists)} joints of other names"
        )
    return next(iter(lists), ())


def _videos(
    folder: str, frames: list[Frame], is_results: bool, pattern: Pattern | None
) -> Iterator[tuple[str, Images]]:
    """The recordings of a folder's images, by their names.

    Raises:
        ValueError: Only some have a ``frame_id``, or the numbers span more than ``MAX_FRAMES``.
    """
    moments = [moment for _, moment, _ in frames if moment is not None]
    if moments and len(moments) < len(frames):
        raise ValueError("only some of its images have a frame_id")
    if moments and pattern is None:
        yield folder, Images([name for *_, name in sorted(frames, key=lambda frame: frame[1] or 0)])
        return
    found, others = series_of([SUFFIX.sub("", name) for name, *_ in frames], pattern)
    if others and pattern is None:
        found = [*found, Series("without a number", list(enumerate(others)))]
    for series in found:
        numbered = sorted((frames[i][1] if moments else number, i) for number, i in series.frames)
        numbers, rows = [number or 0 for number, _ in numbered], [frames[i][2] for _, i in numbered]
        at, told = dict(zip(numbers, rows, strict=True)), list(series.told)
        if len(at) < len(rows):
            told.append(f"{len(rows) - len(at)} images have the number of another, and come after it")
        elif not is_results:
            told += missing_frames(numbers, "the images are taken one after the other")
        if is_results and len(at) == len(rows):
            if numbers[-1] - numbers[0] >= MAX_FRAMES:
                raise ValueError(
                    f"images are numbered from {numbers[0]} to {numbers[-1]}; at most {MAX_FRAMES} are allowed"
                )
            rows = [at.get(number) for number in range(numbers[0], numbers[-1] + 1)]
        parts = [part for part in (folder if folder != "." else "", shown(Path(series.name or "."))) if part != "."]
        yield "/".join(filter(None, parts)) or ".", Images(rows, tuple(told), series.fields)


def _scene(path: Path, video: str | None, pattern: Pattern | None) -> Scene:
    videos, annotations, joints = _contents(path, path.stat().st_mtime_ns, pattern)
    found = videos[video] if video is not None else Images([])
    images = found.ids
    poses = [
        [(_track(each), _pose(each, len(joints) or 17)) for each in annotations.get(image, [])] for image in images
    ]
    numbered = all(number is not None for frame in poses for number, _ in frame)
    people = _numbered(poses) if numbered else tracks((t, _stacked(frame)) for t, frame in enumerate(poses) if frame)
    layout, told = layout_of(joints) if joints else ("coco", "")
    return Scene(len(images), people, ("x", "y", "score"), layout, joints, problems=found.told, told=told)


def _numbered(poses: list[list[tuple[Any, np.ndarray]]]) -> list[Track]:
    """People by ``track_id``, in falling order of their sums of scores."""
    tracked: dict[Any, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for t, frame in enumerate(poses):
        for number, pose in frame:
            tracked[number].append((t, pose))
    people = [track_of([t for t, _ in each], [pose for _, pose in each]) for each in tracked.values()]
    return sorted(people, key=lambda track: -float(track.poses[..., 2].sum()))


def _stacked(frame: list[tuple[Any, np.ndarray]]) -> Float[np.ndarray, "P V 3"]:
    return np.stack([pose for _, pose in frame])


def _track(annotation: Mapping[str, Any]) -> int | str | None:
    number = annotation.get("track_id")
    return number if isinstance(number, int | str) else None


def _pose(annotation: Mapping[str, Any], V: int) -> Float[np.ndarray, "V 3"]:
    """x, y and score; in ground truth the score is 1 for a labelled joint, hidden (1) or visible (2), else 0."""
    try:
        pose = numbers(annotation.get("keypoints"), {3 * V: f"{V} joints"}).reshape(V, 3)
    except ValueError as error:
        raise ValueError(f"image {annotation['image_id']}: {error}") from None
    pose[:, 2] = np.clip(pose[:, 2], 0, 1)
    return detected(pose)
