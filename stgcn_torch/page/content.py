"""What the page knows of an explanation: JSON, with arrays as base64 of little-endian numbers."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from stgcn_torch.data.preprocessing import detected
from stgcn_torch.drawing.pose import standing
from stgcn_torch.drawing.view import limits, view_of
from stgcn_torch.explanation import Explanation
from stgcn_torch.skeleton import Skeleton

ANSWERS = 5  # classes listed, at least
UNIT = 8000  # of the page's coordinates: half the side of the square that holds the clip
FARTHEST = 4.0  # in that unit: joints farther off are drawn at the picture's border, wherever they are
MISSING = -32768
SMALL = 0.35  # of the whole way: where the people of a frame are smaller, the picture follows them

Clip = Float[np.ndarray, "C T V M"]
Seen = Bool[np.ndarray, "T V M"]


def content(explanations: Sequence[Explanation]) -> str:
    """The explanations as JSON, in ASCII.

    Raises:
        ValueError: A number that the page needs is not finite.
    """
    return json.dumps([told(explanation) for explanation in explanations], separators=(",", ":"))


def told(explanation: Explanation) -> dict[str, Any]:
    """One explanation as plain values, by the names that the page's scripts know them by."""
    e = explanation
    for name in ("logits", "probabilities", "bias", "activation", "occlusion", "importance"):
        if not np.isfinite(getattr(e, name)).all():
            raise ValueError(f"{e.title}: {name} must be finite to be shown, got NaN or infinity")
    S, M, U, V = e.activation.shape
    raw = _frames(e.raw, e.frames)
    there = detected(raw, tuple(e.raw_channels)) & (e.frames >= 0)[:, None, None]
    # A joint that all are centred on is zero and not missing; one that was filled in is not zero.
    seen = there | detected(e.clip, tuple(e.channels))
    edges = np.argwhere(e.A != 0)
    factors = e.importance[:, *edges.T]
    left = {v for v, _ in e.body.pairs}
    return {
        "title": e.title,
        "S": S,
        "M": M,
        "U": U,
        "V": V,
        "T": len(e.frames),
        "P": len(e.A),
        "joints": list(e.body.joints),
        "bones": [list(bone) for bone in e.body.bones],
        "left": [v in left for v in range(V)],
        "answers": _answers(e),
        "activation": _base64(e.activation, "<f4"),
        "occlusion": _base64(e.occlusion, "<f4"),
        "present": seen.any(axis=(0, 1)).tolist(),
        "seen": scene(e.clip, e.channels, e.body, seen),
        "raw": scene(raw, e.raw_channels, e.body, there),
        "frames": e.frames.tolist(),
        "start": int(seen.any(axis=(1, 2)).argmax()),  # the first frame with anybody
        "stride": e.stride,
        "reach": e.reach,
        "edges": edges.tolist(),
        "weights": _rounded(e.A[*edges.T]),
        "importance": _rounded(factors),
        "pose": _rounded(standing(e.body)),
        "preprocessing": list(e.preprocessing),
    }


def _answers(e: Explanation) -> list[dict[str, Any]]:
    """The explained classes in their order, then likely ones that are not, until there are ``ANSWERS``."""
    likely = np.argsort(-e.probabilities, kind="stable").tolist()
    rest = [k for k in likely if k not in e.shown][: max(0, ANSWERS - len(e.shown))]
    return [
        {
            "name": e.classes[k],
            "logit": float(e.logits[k]),
            "probability": float(e.probabilities[k]),
            "bias": float(e.bias[k]),
        }
        for k in (*e.shown, *rest)
    ]


def _frames(raw: Clip, frames: Int[np.ndarray, " T"]) -> Clip:
    """The raw clip at each frame of the window; zeros in padding."""
    return np.where((frames >= 0)[:, None, None], raw[:, np.maximum(frames, 0)], 0)


def scene(clip: Clip, channels: Sequence[str], body: Skeleton, seen: Seen) -> dict[str, Any]:
    """A clip as it is looked at: upright, around the middle of its picture, in whole numbers.

    Args:
        clip: The joints.
        channels: What its rows are.
        body: Their layout.
        seen: Where a joint is there; elsewhere it is missing.

    Returns:
        ``points`` has (M, T, V, D) coordinates: to the viewer's right, up and, in 3-D, towards the viewer; ``unit`` is
        half the side of the square that holds them, but for false detections; ``follows`` says whether the picture
        goes with the people.
    """
    view = view_of(clip, channels, body)
    D = len(view.rows)
    points = np.moveaxis(clip[list(view.rows)], 0, -1).astype(np.float64)
    points[~(seen & np.isfinite(points).all(axis=-1))] = np.nan
    points = points @ np.array(view.basis).T
    follows = _small(points)
    points = points - _middle(points, apart=follows)  # which 3-D turns about
    (left, right), (bottom, top) = limits(_from_all_sides(points))
    if D == 2:
        points = points - ((left + right) / 2, (bottom + top) / 2)
        half = (right - left) / 2
    else:
        points[..., 1] -= (bottom + top) / 2
        half = max(-left, right, (top - bottom) / 2)
    whole = np.round(np.clip(points / half, -FARTHEST, FARTHEST) * UNIT)
    whole = np.where(np.isfinite(whole).all(axis=-1, keepdims=True), whole, MISSING)
    return {"D": D, "unit": UNIT, "follows": follows, "points": _base64(whole.transpose(2, 0, 1, 3), "<i2")}


def _small(points: Float[np.ndarray, "T V M D"]) -> bool:
    """Whether people go so far that a picture of all their way would show them small.

    By medians and percentiles: a false detection goes nowhere.
    """
    frames = [there for frame in points if len(there := _there(frame))]
    if not frames:
        return False
    size = np.median([np.ptp(there, axis=0).max() for there in frames])
    way = np.ptp(np.percentile([np.median(there, axis=0) for there in frames], (2, 98), axis=0), axis=0).max()
    return bool(size < SMALL * (size + way))


def _middle(points: Float[np.ndarray, "T V M D"], *, apart: bool) -> Float[np.ndarray, "#T 1 1 D"]:
    """Median of the joints that are there, in each frame apart or in all."""
    frames = [_there(frame) for frame in (points if apart else points[None])]
    middles = [np.median(there, axis=0) if len(there) else np.zeros(points.shape[-1]) for there in frames]
    return np.stack(middles)[:, None, None]


def _there(points: Float[np.ndarray, "*N D"]) -> Float[np.ndarray, "there D"]:
    return np.asarray(points[np.isfinite(points).all(axis=-1)])


def _from_all_sides(points: Float[np.ndarray, "T V M D"]) -> Float[np.ndarray, "*N 2"]:
    if points.shape[-1] == 2:
        return points
    turns = np.deg2rad(np.arange(0, 180, 30))
    across = [points[..., 0] * np.cos(turn) - points[..., 2] * np.sin(turn) for turn in turns]
    return np.stack([np.stack([x, points[..., 1]], axis=-1) for x in across])


def _base64(values: np.ndarray[Any, Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values.astype(kind)).tobytes()).decode()


def _rounded(values: np.ndarray[Any, Any]) -> Any:
    return np.round(values.astype(np.float64), 5).tolist()
