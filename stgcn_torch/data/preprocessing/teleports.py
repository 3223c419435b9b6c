"""The path of a person's body over a clip, and jumps much farther than a body can move. NumPy."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

Path = Float[np.ndarray, "F D"]
JUMP: Final = 0.5  # body sizes per frame: a skater at 10 m/s moves 0.2 at 30 frames a second
UNUSUAL: Final = 8.0  # times a clip's median step
FLANK: Final = 7  # frames on each side for the median position; false detections last less than half as long


def body_path(
    joints: Float[np.ndarray, "D T V"], mask: Bool[np.ndarray, "T V"]
) -> tuple[Int[np.ndarray, " F"], Path, float]:
    """The median position of the joints, in each frame with a third of the joints detected.

    Args:
        joints: Coordinates of one person.
        mask: True where a joint is detected.

    Returns:
        The frames, the path in body sizes, and the body's size: the median diagonal of the box around the joints, in
        the data's units; no frames and 0 for a body that never shows or has no size.
    """
    frames = np.flatnonzero(np.count_nonzero(mask, axis=1) >= max(3, mask.shape[1] // 3))
    points = np.where(mask[frames], joints[:, frames], np.nan).astype(np.float64)
    size = 0.0
    if frames.size:
        box = np.nanmax(points, axis=2) - np.nanmin(points, axis=2)
        size = float(np.median(np.linalg.norm(box, axis=0)))
    if not size:
        return frames[:0], np.zeros((0, len(joints))), 0.0
    return frames, np.nanmedian(points, axis=2).T / size, size


def steps(frames: Int[np.ndarray, " F"], path: Path) -> Float[np.ndarray, " F-1"]:
    """Distance per frame between successive positions of the path, in body sizes."""
    return np.asarray(np.linalg.norm(np.diff(path, axis=0), axis=1) / np.diff(frames))


def cuts(frames: Int[np.ndarray, " F"], path: Path) -> Int[np.ndarray, " n"]:
    """Frames to which the body jumps without a return: the first ones after a camera cut."""
    rows = []
    distances = steps(frames, path)
    for k in np.flatnonzero(distances > _limit(distances)).tolist():
        before, after = path[max(0, k + 1 - FLANK) : k + 1], path[k + 1 : k + 1 + FLANK]
        away = np.linalg.norm(np.median(after, axis=0) - np.median(before, axis=0))
        jump = np.linalg.norm(path[k + 1] - path[k])
        if min(len(before), len(after)) == FLANK and away > max(JUMP, float(jump) / 2):
            rows.append(k + 1)
    return frames[rows]


def strays(frames: Int[np.ndarray, " F"], path: Path) -> Int[np.ndarray, " n"]:
    """Frames in which the body is far from its place just before and after: false detections, another person."""
    if len(frames) <= 2:
        return frames[:0]
    # Odd reflection continues a steady motion beyond both ends, so that the first and last frames are no strays.
    around = np.pad(path, ((FLANK, FLANK), (0, 0)), mode="reflect", reflect_type="odd")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(around, 2 * FLANK + 1, axis=0), axis=2)
    return np.asarray(frames[np.linalg.norm(path - middle, axis=1) > _limit(steps(frames, path))])


def _limit(distances: Float[np.ndarray, " n"]) -> float:
    return max(JUMP, UNUSUAL * float(np.median(distances))) if distances.size else JUMP
