"""Centring of detected joints in three steps: positions of the centre joint, its path, and the clip minus that path.

The steps are apart because the path of a long recording must be known before any frame moves. NumPy, (C, T, V, M).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

Detected = Bool[np.ndarray, "T V M"]
Path = Float[np.ndarray, "C T M"]


def centre_positions(
    clip: Float[np.ndarray, "C T V M"], mask: Detected, joint: int, channels: Sequence[str], absent: str
) -> tuple[Path, Bool[np.ndarray, "T M"]]:
    """Positions of the centre joint, with a score of 0, and the frames in which they are known.

    Args:
        clip: Poses.
        mask: True where a joint is detected.
        joint: The centre.
        channels: Names of the clip's channels.
        absent: With ``visible``, the mean of a frame's detected joints stands for an undetected centre; with
            ``interpolate`` the position is unknown in that frame.
    """
    position, known = clip[:, :, joint].astype(np.float64), mask[:, joint]
    if absent == "visible":
        values = np.ascontiguousarray(np.moveaxis(clip * mask, 2, 3), np.float64)
        mean = values.sum(axis=3) / np.maximum(np.count_nonzero(mask, axis=1), 1)
        position, known = np.where(known, position, mean), np.asarray(mask.any(axis=1))
    position[[channel == "score" for channel in channels]] = 0
    return position, known


def centre_path(position: Path, known: Bool[np.ndarray, "T M"], center_of: str) -> Path:
    """The centre in every frame, interpolated linearly over unknown positions; 0 for people without a known position.

    With ``center_of="clip"``, its first known position in every frame.
    """
    path = np.zeros_like(position)
    for m in range(position.shape[2]):
        frames = np.flatnonzero(known[:, m])
        if not frames.size:
            continue
        for i in range(len(position)):
            path[i, :, m] = np.interp(np.arange(position.shape[1]), frames, position[i, frames, m])
        if center_of == "clip":
            path[:, :, m] = path[:, frames[:1], m]
    return path


def without_path(clip: Float[np.ndarray, "C T V M"], mask: Detected, path: Path) -> Float[np.ndarray, "C T V M"]:
    """The clip with the path subtracted from every detected joint."""
    return np.where(mask, clip - path[:, :, None], clip)
