"""The view of a clip in which people stand upright and are not mirrored, and the limits of the drawing.

NumPy on one clip (C, T, V, M).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.preprocessing.steps import Clip, detected
from stgcn_torch.data.recordings.joint_mapping import place
from stgcn_torch.drawing.pose import COORDINATES
from stgcn_torch.skeleton import Skeleton

Points = Float[np.ndarray, "T V M 2"]
Poses = Float[np.ndarray, "TM V D"]
Limits = tuple[tuple[float, float], tuple[float, float]]

ARMS = ("Elbow", "Wrist", "Hand", "HandTip", "Index", "Pinky", "Thumb")  # ignored for the directions up and left
TAIL = 1.0  # percent of the detected joints beyond the inner range, at either end
FENCE = 0.5  # largest distance of a joint from the inner range, as a share of it; beyond are false detections
MARGIN = 0.06  # margin on each side, as a share of the joints' extent


@dataclass(frozen=True)
class View:
    """The viewing direction of a clip.

    Attributes:
        rows: Indices of the coordinate channels: x, y and, in 3-D, z.
        basis: In these coordinates, the directions to the viewer's right, up and, in 3-D, towards the viewer; each is a
            coordinate axis or its opposite.
    """

    rows: tuple[int, ...]
    basis: tuple[tuple[float, ...], ...]

    def project(self, points: Float[np.ndarray, "*N D"], angle: float = 0.0) -> Float[np.ndarray, "*N 2"]:
        """Points in the image plane, x to the right and y up, in the clip's unit.

        Args:
            points: ``points[..., i]`` is a value of the channel ``rows[i]``.
            angle: Rotation of the viewpoint in degrees, counterclockwise from above (3-D only).
        """
        view = points @ np.array(self.basis).T
        if len(self.basis) == 2:
            return np.asarray(view)
        turn = np.deg2rad(angle)
        return np.stack([view[..., 0] * np.cos(turn) - view[..., 2] * np.sin(turn), view[..., 1]], axis=-1)

    def points(self, clip: Clip, channels: Sequence[str], angle: float = 0.0) -> Points:
        """Every joint of a clip in the image plane; NaN, which matplotlib skips, for undetected joints."""
        points = self.project(np.moveaxis(clip[list(self.rows)], 0, -1).astype(np.float64), angle)
        points[~_detected(clip, channels)] = np.nan
        return points


def view_of(clip: Clip, channels: Sequence[str], body: Skeleton) -> View:
    """A fixed view of the whole clip in which people stand upright in most frames and are not mirrored.

    Up is the direction that correlates best with the heights of head, trunk and legs on a standing person, in the
    median over frames and people, so that neither a spin nor a somersault rotates the view: up or down y in 2-D, any
    axis in 3-D. Joints are recognised by name (``joint_mapping.place``); without known joints y points up.

    Right is x in 2-D. 3-D coordinates are assumed right-handed: with y down they are a camera's, with x to its right;
    otherwise the viewpoint is unknown, and people are seen from the front in most frames, as far as a view along an
    axis allows (the left of each pair of joints is on the viewer's right).

    Args:
        clip: Zeros, or a score of zero, where a joint is undetected.
        channels: Names of the clip's channels: x, y and possibly z and score, in any order.
        body: The layout of the joints.

    Raises:
        ValueError: The number of coordinates is not two or three, or the joints are not the layout's.
    """
    names = sorted(channel for channel in channels if channel != "score")
    if len(names) not in (2, 3):
        raise ValueError(f"a clip is drawn from 2 or 3 coordinates, got the channels {', '.join(channels)}")
    if clip.ndim != 4 or clip.shape[0] != len(channels) or clip.shape[2] != len(body.joints):
        raise ValueError(
            f"a clip of {body.name} must be (C, T, V, M) with C={len(channels)} and V={len(body.joints)}, "
            f"got {clip.shape}"
        )
    rows = tuple(list(channels).index(name) for name in names)
    mask = _detected(clip, channels).transpose(0, 2, 1).reshape(-1, len(body.joints))
    poses = clip[list(rows)].transpose(1, 3, 2, 0).reshape(*mask.shape, len(rows)).astype(np.float64)
    axes = np.eye(len(rows))
    axis, sign = _up(poses, mask, body)
    up = sign * axes[axis]
    right = axes[0]
    if len(rows) == 3 and (axis, sign) != (1, -1):
        directions = [direction for i in range(3) if i != axis for direction in (axes[i], -axes[i])]
        right = directions[int(np.argmax(directions @ _left(poses, mask, body)))]
    towards = [np.cross(right, up)] if len(rows) == 3 else []
    basis = np.array([right, up, *towards]) + 0.0  # no -0.0
    return View(rows, tuple(map(tuple, basis.tolist())))


def _detected(clip: Clip, channels: Sequence[str]) -> Bool[np.ndarray, "T V M"]:
    return np.asarray(detected(clip, tuple(channels)) & np.isfinite(clip).all(axis=0))


def _of_an_arm(name: str) -> bool:
    """Whether a name of ``joint_mapping.place`` is of a joint below the shoulder."""
    return name[1:] in ARMS


def _up(poses: Poses, mask: Bool[np.ndarray, "TM V"], body: Skeleton) -> tuple[int, int]:
    """The vertical axis, and 1 or -1 for its direction.

    Each axis is correlated with the joints' heights on a standing person, from medians over the poses of covariance and
    variances; the axes may have different units.
    """
    names = [place(body, joint) for joint in body.joints]
    known = np.array([name in COORDINATES and not _of_an_arm(name) for name in names])
    height = np.array([COORDINATES.get(name, (0, 0))[1] for name in names])
    weight = (mask & known).astype(float)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1)
    value = np.where(weight[..., None] > 0, poses, 0)
    value = value - np.einsum("pv,pvd->pd", weight, value)[:, None]
    above = height - (weight @ height)[:, None]
    across = np.einsum("pv,pv->p", weight, above**2)
    usable = across > 1e-4  # poses with joints at two heights or more
    if not usable.any():
        return 1, 1
    slope = np.einsum("pv,pv,pvd->pd", weight, above, value)[usable] / across[usable, None]
    spread = np.einsum("pv,pvd->pd", weight, value**2)[usable] / across[usable, None]
    up = np.median(slope, axis=0)
    upright = np.abs(up) / np.sqrt(np.maximum(np.median(spread, axis=0), 1e-30))
    axis = 1 if poses.shape[2] == 2 else int(np.argmax(upright))
    return axis, -1 if up[axis] < 0 else 1


def _left(poses: Poses, mask: Bool[np.ndarray, "TM V"], body: Skeleton) -> Float[np.ndarray, " D"]:
    """Vector from the right of a body to its left, in the median of the poses; zeros without a pair of joints.

    Arms count only if there are no other pairs: a hand may reach farther forward than shoulders and hips lie apart.
    """
    steady = [pair for pair in body.pairs if not _of_an_arm(place(body, body.joints[pair[0]]))]
    pairs = np.array(steady or body.pairs, dtype=int).reshape(-1, 2)
    both = mask[:, pairs[:, 0]] & mask[:, pairs[:, 1]]
    usable = both.any(axis=1)
    if not usable.any():
        return np.zeros(poses.shape[2])
    apart = np.where(both[..., None], poses[:, pairs[:, 0]] - poses[:, pairs[:, 1]], 0).sum(axis=1)
    return np.asarray(np.median(apart[usable], axis=0))


def reach(points: Float[np.ndarray, "*N 2"]) -> Limits:
    """Limits around all joints but false detections: (left, right), (bottom, top).

    The inner range holds all but the outermost 1 % of the joints at either end. A joint farther from it than half its
    size is a false detection: a raised arm counts, a joint in the corner of the image does not.

    Args:
        points: Joints of a clip in the image plane, all frames and people; NaN for undetected ones.
    """
    joints = points.reshape(-1, 2)
    joints = joints[np.isfinite(joints).all(axis=1)]
    if not len(joints):
        return (-1.0, 1.0), (-1.0, 1.0)
    low, high = np.percentile(joints, (TAIL, 100 - TAIL), axis=0)
    most = FENCE * (high - low).max()
    inside = joints[((joints >= low - most) & (joints <= high + most)).all(axis=1)]
    low, high = inside.min(axis=0), inside.max(axis=0)
    margin = max(MARGIN * float((high - low).max()), 1e-9)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return (left, right), (bottom, top)


def limits(points: Float[np.ndarray, "*N 2"]) -> Limits:
    """A square around ``reach``."""
    across, upright = reach(points)
    half = max(across[1] - across[0], upright[1] - upright[0]) / 2
    x, y = sum(across) / 2, sum(upright) / 2
    return (x - half, x + half), (y - half, y + half)
