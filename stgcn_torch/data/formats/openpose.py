"""Reader of OpenPose's JSON folders: one file per frame, named by its number, with every person found in it.

Each folder is one recording, its people linked into tracks. ``GROUP/CLASS/VIDEO/..._000000000012_keypoints.json``: the
folder above a video's is its class; videos right in the root, or the root as the one video, have none.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.json_files import load_json, numbers, part
from stgcn_torch.data.formats.recording import MAX_FRAMES, Recording, Scene, files_in, hidden, recording, shown
from stgcn_torch.data.formats.tracking import tracks

SIZES = {75: "BODY_25", 54: "COCO"}
LAYOUTS = {25: "fsd10", 18: "openpose"}
NUMBER = re.compile(r"(\d+)(?:_keypoints)?$")


def recordings(root: Path) -> list[Recording]:
    """The folders of frames under a folder, in the order of their paths."""
    folders = sorted({path.parent for path in files_in(root, ".json")}) if root.is_dir() else [root]
    return [recording(folder, root, read_folder) for folder in folders]


def read_folder(folder: Path) -> Scene:
    """The people of a folder of frames, or of one frame. A frame that is missing or cannot be read has no people.

    Raises:
        ValueError: No frame can be read, or their numbers run too far.
    """
    files = numbered(folder)
    first, last = files[0][0], files[-1][0]
    if last - first >= MAX_FRAMES:
        raise ValueError(f"frames are numbered from {first} to {last}; at most {MAX_FRAMES} are allowed")
    reader = _Frames(files)
    people = tracks((frame - first, found) for frame, found in reader)
    if len(reader.unreadable) == len(files):
        raise ValueError(f"none of its {len(files)} frames can be read; the first: {reader.unreadable[0]}")
    problems: tuple[str, ...] = ()
    if reader.unreadable:
        problems = (f"{len(reader.unreadable)} of {len(files)} frames are taken as empty; {reader.unreadable[0]}",)
    layout = LAYOUTS.get(reader.joints or 0)
    return Scene(last - first + 1, people, ("x", "y", "score"), layout, problems=problems)


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """The frames of a folder with the last number in their names, in its order; counted if any has none of its own.

    Raises:
        ValueError: There is none.
    """
    paths = sorted(path for path in folder.glob("*.json") if not hidden(path, folder)) if folder.is_dir() else [folder]
    if not paths:
        raise ValueError("it holds no .json")
    found = [NUMBER.search(path.stem) for path in paths]
    frames = [int(match[1]) for match in found if match and len(match[1]) < 19]
    if len(set(frames)) < len(paths):
        frames = list(range(len(paths)))
    return sorted(zip(frames, paths, strict=True))


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

    def __init__(self, files: list[tuple[int, Path]]) -> None:
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
