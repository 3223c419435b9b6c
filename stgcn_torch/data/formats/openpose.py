"""Reader of OpenPose's JSON folders: one file per frame, named by its number, with every person found in it.

A person of 75 numbers is in the order of BODY_25 or of BODY_25B, which ``joint_order`` detects from the bones.
Each folder is one recording, its people linked into tracks. ``GROUP/CLASS/VIDEO/..._000000000012_keypoints.json``: the
folder above a video's is its class; videos right in the root, and the root as a single video, have no class. Several
videos in one folder, ``GROUP/CLASS/VIDEO_000000000012_keypoints.json``, are separated by their names, wherever the
number of the frame stands (``frame_names``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.json_files import detected, load_json, numbers, part
from stgcn_torch.data.recordings.frame_names import Pattern, missing_frames, series_of, with_fields
from stgcn_torch.data.recordings.joint_order import LONGER, bone_length_ratio
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Recording,
    Scene,
    by_number,
    files_in,
    kind_of,
    recording,
    shown,
)
from stgcn_torch.data.recordings.tracking import tracks

SIZES = {75: "BODY_25", 54: "COCO"}
LAYOUTS = {25: "fsd10", 18: "openpose"}


Frames = list[tuple[int, Path]]  # number and file, in order


def recordings(root: Path, pattern: Pattern | None = None) -> list[Recording]:
    """The videos of a folder and its subfolders, in the order of their paths."""
    if pattern is not None and root.is_dir():
        paths = files_in(root, ".json")
        return [video for video, _ in _videos(root, root, paths, pattern)]
    folders = sorted({path.parent for path in files_in(root, ".json")}) if root.is_dir() else [root]
    return [video for folder in folders for video, _ in _videos(folder, root, frames_in(folder))]


def _videos(
    folder: Path, root: Path, paths: Sequence[Path], pattern: Pattern | None = None
) -> list[tuple[Recording, Frames]]:
    """The videos whose frames are these files, and the frames; files that are no frames are told of with the first."""
    names = [path.relative_to(folder).with_suffix("").as_posix() if path != folder else path.stem for path in paths]
    found, others = series_of(names, pattern)
    videos = []
    for k, series in enumerate(found):
        frames = [(number, paths[i]) for number, i in series.frames]
        notes = (*series.told, *_not_frames([paths[i] for i in others] if k == 0 and pattern is None else []))
        video = recording(folder / series.name if series.name else folder, root, partial(_read, frames, notes))
        videos.append((with_fields(video, series.fields), frames))
    return videos


def _read(frames: Frames, notes: tuple[str, ...], _: Path) -> Scene:
    scene = read(frames)
    return replace(scene, problems=(*scene.problems, *notes))


def _not_frames(others: Sequence[Path]) -> tuple[str, ...]:
    if not others:
        return ()
    first = shown(Path(min(others, key=by_number).name))
    return (f"{len(others)} files without a number in their names are no frames, such as {first}",)


def read_folder(folder: Path) -> Scene:
    """The people of a folder of frames, or of one frame. A frame that is missing or cannot be read has no people.

    Raises:
        ValueError: No frame can be read, the numbers span more than ``MAX_FRAMES``, or there are several videos.
    """
    videos = _videos(folder, folder, frames_in(folder))
    if len(videos) != 1:
        raise ValueError(f"it holds {len(videos)} videos" if videos else "it holds no .json")
    return videos[0][0].read()


def frames_in(folder: Path) -> list[Path]:
    """The JSON files of a folder, or the single file."""
    if not folder.is_dir():
        return [folder]
    paths = (path for path in folder.iterdir() if kind_of(path) == ".json" and path.is_file())
    return sorted(path for path in paths if not path.name.startswith("."))


def read(frames: Frames) -> Scene:
    """The people of a video; errors as in ``read_folder``."""
    first, last = frames[0][0], frames[-1][0]
    if last - first >= MAX_FRAMES:
        raise ValueError(f"frames are numbered from {first} to {last}; at most {MAX_FRAMES} are allowed")
    if len({frame for frame, _ in frames}) < len(frames):
        raise ValueError("two of its frames have the same number")
    reader = _Frames(frames)
    people = tracks((frame - first, poses) for frame, poses in reader)
    if len(reader.unreadable) == len(frames):
        raise ValueError(f"none of its {len(frames)} frames can be read; the first: {reader.unreadable[0]}")
    problems: tuple[str, ...] = missing_frames([number for number, _ in frames])
    if reader.unreadable:
        problems += (f"{len(reader.unreadable)} of {len(frames)} frames are taken as empty; {reader.unreadable[0]}",)
    layout, reason = LAYOUTS.get(reader.joints or 0), ""
    if layout == "fsd10" and (times := bone_length_ratio(people)) > LONGER:
        layout = "body_25b"
        reason = f"read as BODY_25B: in BODY_25's order its bones are {times:.2g} times as long; layout=fsd10 overrules"
    return Scene(last - first + 1, people, ("x", "y", "score"), layout, problems=problems, told=reason)


def people_of(path: Path) -> list[Float[np.ndarray, "V 3"]]:
    """Every person in one file; ValueError if the file is damaged."""
    poses = []
    try:
        for person in part(load_json(path), "people", list):
            values = person.get("pose_keypoints_2d", person.get("pose_keypoints")) if isinstance(person, dict) else None
            if values != []:  # only a hand or a face
                poses.append(detected(numbers(values, SIZES).reshape(-1, 3)))
    except ValueError as error:
        raise ValueError(f"{shown(Path(path.name))}: {error}") from None
    return poses


class _Frames:
    """The people of each frame, in order; a frame whose number of joints differs from the first's is unreadable."""

    def __init__(self, files: Frames) -> None:
        self.files = files
        self.joints: int | None = None
        self.unreadable: list[str] = []

    def __iter__(self) -> Iterator[tuple[int, Float[np.ndarray, "P V 3"]]]:
        for frame, path in self.files:
            try:
                people = people_of(path)
            except (ValueError, OSError) as error:
                self.unreadable.append(str(error))
                continue
            sizes = {len(pose) for pose in people} | ({self.joints} if self.joints else set())
            if len(sizes) > 1:
                self.unreadable.append(
                    f"{shown(Path(path.name))}: it has people of {' and '.join(map(str, sorted(sizes)))} joints"
                )
            elif people:
                self.joints = sizes.pop()
                yield frame, np.stack(people)
