"""From the contents of a file to a network: its tensors, dialect of names, architecture and layout."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ml_dtypes import bfloat16

from convert.formats.paddle_names import EXTRA_TENSORS
from convert.formats.pdparams import NAMES
from convert.network.graphs import Layout, check_multiplied, declared_graph, exact_graph, matching_graph, rebuilt_graph
from convert.network.keys import Array, bare_names, dialect_of, fitting_tensors, misfit, our_name
from convert.pickle.errors import MismatchError
from convert.pickle.stored import owned
from convert.pickle.tree import by_key, collections
from stgcn_torch.architecture import is_published, misfits, sizes, tensor_shapes
from stgcn_torch.checkpoint.card import assumed_parts

HYPER_PARAMETERS = "hyper_parameters"  # key in a checkpoint of this project
PREFERRED_KEYS = ("state_dict", "model", "model_state_dict", "network", "params")
ADAPTIVE = ("mmaction2-1.x", "pyskl")  # dialects whose edge importances may be added to the graph instead
MAX_STRIDE = 1024  # frames
PUBLISHED, UNKNOWN = "assumed, as published; --strides says others", "guessed; --strides says them"


@dataclass(frozen=True)
class Network:
    """An ST-GCN read from a file.

    Attributes:
        state: Arrays by this project's names, float32, in the order of ``STGCN.state_dict``.
        model: Arguments of ``STGCN``.
        dialect: Key of ``DIALECTS`` for the file's names.
        renamed: This project's name by the file's name of each tensor whose names differ.
        cast: The file's dtype of each tensor that was cast, by this project's name.
        added: Names of tensors that the file lacks.
        left: Names of unused tensors and entries of the file.
        names: Paddle's parameter names by structured name; None if the file has no valid name table.
        preprocessing: Preprocessing of the clips, from this project's checkpoints.
        classes: Names of the classes, from this project's checkpoints.
        training_clips: Facts about the training clips, likewise.
        assumed: Parts that no file said, such as preprocessing.
        strides_from: Source of the blocks' strides, which no tensor shows; ``UNKNOWN`` if they are a mere guess.
        warnings: Assumptions made, and signs of damage.
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
    training_clips: Mapping[str, Any] | None = None
    assumed: tuple[str, ...] = ()
    strides_from: str = UNKNOWN
    warnings: list[str] = field(default_factory=list)


def find_network(
    tree: object, *, key: str | None = None, layout: Layout | None = None, strides: Sequence[int] | None = None
) -> Network:
    """The ST-GCN that a file holds.

    Args:
        tree: The file's contents, from ``read_pdparams`` or ``read_pt``.
        key: Dotted path of the state dict in a nested file, as ``model`` or ``student.model``; None to search for it.
        layout: The joints' layout; None to recognise it by the graph in the file.
        strides: Temporal stride of each block; None for the checkpoint's own or those of published networks.

    Raises:
        MismatchError: The file holds no network or several, or tensors do not fit; all problems are listed.
    """
    place, contents = _choose(dict(_state_dicts(tree)), key)
    hparams = _hyperparameters(tree)
    arrays = _tensors(contents)
    unused = [name for name in contents if name not in arrays]
    bare = bare_names(arrays)
    unused += [name for name in arrays if name not in bare]
    tensors = {name: arrays[full_name] for full_name, name in bare.items()}
    dialect = dialect_of(tensors)
    state, problems = fitting_tensors(tensors, dialect)
    warnings: list[str] = []
    model, strides_from = _architecture(state, layout, strides, hparams, problems, warnings)
    shapes = tensor_shapes(state["backbone.A"].shape, model)
    if problems := problems + misfits(state, shapes) + _wrong_dtypes(state):
        raise misfit(problems)
    if dialect in ADAPTIVE:
        check_multiplied(state)
    our_names = {name: str(our_name(name, dialect)) for name in tensors}
    return Network(
        state={name: _float32(state[name]) for name in shapes},
        model=model,
        dialect=dialect,
        renamed={file_name: name for file_name, name in our_names.items() if file_name != name},
        cast={
            name: str(array.dtype)
            for name, array in state.items()
            if _network_dtype(array) != array.dtype.newbyteorder("=")
        },
        added=[name for name in shapes if name not in our_names.values()],
        left=[f"{place}.{name}".lstrip(".") for name in unused if name != NAMES]
        + _unused_entries(tree, place, hparams),
        names=_parameter_names(contents.get(NAMES), bare, warnings),
        preprocessing=hparams.get("preprocessing"),
        classes=_classes(hparams, model["num_classes"]),
        training_clips=hparams.get("training_clips"),
        assumed=_assumed(hparams.get("assumed")),
        strides_from=strides_from,
        warnings=warnings,
    )


def _assumed(value: object) -> tuple[str, ...]:
    try:
        return assumed_parts(value)
    except ValueError as problem:
        raise MismatchError(str(problem)) from None


def _parameter_names(table: object, structured: Mapping[str, str], warnings: list[str]) -> dict[str, str] | None:
    """Paddle's parameter names by structured name; None unless the file's table has a different one for each tensor."""
    if not isinstance(table, Mapping):
        return None
    names = {bare: table[full_name] for full_name, bare in structured.items() if isinstance(table.get(full_name), str)}
    if len({*names.values()}) < len(names):
        warnings.append("the file's table of names has one name for two tensors; it is not used")
    return names if len({*names.values()}) == len(structured) else None


def _classes(hparams: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    """The class names in the hyperparameters, if there are any."""
    if not hparams:
        return None
    if len(hparams["classes"]) != count:
        raise MismatchError(f"it names {len(hparams['classes'])} classes, and its head has {count}")
    return tuple(map(str, hparams["classes"]))


def _hyperparameters(tree: object) -> dict[str, Any]:
    """The hyperparameters of this project's checkpoint; empty for any other file."""
    hparams = tree.get(HYPER_PARAMETERS) if isinstance(tree, Mapping) else None
    kinds = {"model": Mapping, "preprocessing": Mapping | None, "classes": Sequence}
    if not isinstance(hparams, Mapping) or not all(isinstance(hparams.get(name), kind) for name, kind in kinds.items()):
        return {}
    strides = hparams["model"].get("strides")
    valid = isinstance(strides, list | tuple) and all(type(n) is int and 0 < n <= MAX_STRIDE for n in strides)
    if strides is not None and not valid:
        raise MismatchError(f"its strides are damaged: {strides!r:.60}")
    return dict(hparams)


def _state_dicts(tree: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of names to arrays in a tree, with its dotted path."""
    return ((place, part) for place, part in collections(tree) if _holds_arrays(part))


def _holds_arrays(part: Mapping[Any, Any]) -> bool:
    named = all(isinstance(key, str) for key in part)
    return named and any(isinstance(value, np.ndarray) for value in part.values())


def _choose(states: Mapping[str, Mapping[str, Any]], key: str | None) -> tuple[str, Mapping[str, Any]]:
    """The state dict at the key; without a key the one at a usual place, or the only one that may be an ST-GCN's."""
    if key is not None:
        if key not in states:
            raise MismatchError(f"it has no state dict {key!r}; {_places(states)}")
        return key, states[key]
    if not states:
        raise MismatchError("it holds no state dict")
    candidates = {place: state for place, state in states.items() if _is_stgcn(state)} or dict(states)
    for place in ("", *PREFERRED_KEYS):
        if place in candidates:
            return place, candidates[place]
    if len(candidates) > 1:
        raise MismatchError(f"it holds several networks, choose one by its key; {_places(candidates)}")
    return next(iter(candidates.items()))


def _places(state_dicts: Mapping[str, Any]) -> str:
    return f"it has {', '.join(place or '(the file itself)' for place in state_dicts) or 'none'}"


def _is_stgcn(state_dict: Mapping[str, Any]) -> bool:
    try:
        dialect_of(bare_names(_tensors(state_dict)).values())
    except MismatchError:
        return False
    return True


def _tensors(state: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays that may belong to a network."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    return {name: array for name, array in arrays.items() if not EXTRA_TENSORS.fullmatch(name)}


def _unused_entries(tree: object, place: str, hparams: Mapping[str, Any]) -> list[str]:
    """Keys of a nested file's entries that are not used."""
    used = (place.split(".")[0], HYPER_PARAMETERS if hparams else None)
    return [str(key) for key in by_key(tree) if str(key) not in used] if place else []


def _architecture(
    state: dict[str, Array],
    layout: Layout | None,
    strides: Sequence[int] | None,
    hparams: Mapping[str, Any],
    problems: Sequence[str],
    warnings: list[str],
) -> tuple[dict[str, Any], str]:
    """Arguments of ``STGCN`` and the source of their strides; adds a missing graph to the state."""
    try:
        if "backbone.A" not in state:
            state["backbone.A"] = rebuilt_graph(state, layout, warnings)
        model = sizes(state)
        A = state["backbone.A"]
        model |= declared_graph(hparams["model"], A) if hparams and layout is None else matching_graph(A, layout)
    except ValueError as problem:  # listed after the other problems
        raise misfit([*problems, str(problem)]) if problems else MismatchError(str(problem)) from None
    state["backbone.A"] = exact_graph(state["backbone.A"], model, warnings)
    least = min([model["in_channels"], *model["channels"], model["temporal_kernel"] % 2])
    if least < 1:
        raise MismatchError("it has no coordinates or channels, or temporal kernels of even length")
    if not model["num_classes"]:
        warnings.append("the file has no head (head.fcn): it is a backbone, for train init_from=")
    return _with_strides(model, strides, hparams["model"].get("strides") if hparams else None)


def _with_strides(
    model: dict[str, Any],
    requested: Sequence[int] | None,
    checkpoint_strides: Sequence[int] | None,
) -> tuple[dict[str, Any], str]:
    """The arguments with the strides asked for, else the checkpoint's own, else those of the published network."""
    blocks = len(model["channels"])
    strides, source = (requested, "as asked for") if requested else (checkpoint_strides, "the checkpoint's own")
    if requested and checkpoint_strides and [*requested] != [*checkpoint_strides]:
        source = f"as asked for, in place of the checkpoint's own, {','.join(map(str, checkpoint_strides))}"
    if strides and len(strides) != blocks:
        raise MismatchError(f"it has {blocks} blocks, got {len(strides)} strides")
    if strides:
        return model | {"strides": list(strides)}, source
    return model, PUBLISHED if is_published(model) else UNKNOWN


def _float32(array: Array) -> Array:
    """The array, aligned, with the network's dtype: float32, or int64 for counts."""
    dtype = _network_dtype(array)
    with np.errstate(over="ignore"):  # the report lists infinite values
        return owned(array) if array.dtype == dtype else array.astype(dtype)


def _network_dtype(array: Array) -> np.dtype[Any]:
    return np.dtype(np.int64 if array.dtype.kind in "iu" else np.float32)


def _wrong_dtypes(state: Mapping[str, Array]) -> list[str]:
    """Problems with dtypes: weights that are not floating point, counts that are not integers."""
    is_count = {name: name.endswith("num_batches_tracked") for name in state}
    return [
        f"{name} holds {array.dtype}"
        for name, array in state.items()
        if not (array.dtype.kind in "iu" if is_count[name] else array.dtype.kind == "f" or array.dtype == bfloat16)
    ]
