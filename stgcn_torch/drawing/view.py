"""How to look at a clip so that its people stand upright and are not mirrored, and how much of the plane they need.

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

ARMS = ("Elbow", "Wrist", "Hand", "HandTip", "Index", "Pinky", "Thumb")  # which do not tell where up is, nor left
TAIL = 1.0  # percent of the detected joints, at either end, that do not tell how far the rest reaches ...
FENCE = 0.5  # ... and how far past it, in shares of that reach, a joint may lie: farther off are false detections
MARGIN = 0.06  # of how far they reach, on each side


@dataclass(frozen=True)
class View:
    """From where a clip is seen.

    Attributes:
        rows: The clip's channels that are coordinates: x, y and, in 3-D, z.
        basis: In these coordinates, the directions to the viewer's right, up and, in 3-D, towards the viewer; each is a
            coordinate axis or its opposite.
    """

    rows: tuple[int, ...]
    basis: tuple[tuple[float, ...], ...]

    def project(self, points: Float[np.ndarray, "*N D"], angle: float = 0.0) -> Float[np.ndarray, "*N 2"]:
        """Points in the picture, x to the right and y up, in the clip's own unit.

        Args:
            points: ``points[..., i]`` is a value of the channel ``rows[i]``.
            angle: Degrees that the viewer walks around the people, counterclockwise as seen from above (3-D only).
        """
        seen = points @ np.array(self.basis).T
        if len(self.basis) == 2:
            return np.asarray(seen)
        turn = np.deg2rad(angle)
        return np.stack([seen[..., 0] * np.cos(turn) - seen[..., 2] * np.sin(turn), seen[..., 1]], axis=-1)

    def points(self, clip: Clip, channels: Sequence[str], angle: float = 0.0) -> Points:
        """Every joint of a clip in the picture, NaN where it was not detected: matplotlib leaves those out."""
        points = self.project(np.moveaxis(clip[list(self.rows)], 0, -1).astype(np.float64), angle)
        points[~_seen(clip, channels)] = np.nan
        return points


def view_of(clip: Clip, channels: Sequence[str], body: Skeleton) -> View:
    """The one view of a whole clip in which people stand upright in most frames and are not mirrored.

    Up is the way along which the joints of head, trunk and legs follow the heights that they have on a standing person,
    in the median of frames and people, so that neither a spin nor a somersault turns the picture: up or down y in 2-D,
    any axis in 3-D. The joints are known by name (``mapping.place``); without them y points up.

    Right is x in 2-D. Coordinates in 3-D are taken as right-handed: y down is a camera's, with x to its right;
    otherwise nothing tells where the viewer stood, and they see the people from the front in most frames, as far as
    looking along an axis allows (the left of each pair of joints is on the viewer's right).

    Args:
        clip: Zeros, or a score of zero, where a joint is undetected.
        channels: What its rows are: x, y and possibly z and score, in any order.
        body: The layout of the joints.

    Raises:
        ValueError: There are other than two or three coordinates, or other joints than the layout's.
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
    seen = _seen(clip, channels).transpose(0, 2, 1).reshape(-1, len(body.joints))
    poses = clip[list(rows)].transpose(1, 3, 2, 0).reshape(*seen.shape, len(rows)).astype(np.float64)
    axes = np.eye(len(rows))
    axis, sign = _up(poses, seen, body)
    up = sign * axes[axis]
    right = axes[0]
    if len(rows) == 3 and (axis, sign) != (1, -1):
        ways = [way for i in range(3) if i != axis for way in (axes[i], -axes[i])]
        right = ways[int(np.argmax(ways @ _left(poses, seen, body)))]
    towards = [np.cross(right, up)] if len(rows) == 3 else []
    basis = np.array([right, up, *towards]) + 0.0  # no -0.0
    return View(rows, tuple(map(tuple, basis.tolist())))


def _seen(clip: Clip, channels: Sequence[str]) -> Bool[np.ndarray, "T V M"]:
    return np.asarray(detected(clip, tuple(channels)) & np.isfinite(clip).all(axis=0))


def _of_an_arm(name: str) -> bool:
    """Whether ``mapping.place`` names a joint below the shoulder."""
    return name[1:] in ARMS


def _up(poses: Poses, seen: Bool[np.ndarray, "TM V"], body: Skeleton) -> tuple[int, int]:
    """The axis that points up or down, and 1 or -1.

    Of the joints' heights on a standing person and a coordinate, pose by pose: their covariance and variances. Medians
    over the poses make a correlation of them, which does not ask for one unit along all axes.
    """
    names = [place(body, joint) for joint in body.joints]
    known = np.array([name in COORDINATES and not _of_an_arm(name) for name in names])
    height = np.array([COORDINATES.get(name, (0, 0))[1] for name in names])
    weight = (seen & known).astype(float)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1)
    value = np.where(weight[..., None] > 0, poses, 0)
    value = value - np.einsum("pv,pvd->pd", weight, value)[:, None]
    above = height - (weight @ height)[:, None]
    across = np.einsum("pv,pv->p", weight, above**2)
    told = across > 1e-4  # joints of two heights at least
    if not told.any():
        return 1, 1
    slope = np.einsum("pv,pv,pvd->pd", weight, above, value)[told] / across[told, None]
    spread = np.einsum("pv,pvd->pd", weight, value**2)[told] / across[told, None]
    up = np.median(slope, axis=0)
    upright = np.abs(up) / np.sqrt(np.maximum(np.median(spread, axis=0), 1e-30))
    axis = 1 if poses.shape[2] == 2 else int(np.argmax(upright))
    return axis, -1 if up[axis] < 0 else 1


def _left(poses: Poses, seen: Bool[np.ndarray, "TM V"], body: Skeleton) -> Float[np.ndarray, " D"]:
    """From the right of a body to its left, in the median of the poses; zeros where no pair of joints tells it.

    Arms tell it only if nothing else does: a hand reaches farther forward than shoulders and hips lie apart.
    """
    steady = [pair for pair in body.pairs if not _of_an_arm(place(body, body.joints[pair[0]]))]
    pairs = np.array(steady or body.pairs, dtype=int).reshape(-1, 2)
    both = seen[:, pairs[:, 0]] & seen[:, pairs[:, 1]]
    told = both.any(axis=1)
    if not told.any():
        return np.zeros(poses.shape[2])
    apart = np.where(both[..., None], poses[:, pairs[:, 0]] - poses[:, pairs[:, 1]], 0).sum(axis=1)
    return np.asarray(np.median(apart[told], axis=0))


def reach(points: Float[np.ndarray, "*N 2"]) -> Limits:
    """The part of the picture that holds every joint but false detections: (left, right), (bottom, top).

    A joint is taken for a false detection if it lies farther from where all but the outermost 1 % of the joints are, at
    either end, than half of how far those reach: a raised arm stays in, a joint in the corner of the image does not.

    Args:
        points: Joints of a clip in the picture, all frames and people; NaN for those that were not detected.
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
