"""Links the people that a detector finds in each frame into tracks.

A person's next pose is predicted from the last one and the velocity. All people of a frame are matched to the
predictions at once, by the smallest total distance of common joints (Kuhn, 1955).
"""

from collections import deque
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from stgcn_torch.data.recordings.recording import Track, track_of

GATE = 0.5  # body sizes: farther from the prediction, a pose is another person's
PATIENCE = 30  # frames that a person may be out of sight
STEPS = 5  # displacements whose median is the velocity, which one or two poses of another person do not change much
SHRINKING = 0.95  # smallest ratio of body sizes from frame to frame: a body with hidden joints seems smaller
MAX_PEOPLE = 200  # in a frame
DOUBT = 0.2  # largest cost of a time out of sight: of two people at one place, the one in sight is matched
FAR = 1e6  # cost of an impossible match

Pose = Float[np.ndarray, "V 3"]  # x, y and score, which is zero where a joint is undetected


class Walker:
    """A person being followed.

    Attributes:
        frames: Frames with a detection.
        poses: The pose in each of them.
        position: Last known position of each joint, moved along with the body.
        known: Joints that have been detected at least once.
        steps: The last displacements per frame, zero at the start.
        size: Diagonal of the box around the joints.
    """

    def __init__(self, frame: int, pose: Pose) -> None:
        self.frames, self.poses = [frame], [pose]
        self.position: Float[np.ndarray, "V 2"] = pose[:, :2].astype(np.float64)
        self.known: Bool[np.ndarray, " V"] = pose[:, 2] > 0
        self.steps = deque([np.zeros(2)] * (STEPS // 2), maxlen=STEPS)
        self.size = _size(pose)

    def expected(self, frame: int) -> Float[np.ndarray, "V 2"]:
        """Predicted positions of the joints."""
        return np.asarray(self.position + np.median(self.steps, axis=0) * (frame - self.frames[-1]))

    def lost(self, frame: int) -> bool:
        """Whether the person has been out of sight for too long."""
        return frame - self.frames[-1] > PATIENCE + 1

    def see(self, frame: int, pose: Pose) -> None:
        """Add a pose to the track."""
        visible = pose[:, 2] > 0
        both = visible & self.known
        if both.any():
            displacement = np.median(pose[both, :2] - self.position[both], axis=0)
            self.steps.append(displacement / (frame - self.frames[-1]))
        self.position = np.where(visible[:, None], pose[:, :2], self.expected(frame))
        self.known = self.known | visible
        self.size = max(_size(pose), SHRINKING * self.size)
        self.frames.append(frame)
        self.poses.append(pose)


def tracks(frames: Iterable[tuple[int, Float[np.ndarray, "P V 3"]]]) -> list[Track]:
    """The people of a recording, the one with the largest sum of scores first.

    Args:
        frames: Number of each frame, rising, and the people detected in it, in any order.

    Raises:
        ValueError: A frame has more than ``MAX_PEOPLE`` people.
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
    """Matches of a frame: index of a pose to the person."""
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
    joints = pose[pose[:, 2] > 0, :2].astype(np.float64)  # whose squares do not overflow
    return float(np.linalg.norm(np.ptp(joints, axis=0))) if len(joints) else 0.0
