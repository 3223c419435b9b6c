"""Paddle's optimizer state: the momentum of each parameter, and the state of the learning rate schedule."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
from ml_dtypes import bfloat16

from convert.formats.paddle_names import structured_names
from convert.formats.pdparams import NAMES
from convert.network.keys import MAX_PROBLEMS, Array, our_name, restore_state_dict, unwrapped
from convert.network.network import Network
from convert.pickle.dump import dump
from convert.pickle.errors import MismatchError
from convert.pickle.tree import collections
from stgcn_torch.architecture import misfits

SCHEDULE = "LR_Scheduler"
STEPS = "global_step"  # step count, saved by Paddle 1.8
LIGHTNING_STATES = "optimizer_states"  # key in a checkpoint of this project
VELOCITY = re.compile(r"(.+)_velocity_\d+")  # the number counts the optimizers of a process
ADAM = re.compile(r".+_(moment[12]|beta[12]_pow_acc)_\d+")
# Paddle 2.0 and 2.1 keep velocities, always zero, for the statistics of batch norms too.
STATISTIC = re.compile(r"batch_norm\w*\.w_[12]")
TRAINED = re.compile(r".*(\.weight|\.bias|\.edge_importance\.\d+)")
PREFERRED_KEYS = ("", "optimizer", "optimizer_state_dict", "opt")
MOST_EPOCHS = 10**6
ADVICE = "start from the weights with init_from="
NO_ADAM = f"it is the state of an Adam, which is not taken; {ADVICE}"
SCHEDULES = {  # names by a key that only this schedule's state has
    "LinearWarmup_LR": "a LinearWarmup",
    "num_bad_epochs": "a ReduceOnPlateau",
    "step_num": "one of Paddle 1.8, which counts steps",
}


@dataclass(frozen=True)
class Momentum:
    """State of a Momentum optimizer.

    Attributes:
        velocities: Momentum by this project's name of the parameter, float32, in the order of ``STGCN``'s parameters.
        schedule: State of the schedule, plain values by Paddle's names: ``last_epoch`` is the number of its steps,
            ``last_lr`` the learning rate of the next epoch. None if the rate is constant.
        steps: The step count that Paddle 1.8 saves; None from other releases.
        warnings: Signs of damage.
    """

    velocities: dict[str, Array]
    schedule: Mapping[str, Any] | None
    steps: Array | None = None
    warnings: list[str] = field(default_factory=list)


def is_checkpoint(tree: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a tree is a Lightning checkpoint, as this project's training writes."""
    return isinstance(tree, Mapping) and LIGHTNING_STATES in tree


def find_momentum(tree: object, network: Network) -> Momentum:
    """The state of a Momentum optimizer.

    Args:
        tree: The contents of a ``.pdopt`` or of a nested checkpoint from ``read_pdparams``, or of this project's
            checkpoint from ``read_pt``.
        network: The network saved with the optimizer. Velocities are matched by its name table; without a table, or if
            the table is that of another process, by the order of layers.

    Returns:
        The state; all velocities are zero if the file has none and its schedule has not stepped.

    Raises:
        MismatchError: The state is another optimizer's or another network's, or its schedule's values are invalid; all
            problems are listed.
    """
    problems: list[str] = []
    if is_checkpoint(tree):
        stored, state, steps = _buffers(tree), _lightning_schedule(tree), None
    else:
        contents = _optimizer_state(tree)
        stored, state = _velocities(_slots(contents, problems), network, problems), contents.get(SCHEDULE)
        steps = _count(contents[STEPS], problems) if STEPS in contents else None
    schedule = _schedule(state, problems)
    parameters = {name: value for name, value in network.state.items() if TRAINED.fullmatch(name)}
    if stored:
        problems += misfits(stored, {name: value.shape for name, value in parameters.items()})
    if problems:
        more = [f"and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
        raise MismatchError(f"the optimizer's state does not fit: {'; '.join([*problems[:MAX_PROBLEMS], *more])}")
    if not stored and (schedule or {}).get("last_epoch") != 0:
        raise MismatchError(f"it has no velocities: it is no Momentum's, or was saved before its first step; {ADVICE}")
    zeros = {name: np.zeros_like(value) for name, value in parameters.items()}
    velocities = {name: stored.get(name, zeros[name]) for name in parameters}
    return Momentum(velocities, schedule, steps, _damage(velocities))


def progress(momentum: Momentum) -> tuple[int, float]:
    """Number of epochs done, and the learning rate after them.

    Raises:
        MismatchError: The rate is constant, or the schedule's state has other values than these two.
    """
    match momentum.schedule:
        case {"last_epoch": int(epoch), "last_lr": float(rate), **rest} if not rest:
            return epoch, rate
    schedule = momentum.schedule or {}
    kind = next((kind for key, kind in SCHEDULES.items() if key in schedule), None)
    kind = kind or f"none known here: it has {', '.join(f'{key:.60}' for key in schedule) or 'nothing'}"
    raise MismatchError(f"its schedule is {kind}; a .ckpt cannot go on with it, a .pdparams keeps it; {ADVICE}")


def _optimizer_state(tree: object) -> Mapping[Any, Any]:
    """The optimizer's state in a file: the whole file, or the part of a nested one that has slots or a schedule.

    Raises:
        MismatchError: The file holds no optimizer state, or several.
    """
    states = dict(_optimizer_states(tree))
    if isinstance(tree, Mapping) and not tree.keys() - {NAMES}:  # saved before the first step, with a constant rate
        return tree
    if not states:
        raise MismatchError("it holds no optimizer state")
    for place in PREFERRED_KEYS:
        if place in states:
            return states[place]
    if len(states) > 1:
        raise MismatchError(f"it holds several optimizers' states ({', '.join(states)})")
    return next(iter(states.values()))


def _optimizer_states(tree: object) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Every mapping in a tree that has slots of an optimizer or a schedule, with its dotted path."""
    for place, part in collections(tree):
        if place.rpartition(".")[2] == NAMES:  # a name table lists the slots' names too
            continue
        slot = (isinstance(key, str) and (VELOCITY.fullmatch(key) or ADAM.fullmatch(key)) for key in part)
        if SCHEDULE in part or any(slot):
            yield place, part


def _slots(contents: Mapping[Any, Any], problems: list[str]) -> dict[str, Any]:
    """The velocities by slot name; MismatchError if the slots are another optimizer's."""
    slots = {str(name): value for name, value in contents.items() if name not in (NAMES, SCHEDULE, STEPS)}
    if any(ADAM.fullmatch(name) for name in slots):
        raise MismatchError(NO_ADAM)
    if slots and not any(VELOCITY.fullmatch(name) for name in slots):
        raise MismatchError(f"it is the state of another optimizer than Momentum ({next(iter(slots)):.60}); {ADVICE}")
    problems += [f"unexpected {name:.200}" for name in slots if not VELOCITY.fullmatch(name)]
    return {name: value for name, value in slots.items() if VELOCITY.fullmatch(name)}


def _count(value: object, problems: list[str]) -> Array | None:
    """A copy of the step count; None, and a problem, if the value is no number."""
    if isinstance(value, int | np.integer | np.ndarray) and np.size(value) == 1 and _is_real(np.asarray(value)):
        return np.array(value)
    problems.append(f"its count of steps ({STEPS}) is no number")
    return None


def _buffers(tree: Mapping[str, Any]) -> dict[str, Array]:
    """Velocities of this project's checkpoint, which numbers the parameters in the order of its state dict."""
    match tree:
        case {"optimizer_states": [{"state": dict(slots)}], "state_dict": Mapping() as state_dict}:
            pass
        case _:
            raise MismatchError("it holds no optimizer state of this project's")
    names = [name for name in state_dict if isinstance(name, str) and TRAINED.fullmatch(name)]
    velocities: dict[str, Array] = {}
    for number, slot in slots.items():
        if isinstance(slot, Mapping) and "exp_avg" in slot:
            raise MismatchError(NO_ADAM)
        value = slot.get("momentum_buffer") if isinstance(slot, Mapping) else None
        if type(number) is not int or not 0 <= number < len(names) or not _is_real(value):
            raise MismatchError(f"it has no momentum of parameter {number!r:.20}: it is no Momentum's; {ADVICE}")
        velocities[names[number]] = _float32(value)
    return velocities


def _lightning_schedule(tree: Mapping[str, Any]) -> object:
    """State of the schedule in this project's checkpoint, by Paddle's names."""
    match tree.get("lr_schedulers"):
        case None | []:
            return None
        case [{"_schedulers": _}]:
            raise MismatchError(f"its schedule has a warmup, which Paddle keeps otherwise; {ADVICE}")
        case [{"last_epoch": epoch, "_last_lr": [rate]}]:
            return {"last_epoch": epoch, "last_lr": rate}
    raise MismatchError("its schedule is none of this project's")


def _schedule(state: object, problems: list[str]) -> dict[str, Any] | None:
    """State of a schedule as plain values; invalid values are added to the problems."""
    if state is None:
        return None
    if not isinstance(state, Mapping):
        problems.append(f"its schedule ({SCHEDULE}) is a {type(state).__name__}, and no state of one")
        return None
    plain = {
        str(key): value.item() if isinstance(value, np.generic | np.ndarray) and value.size == 1 else value
        for key, value in state.items()
    }
    try:
        for _ in dump(plain):
            pass
    except ValueError as problem:  # also for integers beyond 64 bits, which cannot be printed
        problems.append(f"its schedule holds what is no plain value: {problem}")
        return None
    epoch, rate = plain.get("last_epoch", 0), plain.get("last_lr", 0.0)
    if type(epoch) is not int or not 0 <= epoch < MOST_EPOCHS:
        problems.append(f"its epoch (last_epoch) must be a whole number from 0 to {MOST_EPOCHS}, got {epoch!r:.30}")
    if type(rate) not in (int, float) or not 0 <= rate < math.inf:
        problems.append(f"its rate (last_lr) must be a number from 0, got {rate!r:.30}")
    elif "last_lr" in plain:
        plain["last_lr"] = float(rate)
    return plain


def _velocities(slots: Mapping[str, Any], network: Network, problems: list[str]) -> dict[str, Array]:
    """The velocities by this project's names of the parameters."""
    by_parameter: dict[str, Array] = {}
    for slot, value in slots.items():
        parameter = VELOCITY.sub(r"\1", slot)
        if STATISTIC.fullmatch(parameter):
            continue
        if not _is_real(value):
            problems.append(f"{slot:.200} is no array of real numbers")
        elif parameter in by_parameter:
            problems.append(f"{parameter:.200} has two velocities")
        else:
            by_parameter[parameter] = value
    try:
        our_names = _our_names(by_parameter, network) if by_parameter else {}
    except MismatchError as problem:
        problems.append(str(problem))
        return {}
    return {our_names[name]: _float32(value) for name, value in by_parameter.items()}


def _is_real(value: object) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray) and (value.dtype.kind in "iuf" or value.dtype == bfloat16)


def _float32(value: Array) -> Array:
    with np.errstate(over="ignore"):  # a warning lists infinite values
        return np.array(value, np.float32)


def _damage(velocities: Mapping[str, Array]) -> list[str]:
    """A warning if velocities are not finite."""
    wrong = [name for name, value in velocities.items() if not np.isfinite(value).all()]
    rest = f" and {len(wrong) - 1} more are" if len(wrong) > 1 else " is"
    return [f"the velocity of {wrong[0]}{rest} not finite: training cannot go on from it"] if wrong else []


def _our_names(parameters: Iterable[str], network: Network) -> dict[str, str]:
    """This project's name by Paddle's parameter name."""
    parameters = set(parameters)
    table = {parameter: our_name(key, network.dialect) for key, parameter in unwrapped(network.names or {}).items()}
    known = {parameter: name for parameter, name in table.items() if name is not None}
    if parameters <= known.keys():
        return {parameter: known[parameter] for parameter in parameters}
    keys = structured_names(parameters, restore_state_dict(network.state))
    return {parameter: str(our_name(key, "paddle")) for parameter, key in keys.items()}
