"""A television camera: joints on the ice in, joints in the image out."""

from typing import Final

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.skating.body import BODY
from stgcn_torch.data.skating.skater import wobble

WIDTH: Final = 1080  # pixels
HEIGHT: Final = 720
HIP: Final = BODY.index("MidHip")


def filmed(
    joints: Float[np.ndarray, "T 25 3"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "T 25 2"], Float[np.ndarray, "T 25 3"]]:
    """The skater in the image of a camera beside the rink, which follows smoothly with a random drift.

    Args:
        joints: Metres on the ice, y up.
        rng: Generator for the camera's place, zoom and drift.

    Returns:
        Pixels from the middle of the image, x to the right and y down; and metres from the middle hip along the
        camera's axes: to its right, down, and away from it.
    """
    hip = joints[:, HIP]
    azimuth, elevation, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.3), rng.uniform(12, 35)
    towards = np.array([np.sin(azimuth), np.tan(elevation), np.cos(azimuth)])
    camera = hip.mean(axis=0) * (1, 0, 1) + distance * towards
    aim = smoothed(hip, int(rng.integers(4, 13))) - camera
    away = aim / np.linalg.norm(aim, axis=1, keepdims=True)
    right = np.cross(away, (0, 1, 0))
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    axes = np.stack((right, np.cross(away, right), away), axis=1)
    view = np.einsum("tad,tvd->tva", axes, joints - camera)
    zoom = rng.uniform(230, 480) / 1.65 * distance  # the skater stands that many pixels tall
    drift = rng.normal(0, (60, 35)) + wobble(rng, len(joints), (2,), 20, 10.0)
    return zoom * view[..., :2] / view[..., 2:] + drift[:, None], view - view[:, HIP, None]


def smoothed(path: Float[np.ndarray, "T 3"], reach: int) -> Float[np.ndarray, "T 3"]:
    """Mean over each point and ``reach`` frames on either side, with the ends repeated beyond the clip.

    The mean includes future frames, as a cameraman anticipates. A lagging mean would shift a spinning skater by the
    velocity, and the direction of the spin would show in the joints' spread.
    """
    padded = np.concatenate((np.repeat(path[:1], reach, axis=0), path, np.repeat(path[-1:], reach, axis=0)))
    mean: np.ndarray = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).mean(axis=-1)
    return mean
