"""Learning rates, every epoch from 0 to 199."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import stgcn_torch.commands.configuration  # noqa: F401  its named preprocessings are part of the configuration
from stgcn_torch.training.lit import make_schedule
from tests.parity.page import Measured
from tests.parity.reference import paddle

pytestmark = pytest.mark.paddle
EPOCHS = 200
CONF = Path(__file__).parents[2] / "conf"
lr = paddle.optimizer.lr
RECIPES = {  # experiment: (learning rate, Paddle's schedule as the recipe writes it)
    "article": (0.05, lambda: lr.CosineAnnealingDecay(0.05, T_max=60)),
    "paddlevideo_fsd": (0.05, lambda: lr.CosineAnnealingDecay(0.05, T_max=90)),
    "paddlevideo_ntu_xsub": (0.1, lambda: lr.PiecewiseDecay([30, 40], [0.1, 0.01, 0.001])),
}


def recipe(experiment: str) -> dict[str, Any]:
    """The experiment's optimizer and schedule, as the command line composes them."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [f"experiment={experiment}", "data.root=."])
        return {name: OmegaConf.to_container(config[name], resolve=True) for name in ("optimizer", "scheduler")}


def our_rates(experiment: str) -> list[float]:
    """What torch's optimizer takes in each epoch."""
    made = recipe(experiment)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], made["optimizer"]["lr"])
    schedule = make_schedule(optimizer, made["scheduler"])
    rates = []
    for _ in range(EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def their_rates(experiment: str) -> list[float]:
    """What Paddle's optimizer takes in each epoch."""
    schedule = RECIPES[experiment][1]()
    rates = []
    for _ in range(EPOCHS):
        rates.append(schedule())
        schedule.step()
    return rates


@pytest.mark.parametrize("experiment", RECIPES)
def test_rates_are_equal_to_the_last_bit(experiment: str, measured: Measured) -> None:
    theirs, ours = their_rates(experiment), our_rates(experiment)
    assert theirs[0] == ours[0] == RECIPES[experiment][0]
    difference = max(abs(one - other) for one, other in zip(theirs, ours, strict=True))
    measured(f"`experiment={experiment}`", difference, 0)


def test_the_articles_rate_climbs_again_after_epoch_60() -> None:
    for rates in (their_rates("article"), our_rates("article")):
        assert rates[60] == 0
        assert rates[90] == pytest.approx(0.025)
        assert rates[99] == pytest.approx(0.03635, abs=1e-5)
