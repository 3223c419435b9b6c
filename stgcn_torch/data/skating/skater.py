"""A skater performs a programme: key frames in, joints on the ice in metres out."""

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.skating.body import BODY, joints_of, mirrored, proportions
from stgcn_torch.data.skating.elements import Programme

FEWEST, MOST = 42, 350  # live frames of a clip, as in the figure-skating data


def performance(programme: Programme, rng: np.random.Generator) -> Float[np.ndarray, "T 25 3"]:
    """Joints of one skater through one programme, mirrored with probability 1/2.

    Args:
        programme: Key frames.
        rng: Generator for proportions, tempo, habits, the curve over the ice and the mirroring.

    Returns:
        Metres; x and z along the ice, y upwards from it.
    """
    tempo = np.exp(rng.normal(0, 0.2)) * (2 if rng.random() < 0.04 else 1)  # a few films have 60 frames a second
    T = int(np.clip(programme.length * tempo, FEWEST, MOST))
    frames = np.arange(T) * (programme.length / T)
    angles = eased(frames, programme.pose_times, programme.poses)
    angles = angles + rng.normal(0, 5, (13, 2)) + wobble(rng, T, (13, 2), 12, 3.0)
    lift = np.zeros(T)
    if programme.flight:
        takeoff, landing, height = programme.flight
        phase = np.clip((frames - takeoff) / (landing - takeoff), 0, 1)
        lift = 4 * height * phase * (1 - phase)
    heading = np.radians(rng.uniform(-1, 1) * frames) + rng.uniform(0, 2 * np.pi)
    facing = np.radians(np.interp(frames, programme.turn_times, programme.turns))
    path = np.cumsum(programme.speed * np.stack((np.sin(heading), 0 * heading, np.cos(heading)), axis=1), axis=0)
    if rng.random() < 0.5:
        angles, facing = mirrored(angles), -facing
    return on_ice(joints_of(angles, proportions(rng)), heading + facing, path, lift)


def on_ice(
    joints: Float[np.ndarray, "T 25 3"],
    yaw: Float[np.ndarray, " T"],
    path: Float[np.ndarray, "T 3"],
    lift: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "T 25 3"]:
    """Joints rotated by the yaw and moved so that the lower foot follows the path on the ice.

    A spin therefore turns about the skate and not about the hip.

    Args:
        joints: Metres about the middle hip, facing z.
        yaw: Radians to the left.
        path: Position of the skate on the ice, metres.
        lift: Height of the lowest point above the ice, metres.
    """
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y, z = np.moveaxis(joints, -1, 0)
    joints = np.stack((c * x + s * z, y, c * z - s * x), axis=-1)
    feet = joints[:, [BODY.index("RHeel"), BODY.index("LHeel")]]
    weight = np.exp((feet[..., 1].min(axis=1, keepdims=True) - feet[..., 1]) / 0.05)
    weight /= weight.sum(axis=1, keepdims=True)
    skate = np.einsum("tf,tfd->td", weight, feet)
    skate[:, 1] = joints[..., 1].min(axis=1) - lift
    moved: np.ndarray = joints + (path - skate)[:, None]
    return moved


def eased(
    frames: Float[np.ndarray, " T"], times: Float[np.ndarray, " K"], values: Float[np.ndarray, "K *D"]
) -> Float[np.ndarray, "T *D"]:
    """Smoothstep between key frames, with zero slope at each; constant before the first and after the last."""
    after = np.clip(np.searchsorted(times, frames), 1, len(times) - 1)
    phase = np.clip((frames - times[after - 1]) / (times[after] - times[after - 1]), 0, 1)
    weight = (phase**2 * (3 - 2 * phase)).reshape(-1, *(1,) * (values.ndim - 1))
    interpolated: np.ndarray = (1 - weight) * values[after - 1] + weight * values[after]
    return interpolated


def wobble(
    rng: np.random.Generator, T: int, shape: tuple[int, ...], period: int, spread: float
) -> Float[np.ndarray, "T *D"]:
    """A smooth random curve about zero, drawn anew every ``period`` frames with standard deviation ``spread``."""
    draws = T // period + 2
    times = np.arange(draws) * float(period) - rng.uniform(0, period)
    return eased(np.arange(T, dtype=float), times, rng.normal(0, spread, (draws, *shape)))
