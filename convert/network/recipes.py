"""Training recipes, recognised by a learning rate: Paddle's files store neither the first rate nor the period."""

import math
from typing import Any

import numpy as np

from convert.network.optimizer import ADVICE, MOST_EPOCHS, Momentum, progress
from convert.pickle.errors import MismatchError

Recipe = dict[str, dict[str, Any]]  # two arguments of LitSTGCN: optimizer and scheduler

# Paddle adds up a cosine's steps, which errs by 1e-15 of the rate in 200 epochs; t_max 60 and 61 differ by 2e-5 of it.
TOLERANCE = 1e-9
FLOAT32_TOLERANCE = 1e-7  # for a rate stored in float32, whose rounding error is 6e-8
DEFAULTS = "momentum 0.9, weight decay 1e-4"  # in every recipe here


def _momentum(lr: float, *, nesterov: bool = False) -> dict[str, Any]:
    return {"name": "sgd", "lr": lr, "momentum": 0.9, "nesterov": nesterov, "weight_decay": 1e-4}


def cosine(lr: float, t_max: int) -> Recipe:
    """Momentum as in the article and PaddleVideo, with a cosine rate from ``lr`` to 0 over ``t_max`` epochs."""
    scheduler = {"name": "cosine", "interval": "epoch", "t_max": t_max, "eta_min": 0.0, "warmup": 0}
    return {"optimizer": _momentum(lr), "scheduler": scheduler}


def constant(lr: float) -> Recipe:
    """The same Momentum with a constant rate."""
    return {"optimizer": _momentum(lr), "scheduler": {"name": "constant"}}


# Optimizer and scheduler of the experiments in conf, by their names.
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
    """The recipe whose rate is the file's; Paddle's files store neither the first rate nor the period.

    Args:
        momentum: The optimizer's state from ``find_momentum``.
        lr: First rate of the cosine, or the constant rate of a file without schedule; None to search ``RECIPES``.
        t_max: Epochs in which the cosine falls to 0; None without ``lr``, and for a constant rate.

    Raises:
        ValueError: ``lr`` or ``t_max`` is out of range, missing or superfluous.
        MismatchError: The schedule is unknown; or its rate differs from the cosine's, or fits no known recipe, or
            several.
    """
    if lr is not None and not 0 < lr < math.inf:
        raise ValueError(f"--lr must be above 0, got {lr:g}")
    if t_max is not None and not 1 <= t_max <= MOST_EPOCHS:
        raise ValueError(f"--t-max must be from 1 to {MOST_EPOCHS}, got {t_max:.3g}")
    if momentum.schedule is None:
        return _constant(lr, t_max)
    epoch, last_lr = progress(momentum)
    done = f"after {epoch} epochs its rate is {last_lr:.9g}"
    options = "say --lr and --t-max, the first rate of its cosine and the epochs in which it falls to 0"
    if lr is not None and t_max is not None:
        requested = cosine(lr, t_max)
        if not _fits(requested, epoch, last_lr):
            raise MismatchError(f"{done}, that of a cosine from {lr} over {t_max} epochs {rate(requested, epoch):.9g}")
        return requested
    if lr is not None or t_max is not None:
        raise ValueError(f"one of the two is not enough: {options}")
    matches = [name for name, recipe in RECIPES.items() if _fits(recipe, epoch, last_lr)]
    if len(matches) != 1:
        other = "" if matches else f"; where it is no cosine, {ADVICE}"
        raise MismatchError(f"{done}, as in {' and '.join(matches) or 'no recipe known here'}; {options}{other}")
    return RECIPES[matches[0]]


def _constant(lr: float | None, t_max: int | None) -> Recipe:
    if t_max is not None:
        raise ValueError("it has no schedule, and so no --t-max: its rate is constant")
    if lr is None:
        raise MismatchError("it has no schedule: its rate is constant and not in the file; say it with --lr")
    return constant(lr)


def _fits(recipe: Recipe, epoch: int, last_lr: float) -> bool:
    lr = float(recipe["optimizer"]["lr"])
    is_float32 = float(np.float32(last_lr)) == last_lr
    return abs(rate(recipe, epoch) - last_lr) <= (FLOAT32_TOLERANCE if is_float32 else TOLERANCE) * lr


def optimizer_summary(momentum: Momentum, recipe: Recipe | None) -> str:
    """Summary of an optimizer for the report: epochs done, rate, and the recipe that was assumed."""
    match momentum.schedule:
        case None:
            state = "Momentum at a constant rate" + (", its epochs are not told and count from 0" if recipe else "")
        case {"last_epoch": epoch, "last_lr": lr}:
            state = f"Momentum after {epoch} epochs, next rate {lr:.6g}"
        case schedule:
            state = f"Momentum, its schedule as it is ({', '.join(schedule)})"
    return f"{state}; {_assumed(recipe)}" if recipe else state


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
    return f"recipe {f'{name} ({course})' if name else course}, assumed: {nesterov}{DEFAULTS} are not in the file"
