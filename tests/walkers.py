"""A clean data set of bodies that walk, for tests that plant one fault and look whether it is found."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stgcn_torch.data.check import Survey, surveyed
from stgcn_torch.data.check.parts import Part
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.skeleton import LAYOUTS

BODY = LAYOUTS["coco"]
CENTER = BODY.joints[BODY.center]
T, PADDING = 40, 6
Change = Callable[[np.ndarray], Any]


def walkers(count: int, seed: int = 0) -> np.ndarray:
    """Clips (count, 3, 46, 17, 1): x, y, score of bodies of about half the image that move slowly, 40 frames each."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.15, 0.15, (count, 2, 17)) * rng.uniform(0.8, 1.2, (count, 1, 1))
    clips = np.zeros((count, 3, T + PADDING, 17, 1))
    clips[:, :2, :T, :, 0] = places[:, :, None] + 0.005 * np.arange(T)[None, None, :, None] + 0.3
    clips[:, 2, :T] = 0.8
    return clips


def unchanged(array: np.ndarray) -> None:
    """Leave an array as it is."""


def survey_of(
    change: Change = unchanged,
    labels: Change = unchanged,
    test: Change = unchanged,
    groups: tuple[str, str] | None = None,
    **preprocessing: Any,
) -> Survey:
    """20 training and 8 test clips of 4 classes, window 32, changed in place as a test wants them.

    Args:
        change: Of the training clips.
        labels: Of theirs.
        test: Of the test clips.
        groups: Of all training and all test clips.
        **preprocessing: Other than the default.
    """
    parts = []
    for name, count, changed in (("train", 20, change), ("test", 8, test)):
        clips, given = walkers(count, seed=count), np.arange(count) % 4
        changed(clips)
        if name == "train":
            labels(given)
        of = {} if groups is None else {"group": np.full(count, groups[name == "test"])}
        parts.append(Part(name, f"{name}.npy", clips, np.arange(count), given, of))
    return surveyed(parts, BODY, Preprocessing(**{"window": 32} | preprocessing), list("abcd"))
