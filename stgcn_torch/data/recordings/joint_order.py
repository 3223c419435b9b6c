"""Which of OpenPose's two models of 25 joints a recording is of; its files do not say.

Joints that a bone joins lie near each other. Read in the order of the other model, bones join wrists to knees and eyes
to ankles, and are longer, however large, turned or far away the people are.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.recordings.recording import Poses, Track
from stgcn_torch.skeleton import LAYOUTS, Skeleton

SEEN = 6  # bones that a pose must show in either order to say anything
LONGER = 1.1  # by which BODY_25's order must make bones longer for it to be BODY_25B; BODY_25 is what OpenPose does


def how_much_longer(people: Sequence[Track]) -> float:
    """How many times as long bones are in the order of BODY_25 as in that of BODY_25B.

    Args:
        people: Tracks whose poses (T, 25, 3) are x, y and score, which is zero where a joint is undetected.

    Returns:
        The median over all poses of the ratio of mean lengths: about 0.3 of BODY_25, about 3 of BODY_25B, and 1 if no
        pose shows enough.
    """
    ratios = [_lengths(track.poses, LAYOUTS["fsd10"]) / _lengths(track.poses, LAYOUTS["body_25b"]) for track in people]
    said = np.concatenate([np.empty(0), *ratios])
    said = said[np.isfinite(said)]
    return float(np.median(said)) if said.size else 1.0


def _lengths(poses: Poses, body: Skeleton) -> Float[np.ndarray, " T"]:
    """Mean length of the bones that each pose shows; NaN if they are too few, or have no length."""
    child, parent = np.transpose(body.bones)
    seen = (poses[:, child, 2] > 0) & (poses[:, parent, 2] > 0)
    count = seen.sum(axis=1)
    places = poses[..., :2].astype(np.float64)  # whose squares do not overflow
    with np.errstate(invalid="ignore"):  # infinity, which preprocessing knows
        bones = np.linalg.norm(places[:, child] - places[:, parent], axis=2)
    total = np.where(seen, bones, 0).sum(axis=1)
    enough = (count >= SEEN) & (total > 0)
    return np.where(enough, total / np.maximum(count, 1), np.nan)
