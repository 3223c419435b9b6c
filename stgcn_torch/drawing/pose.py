"""A standing pose of any layout, facing the viewer, for drawings."""

import math

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.recordings.joint_mapping import place
from stgcn_torch.skeleton import Skeleton

Pose = Float[np.ndarray, "V 2"]

STEP = 0.12  # distance of a joint that is not in the table from its parent, in body heights

# x to the viewer's right and y up, in body heights; * is L, on the viewer's right, and R, its mirror image.
# Face and feet are enlarged, as their joints would overlap.
PLACES = """
    HeadTop    0 1.04    Head       0 0.97    Nose       0 0.935   Throat     0 0.86    Neck       0 0.8
    Spine      0 0.66    MidHip     0 0.52
    *EyeInner  0.022 0.985   *Eye       0.045 0.99    *EyeOuter  0.068 0.985   *Ear       0.1 0.955
    *Mouth     0.03 0.895    *Shoulder  0.13 0.79     *Elbow     0.19 0.62     *Wrist     0.225 0.45
    *Hand      0.24 0.4      *HandTip   0.25 0.33     *Index     0.235 0.35    *Pinky     0.275 0.36
    *Thumb     0.195 0.37    *Hip       0.075 0.5     *Knee      0.095 0.28    *Ankle     0.105 0.075
    *Heel      0.065 0.02    *Foot      0.14 0.015    *BigToe    0.125 0.0     *SmallToe  0.185 0.02
"""


def _coordinates(table: str) -> dict[str, tuple[float, float]]:
    words = table.split()
    coordinates = {}
    for name, x, y in zip(words[::3], words[1::3], words[2::3], strict=True):
        for side, sign in (("L", 1), ("R", -1)) if "*" in name else (("", 1),):
            coordinates[name.replace("*", side)] = sign * float(x), float(y)
    return coordinates


COORDINATES = _coordinates(PLACES)


def standing(body: Skeleton) -> Pose:
    """Joint positions of a person who stands and faces the viewer.

    Joints with unknown names lie around their parents, away from the centre; a layout without any known joint becomes
    a tree around its centre.

    Returns:
        ``pose[v]`` is (x, y): x to the viewer's right, which is the person's left, y up; in body heights.
    """
    known = {v: COORDINATES[name] for v, joint in enumerate(body.joints) if (name := place(body, joint)) in COORDINATES}
    return _around(body, known)


def _around(body: Skeleton, known: dict[int, tuple[float, float]]) -> Pose:
    parents = body.parents
    pose = np.zeros((len(parents), 2))
    outward = np.full(len(parents), math.pi / 2)  # the direction from each joint's parent
    children: dict[int, list[int]] = {v: [] for v in range(len(parents))}
    for v, parent in enumerate(parents):
        if v != parent:
            children[parent].append(v)
    pose[body.center] = known.get(body.center, (0.0, 0.5))
    queue = [body.center]
    for v in queue:  # breadth first; the queue grows during the loop
        unknown = [w for w in children[v] if w not in known]
        for w in children[v]:
            if w in known:
                pose[w] = known[w]
                outward[w] = math.atan2(*(pose[w] - pose[v])[::-1])
            else:
                outward[w] = outward[v] + _fan(len(unknown), unknown.index(w), whole=v == body.center)
                pose[w] = pose[v] + STEP * np.array([math.cos(outward[w]), math.sin(outward[w])])
        queue += children[v]
    return pose


def _fan(count: int, i: int, *, whole: bool) -> float:
    """Angle of the i-th of several children: over the full circle at the centre, else within a right angle."""
    if whole:
        return 2 * math.pi * i / count
    return 0.0 if count == 1 else math.pi / 2 * (i / (count - 1) - 0.5)
