"""A clip as the page draws it: upright, as large as its picture, every person to be seen.

NumPy on one clip (C, T, V, M).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int16

from stgcn_torch.drawing.view import limits, view_of
from stgcn_torch.skeleton import Skeleton

UNIT = 8000  # whole numbers to half the side of the picture
FARTHEST = 4.0  # halves: joints farther off are drawn at the picture's border, wherever they are
MISSING = -32768
SMALL = 0.35  # of the whole way: where the people of a frame are smaller, the picture follows them
ASIDE = 1.25  # widths of a body from one person to the next, where they would stand on each other

Points = Float[np.ndarray, "T V M D"]


@dataclass(frozen=True)
class Scene:
    """What is drawn of a clip.

    Attributes:
        points: Where the joints are: to the viewer's right, up and, in 3-D, towards the viewer, around the middle of
            the picture; ``UNIT`` is half its side and ``MISSING`` stands for a joint that is not there.
        aside: How far to the right each person is drawn of where it is, in the same unit.
        follows: Whether the picture goes with the people from frame to frame.
    """

    points: Int16[np.ndarray, "M T V D"]
    aside: Sequence[int]
    follows: bool


def scene(
    clip: Float[np.ndarray, "C T V M"], channels: Sequence[str], body: Skeleton, seen: Bool[np.ndarray, "T V M"]
) -> Scene:
    """A clip as it is looked at.

    Args:
        clip: The joints.
        channels: What its rows are.
        body: Their layout.
        seen: Where a joint is there; elsewhere it is missing.
    """
    view = view_of(clip, channels, body)
    points = np.moveaxis(clip[list(view.rows)], 0, -1).astype(np.float64)
    points[~(seen & np.isfinite(points).all(axis=-1))] = np.nan
    points = points @ np.array(view.basis).T
    follows = _small(points)
    points = points - _middle(points, apart=follows)  # which 3-D turns about
    aside = _aside(points)
    (left, right), (bottom, top) = limits(_from_all_sides(points) + np.stack([aside, 0 * aside], axis=-1))
    points[..., 1] -= (bottom + top) / 2
    if points.shape[-1] == 2:
        points[..., 0] -= (left + right) / 2
        half = (right - left) / 2
    else:  # the vertical that it turns about stays in the middle
        half = max(-left, right, (top - bottom) / 2)
    whole = np.round(np.clip(points / half, -FARTHEST, FARTHEST) * UNIT)
    whole = np.where(np.isfinite(whole).all(axis=-1, keepdims=True), whole, MISSING)
    return Scene(
        whole.transpose(2, 0, 1, 3).astype(np.int16), np.round(aside / half * UNIT).astype(int).tolist(), follows
    )


def _small(points: Points) -> bool:
    """Whether people go so far that a picture of all their way would show them small.

    By medians and percentiles: a false detection goes nowhere.
    """
    frames = [there for frame in points if len(there := _there(frame))]
    if not frames:
        return False
    size = np.median([np.ptp(there, axis=0).max() for there in frames])
    way = np.ptp(np.percentile([np.median(there, axis=0) for there in frames], (2, 98), axis=0), axis=0).max()
    return bool(size < SMALL * (size + way))


def _middle(points: Points, *, apart: bool) -> Float[np.ndarray, "#T 1 1 D"]:
    """Median of the joints that are there, in each frame apart or in all."""
    frames = [_there(frame) for frame in (points if apart else points[None])]
    middles = [np.median(there, axis=0) if len(there) else np.zeros(points.shape[-1]) for there in frames]
    return np.stack(middles)[:, None, None]


def _aside(points: Points) -> Float[np.ndarray, " M"]:
    """Nothing, but where people stand on each other, as they do when each is centred: then they stand in a row."""
    level = np.delete(points, 1, axis=-1)  # the coordinates but the height
    people = [_there(level[:, :, m]) for m in range(points.shape[2])]
    present = [m for m, there in enumerate(people) if len(there)]
    aside = np.zeros(points.shape[2])
    if len(present) < 2:
        return aside
    width = max(np.ptp(np.percentile(people[m], (2, 98), axis=0), axis=0).max() for m in present)
    middles = np.stack([np.median(people[m], axis=0) for m in present])
    between = np.linalg.norm(middles[:, None] - middles, axis=-1)[np.triu_indices(len(present), 1)]
    if between.min() < width / 2:
        aside[present] = ASIDE * width * (np.arange(len(present)) - (len(present) - 1) / 2)
    return aside


def _there(points: Float[np.ndarray, "*N D"]) -> Float[np.ndarray, "there D"]:
    return np.asarray(points[np.isfinite(points).all(axis=-1)])


def _from_all_sides(points: Points) -> Float[np.ndarray, "*N T V M 2"]:
    if points.shape[-1] == 2:
        return points
    turns = np.deg2rad(np.arange(0, 180, 30))
    across = [points[..., 0] * np.cos(turn) - points[..., 2] * np.sin(turn) for turn in turns]
    return np.stack([np.stack([x, points[..., 1]], axis=-1) for x in across])
