"""A pose estimator and its faults: what it makes of a skater in the image, as the figure-skating files have it."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.skating.body import BODY
from stgcn_torch.data.skating.camera import HEIGHT, WIDTH
from stgcn_torch.data.skating.skater import wobble

CONFIDENCE: Final = {  # score of a joint in plain view
    **{"Nose": 0.88, "Neck": 0.86, "MidHip": 0.76, "Shoulder": 0.82, "Elbow": 0.78, "Wrist": 0.74, "Hip": 0.74},
    **{"Knee": 0.82, "Ankle": 0.76, "Eye": 0.86, "Ear": 0.82, "BigToe": 0.64, "SmallToe": 0.6, "Heel": 0.62},
}
PLAIN: Final = np.array([CONFIDENCE.get(name, CONFIDENCE.get(name[1:], 0.0)) for name in BODY.joints])
THRESHOLD: Final = 0.05  # a joint with a lower score is not reported
STRIDE: Final = 2.0  # pixels between the places that a heat map can name


def estimated(
    pixels: Float[np.ndarray, "T 25 2"], seen: Float[np.ndarray, "T 25 3"], rng: np.random.Generator
) -> Float[np.ndarray, "3 T 25"]:
    """x / width − 0.5, y / height − 0.5 and score of every joint, all three zero where the estimator found none.

    Args:
        pixels: Joints from the middle of the image.
        seen: The same joints in metres from the hip along the camera's axes.
        rng: Draws the faults.
    """
    T = len(pixels)
    score = PLAIN * rng.beta(12, 1.5, (T, len(PLAIN))) * rng.normal(1, 0.05)
    score = score * np.where(hidden(seen), np.abs(wobble(rng, T, (len(PLAIN),), 8, 0.35)).clip(0, 1), 1)
    blur = np.linalg.norm(np.gradient(seen, axis=0), axis=2)  # metres per frame
    score = score * np.exp(-1.5 * blur)
    height = np.ptp(pixels[..., 1], axis=1).mean()
    pixels = pixels + rng.normal(0, 0.004 * height, pixels.shape) * (1 + 8 * (0.9 - score[..., None]).clip(0) ** 2)
    pixels, score = confused(pixels, score, rng)
    pixels = np.round(pixels / STRIDE) * STRIDE
    x, y = pixels[..., 0] / WIDTH, pixels[..., 1] / HEIGHT
    found = (score > THRESHOLD) & (np.abs(x) < 0.5) & (np.abs(y) < 0.5) & present(T, rng)[:, None]
    return np.stack((x, y, score.clip(0, 0.99))) * found


def hidden(seen: Float[np.ndarray, "T 25 3"]) -> Bool[np.ndarray, "T 25"]:
    """Which joints the skater's own body hides: limbs behind the trunk or behind the other limb, the face from behind.

    Args:
        seen: Metres from the hip along the camera's axes, the last away from it.
    """
    v = BODY.index
    behind = np.zeros(seen.shape[:2], dtype=bool)
    depth = seen[..., 2]
    for left, right in BODY.pairs:  # behind the other leg or arm
        close = np.hypot(*np.moveaxis(seen[:, left, :2] - seen[:, right, :2], -1, 0)) < 0.1
        behind[:, left] |= close & (depth[:, left] > depth[:, right] + 0.08)
        behind[:, right] |= close & (depth[:, right] > depth[:, left] + 0.08)
    trunk = seen[:, None, v("Neck")]
    along = np.clip((seen * trunk).sum(axis=-1) / (trunk**2).sum(axis=-1), 0, 1)[..., None]
    gap = seen - along * trunk
    behind |= (np.hypot(gap[..., 0], gap[..., 1]) < 0.13) & (gap[..., 2] > 0.15)
    ears = (depth[:, v("REar")] + depth[:, v("LEar")]) / 2
    away = depth[:, v("Nose")] - ears > 0.03
    behind[:, [v("Nose"), v("REye"), v("LEye")]] |= away[:, None]
    for ear in (v("REar"), v("LEar")):
        behind[:, ear] |= depth[:, ear] > ears + 0.03
    return behind


def confused(
    pixels: Float[np.ndarray, "T 25 2"], score: Float[np.ndarray, "T 25"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "T 25 2"], Float[np.ndarray, "T 25"]]:
    """Short spells in which left is taken for right, or a person at the boards for the skater."""
    T = len(pixels)
    for _ in range(rng.poisson(0.6)):
        spell = slice(begin := int(rng.integers(T)), begin + int(rng.integers(1, 6)))
        pixels[spell], score[spell] = pixels[spell][:, BODY.mirror], score[spell][:, BODY.mirror]
    for _ in range(rng.poisson(0.25)):
        spell = slice(begin := int(rng.integers(T)), begin + int(rng.integers(1, 4)))
        pixels[spell] = 0.4 * pixels[int(rng.integers(T))] + rng.uniform(-0.35, 0.35, 2) * (WIDTH, HEIGHT)
        score[spell] *= 0.6
    return pixels, score


def present(T: int, rng: np.random.Generator) -> Bool[np.ndarray, " T"]:
    """The frames in which anybody was found; the first and the last always are."""
    frames = np.ones(T, dtype=bool)
    for _ in range(rng.poisson(0.4)):
        begin = int(rng.integers(1, T - 1))
        frames[begin : min(begin + int(rng.integers(1, 4)), T - 1)] = False
    return frames
