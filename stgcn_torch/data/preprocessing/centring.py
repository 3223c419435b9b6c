"""Moving a joint to the origin where only detected joints move: where it is, its path, and the clip without that path.

Three steps, so that the path of a recording can be known before its frames are moved. NumPy on one clip (C, T, V, M).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

Seen = Bool[np.ndarray, "T V M"]
Path = Float[np.ndarray, "C T M"]


def seen_centre(
    clip: Float[np.ndarray, "C T V M"], seen: Seen, joint: int, channels: Sequence[str], absent: str
) -> tuple[Path, Bool[np.ndarray, "T M"]]:
    """Where the centre is, its score being 0, and in which frames that is known.

    Args:
        clip: Poses.
        seen: Where a joint is detected.
        joint: The centre.
        channels: What the rows of the clip are.
        absent: ``visible`` takes the mean of a frame's detected joints for an undetected centre; with ``interpolate``
            it is not known there.
    """
    place, there = clip[:, :, joint].astype(np.float64), seen[:, joint]
    if absent == "visible":
        shown = np.ascontiguousarray(np.moveaxis(clip * seen, 2, 3), np.float64)
        mean = shown.sum(axis=3) / np.maximum(np.count_nonzero(seen, axis=1), 1)
        place, there = np.where(there, place, mean), np.asarray(seen.any(axis=1))
    place[[channel == "score" for channel in channels]] = 0
    return place, there


def centre_path(place: Path, there: Bool[np.ndarray, "T M"], center_of: str) -> Path:
    """The centre in every frame: on a straight line where it is not known; 0 for people of whom it never is.

    With ``center_of="clip"`` it stays where it first is.
    """
    path = np.zeros_like(place)
    for m in range(place.shape[2]):
        frames = np.flatnonzero(there[:, m])
        if not frames.size:
            continue
        for i in range(len(place)):
            path[i, :, m] = np.interp(np.arange(place.shape[1]), frames, place[i, frames, m])
        if center_of == "clip":
            path[:, :, m] = path[:, frames[:1], m]
    return path


def moved(clip: Float[np.ndarray, "C T V M"], seen: Seen, path: Path) -> Float[np.ndarray, "C T V M"]:
    """The clip with the path subtracted from every detected joint."""
    return np.where(seen, clip - path[:, :, None], clip)
