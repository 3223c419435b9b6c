"""Explanations for tests: people who stand and sway, and maps whose mean and bias make the logits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stgcn_torch.drawing.pose import standing
from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.graph import adjacency
from stgcn_torch.skeleton import LAYOUTS, Skeleton

CLASSES = ("axel", "lutz", "flip", "loop", "salchow", "toe loop")
SCALE = 300.0  # of a body, in pixels


def names(made: Explanation) -> list[str]:
    """Of the explained classes, the most likely first."""
    return [made.classes[k] for k in made.shown]


def people(body: Skeleton, T: int, M: int, D: int) -> np.ndarray:
    """Clip (D + 1, T, V, M) of people who face the viewer and sway: pixels, y down, z away; the score last."""
    x, y = standing(body).T
    sway = 0.2 * np.sin(np.arange(T) / 5)[:, None] * y  # about the feet; upright in frame 0
    clip = np.zeros((D + 1, T, len(x), M), np.float32)
    for m in range(M):
        clip[0, ..., m] = 900 + SCALE * (x + sway + 0.9 * m)
        clip[1, ..., m] = 800 - SCALE * y
        if D == 3:
            clip[2, ..., m] = 500 + SCALE * 0.2 * np.cos(np.arange(len(x))) + SCALE * sway
    clip[D] = 0.9
    return clip


def explanation(
    T: int = 60,
    M: int = 1,
    D: int = 2,
    *,
    body: Skeleton = LAYOUTS["fsd10"],
    strategy: str = "spatial",
    classes: Sequence[str] = CLASSES,
    live: int | None = None,
    stride: int = 4,
    shown: int = 5,
    **changed: Any,
) -> Explanation:
    """An explanation of ``live`` frames in a window of T; every other part may be another."""
    rng, live = np.random.default_rng(0), T if live is None else live
    V, K = len(body.joints), len(classes)
    raw = people(body, live, M, D)
    clip = np.zeros((D, T, V, M), np.float32)
    clip[:, :live] = raw[:D] - raw[:D, :, body.center : body.center + 1]
    maps = rng.normal(rng.normal(0, 0.5, (K, 1, 1, V)), 1.0, (K, M, -(-T // stride), V)).astype(np.float32)
    bias = rng.normal(0, 0.1, K)
    logits = maps.mean(axis=(1, 2, 3), dtype=np.float64) + bias
    likely = np.argsort(-logits)[:shown]
    A = adjacency(body, strategy)
    parts: dict[str, Any] = {
        "title": "A clip of somebody who sways",
        "body": body,
        "classes": classes,
        "logits": logits,
        "probabilities": np.exp(logits) / np.exp(logits).sum(),
        "bias": bias,
        "shown": likely.tolist(),
        "activation": maps[likely],
        "occlusion": rng.normal(0, 1, (len(likely), M, V)),
        "clip": clip,
        "channels": "xyz"[:D],
        "raw": raw,
        "raw_channels": (*"xyz"[:D], "score"),
        "frames": np.where(np.arange(T) < live, np.arange(T), -1),
        "start": 0,
        "stride": stride,
        "reach": 9,
        "ahead": 9,
        "occluded": "an occluded joint lies on MidHip (the origin), as an undetected joint does",
        "averaged": "",
        "A": A,
        "importance": rng.uniform(0.5, 1.5, (4, *A.shape)),
        "preprocessing": ["centred on MidHip, frame by frame", f"{live} frames in a window of {T}"],
    }
    return Explanation(**parts | changed)
