"""An articulated skater: joint angles in, joints in metres out, every bone as long in each frame as in the first.

Axes follow the skater: x to the left, y up, z forward.
"""

from typing import Final

import numpy as np
from jaxtyping import Float

from stgcn_torch.skeleton import LAYOUTS

BODY: Final = LAYOUTS["fsd10"]
SEGMENTS: Final = (
    *("Trunk", "Shoulders", "Head"),
    *("RArm", "RForearm", "RThigh", "RShank", "RFoot"),
    *("LArm", "LForearm", "LThigh", "LShank", "LFoot"),
)
LENGTHS: Final = {  # metres, an adult of 1.65 m; Shoulders and Hips are half a width
    "Trunk": 0.50,
    "Shoulders": 0.17,
    "Hips": 0.10,
    "Head": 0.20,
    "Arm": 0.27,
    "Forearm": 0.24,
    "Thigh": 0.42,
    "Shank": 0.41,
    "Foot": 0.18,
}
BLADE: Final = 0.09  # metres from ankle to ice
Axes = tuple[np.ndarray, np.ndarray, np.ndarray]


def proportions(rng: np.random.Generator) -> dict[str, float]:
    """Segment lengths of one skater in metres: a common factor for the size, and a random factor for each segment."""
    size = rng.normal(1.0, 0.06)
    return {name: float(length * size * rng.normal(1.0, 0.05)) for name, length in LENGTHS.items()}


def mirrored(angles: Float[np.ndarray, "*T 13 2"]) -> Float[np.ndarray, "*T 13 2"]:
    """The mirror image of a posture: left and right limbs swapped, lean and twist reversed."""
    swapped = angles[..., [0, 1, 2, *range(8, 13), *range(3, 8)], :].copy()
    swapped[..., 0, 1] *= -1  # Trunk to the side
    swapped[..., 1, 0] *= -1  # Shoulders twisted
    swapped[..., 2, 1] *= -1  # Head to the side
    return swapped


def joints_of(angles: Float[np.ndarray, "T 13 2"], lengths: dict[str, float]) -> Float[np.ndarray, "T 25 3"]:
    """Joints of a skater who faces along z, with the middle hip at the origin.

    Args:
        angles: Swing and spread of each of ``SEGMENTS`` in degrees. A limb's swing lifts it forward from hanging, its
            spread outwards. Trunk and head: swing leans forward from upright, spread to the left. Shoulders: swing
            twists them to the left; their spread is unused.
        lengths: Segment lengths in metres, as of ``proportions``.

    Returns:
        Metres, joints in the order of the fsd10 layout.
    """
    swing, spread = np.moveaxis(np.radians(angles), -1, 0)
    column = {name: (swing[:, i], spread[:, i]) for i, name in enumerate(SEGMENTS)}
    up, left, front = (axis * (1, -1, 1) for axis in _axes(*column["Trunk"], 1))  # upright, not hanging
    twist = column["Shoulders"][0][:, None]
    joints = {"MidHip": np.zeros_like(up), "Neck": lengths["Trunk"] * up}
    joints |= _head(column, joints["Neck"], lengths)
    for prefix, side in (("R", -1), ("L", 1)):
        shoulder = joints["Neck"] + side * lengths["Shoulders"] * (np.cos(twist) * left - np.sin(twist) * front)
        joints |= _arm(column, prefix, side, shoulder, lengths)
        joints |= _leg(column, prefix, side, lengths)
    return np.stack([joints[name] for name in BODY.joints], axis=1)


def _axes(swing: Float[np.ndarray, " T"], spread: Float[np.ndarray, " T"], side: int) -> Axes:
    """Orthonormal axes (T, 3) of a segment that hangs when both angles (radians) are zero.

    Returns:
        Along the segment; outwards, which is left for side 1 and right for −1; across it, forward for a hanging one.
    """
    a, b, c, d = np.sin(swing), np.cos(swing), np.sin(spread), np.cos(spread)
    along = np.stack((side * c, -d * b, d * a), axis=-1)
    outwards = np.stack((side * d, c * b, -c * a), axis=-1)
    across = np.stack((0 * a, a, b), axis=-1)
    return along, outwards, across


def _head(
    column: dict[str, tuple[np.ndarray, np.ndarray]], neck: Float[np.ndarray, "T 3"], lengths: dict[str, float]
) -> dict[str, np.ndarray]:
    up, left, front = (lengths["Head"] * axis * (1, -1, 1) for axis in _axes(*column["Head"], 1))
    nose = neck + up + 0.45 * front
    joints = {"Nose": nose}
    for prefix, side in (("R", -1), ("L", 1)):
        joints[f"{prefix}Eye"] = nose + 0.2 * up - 0.1 * front + side * 0.16 * left
        joints[f"{prefix}Ear"] = nose + 0.1 * up - 0.5 * front + side * 0.38 * left
    return joints


def _arm(
    column: dict[str, tuple[np.ndarray, np.ndarray]],
    prefix: str,
    side: int,
    shoulder: Float[np.ndarray, "T 3"],
    lengths: dict[str, float],
) -> dict[str, np.ndarray]:
    elbow = shoulder + lengths["Arm"] * _axes(*column[f"{prefix}Arm"], side)[0]
    wrist = elbow + lengths["Forearm"] * _axes(*column[f"{prefix}Forearm"], side)[0]
    return {f"{prefix}Shoulder": shoulder, f"{prefix}Elbow": elbow, f"{prefix}Wrist": wrist}


def _leg(
    column: dict[str, tuple[np.ndarray, np.ndarray]], prefix: str, side: int, lengths: dict[str, float]
) -> dict[str, np.ndarray]:
    thigh = _axes(*column[f"{prefix}Thigh"], side)[0]
    hip = np.zeros_like(thigh) + np.array([side * lengths["Hips"], 0, 0])
    knee = hip + lengths["Thigh"] * thigh
    ankle = knee + lengths["Shank"] * _axes(*column[f"{prefix}Shank"], side)[0]
    toes, outwards, sole = (lengths["Foot"] * axis for axis in _axes(*column[f"{prefix}Foot"], side))
    drop = BLADE / LENGTHS["Foot"] * sole
    big_toe = ankle + toes - 0.7 * drop
    return {
        f"{prefix}Hip": hip,
        f"{prefix}Knee": knee,
        f"{prefix}Ankle": ankle,
        f"{prefix}BigToe": big_toe,
        f"{prefix}SmallToe": big_toe - 0.1 * toes + 0.35 * outwards,
        f"{prefix}Heel": ankle - 0.3 * toes - drop,
    }
