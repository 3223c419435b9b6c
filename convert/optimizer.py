"""Paddle's optimizer state: the momentum of each parameter, how far training had come, and by which recipe."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.errors import MismatchError
from convert.keys import Array, our_name, restore_state_dict, unwrapped
from convert.names import structured_names
from convert.network import Network
from convert.pdparams import NAMES
from stgcn_torch.architecture import misfits

SCHEDULE = "LR_Scheduler"
VELOCITY = re.compile(r"(.+)_velocity_\d+")  # the number counts the optimizers of a process
ADAM = re.compile(r".+_(moment[12]|beta[12]_pow_acc)_\d+")
# Paddle 2.0 and 2.1 keep velocities, always zero, for the statistics of batch norms too.
STATISTIC = re.compile(r"batch_norm\w*\.w_[12]")
TRAINED = re.compile(r".*(\.weight|\.bias|\.edge_importance\.\d+)")

Recipe = dict[str, dict[str, Any]]  # two arguments of LitSTGCN: optimizer and scheduler

# Paddle adds up a cosine's steps, which errs by 1e-15 of the rate in 200 epochs; t_max 60 and 61 differ by 2e-5 of it.
TOLERANCE = 1e-9
MOST_EPOCHS = 10**6


@dataclass(frozen=True)
class Momentum:
    """What an optimizer had gathered when it was saved.

    Attributes:
        velocities: The momentum of each parameter under this project's name, float32, in the order of ``STGCN``'s.
        last_epoch: Epochs that were done: how often the schedule had stepped.
        last_lr: The learning rate of the next epoch.
    """

    velocities: dict[str, Array]
    last_epoch: int
    last_lr: float


def find_momentum(tree: object, network: Network) -> Momentum:
    """The state of a Momentum optimizer.

    Args:
        tree: What ``read_pdparams`` gives of a ``.pdopt``.
        network: What it was saved with. Velocities are matched by its table of names; by the order of layers where it
            has none, or one of another process.

    Returns:
        All velocities zero if the file has none, as before the first step.

    Raises:
        MismatchError: It is another optimizer's, or not this network's, or does not say how far it had come; every
            problem is listed.
    """
    if not isinstance(tree, Mapping):
        raise MismatchError("it holds no optimizer state")
    slots = {str(name): value for name, value in tree.items() if name not in (NAMES, SCHEDULE)}
    if any(ADAM.fullmatch(name) for name in slots):
        raise MismatchError("it is the state of an Adam, which is not taken; start from the weights with init_from=")
    problems = [f"unexpected {name}" for name in slots if not VELOCITY.fullmatch(name)]
    last_epoch, last_lr = _progress(tree.get(SCHEDULE), problems)
    found = _velocities(slots, network, problems)
    wanted = {name: value for name, value in network.state.items() if TRAINED.fullmatch(name)}
    if found and (misfitting := misfits(found, {name: value.shape for name, value in wanted.items()})):
        problems.append(f"its velocities do not fit the network: {', '.join(misfitting)}")
    if problems:
        raise MismatchError("; ".join(problems))
    zeros = {name: np.zeros_like(value) for name, value in wanted.items()}
    return Momentum({name: found.get(name, zeros[name]) for name in wanted}, last_epoch, last_lr)


def _progress(schedule: object, problems: list[str]) -> tuple[int, float]:
    """Epochs done and the rate after them, of a schedule that has no other state."""
    match schedule:
        case {"last_epoch": int(epoch), "last_lr": float(rate), **rest} if 0 <= epoch < MOST_EPOCHS and not rest:
            return epoch, rate
        case {"last_epoch": _, "last_lr": _, **rest} if rest:
            problems.append(f"its schedule is none known here: it has {', '.join(map(str, rest))}")
        case _:
            problems.append(f"it does not say the epoch and its rate ({SCHEDULE} with last_epoch and last_lr)")
    return 0, 0.0


def _velocities(slots: Mapping[str, Any], network: Network, problems: list[str]) -> dict[str, Array]:
    """The velocities under this project's names."""
    by_parameter: dict[str, Array] = {}
    for slot, value in slots.items():
        match = VELOCITY.fullmatch(slot)
        if not match or STATISTIC.fullmatch(match[1]):
            continue
        if not isinstance(value, np.ndarray) or value.dtype.kind in "OSUVbc":
            problems.append(f"{slot} is no array of real numbers")
        elif match[1] in by_parameter:
            problems.append(f"{match[1]} has two velocities")
        else:
            by_parameter[match[1]] = value
    try:
        places = _places(by_parameter, network) if by_parameter else {}
    except MismatchError as problem:
        problems.append(str(problem))
        return {}
    return {places[name]: np.array(value, np.float32) for name, value in by_parameter.items()}


def _places(parameters: Iterable[str], network: Network) -> dict[str, str]:
    """This project's name of each of Paddle's parameters."""
    parameters = set(parameters)
    table = {parameter: our_name(key, network.dialect) for key, parameter in unwrapped(network.names or {}).items()}
    known = {parameter: name for parameter, name in table.items() if name is not None}
    if parameters <= known.keys():
        return {parameter: known[parameter] for parameter in parameters}
    keys = structured_names(parameters, restore_state_dict(network.state))
    return {parameter: str(our_name(key, "paddle")) for parameter, key in keys.items()}


def cosine(lr: float, t_max: int) -> Recipe:
    """Momentum as the article and PaddleVideo have it, its rate a cosine from ``lr`` to 0 over ``t_max`` epochs."""
    optimizer = {"name": "sgd", "lr": lr, "momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}
    scheduler = {"name": "cosine", "interval": "epoch", "t_max": t_max, "eta_min": 0.0, "warmup": 0}
    return {"optimizer": optimizer, "scheduler": scheduler}


# By the names of the experiments in conf, whose optimizer and scheduler they are.
RECIPES: dict[str, Recipe] = {
    "article": cosine(0.05, 60),
    "paddlevideo_fsd": cosine(0.05, 90),
    "paddlevideo_ntu_xsub": {
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
        "scheduler": {"name": "multistep", "interval": "epoch", "milestones": [30, 40], "gamma": 0.1, "warmup": 0},
    },
}


def rate(recipe: Recipe, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0."""
    lr, schedule = float(recipe["optimizer"]["lr"]), recipe["scheduler"]
    if schedule["name"] == "cosine":
        return lr * (1 + math.cos(math.pi * epoch / schedule["t_max"])) / 2
    drops = sum(epoch >= milestone for milestone in schedule["milestones"])
    return lr * float(schedule["gamma"] ** drops)


def find_recipe(momentum: Momentum, lr: float | None = None, t_max: int | None = None) -> Recipe:
    """The recipe whose rate is the file's; the file itself says neither its first rate nor its period.

    Args:
        momentum: Epochs done, and the rate after them.
        lr: The first rate of a cosine; None to look among ``RECIPES``.
        t_max: Epochs in which it falls to 0; None with ``lr``.

    Raises:
        MismatchError: The rate is not that of the cosine, or of no known recipe, or of several.
    """
    done = f"after {momentum.last_epoch} epochs its rate is {momentum.last_lr:.9g}"
    ask = "say --lr and --t-max, the first rate of its cosine and the epochs in which it falls to 0"
    if lr is not None and t_max is not None:
        if not 0 < lr < math.inf or not 1 <= t_max <= MOST_EPOCHS:
            raise MismatchError(f"the first rate must be above 0 and its epochs at least 1, got {lr:g} and {t_max:.3g}")
        given = cosine(lr, t_max)
        if not _fits(given, momentum):
            raise MismatchError(
                f"{done}, that of a cosine from {lr} over {t_max} epochs {rate(given, momentum.last_epoch):.9g}"
            )
        return given
    if lr is not None or t_max is not None:
        raise MismatchError(f"one of the two is not enough: {ask}")
    fitting = [name for name, recipe in RECIPES.items() if _fits(recipe, momentum)]
    if len(fitting) != 1:
        raise MismatchError(f"{done}, as in {' and '.join(fitting) or 'no recipe known here'}; {ask}")
    return RECIPES[fitting[0]]


def _fits(recipe: Recipe, momentum: Momentum) -> bool:
    lr = float(recipe["optimizer"]["lr"])
    return abs(rate(recipe, momentum.last_epoch) - momentum.last_lr) <= TOLERANCE * lr
