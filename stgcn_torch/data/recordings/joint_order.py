"""Detection of the model behind 25 joints, OpenPose's BODY_25 or BODY_25B or Kinect's, which files do not name.

The two ends of a bone lie near each other. Read in the order of the wrong model, bones join wrists to knees and eyes
to ankles, and are longer, whatever the size, orientation and distance of the people.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.recordings.recording import Poses, Track
from stgcn_torch.skeleton import LAYOUTS, Skeleton

SEEN = 6  # bones that a pose must show in either order to count
LONGER = 1.1  # ratio of bone lengths above which the order is BODY_25B; BODY_25 is OpenPose's default


def bone_length_ratio(people: Sequence[Track]) -> float:
    """Ratio of bone lengths in the order of BODY_25 to those in the order of BODY_25B.

    Args:
        people: Tracks whose poses (T, 25, 3) are x, y and score, which is zero where a joint is undetected.

    Returns:
        The median over all poses of the ratio of mean lengths: about 0.3 for BODY_25, about 3 for BODY_25B, and 1 if
        no pose shows enough bones.
    """
    ratios = [_lengths(track.poses, LAYOUTS["fsd10"]) / _lengths(track.poses, LAYOUTS["body_25b"]) for track in people]
    finite = np.concatenate([np.empty(0), *ratios])
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if finite.size else 1.0


def order_of_25(people: Sequence[Track], channels: Sequence[str]) -> tuple[str, str]:
    """The layout of 25 joints whose bones are shortest, and a sentence if it is not the usual one of these channels.

    Args:
        people: Tracks of poses (T, 25, C).
        channels: Names of the last axis: usually x, y, z are Kinect's, and x, y OpenPose's.
    """
    coordinates = [c for c, name in enumerate(channels) if name != "score"]

    def of(track: Track, body: Skeleton) -> Float[np.ndarray, " T"]:
        return _bones(track.poses[..., coordinates], (track.poses != 0).any(axis=2), body)

    lengths = {}
    for name in ("fsd10", "body_25b", "ntu-rgb+d"):
        found = np.concatenate([np.empty(0), *(of(track, LAYOUTS[name]) for track in people)])
        lengths[name] = float(np.median(found[np.isfinite(found)])) if np.isfinite(found).any() else np.inf
    usual = "ntu-rgb+d" if "z" in channels else "fsd10"
    best = min(lengths, key=lambda name: (lengths[name], name != usual))
    times = lengths[usual] / lengths[best] if 0 < lengths[best] < np.inf else 1.0
    if times <= LONGER:
        return usual, ""
    told = f"read as {best}: in the order of {usual} its bones are {times:.2g} times as long; layout={usual} overrules"
    return best, told


def _lengths(poses: Poses, body: Skeleton) -> Float[np.ndarray, " T"]:
    """Mean length of the bones that each pose of x, y and score shows, as ``_bones``."""
    return _bones(poses[..., :2], poses[..., 2] > 0, body)


def _bones(
    places: Float[np.ndarray, "T V C"], seen: Bool[np.ndarray, "T V"], body: Skeleton
) -> Float[np.ndarray, " T"]:
    """Mean length of the bones that each pose shows; NaN if there are too few, or all have length zero."""
    child, parent = np.transpose(body.bones)
    visible = seen[:, child] & seen[:, parent]
    count = visible.sum(axis=1)
    positions = places.astype(np.float64)  # whose squares do not overflow
    with np.errstate(invalid="ignore"):  # infinite values are left to preprocessing
        bones = np.linalg.norm(positions[:, child] - positions[:, parent], axis=2)
    total = np.where(visible, bones, 0).sum(axis=1)
    enough = (count >= SEEN) & (total > 0)
    return np.where(enough, total / np.maximum(count, 1), np.nan)
