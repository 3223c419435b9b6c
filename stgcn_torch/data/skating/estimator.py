"""A pose estimator and its faults: what it makes of a skater in the image, as the figure-skating files have it."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.skating.body import BODY
from stgcn_torch.data.skating.camera import HEIGHT, WIDTH
from stgcn_torch.data.skating.skater import wobble

CONFIDENCE: Final = {  # score of a joint in plain view, for both sides
    **{"Nose": 0.88, "Neck": 0.86, "MidHip": 0.76, "Shoulder": 0.82, "Elbow": 0.78, "Wrist": 0.74, "Hip": 0.74},
    **{"Knee": 0.82, "Ankle": 0.76, "Eye": 0.86, "Ear": 0.82, "BigToe": 0.64, "SmallToe": 0.6, "Heel": 0.62},
}
PLAIN: Final = np.array([CONFIDENCE.get(name) or CONFIDENCE[name[1:]] for name in BODY.joints])
THRESHOLD: Final = 0.05  # a joint with a lower score is not reported
STRIDE: Final = 2.0  # pixels between the places that a heat map can name


def estimated(
    pixels: Float[np.ndarray, "T 25 2"], seen: Float[np.ndarray, "T 25 3"], rng: np.random.Generator
) -> Float[np.ndarray, "3 T 25"]:
    """What the estimator reports: x / width − 0.5, y / height − 0.5, score; all three zero for a joint not found.

    Args:
        pixels: Joints from the middle of the image.
        seen: The same joints in metres from the hip along the camera's axes.
        rng: Draws the faults.
    """
    T = len(pixels)
    score = scores(seen, rng)
    spread = 0.004 * np.ptp(pixels[..., 1], axis=1).mean()  # of a joint in plain view, about 1.5 pixels
    pixels = pixels + rng.normal(0, spread, pixels.shape) * (1 + 8 * (0.9 - score[..., None]).clip(0) ** 2)
    pixels, score = confused(pixels, score, rng)
    x, y = np.moveaxis(np.round(pixels / STRIDE) * STRIDE / (WIDTH, HEIGHT), -1, 0)
    found = (score > THRESHOLD) & (np.abs(x) < 0.5) & (np.abs(y) < 0.5) & present(T, rng)[:, None]
    return np.where(found, np.stack((x, y, score)), 0.0)


def scores(seen: Float[np.ndarray, "T 25 3"], rng: np.random.Generator) -> Float[np.ndarray, "T 25"]:
    """Confidence in [0, 1], lower for what is hidden and for what moves fast.

    Args:
        seen: Metres from the hip along the camera's axes.
        rng: Draws the light of the film, and noise per joint and frame.
    """
    shape = seen.shape[:2]
    glimpse = np.abs(wobble(rng, len(seen), shape[1:], 8, 0.25))  # an estimator often guesses what it cannot see
    blur = np.exp(-np.linalg.norm(np.gradient(seen, axis=0), axis=2))  # of metres per frame
    score: np.ndarray = PLAIN * rng.beta(20, 1.2, shape) * rng.normal(1, 0.05) * blur
    return (score * np.where(hidden(seen), glimpse, 1)).clip(0, 0.99)


def hidden(seen: Float[np.ndarray, "T 25 3"]) -> Bool[np.ndarray, "T 25"]:
    """Which joints the skater's own body hides: a limb behind its twin or the trunk, and the face from behind.

    Args:
        seen: Metres from the hip along the camera's axes, the last away from it.
    """
    depth = seen[..., 2]
    behind = np.zeros(depth.shape, dtype=bool)
    for left, right in BODY.pairs:
        close = np.hypot(*np.moveaxis(seen[:, left, :2] - seen[:, right, :2], -1, 0)) < 0.1
        behind[:, left] |= close & (depth[:, left] > depth[:, right] + 0.08)
        behind[:, right] |= close & (depth[:, right] > depth[:, left] + 0.08)
    trunk = seen[:, None, BODY.index("Neck")]
    along = np.clip((seen * trunk).sum(axis=-1) / (trunk**2).sum(axis=-1), 0, 1)
    gap = seen - along[..., None] * trunk
    behind |= (np.hypot(gap[..., 0], gap[..., 1]) < 0.13) & (gap[..., 2] > 0.15)
    face, ears = [BODY.index(name) for name in ("Nose", "REye", "LEye")], [BODY.index("REar"), BODY.index("LEar")]
    middle = depth[:, ears].mean(axis=1, keepdims=True)
    behind[:, face] |= depth[:, face[:1]] > middle + 0.03
    behind[:, ears] |= depth[:, ears] > middle + 0.03
    return behind


def confused(
    pixels: Float[np.ndarray, "T 25 2"], score: Float[np.ndarray, "T 25"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "T 25 2"], Float[np.ndarray, "T 25"]]:
    """Short spells in which left is taken for right, or a person at the boards for the skater."""
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
    """The frames in which anybody was found; the first and the last always are."""
    frames = np.ones(T, dtype=bool)
    for _ in range(rng.poisson(0.4)):
        frames[_spell(T, 3, rng)] = False
    frames[[0, -1]] = True
    return frames


def _spell(T: int, longest: int, rng: np.random.Generator) -> slice:
    begin = int(rng.integers(T))
    return slice(begin, begin + int(rng.integers(1, longest + 1)))
