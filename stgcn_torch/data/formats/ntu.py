"""Reader of NTU RGB+D's raw ``.skeleton`` text: Kinect v2, 25 joints in metres.

The name ``SsssCcccPpppRrrrAaaa`` gives setup, camera, performer, repetition and action; the performer is the group, and
the benchmarks' splits are columns of the manifest: ``xsub`` and ``xview`` (NTU 60), ``xsub`` and ``xset`` (NTU 120).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.recordings.recording import Label, Poses, Recording, Scene, Track, files_in, recording, track_of

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
JOINTS, NUMBERS, BODY = 25, 12, 10  # joints, values of a joint, values of a body before its joints
MOST = 2  # bodies of a frame in the published arrays
TRAINING = {  # performers of cross-subject training in NTU 120 (arXiv:1905.04757); NTU 60 has those up to 40
    *(1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38, 45, 46, 47, 49, 50, 52, 53, 54, 55, 56),
    *(57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95, 97, 98, 100, 103),
}
Bodies = list[tuple[str, Float[np.ndarray, "25 3"]]]


def listed(frames: list[Bodies]) -> list[Track]:
    """The first two bodies of each frame as they are listed, as in the arrays of ST-GCN and PaddleVideo.

    A body's place changes when one before it vanishes.
    """
    places = [[(t, bodies[m][1]) for t, bodies in enumerate(frames) if m < len(bodies)] for m in range(MOST)]
    return [track_of(*zip(*place, strict=True)) for place in places if place]


def most_active(frames: list[Bodies]) -> list[Track]:
    """Every body by its number, in falling order of motion, as sensors mistake furniture for people."""
    tracked: dict[str, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for t, bodies in enumerate(frames):
        for number, pose in bodies:
            tracked[number].append((t, pose))
    tracks = [track_of(*zip(*poses, strict=True)) for poses in tracked.values()]
    return sorted(tracks, key=lambda track: -motion(track.poses))


def motion(poses: Poses) -> float:
    """Motion of a body: standard deviation of each coordinate over the frames with the body, summed."""
    live = poses[(poses != 0).any(axis=(1, 2))]
    return float(live.std(axis=0).sum())


def recordings(root: Path, bodies: Callable[[list[Bodies]], list[Track]] = listed) -> list[Recording]:
    """The ``.skeleton`` files under a folder, in the order of their names."""
    return [_recording(path, root, bodies) for path in files_in(root, ".skeleton")]


def _recording(path: Path, root: Path, bodies: Callable[[list[Bodies]], list[Track]]) -> Recording:
    file = recording(path, root, lambda path: read_skeletons(path, bodies))
    match = NAME.fullmatch(path.stem)
    if not match:
        return file
    setup, camera, performer, _, action = map(int, match.groups())
    columns = {
        "setup": match[1],
        "camera": match[2],
        "repetition": match[4],
        "xsub": "train" if performer in TRAINING else "val",
        "xview": "train" if camera in (2, 3) else "val",
        "xset": "train" if setup % 2 == 0 else "val",
    }
    label = Label(f"A{action:03}", action - 1 if action else None)  # A000 is no class of NTU's
    return Recording(file.source, file.read, label, f"P{performer:03}", columns)


def read_skeletons(path: Path, bodies: Callable[[list[Bodies]], list[Track]] = listed) -> Scene:
    """The people of one file, x, y, z in metres; ValueError if the file is damaged."""
    words = iter(path.read_text(encoding="ascii", errors="replace").split())
    frames: list[Bodies] = []
    try:
        length = int(*_take(words, 1))
        for _ in range(length):
            frames.append([_body(words) for _ in range(int(*_take(words, 1)))])
    except EOFError:
        raise ValueError(f"it ends in frame {len(frames)}") from None
    except ValueError as error:
        raise ValueError(f"frame {len(frames)}: {error}") from None
    if next(words, None) is not None:
        raise ValueError(f"it goes on after its {length} frames")
    return Scene(length, bodies(frames), ("x", "y", "z"), "ntu-rgb+d")


def _body(words: Iterator[str]) -> tuple[str, Float[np.ndarray, "25 3"]]:
    number, *_ = _take(words, BODY)
    joints = int(*_take(words, 1))
    if joints != JOINTS:
        raise ValueError(f"a body has {joints} joints, must have {JOINTS}")
    values = np.array([float(word) for word in _take(words, JOINTS * NUMBERS)])
    with np.errstate(over="ignore"):  # as in Scene.together
        return number, values.reshape(JOINTS, NUMBERS)[:, :3].astype(np.float32)


def _take(words: Iterator[str], count: int) -> list[str]:
    values = list(islice(words, count))
    if len(values) < count:
        raise EOFError
    return values
