"""A clip as the page draws it: upright, scaled to the picture, with every person visible.

NumPy on one clip (C, T, V, M).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int16

from stgcn_torch.drawing.view import limits, view_of
from stgcn_torch.skeleton import Skeleton

UNIT = 8000  # half the side of the picture, as a whole number
FARTHEST = 4.0  # limit of coordinates, in halves of the picture; the page draws such joints at the border
MISSING = -32768  # coordinate of a missing joint
SMALL = 0.35  # ratio of body size to path below which the picture follows the people
ASIDE = 1.25  # widths of a body between people who would overlap

Points = Float[np.ndarray, "T V M D"]


@dataclass(frozen=True)
class Scene:
    """The drawing of a clip.

    Attributes:
        points: Joint coordinates to the viewer's right, up and, in 3-D, towards the viewer, from the middle of the
            picture; ``UNIT`` is half its side, and ``MISSING`` marks a missing joint.
        aside: Shift of each person to the right, in the same unit.
        follows: Whether the picture follows the people from frame to frame.
    """

    points: Int16[np.ndarray, "M T V D"]
    aside: Sequence[int]
    follows: bool


def scene(
    clip: Float[np.ndarray, "C T V M"], channels: Sequence[str], body: Skeleton, mask: Bool[np.ndarray, "T V M"]
) -> Scene:
    """The drawing of a clip in its view.

    Args:
        clip: The joints.
        channels: Names of the clip's channels.
        body: The layout of the joints.
        mask: False for missing joints.
    """
    view = view_of(clip, channels, body)
    points = np.moveaxis(clip[list(view.rows)], 0, -1).astype(np.float64)
    points[~(mask & np.isfinite(points).all(axis=-1))] = np.nan
    points = points @ np.array(view.basis).T
    follows = _small(points)
    points = points - _middle(points, apart=follows)  # the centre of rotation in 3-D
    aside = _aside(points)
    (left, right), (bottom, top) = limits(_from_all_sides(points) + np.stack([aside, 0 * aside], axis=-1))
    points[..., 1] -= (bottom + top) / 2
    if points.shape[-1] == 2:
        points[..., 0] -= (left + right) / 2
        half = (right - left) / 2
    else:  # the axis of rotation stays in the middle
        half = max(-left, right, (top - bottom) / 2)
    whole = np.round(np.clip(points / half, -FARTHEST, FARTHEST) * UNIT)
    whole = np.where(np.isfinite(whole).all(axis=-1, keepdims=True), whole, MISSING)
    return Scene(
        whole.transpose(2, 0, 1, 3).astype(np.int16), np.round(aside / half * UNIT).astype(int).tolist(), follows
    )


def _small(points: Points) -> bool:
    """Whether people move so far that a picture of the whole path would show them small.

    Medians and percentiles ignore false detections.
    """
    frames = [joints for frame in points if len(joints := _finite(frame))]
    if not frames:
        return False
    size = np.median([np.ptp(joints, axis=0).max() for joints in frames])
    path = np.ptp(np.percentile([np.median(joints, axis=0) for joints in frames], (2, 98), axis=0), axis=0).max()
    return bool(size < SMALL * (size + path))


def _middle(points: Points, *, apart: bool) -> Float[np.ndarray, "#T 1 1 D"]:
    """Median of the detected joints, for each frame apart or for all frames."""
    frames = [_finite(frame) for frame in (points if apart else points[None])]
    middles = [np.median(joints, axis=0) if len(joints) else np.zeros(points.shape[-1]) for joints in frames]
    return np.stack(middles)[:, None, None]


def _aside(points: Points) -> Float[np.ndarray, " M"]:
    """Shifts that put overlapping people in a row, as when each is centred on the origin; zeros for other people."""
    level = np.delete(points, 1, axis=-1)  # the horizontal coordinates
    people = [_finite(level[:, :, m]) for m in range(points.shape[2])]
    present = [m for m, joints in enumerate(people) if len(joints)]
    aside = np.zeros(points.shape[2])
    if len(present) < 2:
        return aside
    width = max(np.ptp(np.percentile(people[m], (2, 98), axis=0), axis=0).max() for m in present)
    middles = np.stack([np.median(people[m], axis=0) for m in present])
    between = np.linalg.norm(middles[:, None] - middles, axis=-1)[np.triu_indices(len(present), 1)]
    if between.min() < width / 2:
        aside[present] = ASIDE * width * (np.arange(len(present)) - (len(present) - 1) / 2)
    return aside


def _finite(points: Float[np.ndarray, "*N D"]) -> Float[np.ndarray, "finite D"]:
    return np.asarray(points[np.isfinite(points).all(axis=-1)])


def _from_all_sides(points: Points) -> Float[np.ndarray, "*N T V M 2"]:
    if points.shape[-1] == 2:
        return points
    turns = np.deg2rad(np.arange(0, 180, 30))
    across = [points[..., 0] * np.cos(turn) - points[..., 2] * np.sin(turn) for turn in turns]
    return np.stack([np.stack([x, points[..., 1]], axis=-1) for x in across])
