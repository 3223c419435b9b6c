"""Reader of OpenPose's JSON folders: one file per frame, named by its number, with every person found in it.

A person of 75 numbers is of BODY_25 or of BODY_25B, which ``joint_order`` tells by the bones.
Each folder is one recording, its people linked into tracks. ``GROUP/CLASS/VIDEO/..._000000000012_keypoints.json``: the
folder above a video's is its class; videos right in the root, or the root as the one video, have none. Several videos
that were written into one folder, ``GROUP/CLASS/VIDEO_000000000012_keypoints.json``, are told apart by their names.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.json_files import load_json, numbers, part
from stgcn_torch.data.recordings.joint_order import LONGER, how_much_longer
from stgcn_torch.data.recordings.recording import (
    MAX_FRAMES,
    Recording,
    Scene,
    by_number,
    files_in,
    hidden,
    recording,
    shown,
)
from stgcn_torch.data.recordings.tracking import tracks

SIZES = {75: "BODY_25", 54: "COCO"}
LAYOUTS = {25: "fsd10", 18: "openpose"}
NUMBER = re.compile(r"(\d+)(?:_keypoints)?$")


Frames = list[tuple[int, Path]]  # with their numbers, in order


def recordings(root: Path) -> list[Recording]:
    """The videos of a folder and of those under it, in the order of their paths."""
    folders = sorted({path.parent for path in files_in(root, ".json")}) if root.is_dir() else [root]
    return [found for folder in folders for found in _videos(folder, root)]


def _videos(folder: Path, root: Path) -> list[Recording]:
    found = videos(folder)
    if len(found) < 2:
        return [recording(folder, root, read_folder)]
    places = {name: folder / (name.rstrip(" _.-") or name) for name in found}
    return [replace(recording(places[name], root, read_folder), read=partial(read, found[name])) for name in found]


def read_folder(folder: Path) -> Scene:
    """The people of a folder of frames, or of one frame. A frame that is missing or cannot be read has no people.

    Raises:
        ValueError: No frame can be read, or their numbers run too far, or they are of several videos.
    """
    found = videos(folder)
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} videos" if found else "it holds no .json")
    (frames,) = found.values()
    scene = read(frames)
    others = sorted(set(frames_in(folder)) - {path for _, path in frames})
    if not others:
        return scene
    said = f"{len(others)} files without a number in their names are no frames, such as {shown(Path(others[0].name))}"
    return replace(scene, problems=(*scene.problems, said))


def frames_in(folder: Path) -> list[Path]:
    """The JSON files of a folder, or the one."""
    return [path for path in folder.glob("*.json") if not hidden(path, folder)] if folder.is_dir() else [folder]


def videos(folder: Path) -> dict[str, Frames]:
    """The videos of a folder by what their names have in common.

    Each frame has the last number in its name; if no name has one, frames are counted. There is one video unless two
    frames with names that differ before the number have the same.
    """
    paths = sorted(frames_in(folder), key=by_number)
    named = [(match, path) for path in paths if (match := NUMBER.search(path.stem)) and len(match[1]) < 19]
    if not named:
        return {"": list(enumerate(paths))} if paths else {}
    one = len({int(match[1]) for match, _ in named}) == len(named)
    found: dict[str, Frames] = defaultdict(list)
    for match, path in named:
        found["" if one else path.stem[: match.start()]].append((int(match[1]), path))
    return {name: sorted(frames) for name, frames in found.items()}


def read(frames: Frames) -> Scene:
    """The people of a video; errors as in ``read_folder``."""
    first, last = frames[0][0], frames[-1][0]
    if last - first >= MAX_FRAMES:
        raise ValueError(f"frames are numbered from {first} to {last}; at most {MAX_FRAMES} are allowed")
    if len({frame for frame, _ in frames}) < len(frames):
        raise ValueError("two of its frames have the same number")
    reader = _Frames(frames)
    people = tracks((frame - first, found) for frame, found in reader)
    if len(reader.unreadable) == len(frames):
        raise ValueError(f"none of its {len(frames)} frames can be read; the first: {reader.unreadable[0]}")
    problems: tuple[str, ...] = ()
    if reader.unreadable:
        problems = (f"{len(reader.unreadable)} of {len(frames)} frames are taken as empty; {reader.unreadable[0]}",)
    layout, told = LAYOUTS.get(reader.joints or 0), ""
    if layout == "fsd10" and (times := how_much_longer(people)) > LONGER:
        layout = "body_25b"
        told = f"read as BODY_25B: in BODY_25's order its bones are {times:.2g} times as long; layout=fsd10 overrules"
    return Scene(last - first + 1, people, ("x", "y", "score"), layout, problems=problems, told=told)


def people_of(path: Path) -> list[Float[np.ndarray, "V 3"]]:
    """Every person in one file; ValueError says what is wrong with it."""
    found = []
    try:
        for person in part(load_json(path), "people", list):
            values = person.get("pose_keypoints_2d", person.get("pose_keypoints")) if isinstance(person, dict) else None
            if values != []:  # only a hand or a face
                found.append(numbers(values, SIZES).reshape(-1, 3))
    except ValueError as error:
        raise ValueError(f"{shown(Path(path.name))}: {error}") from None
    return found


class _Frames:
    """The people of each frame, in order; those after the first must have as many joints."""

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
