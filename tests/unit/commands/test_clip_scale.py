"""Clips of another size than those of the training are told, with what makes them as large; others are not."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.commands.clip_scale import names, odd_scale, other_origin
from stgcn_torch.commands.input_source import Place
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.training.lit import LitSTGCN

PLACES = [Place(0, "a"), Place(1, "b"), *(Place(i) for i in range(2, 9))]


def network(**told: Any) -> Ensemble:
    """Trained on coordinates of size 0.5, as its statistics say."""
    model = {"num_classes": 2, "channels": [4], "strides": [1]}
    clips = {"slots": 1, **told}
    module = LitSTGCN(model, {"window": 8, "center": None}, ["a", "b"], training_clips=clips).eval()
    module.backbone.data_bn.running_mean.fill_(0.3)
    module.backbone.data_bn.running_var.fill_(0.16)
    return Ensemble([module], [1.0])


def clips(*sizes: float) -> np.ndarray[Any, Any]:
    signs = np.random.default_rng(0).choice([-0.5, 0.5], (len(sizes), 3, 8, 25, 1))
    return (signs * np.reshape(sizes, (-1, 1, 1, 1, 1))).astype(np.float32)


def told(*sizes: float, unit: float | None = None) -> list[str]:
    return odd_scale(network(), clips(*sizes), range(len(sizes)), names(PLACES), unit)


@pytest.mark.parametrize("sizes", [(1,), (8,), (0.2, 5), (1, 1, 3, 8, 1), (3.9,) * 5, ()])
def test_people_may_be_near_or_far(sizes: tuple[float, ...]) -> None:
    assert told(*sizes) == []


@pytest.mark.parametrize(
    ("sizes", "times"), [((1000,), "1e+03"), ((0.001, 0.001), "0.001"), ((5,) * 5, "5"), ((20, 100), "60")]
)
def test_clips_in_another_unit_are_told_wherever_they_are(sizes: tuple[float, ...], times: str) -> None:
    (line,) = told(*sizes)
    assert line.startswith(f"coordinates are {times} times as large as those the weights were trained on; ")


@pytest.mark.parametrize(("sizes", "which"), [((1, 800), "b is"), ((800, 1), "a is"), ((1, 800, 600), "2 of 3 clips")])
def test_one_among_others_is_named(sizes: tuple[float, ...], which: str) -> None:
    (line,) = told(*sizes)
    assert line.startswith(which)
    assert "coordinates 8e+02 times" in line


@pytest.mark.parametrize("used", [1.0, 0.02, 3.0])
def test_the_advice_takes_the_factor_that_was_used_into_account(used: float) -> None:
    """Following it ends the complaint."""
    (line,) = told(40, 40, unit=used)
    advised = float(line.rpartition("unit=")[2])
    assert advised == pytest.approx(used / 40, rel=0.05)
    assert told(40 * advised / used, 40 * advised / used, unit=advised) == []


def test_the_factor_of_the_training_is_advised_if_it_fits() -> None:
    (line,) = odd_scale(network(unit=0.01), clips(150, 120), range(2), names(PLACES), 1.0)
    assert line.endswith("; unit=0.01 is that of the training")
    (line,) = odd_scale(network(unit=0.01), clips(15, 12), range(2), names(PLACES), 1.0)  # it would make them too small
    assert "that of the training" not in line


def test_where_clips_come_from_is_compared_as_far_as_it_is_known() -> None:
    trained = TrainingClips(1, people="each", unit=0.01, scale=0.5)
    assert other_origin(trained, people="each", unit=0.01, scale=0.6) == []
    assert other_origin(trained, people=None) == []
    assert other_origin(None, people="each") == []
    assert other_origin(trained, people="together", unit=1.0, scale=50.0) == [
        "the network was trained on clips of people=each, and these are of people=together",
        "coordinates are 1e+02 times as large as those of the training clips (unit=0.01 there, unit=1 here)",
    ]
    assert other_origin(trained, unit=1.0, scale=0.5) == []  # as both are metres
