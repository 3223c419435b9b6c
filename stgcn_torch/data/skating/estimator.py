"""A pose estimator with its faults: the skater's joints in the image, in the format of the figure-skating files."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.skating.body import BODY
from stgcn_torch.data.skating.camera import HEIGHT, WIDTH
from stgcn_torch.data.skating.skater import wobble

CONFIDENCE: Final = {  # score of an unoccluded joint, for both sides
    **{"Nose": 0.88, "Neck": 0.86, "MidHip": 0.76, "Shoulder": 0.82, "Elbow": 0.78, "Wrist": 0.74, "Hip": 0.74},
    **{"Knee": 0.82, "Ankle": 0.76, "Eye": 0.86, "Ear": 0.82, "BigToe": 0.64, "SmallToe": 0.6, "Heel": 0.62},
}
PLAIN: Final = np.array([CONFIDENCE.get(name) or CONFIDENCE[name[1:]] for name in BODY.joints])
THRESHOLD: Final = 0.05  # a joint with a lower score is not reported
STRIDE: Final = 2.0  # pixels between neighbouring cells of the heat map


def estimated(
    pixels: Float[np.ndarray, "T 25 2"], view: Float[np.ndarray, "T 25 3"], rng: np.random.Generator
) -> Float[np.ndarray, "3 T 25"]:
    """The estimator's output: x / width − 0.5, y / height − 0.5, score; all three zero for an undetected joint.

    Args:
        pixels: Joints from the middle of the image.
        view: The same joints in metres from the hip along the camera's axes.
        rng: Generator for the faults.
    """
    T = len(pixels)
    score = scores(view, rng)
    spread = 0.004 * np.ptp(pixels[..., 1], axis=1).mean()  # of an unoccluded joint, about 1.5 pixels
    pixels = pixels + rng.normal(0, spread, pixels.shape) * (1 + 8 * (0.9 - score[..., None]).clip(0) ** 2)
    pixels, score = confused(pixels, score, rng)
    x, y = np.moveaxis(np.round(pixels / STRIDE) * STRIDE / (WIDTH, HEIGHT), -1, 0)
    reported = (score > THRESHOLD) & (np.abs(x) < 0.5) & (np.abs(y) < 0.5) & present(T, rng)[:, None]
    return np.where(reported, np.stack((x, y, score)), 0.0)


def scores(view: Float[np.ndarray, "T 25 3"], rng: np.random.Generator) -> Float[np.ndarray, "T 25"]:
    """Confidence in [0, 1], lower for hidden and for fast joints.

    Args:
        view: Metres from the hip along the camera's axes.
        rng: Generator for the light of the film, and for noise per joint and frame.
    """
    shape = view.shape[:2]
    glimpse = np.abs(wobble(rng, len(view), shape[1:], 8, 0.25))  # an estimator often guesses hidden joints
    blur = np.exp(-np.linalg.norm(np.gradient(view, axis=0), axis=2))  # of metres per frame
    score: np.ndarray = PLAIN * rng.beta(20, 1.2, shape) * rng.normal(1, 0.05) * blur
    return (score * np.where(hidden(view), glimpse, 1)).clip(0, 0.99)


def hidden(view: Float[np.ndarray, "T 25 3"]) -> Bool[np.ndarray, "T 25"]:
    """Joints that the skater's body hides: a limb behind the other one or the trunk, and the face from behind.

    Args:
        view: Metres from the hip along the camera's axes, the last one away from the camera.
    """
    depth = view[..., 2]
    behind = np.zeros(depth.shape, dtype=bool)
    for left, right in BODY.pairs:
        close = np.hypot(*np.moveaxis(view[:, left, :2] - view[:, right, :2], -1, 0)) < 0.1
        behind[:, left] |= close & (depth[:, left] > depth[:, right] + 0.08)
        behind[:, right] |= close & (depth[:, right] > depth[:, left] + 0.08)
    trunk = view[:, None, BODY.index("Neck")]
    along = np.clip((view * trunk).sum(axis=-1) / (trunk**2).sum(axis=-1), 0, 1)
    gap = view - along[..., None] * trunk
    behind |= (np.hypot(gap[..., 0], gap[..., 1]) < 0.13) & (gap[..., 2] > 0.15)
    face, ears = [BODY.index(name) for name in ("Nose", "REye", "LEye")], [BODY.index("REar"), BODY.index("LEar")]
    middle = depth[:, ears].mean(axis=1, keepdims=True)
    behind[:, face] |= depth[:, face[:1]] > middle + 0.03
    behind[:, ears] |= depth[:, ears] > middle + 0.03
    return behind


def confused(
    pixels: Float[np.ndarray, "T 25 2"], score: Float[np.ndarray, "T 25"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "T 25 2"], Float[np.ndarray, "T 25"]]:
    """The joints with short spells in which left and right are swapped, or a spectator replaces the skater."""
    T = len(pixels)
    pixels, score = pixels.copy(), score.copy()
    for _ in range(rng.poisson(0.6)):
        spell = _spell(T, 5, rng)
        pixels[spell], score[spell] = pixels[spell][:, BODY.mirror], score[spell][:, BODY.mirror]
    for _ in range(rng.poisson(0.25)):
        spell = _spell(T, 3, rng)
        pixels[spell] = 0.4 * pixels[rng.integers(T)] + rng.uniform(-0.35, 0.35, 2) * (WIDTH, HEIGHT)
        score[spell] *= 0.6
    return pixels, score


def present(T: int, rng: np.random.Generator) -> Bool[np.ndarray, " T"]:
    """The frames in which the skater is detected, always with the first and the last."""
    frames = np.ones(T, dtype=bool)
    for _ in range(rng.poisson(0.4)):
        frames[_spell(T, 3, rng)] = False
    frames[[0, -1]] = True
    return frames


def _spell(T: int, longest: int, rng: np.random.Generator) -> slice:
    begin = int(rng.integers(T))
    return slice(begin, begin + int(rng.integers(1, longest + 1)))
