"""Faults of a pose estimator taken out of one clip (C, T, V, M): strays, and gaps. NumPy."""

from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.preprocessing.teleports import body_path, strays

Clip = Float[np.ndarray, "C T V M"]
LONGEST: Final = 10  # frames of a gap that a straight line is a good guess for: a third of a second


def stray_frames(joints: Float[np.ndarray, "D T V M"], seen: Bool[np.ndarray, "T V M"]) -> Bool[np.ndarray, "T M"]:
    """Where a person's body is far from where it is just before and after.

    Args:
        joints: Coordinates.
        seen: Where a joint is detected.
    """
    stray = np.zeros((seen.shape[0], seen.shape[2]), dtype=bool)
    for m in range(seen.shape[2]):
        frames, path, _ = body_path(joints[..., m], seen[..., m])
        stray[strays(frames, path), m] = True
    return stray


def missing(clip: Clip, stray: Bool[np.ndarray, "T M"]) -> Clip:
    """The clip with people undetected in some frames: all their values zero."""
    return np.where(stray[None, :, None], clip.dtype.type(0), clip)


def without_frames(clip: Clip, dropped: Bool[np.ndarray, " T"]) -> Clip:
    """The clip without some frames, as many zeros behind it instead."""
    kept = clip[:, ~dropped]
    return np.concatenate([kept, np.zeros_like(clip[:, kept.shape[1] :])], axis=1)


def bridged(clip: Clip, seen: Bool[np.ndarray, "T V M"]) -> Clip:
    """The clip with every joint on a straight line where it is undetected for up to ``LONGEST`` frames.

    Args:
        clip: Every channel is interpolated, the score too.
        seen: Where a joint is detected; before its first and behind its last detection nothing is filled in.
    """
    result = clip.copy()
    for v, m in np.argwhere(~seen.all(axis=0) & seen.any(axis=0)).tolist():
        frames = np.flatnonzero(seen[:, v, m])
        gaps = [np.arange(a + 1, b) for a, b in pairwise(frames) if 1 < b - a <= LONGEST + 1]
        if gaps:
            holes = np.concatenate(gaps)
            for c in range(len(clip)):
                result[c, holes, v, m] = np.interp(holes, frames, clip[c, frames, v, m])
    return result
