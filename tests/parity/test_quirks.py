"""Preprocessing: PaddleVideo's and the article's, quirk by quirk."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing, preprocess
from stgcn_torch.skeleton import LAYOUTS
from tests.parity.page import Measured

BODY = LAYOUTS["fsd10"]
SAMPLE = "STGCN_FSD_SAMPLE"  # environment variable: a clip of the competition's format, (3, T, 25, 1)


def auto_padding(clip: np.ndarray, window: int, last: Callable[[int], int]) -> np.ndarray:
    """PaddleVideo's AutoPadding in its order of steps: find the length from the end, copy, pad with float64 or sample.

    Args:
        clip: (C, T, V, M).
        window: Frames of the result.
        last: From the length, the end that ``linspace`` runs to.
    """
    length = clip.shape[1]
    for t in reversed(range(clip.shape[1])):
        if np.sum(clip[:, t]) > 0:  # a signed sum: only the score makes it safe
            length = t + 1
            break
    if length == window:
        return clip[:, :window]
    if length < window:
        padded = np.zeros((clip.shape[0], window, *clip.shape[2:]))
        padded[:, :length] = clip[:, :length]
        return padded
    return clip[:, np.linspace(0, last(length), window).astype("int64")]


def paddlevideo(clip: np.ndarray, window: int) -> np.ndarray:
    """Padded with its score, minus joint 8 in every channel, cut to x and y, float32 at last."""
    padded = auto_padding(clip, window, lambda length: length)
    return (padded - padded[:, :, 8:9, :])[:2].astype("float32")


def article(clip: np.ndarray, window: int) -> np.ndarray:
    """float32 and cut to x and y first, then padded; nothing is centred."""
    return auto_padding(clip.astype("float32")[:2], window, lambda length: length - 1).astype("float32")


RULES = {"paddlevideo": paddlevideo, "article": article}


def recorded(live: int, T: int, rng: np.random.Generator, low: float = -0.5) -> np.ndarray:
    """A clip as a pose estimator leaves it: scores, undetected joints at zero, an empty tail."""
    clip = np.zeros((3, T, 25, 1))
    clip[:2, :live] = rng.uniform(low, 0.5, (2, live, 25, 1))
    clip[2, :live] = rng.uniform(0.1, 1, (live, 25, 1))
    return clip * (rng.uniform(size=clip.shape[1:]) > 0.1)


def balanced(rng: np.random.Generator) -> np.ndarray:
    """A clip whose last frames sum to 1e-12 without their score: above zero, and zero once they are float32."""
    clip = recorded(120, 500, rng)
    clip[:, 100:120] = 0
    clip[:, 100:120, 3, 0] = [[0.1 + 1e-12], [-0.1], [0.0]]
    return clip


def with_nan(rng: np.random.Generator) -> np.ndarray:
    """A clip with NaN here and there, and throughout its last frames, which then count as tail."""
    clip = recorded(120, 500, rng)
    clip[0, 10, 3], clip[:, 110:120] = np.nan, np.nan
    return clip


CLIPS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "short": lambda rng: recorded(117, 2500, rng),
    "short, without a tail": lambda rng: recorded(117, 117, rng),
    "as long as the window": lambda rng: recorded(350, 2500, rng),
    "one frame longer": lambda rng: recorded(351, 2500, rng),
    "long": lambda rng: recorded(2037, 2500, rng),
    "negative": lambda rng: recorded(200, 2500, rng, low=-1.0),
    "empty": lambda rng: recorded(0, 300, rng),
    "balanced": balanced,
    "NaN": with_nan,
}


def differing(name: str, clip: np.ndarray) -> float:
    """Share of bytes in which the original's rule and this project's differ."""
    preprocessing: Preprocessing = PREPROCESSINGS[name]
    theirs, ours = RULES[name](clip, preprocessing.window), preprocess(clip, preprocessing, BODY)
    assert theirs.shape == ours.shape
    assert theirs.dtype == ours.dtype
    return float(np.mean(np.frombuffer(theirs.tobytes(), "u1") != np.frombuffer(ours.tobytes(), "u1")))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("name", RULES)
def test_every_byte_is_equal(name: str, kind: str, dtype: type[np.floating], measured: Measured) -> None:
    share = max(differing(name, CLIPS[kind](np.random.default_rng(seed)).astype(dtype)) for seed in range(5))
    measured(f"`preprocessing={name}`: {'; '.join(CLIPS)}: share of bytes that differ", share, 0)


@pytest.mark.parametrize("name", RULES)
def test_every_byte_of_a_real_clip_is_equal(name: str) -> None:
    path = os.environ.get(SAMPLE)
    if not path:
        pytest.skip(f"no real clip at hand; {SAMPLE}=FILE.npy names one of (3, T, 25, 1)")
    clip = np.load(Path(path))
    assert differing(name, clip.reshape(clip.shape[-4:])) == 0


def test_where_the_original_dies_of_an_index_error_this_says_why() -> None:
    clip = recorded(400, 400, np.random.default_rng(0))
    with pytest.raises(IndexError):
        paddlevideo(clip, 350)
    with pytest.raises(ValueError, match=r"sampling=to_length needs a frame of padding after the clip"):
        preprocess(clip, PREPROCESSINGS["paddlevideo"], BODY)


def test_a_long_clip_ends_with_a_frame_of_its_tail() -> None:
    clip = recorded(2037, 2500, np.random.default_rng(0))
    raw = replace(PREPROCESSINGS["paddlevideo"], center=None)
    assert not preprocess(clip, raw, BODY)[:, -1].any()  # linspace(0, T) takes in index T
    assert preprocess(clip, replace(raw, sampling="to_last"), BODY)[:, -1].any()


def test_dropping_the_score_first_cuts_live_frames() -> None:
    clip = recorded(300, 2500, np.random.default_rng(0))
    clip[:2, 200:300] = -np.abs(clip[:2, 200:300])  # the skater moves to the upper left
    kept = {name: np.flatnonzero(preprocess(clip, PREPROCESSINGS[name], BODY).any(axis=(0, 2, 3))) for name in RULES}
    assert kept["paddlevideo"][-1] == 299
    assert kept["article"][-1] < 200
