"""Reading and writing of ``paddle.save``'s files."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from convert.formats.distributed import distributed_views, is_distributed
from convert.formats.kinds import TORCH, File, Folder, open_path
from convert.formats.paddle_names import parameter_names
from convert.formats.static import by_structured_name, static_views
from convert.formats.tensors import safetensors
from convert.pickle.dump import dump
from convert.pickle.errors import MismatchError, UnreadableError, about
from convert.pickle.stored import MAX_RANK, Array
from convert.pickle.tree import copied, mapped
from convert.pickle.unpickle import unpickle_views
from stgcn_torch.files import write_whole

NAMES = "StructuredToParameterName@@"  # parameter name by structured name
SLICES = "UnpackBigParamInfor@@"  # slices of each array of 1 GiB and more, in protocols 2 and 3
BATCH_NORM_BIAS = re.compile(r"batch_norm\w*\.b_0_velocity_0")


def read_pdparams(path: str | Path) -> object:
    """Read the contents of a file of Paddle, without Paddle and without running anything in the file.

    Args:
        path: A file of ``paddle.save`` (``.pdparams``, ``.pdopt``, a nested checkpoint, safetensors), a folder of
            ``paddle.distributed.save_state_dict``, any path that ``read_static`` takes, or the prefix of an inference
            model. The kind of a file is recognised by its contents, never by its suffix.

    Returns:
        Nested dicts, lists and scalars; each tensor as a new array, bfloat16 as the dtype of ``ml_dtypes``. Name
        tables stay under their key, objects of Paddle's own classes are ``Opaque``. Float8, which Paddle saves as int8
        without a mark, is int8 here too. The parameters of an ST-GCN get structured names even if the file has no name
        table, as those of ``paddle.static.save``.

    Raises:
        UnsafeError: The file imports or calls something that no weight file does.
        UnreadableError: The file is truncated, damaged or of another kind; the message says which kind.
        MismatchError: The program of an inference model describes other tensors.
    """
    return copied(pdparams_views(open_path(path)))


def pdparams_views(source: File | Folder) -> object:
    """``read_pdparams``, with each array a read-only view of the mapped file: names and shapes cost no memory.

    Views are unaligned: pass torch ``convert.pickle.stored.owned`` of them.
    """
    if isinstance(source, File):
        return _file_views(source)
    if is_distributed(source.path):
        return distributed_views(source.path, lambda path: _file_views(File(path)), NAMES)
    return static_views(source)


def _file_views(file: File) -> object:
    if file.kind == "pickle":
        return _unpickled(file)
    with about(file.path):
        if file.kind in TORCH:
            raise UnreadableError(f"is a {file.kind}, where a file of Paddle belongs: one of torch, or to be unpacked")
        if file.kind == "safetensors":
            return safetensors(file.data)
    return static_views(file)


def _unpickled(file: File) -> object:
    tree = mapped(unpickle_views(file.data, source=str(file.path)), _tensor)
    with about(file.path):
        tree = _merged(tree)
    if isinstance(tree, dict) and NAMES not in tree and all(isinstance(name, str) for name in tree):
        return by_structured_name(tree)  # paddle.static.save writes parameter names only
    return tree


def _tensor(part: object) -> object:
    """The array that a part of the pickle stands for, else the part."""
    match part:
        case np.ndarray() if part.dtype.kind == "u" and part.dtype.itemsize == 2:  # Paddle itself has no uint16
            return part.astype(np.uint16, copy=False).view(ml_dtypes.bfloat16)
        case tuple((str(), np.ndarray() as array)):
            return array
    return part


def _merged(tree: object) -> object:
    """The tree with the arrays joined that ``paddle.save`` cut into slices."""
    if not isinstance(tree, dict) or not isinstance(slices := tree.get(SLICES), dict):
        return tree
    merged = type(tree)((name, value) for name, value in tree.items() if name != SLICES)
    for name, entry in slices.items():
        match entry:
            case {"OriginShape": tuple(shape), "slices": [*parts]} if all(isinstance(part, str) for part in parts):
                merged[name] = _joined([merged.pop(part, None) for part in parts], shape)
            case _:
                raise UnreadableError(f"does not say where the slices of {name!r:.100} are")
    return merged


def _joined(parts: list[object], shape: tuple[object, ...]) -> Array:
    slices = [part for part in parts if isinstance(part, np.ndarray) and part.ndim == 1 and part.size]
    lengths = [n for n in shape if type(n) is int and 0 < n]
    complete = (len(slices), len(lengths)) == (len(parts), len(shape)) and len({part.dtype for part in slices}) == 1
    if not complete or len(shape) > MAX_RANK or math.prod(lengths) != sum(part.size for part in slices):
        raise UnreadableError("has slices that do not make up their array")
    array = np.empty(lengths, slices[0].dtype)
    np.concatenate(slices, out=array.reshape(-1))
    return array


def write_pdparams(state: Mapping[str, Any], path: str | Path, *, names: Mapping[str, str] | None = None) -> None:
    """Write a state dict that every Paddle from 1.8 to 3.3 loads.

    Args:
        state: Arrays by structured name; may include the name table, as ``read_pdparams`` returns it.
        path: The output file, which appears whole or not at all.
        names: Parameter name by structured name; by default the state's name table, else the names that a fresh
            process gives to this ST-GCN.

    Raises:
        ValueError: An array has a dtype that Paddle lacks, or 1 GiB or more.
        MismatchError: A key has no parameter name: it is none of an ST-GCN's, or not in ``names``.
    """
    write_whole(path, pdparams_parts(state, names))


def pdparams_parts(state: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """The bytes that ``write_pdparams`` writes."""
    tensors = {key: np.asarray(value) for key, value in state.items() if key != NAMES}
    return dump({**tensors, NAMES: _table(tensors, names or state.get(NAMES))})


def write_pdopt(
    velocities: Mapping[str, Any],
    scheduler: Mapping[str, object] | None,
    path: str | Path,
    *,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write the state of a Momentum optimizer, the first of its process, that every Paddle from 2.0 to 3.3 loads.

    Args:
        velocities: Arrays by the structured name of their parameter.
        scheduler: The learning rate scheduler's state, as ``{"last_epoch": 1, "last_lr": 0.05}``; None without one.
        path: The output file, which appears whole or not at all.
        names: Parameter name by structured name, the same as passed to ``write_pdparams``.

    Raises:
        ValueError: As ``write_pdparams``.
        MismatchError: As ``write_pdparams``.
    """
    write_whole(path, pdopt_parts(velocities, scheduler, names))


def pdopt_parts(
    velocities: Mapping[str, Any],
    scheduler: Mapping[str, object] | None,
    names: Mapping[str, str] | None = None,
    steps: Array | None = None,
) -> Iterator[bytes]:
    """The bytes that ``write_pdopt`` writes; ``steps`` is the step count that Paddle 1.8 saves too."""
    table = _table(velocities, names)
    state = {f"{table[key]}_velocity_0": np.asarray(value) for key, value in velocities.items()}
    # Paddle 2.0 and 2.1 demand velocities, always zero, for the statistics too; later releases ignore these.
    for name, bias in [(name, value) for name, value in state.items() if BATCH_NORM_BIAS.fullmatch(name)]:
        state |= {name.replace(".b_0", tensor): np.zeros_like(bias) for tensor in (".w_1", ".w_2")}
    optional = {"LR_Scheduler": scheduler, "global_step": steps}
    extras = {name: value for name, value in optional.items() if value is not None}
    return dump({**state, **extras, NAMES: {name: name for name in state}})


def _table(keys: Collection[str], names: Mapping[str, str] | None) -> dict[str, str]:
    known = parameter_names(keys) if names is None else names
    if missing := [key for key in keys if key not in known]:
        raise MismatchError(f"no parameter names are given for {', '.join(missing)}")
    return {key: known[key] for key in keys}
