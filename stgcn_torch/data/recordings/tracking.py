"""Links the people that a detector finds in each frame into tracks.

A person is expected where the last pose was, moved on at its own velocity; people and expectations are matched so that
the joints that both have lie nearest to each other, over all people of the frame at once (Kuhn, 1955).
"""

from collections import deque
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from stgcn_torch.data.recordings.recording import Track, track_of

GATE = 0.5  # body sizes: farther from where it is expected, a pose is another person's
PATIENCE = 30  # frames that a person may be out of sight
STEPS = 5  # displacements whose median is a velocity: one or two poses that are another person's do not throw it off
SHRINKING = 0.95  # by which a body may seem smaller from one frame to the next: part of it is hidden
MAX_PEOPLE = 200  # in a frame
DOUBT = 0.2  # cost of having been out of sight, at most: of two who stand in one place, the one in sight is taken
FAR = 1e6  # cost of what cannot be matched

Pose = Float[np.ndarray, "V 3"]  # x, y and score, which is zero where a joint is undetected


class Walker:
    """A person being followed.

    Attributes:
        frames: Where it was seen.
        poses: And how.
        where: Last known position of each joint, moved along with the body.
        known: Joints that have been seen at all.
        steps: Its last displacements, per frame; it starts at rest.
        size: Of the body, the diagonal of the box around its joints.
    """

    def __init__(self, frame: int, pose: Pose) -> None:
        self.frames, self.poses = [frame], [pose]
        self.where: Float[np.ndarray, "V 2"] = pose[:, :2].astype(np.float64)
        self.known: Bool[np.ndarray, " V"] = pose[:, 2] > 0
        self.steps = deque([np.zeros(2)] * (STEPS // 2), maxlen=STEPS)
        self.size = _size(pose)

    def expected(self, frame: int) -> Float[np.ndarray, "V 2"]:
        """Where its joints should be."""
        return np.asarray(self.where + np.median(self.steps, axis=0) * (frame - self.frames[-1]))

    def lost(self, frame: int) -> bool:
        """Whether it has been out of sight for too long."""
        return frame - self.frames[-1] > PATIENCE + 1

    def see(self, frame: int, pose: Pose) -> None:
        """Take a pose for its own."""
        seen = pose[:, 2] > 0
        both = seen & self.known
        if both.any():
            moved = np.median(pose[both, :2] - self.where[both], axis=0)
            self.steps.append(moved / (frame - self.frames[-1]))
        self.where = np.where(seen[:, None], pose[:, :2], self.expected(frame))
        self.known = self.known | seen
        self.size = max(_size(pose), SHRINKING * self.size)
        self.frames.append(frame)
        self.poses.append(pose)


def tracks(frames: Iterable[tuple[int, Float[np.ndarray, "P V 3"]]]) -> list[Track]:
    """The people of a recording, the one with the largest sum of scores first.

    Args:
        frames: Number of each frame, rising, and the people found in it, in any order.

    Raises:
        ValueError: More than ``MAX_PEOPLE`` are in a frame.
    """
    watched: list[Walker] = []
    gone: list[Walker] = []
    for frame, people in frames:
        if len(people) > MAX_PEOPLE:
            raise ValueError(f"frame {frame} has {len(people)} people; at most {MAX_PEOPLE} are allowed")
        gone += [walker for walker in watched if walker.lost(frame)]
        watched = [walker for walker in watched if not walker.lost(frame)]
        matched = _matched(watched, frame, people)
        for p, pose in enumerate(people):
            if p in matched:
                matched[p].see(frame, pose)
            elif (pose[:, 2] > 0).any():
                watched.append(Walker(frame, pose))
    ranked = sorted(
        gone + watched, key=lambda walker: -sum(float(pose[:, 2].sum(dtype=float)) for pose in walker.poses)
    )
    return [track_of(walker.frames, walker.poses) for walker in ranked]


def _matched(watched: list[Walker], frame: int, people: Float[np.ndarray, "P V 3"]) -> dict[int, Walker]:
    """Which of the people is whom."""
    if not watched or not len(people):
        return {}
    expected = np.stack([walker.expected(frame) for walker in watched])
    known = np.stack([walker.known for walker in watched])
    sizes = np.array([walker.size for walker in watched])
    unseen = np.array([frame - walker.frames[-1] - 1 for walker in watched]) / PATIENCE
    cost = np.full((len(people), len(watched)), FAR)
    for p, pose in enumerate(people):
        both = known & (pose[:, 2] > 0)
        apart = np.where(both, np.linalg.norm(expected - pose[:, :2], axis=2), 0).sum(axis=1)
        reach = both.sum(axis=1) * np.maximum(sizes, _size(pose)) * GATE * (1 + unseen)
        fits = (apart <= reach) & (reach > 0)
        cost[p, fits] = apart[fits] / reach[fits] + DOUBT * unseen[fits]
    pairs = zip(*linear_sum_assignment(cost), strict=True)
    return {int(p): watched[w] for p, w in pairs if cost[p, w] < FAR}


def _size(pose: Pose) -> float:
    seen = pose[pose[:, 2] > 0, :2].astype(np.float64)  # whose squares do not overflow
    return float(np.linalg.norm(np.ptp(seen, axis=0))) if len(seen) else 0.0
