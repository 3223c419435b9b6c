"""Detection of the model behind OpenPose's 25 joints, BODY_25 or BODY_25B, which its files do not name.

The two ends of a bone lie near each other. Read in the order of the wrong model, bones join wrists to knees and eyes
to ankles, and are longer, whatever the size, orientation and distance of the people.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

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


def _lengths(poses: Poses, body: Skeleton) -> Float[np.ndarray, " T"]:
    """Mean length of the bones that each pose shows; NaN if there are too few, or all have length zero."""
    child, parent = np.transpose(body.bones)
    visible = (poses[:, child, 2] > 0) & (poses[:, parent, 2] > 0)
    count = visible.sum(axis=1)
    positions = poses[..., :2].astype(np.float64)  # whose squares do not overflow
    with np.errstate(invalid="ignore"):  # infinite values are left to preprocessing
        bones = np.linalg.norm(positions[:, child] - positions[:, parent], axis=2)
    total = np.where(visible, bones, 0).sum(axis=1)
    enough = (count >= SEEN) & (total > 0)
    return np.where(enough, total / np.maximum(count, 1), np.nan)
