"""A recipe is recognised by its learning rate; values missing in Paddle's files are assumed and reported."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import stgcn_torch.commands.configuration  # noqa: F401  registers the preprocessings that conf names
from convert import MismatchError
from convert.network.optimizer import Momentum
from convert.network.recipes import RECIPES, Recipe, constant, cosine, find_recipe, optimizer_summary, rate
from stgcn_torch.training.lit import make_schedule


def after(epochs: int, lr: float) -> Momentum:
    return Momentum({}, {"last_epoch": epochs, "last_lr": lr})


CONSTANT = Momentum({}, None)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_those_of_the_experiments(name: str) -> None:
    """So training can resume with the experiment."""
    with initialize_config_dir(str(Path(__file__).parents[4] / "conf"), version_base="1.3"):
        config = compose("train", [f"experiment={name}", "data.root=folder"])
    assert RECIPES[name] == {part: OmegaConf.to_container(config[part], resolve=True) for part in RECIPES[name]}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_found_by_its_rate(name: str) -> None:
    """The rates are added up step by step as Paddle does, to the last bit (tests/parity/test_schedules.py)."""
    recipe = RECIPES[name]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], recipe["optimizer"]["lr"])
    schedule = make_schedule(optimizer, recipe["scheduler"])
    for epoch in range(200):
        momentum = after(epoch, optimizer.param_groups[0]["lr"])
        if recipe["scheduler"]["name"] == "cosine" and epoch in (0, 72, 144):  # where the two cosines meet
            with pytest.raises(MismatchError, match="as in article and paddlevideo_fsd; say --lr and --t-max"):
                find_recipe(momentum)
        else:
            assert find_recipe(momentum) == recipe
        optimizer.step()
        schedule.step()


def test_a_cosine_that_is_given_is_checked() -> None:
    momentum = after(1, 0.049965738368864344)  # as Paddle 2.6.2 wrote it
    assert find_recipe(momentum, 0.05, 60) == RECIPES["article"]
    assert find_recipe(after(0, 0.02), 0.02, 7) == cosine(0.02, 7)
    for lr, t_max in ((0.05, 61), (0.05, 59), (0.0500001, 60)):
        with pytest.raises(MismatchError, match=r"after 1 epochs its rate is 0\.0499657384, that of a cosine"):
            find_recipe(momentum, lr, t_max)


@pytest.mark.parametrize("t_max", [10, 60, 300])
def test_a_rate_in_single_precision_tells_its_cosine(t_max: int) -> None:
    for epoch in (1, t_max // 2, t_max - 1):
        momentum = after(epoch, float(np.float32(rate(cosine(0.05, t_max), epoch))))
        assert find_recipe(momentum, 0.05, t_max) == cosine(0.05, t_max)
        with pytest.raises(MismatchError, match="that of a cosine"):
            find_recipe(momentum, 0.05, t_max + 1)


def test_a_constant_rate_is_the_one_given() -> None:
    assert find_recipe(CONSTANT, 0.02) == constant(0.02)
    assert rate(constant(0.02), 7) == 0.02
    with pytest.raises(MismatchError, match="its rate is constant and not in the file; say it with --lr"):
        find_recipe(CONSTANT)


@pytest.mark.parametrize(
    ("momentum", "problem"),
    [
        (after(0, 0.05), "as in article and paddlevideo_fsd; say --lr and --t-max"),
        (after(3, 0.01), "as in no recipe known here; say --lr and --t-max"),
        (after(3, 0.01), "falls to 0; where it is no cosine, start from the weights with init_from="),
        (Momentum({}, {"step_num": 3}), "its schedule is one of Paddle 1.8"),
    ],
)
def test_refuses_a_rate_that_does_not_tell(momentum: Momentum, problem: str) -> None:
    with pytest.raises(MismatchError, match=re.escape(problem)):
        find_recipe(momentum)


@pytest.mark.parametrize(
    ("momentum", "options", "problem"),
    [
        (after(0, 0.05), {"t_max": 60}, "one of the two is not enough"),
        (after(0, 0.05), {"lr": 0.05}, "one of the two is not enough"),
        (after(0, 0.0), {"lr": 0.0, "t_max": 60}, "--lr must be above 0, got 0"),
        (after(0, 0.05), {"lr": float("nan"), "t_max": 60}, "--lr must be above 0, got nan"),
        (after(0, 0.05), {"lr": 0.05, "t_max": 0}, "--t-max must be from 1 to 1000000, got 0"),
        (CONSTANT, {"lr": 0.0}, "--lr must be above 0, got 0"),
        (CONSTANT, {"lr": 0.05, "t_max": 60}, "it has no schedule, and so no --t-max"),
    ],
)
def test_what_is_given_wrongly_is_the_user_s_error(momentum: Momentum, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as refused:
        find_recipe(momentum, **options)
    assert refused.type is ValueError


@pytest.mark.parametrize(
    ("momentum", "recipe", "summary"),
    [
        (
            after(2, 0.049863047384206834),
            RECIPES["article"],
            "Momentum after 2 epochs, next rate 0.049863; recipe article (cosine from 0.05 over 60 epochs), assumed: "
            "momentum 0.9, weight decay 1e-4 are not in the file",
        ),
        (
            after(40, 0.001),
            RECIPES["paddlevideo_ntu_xsub"],
            "Momentum after 40 epochs, next rate 0.001; recipe paddlevideo_ntu_xsub (0.1, times 0.1 after 30 and 40 "
            "epochs), assumed: Nesterov momentum 0.9, weight decay 1e-4 are not in the file",
        ),
        (
            CONSTANT,
            constant(0.02),
            "Momentum at a constant rate, its epochs are not told and count from 0; recipe constant rate 0.02, "
            "assumed: momentum 0.9, weight decay 1e-4 are not in the file",
        ),
        (CONSTANT, None, "Momentum at a constant rate"),
        (after(2, 0.05), None, "Momentum after 2 epochs, next rate 0.05"),
        (Momentum({}, {"step_num": 3}), None, "Momentum, its schedule as it is (step_num)"),
    ],
)
def test_what_is_assumed_is_told(momentum: Momentum, recipe: Recipe | None, summary: str) -> None:
    assert optimizer_summary(momentum, recipe) == summary
