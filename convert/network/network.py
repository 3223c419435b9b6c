"""From what a file holds to a network: which of its tensors, in whose names, of which architecture and layout."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ml_dtypes import bfloat16

from convert.formats.paddle_names import BESIDE
from convert.formats.pdparams import NAMES
from convert.network.graphs import Layout, check_multiplied, exact_graph, found_graph, rebuilt_graph, told_graph
from convert.network.keys import Array, bare_names, dialect_of, fitting_tensors, misfit, our_name
from convert.pickle.errors import MismatchError
from convert.pickle.stored import owned
from convert.pickle.tree import by_key, collections
from stgcn_torch.architecture import misfits, sizes, tensor_shapes

TOLD = "hyper_parameters"  # where a checkpoint of this project tells of more than its weights
PREFERRED = ("state_dict", "model", "model_state_dict", "network", "params")
PUBLISHED = [64] * 4 + [128] * 3 + [256] * 3  # widths of the network whose strides are known
ADAPTIVE = ("mmaction2-1.x", "pyskl")  # whose importances may be meant otherwise
MAX_STRIDE = 1024  # frames


@dataclass(frozen=True)
class Network:
    """An ST-GCN out of a file.

    Attributes:
        state: Arrays under this project's names, float32, in the order of ``STGCN.state_dict``.
        model: Arguments of ``STGCN``.
        dialect: Whose names the file has.
        renamed: This project's name of each of the file's tensors that is called otherwise there.
        cast: The dtype in the file of each of this project's tensors that had another than it has here.
        added: Names of tensors that the file lacks.
        left: What else the file holds.
        names: Paddle's parameter name of each of its structured names; None if the file has no table.
        preprocessing: What the clips went through, as this project's checkpoints tell it.
        classes: Names of the classes, likewise.
        strides_from: Where the blocks' strides come from, which no tensor tells.
        warnings: What was assumed, and what looks damaged.
    """

    state: dict[str, Array]
    model: dict[str, Any]
    dialect: str
    renamed: dict[str, str]
    cast: dict[str, str]
    added: list[str]
    left: list[str]
    names: Mapping[str, str] | None = None
    preprocessing: Mapping[str, Any] | None = None
    classes: tuple[str, ...] | None = None
    strides_from: str = "assumed"
    warnings: list[str] = field(default_factory=list)


def find_network(
    tree: object, *, key: str | None = None, layout: Layout | None = None, strides: Sequence[int] | None = None
) -> Network:
    """The ST-GCN that a file holds.

    Args:
        tree: What ``read_pdparams`` or ``read_pt`` gives.
        key: Where in a nested file the state dict is, as ``model`` or ``student.model``; None to look for it.
        layout: The joints' layout; None to tell it from the graph in the file.
        strides: Temporal stride of each block; None for those of published networks.

    Raises:
        MismatchError: There is none, or more than one; or its tensors do not fit together, which is told of all.
    """
    place, held = _chosen(dict(_state_dicts(tree)), key)
    told = _hyperparameters(tree)
    wrapped = _tensors(held)
    beside = [name for name in held if name not in wrapped]
    bare = bare_names(wrapped)
    beside += [name for name in wrapped if name not in bare]
    tensors = {name: wrapped[whole] for whole, name in bare.items()}
    dialect = dialect_of(tensors)
    state, problems = fitting_tensors(tensors, dialect)
    warnings: list[str] = []
    model, strides_from = _architecture(state, layout, strides, told, problems, warnings)
    shapes = tensor_shapes(state["backbone.A"].shape, model)
    if problems := problems + misfits(state, shapes) + _of_other_types(state):
        raise misfit(problems)
    if dialect in ADAPTIVE:
        check_multiplied(state)
    ours = {name: str(our_name(name, dialect)) for name in tensors}
    return Network(
        state={name: _float32(state[name]) for name in shapes},
        model=model,
        dialect=dialect,
        renamed={theirs: name for theirs, name in ours.items() if theirs != name},
        cast={
            name: str(array.dtype) for name, array in state.items() if _wanted(array) != array.dtype.newbyteorder("=")
        },
        added=[name for name in shapes if name not in ours.values()],
        left=[f"{place}.{name}".lstrip(".") for name in beside if name != NAMES] + _others(tree, place, told),
        names=_parameter_names(held.get(NAMES), bare, warnings),
        preprocessing=told.get("preprocessing"),
        classes=_classes(told, model["num_classes"]),
        strides_from=strides_from,
        warnings=warnings,
    )


def _parameter_names(table: object, structured: Mapping[str, str], warnings: list[str]) -> dict[str, str] | None:
    """Paddle's parameter name of each structured name, where the file's table has one for each and none for two."""
    if not isinstance(table, Mapping):
        return None
    names = {ours: table[theirs] for theirs, ours in structured.items() if isinstance(table.get(theirs), str)}
    if len({*names.values()}) < len(names):
        warnings.append("the file's table of names has one name for two tensors; it is not used")
    return names if len({*names.values()}) == len(structured) else None


def _classes(told: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    """The names of the classes that the file tells, if it tells any."""
    if not told:
        return None
    if len(told["classes"]) != count:
        raise MismatchError(f"it names {len(told['classes'])} classes, and its head has {count}")
    return tuple(map(str, told["classes"]))


def _hyperparameters(tree: object) -> dict[str, Any]:
    """What a checkpoint of this project tells beside its weights; empty for any other."""
    held = tree.get(TOLD) if isinstance(tree, Mapping) else None
    kinds = {"model": Mapping, "preprocessing": Mapping | None, "classes": Sequence}
    if not isinstance(held, Mapping) or not all(isinstance(held.get(name), kind) for name, kind in kinds.items()):
        return {}
    strides = held["model"].get("strides")
    possible = isinstance(strides, list | tuple) and all(type(n) is int and 0 < n <= MAX_STRIDE for n in strides)
    if strides is not None and not possible:
        raise MismatchError(f"its strides are damaged: {strides!r:.60}")
    return {**held, "strides": strides}


def _state_dicts(tree: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of names to arrays in a tree, with its dotted place."""
    return ((place, part) for place, part in collections(tree) if _holds_arrays(part))


def _holds_arrays(part: Mapping[Any, Any]) -> bool:
    named = all(isinstance(key, str) for key in part)
    return named and any(isinstance(value, np.ndarray) for value in part.values())


def _chosen(found: Mapping[str, Mapping[str, Any]], key: str | None) -> tuple[str, Mapping[str, Any]]:
    """The state dict at the key, or the only one that an ST-GCN could have, or that of the usual name."""
    if key is not None:
        if key not in found:
            raise MismatchError(f"it has no state dict {key!r}; {_places(found)}")
        return key, found[key]
    if not found:
        raise MismatchError("it holds no state dict")
    able = {place: held for place, held in found.items() if _is_stgcn(held)} or dict(found)
    for place in ("", *PREFERRED):
        if place in able:
            return place, able[place]
    if len(able) > 1:
        raise MismatchError(f"it holds several networks, choose one by its key; {_places(able)}")
    return next(iter(able.items()))


def _places(found: Mapping[str, Any]) -> str:
    return f"it has {', '.join(place or '(the file itself)' for place in found) or 'none'}"


def _is_stgcn(held: Mapping[str, Any]) -> bool:
    try:
        dialect_of(bare_names(_tensors(held)).values())
    except MismatchError:
        return False
    return True


def _tensors(held: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays that may be a network's."""
    return {name: value for name, value in held.items() if isinstance(value, np.ndarray) and not BESIDE.fullmatch(name)}


def _others(tree: object, place: str, told: Mapping[str, Any]) -> list[str]:
    """What lies beside the state dict in a nested file, and is not used."""
    used = (place.split(".")[0], TOLD if told else None)
    return [str(key) for key in by_key(tree) if str(key) not in used] if place else []


def _architecture(
    state: dict[str, Array],
    layout: Layout | None,
    strides: Sequence[int] | None,
    told: Mapping[str, Any],
    problems: Sequence[str],
    warnings: list[str],
) -> tuple[dict[str, Any], str]:
    """Arguments of ``STGCN``, and where their strides come from; a graph that is lacking is put into the state."""
    try:
        if "backbone.A" not in state:
            state["backbone.A"] = rebuilt_graph(state, layout, warnings)
        model = sizes(state)
        own = told and layout is None
        model |= told_graph(told["model"], state["backbone.A"]) if own else found_graph(state["backbone.A"], layout)
    except ValueError as problem:  # what else is wrong is told with it
        raise misfit([*problems, str(problem)]) if problems else MismatchError(str(problem)) from None
    state["backbone.A"] = exact_graph(state["backbone.A"], model, warnings)
    least = min([model["in_channels"], *model["channels"], model["temporal_kernel"] % 2])
    if least < 1:
        raise MismatchError("it has no coordinates or channels, or temporal kernels of even length")
    if not model["num_classes"]:
        warnings.append("the file has no head (head.fcn): it is a backbone, for train init_from=")
    return _with_strides(model, strides, told.get("strides"), warnings)


def _with_strides(
    model: dict[str, Any], asked: Sequence[int] | None, own: Sequence[int] | None, warnings: list[str]
) -> tuple[dict[str, Any], str]:
    """The arguments with the strides asked for, or the file's own, or else those of published networks."""
    blocks = len(model["channels"])
    strides, source = (asked, "as asked for") if asked else (own, "the checkpoint's own")
    if strides and len(strides) != blocks:
        raise MismatchError(f"it has {blocks} blocks, got {len(strides)} strides")
    if strides:
        return model | {"strides": list(strides)}, source
    if model["channels"] == PUBLISHED:
        return model, "as published"
    assumed = ",".join(map(str, model["strides"]))
    warnings.append(f"no file tells its strides: {assumed} are assumed, as a block that widens halves the frames")
    return model, "assumed; --strides says others"


def _float32(array: Array) -> Array:
    """An aligned array of its own, of the type that the network has it in."""
    wanted = _wanted(array)
    with np.errstate(over="ignore"):  # what becomes infinite is told
        return owned(array) if array.dtype == wanted else array.astype(wanted)


def _is_wanted(array: Array) -> bool:
    return array.dtype.newbyteorder("=") == _wanted(array)


def _wanted(array: Array) -> np.dtype[Any]:
    return np.dtype(np.int64 if array.dtype.kind in "iu" else np.float32)


def _of_other_types(state: Mapping[str, Array]) -> list[str]:
    """Tensors that are no floating point numbers, or counts that are no whole ones."""
    counted = {name: name.endswith("num_batches_tracked") for name in state}
    return [
        f"{name} holds {array.dtype}"
        for name, array in state.items()
        if not (array.dtype.kind in "iu" if counted[name] else array.dtype.kind == "f" or array.dtype == bfloat16)
    ]
