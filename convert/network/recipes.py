"""Recipes of training that a rate gives away: Paddle's files hold neither their first rate nor their period."""

import math
from typing import Any

import numpy as np

from convert.network.optimizer import ELSE, MOST_EPOCHS, Momentum, progress
from convert.pickle.errors import MismatchError

Recipe = dict[str, dict[str, Any]]  # two arguments of LitSTGCN: optimizer and scheduler

# Paddle adds up a cosine's steps, which errs by 1e-15 of the rate in 200 epochs; t_max 60 and 61 differ by 2e-5 of it.
TOLERANCE = 1e-9
SINGLE = 1e-7  # of a rate that was float32 once, whose last bit is 6e-8 of it
BESIDE = "momentum 0.9, weight decay 1e-4"  # in every recipe here


def _momentum(lr: float, *, nesterov: bool = False) -> dict[str, Any]:
    return {"name": "sgd", "lr": lr, "momentum": 0.9, "nesterov": nesterov, "weight_decay": 1e-4}


def cosine(lr: float, t_max: int) -> Recipe:
    """Momentum as the article and PaddleVideo have it, its rate a cosine from ``lr`` to 0 over ``t_max`` epochs."""
    scheduler = {"name": "cosine", "interval": "epoch", "t_max": t_max, "eta_min": 0.0, "warmup": 0}
    return {"optimizer": _momentum(lr), "scheduler": scheduler}


def constant(lr: float) -> Recipe:
    """The same Momentum at one rate."""
    return {"optimizer": _momentum(lr), "scheduler": {"name": "constant"}}


# By the names of the experiments in conf, whose optimizer and scheduler they are.
RECIPES: dict[str, Recipe] = {
    "article": cosine(0.05, 60),
    "paddlevideo_fsd": cosine(0.05, 90),
    "paddlevideo_ntu_xsub": {
        "optimizer": _momentum(0.1, nesterov=True),
        "scheduler": {"name": "multistep", "interval": "epoch", "milestones": [30, 40], "gamma": 0.1, "warmup": 0},
    },
}


def rate(recipe: Recipe, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0."""
    lr, schedule = float(recipe["optimizer"]["lr"]), recipe["scheduler"]
    if schedule["name"] == "constant":
        return lr
    if schedule["name"] == "cosine":
        return lr * (1 + math.cos(math.pi * epoch / schedule["t_max"])) / 2
    drops = sum(epoch >= milestone for milestone in schedule["milestones"])
    return lr * float(schedule["gamma"] ** drops)


def find_recipe(momentum: Momentum, lr: float | None = None, t_max: int | None = None) -> Recipe:
    """The recipe whose rate is the file's; the file itself says neither its first rate nor its period.

    Args:
        momentum: What ``find_momentum`` gives.
        lr: The first rate of a cosine, or the only one where the file has no schedule; None to look among ``RECIPES``.
        t_max: Epochs in which the cosine falls to 0; None with ``lr``.

    Raises:
        ValueError: What is given is no rate or number of epochs, or too little or too much of it.
        MismatchError: The schedule is none that is known here, or its rate is not that of the cosine, or of no known
            recipe, or of several.
    """
    if lr is not None and not 0 < lr < math.inf:
        raise ValueError(f"--lr must be above 0, got {lr:g}")
    if t_max is not None and not 1 <= t_max <= MOST_EPOCHS:
        raise ValueError(f"--t-max must be from 1 to {MOST_EPOCHS}, got {t_max:.3g}")
    if momentum.schedule is None:
        return _constant(lr, t_max)
    epoch, last_lr = progress(momentum)
    done = f"after {epoch} epochs its rate is {last_lr:.9g}"
    ask = "say --lr and --t-max, the first rate of its cosine and the epochs in which it falls to 0"
    if lr is not None and t_max is not None:
        asked = cosine(lr, t_max)
        if not _fits(asked, epoch, last_lr):
            raise MismatchError(f"{done}, that of a cosine from {lr} over {t_max} epochs {rate(asked, epoch):.9g}")
        return asked
    if lr is not None or t_max is not None:
        raise ValueError(f"one of the two is not enough: {ask}")
    fitting = [name for name, recipe in RECIPES.items() if _fits(recipe, epoch, last_lr)]
    if len(fitting) != 1:
        other = "" if fitting else f"; where it is no cosine, {ELSE}"
        raise MismatchError(f"{done}, as in {' and '.join(fitting) or 'no recipe known here'}; {ask}{other}")
    return RECIPES[fitting[0]]


def _constant(lr: float | None, t_max: int | None) -> Recipe:
    if t_max is not None:
        raise ValueError("it has no schedule, and so no --t-max: its rate is constant")
    if lr is None:
        raise MismatchError("it has no schedule: its rate is constant and not in the file; say it with --lr")
    return constant(lr)


def _fits(recipe: Recipe, epoch: int, last_lr: float) -> bool:
    lr = float(recipe["optimizer"]["lr"])
    single = float(np.float32(last_lr)) == last_lr
    return abs(rate(recipe, epoch) - last_lr) <= (SINGLE if single else TOLERANCE) * lr


def said_of(momentum: Momentum, recipe: Recipe | None) -> str:
    """What is told of an optimizer: how far it had come and, of its recipe, what no file of Paddle's holds."""
    match momentum.schedule:
        case None:
            told = "Momentum at a constant rate" + (", its epochs are not told and count from 0" if recipe else "")
        case {"last_epoch": epoch, "last_lr": lr}:
            told = f"Momentum after {epoch} epochs, next rate {lr:.6g}"
        case schedule:
            told = f"Momentum, its schedule as it is ({', '.join(schedule)})"
    return f"{told}; {_assumed(recipe)}" if recipe else told


def _assumed(recipe: Recipe) -> str:
    optimizer, schedule = recipe["optimizer"], recipe["scheduler"]
    rates = {
        "cosine": "cosine from {lr:g} over {t_max} epochs",
        "multistep": "{lr:g}, times {gamma:g} after {milestones} epochs",
        "constant": "constant rate {lr:g}",
    }[schedule["name"]]
    milestones = " and ".join(map(str, schedule.get("milestones", ())))
    course = rates.format(**{**optimizer, **schedule, "milestones": milestones})
    name = next((name for name, known in RECIPES.items() if known == recipe), None)
    nesterov = "Nesterov " if optimizer["nesterov"] else ""
    return f"recipe {f'{name} ({course})' if name else course}, assumed: {nesterov}{BESIDE} are not in the file"
