"""Removal of a pose estimator's faults from one clip (C, T, V, M): stray bodies, and gaps. NumPy."""

from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.preprocessing.teleports import body_path, strays

Clip = Float[np.ndarray, "C T V M"]
LONGEST: Final = 10  # frames of a gap that linear interpolation may fill: a third of a second


def is_finite(clip: Clip) -> Bool[np.ndarray, "C T V M"]:
    """Where a value is finite in float32, which networks compute in."""
    with np.errstate(over="ignore"):
        return np.asarray(np.isfinite(clip.astype(np.float32, copy=False)))


def stray_frames(joints: Float[np.ndarray, "D T V M"], mask: Bool[np.ndarray, "T V M"]) -> Bool[np.ndarray, "T M"]:
    """Frames in which a person's body is far from its place just before and after.

    Args:
        joints: Coordinates.
        mask: True where a joint is detected.
    """
    stray = np.zeros((mask.shape[0], mask.shape[2]), dtype=bool)
    for m in range(mask.shape[2]):
        frames, path, _ = body_path(joints[..., m], mask[..., m])
        stray[strays(frames, path), m] = True
    return stray


def missing(clip: Clip, stray: Bool[np.ndarray, "T M"]) -> Clip:
    """The clip with all values of a stray person zero, as of an undetected one."""
    return np.where(stray[None, :, None], clip.dtype.type(0), clip)


def without_frames(clip: Clip, dropped: Bool[np.ndarray, " T"]) -> Clip:
    """The clip without the dropped frames, followed by as many frames of zeros."""
    rest = clip[:, ~dropped]
    return np.concatenate([rest, np.zeros_like(clip[:, rest.shape[1] :])], axis=1)


def bridged(clip: Clip, mask: Bool[np.ndarray, "T V M"]) -> Clip:
    """The clip with gaps of up to ``LONGEST`` frames in a joint's detections interpolated linearly.

    Args:
        clip: Poses; every channel is interpolated, the score too.
        mask: True where a joint is detected; frames before its first and after its last detection stay as they are.
    """
    result = clip.copy()
    for v, m in np.argwhere(~mask.all(axis=0) & mask.any(axis=0)).tolist():
        frames = np.flatnonzero(mask[:, v, m])
        gaps = [np.arange(a + 1, b) for a, b in pairwise(frames) if 1 < b - a <= LONGEST + 1]
        if gaps:
            holes = np.concatenate(gaps)
            for c in range(len(clip)):
                result[c, holes, v, m] = np.interp(holes, frames, clip[c, frames, v, m])
    return result
