"""A third number is a score or a depth by what it is, and what was taken is told."""

import numpy as np
import pytest

from stgcn_torch.data.recordings.third_number import third_number

RNG = np.random.default_rng(0)


def values(scale: float, third: object, shape: tuple[int, ...] = (2, 9, 17)) -> np.ndarray:
    places = RNG.uniform(0.1, 1, (*shape, 3)) * scale
    places[..., 2] = third
    return places


@pytest.mark.parametrize(
    ("scale", "third", "name", "told"),
    [
        (500, RNG.uniform(0, 1, (2, 9, 17)), "score", "lies from 0 to 1, and is taken for a score"),
        (500, 0.9, "score", "is 0.9 and taken for a score"),
        (1, 1.0, "score", "is 1 and taken for a score"),
        (1, RNG.uniform(-1, 1, (2, 9, 17)), "z", ""),
        (2, RNG.uniform(2, 4, (2, 9, 17)), "z", ""),
        (500, RNG.uniform(-90, 90, (2, 9, 17)), "z", ""),
        (1, RNG.uniform(0, 1, (2, 9, 17)), "z", "may be z or a score, and is taken for z; channels=[x,y,score]"),
    ],
)
def test_evidence_decides_and_is_told(scale: float, third: object, name: str, told: str) -> None:
    found = values(scale, third)
    found[0, 0] = 0  # who is not there
    found[1, 1, 1] = np.nan
    channel, line = third_number(found)
    assert channel == name
    assert bool(line) == bool(told)
    assert told in line


def test_of_nobody_nothing_is_told() -> None:
    assert third_number(np.zeros((3, 17, 3))) == ("z", "")
