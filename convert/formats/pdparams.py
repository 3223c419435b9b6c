"""The files of ``paddle.save``: what they hold, as it was saved, and the way back."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from convert.formats.distributed import distributed_views, is_distributed
from convert.formats.kinds import TORCH, File, Folder, opened
from convert.formats.paddle_names import parameter_names
from convert.formats.static import placed, static_views
from convert.formats.tensors import safetensors
from convert.pickle.dump import dump
from convert.pickle.errors import MismatchError, UnreadableError, about
from convert.pickle.stored import MAX_RANK, Array
from convert.pickle.tree import copied, mapped
from convert.pickle.unpickle import unpickle_views
from stgcn_torch.files import write_whole

NAMES = "StructuredToParameterName@@"  # parameter name by structured name
SLICES = "UnpackBigParamInfor@@"  # where the slices of arrays of 1 GiB and more are, in protocols 2 and 3
BATCH_NORM_BIAS = re.compile(r"batch_norm\w*\.b_0_velocity_0")


def read_pdparams(path: str | Path) -> object:
    """What a file of Paddle holds, as it was saved, without Paddle and without running anything in it.

    Args:
        path: A file of ``paddle.save`` (``.pdparams``, ``.pdopt``, a nested checkpoint, safetensors), a folder of
            ``paddle.distributed.save_state_dict``, or what ``read_static`` takes, or the prefix of an inference model.
            What a file is, its contents say, never its suffix.

    Returns:
        Nested dicts, lists and scalars; each tensor as an array of its own, bfloat16 as that of ``ml_dtypes``. Name
        tables stay under their key, objects of Paddle's own classes are ``Opaque``. Float8, which Paddle saves as int8
        without a mark, is int8 here too. A file without a table, as ``paddle.static.save`` writes it, has structured
        names all the same where its parameters are those of an ST-GCN.

    Raises:
        UnsafeError: The file names or does what no weight file does.
        UnreadableError: It is truncated, damaged or of another kind; the message says of which.
        MismatchError: An inference model's program is that of other tensors.
    """
    return copied(pdparams_views(opened(path)))


def pdparams_views(found: File | Folder) -> object:
    """``read_pdparams``, with each array a read-only view of the mapped file: names and shapes cost no memory.

    A view is unaligned: torch must be given ``convert.pickle.stored.owned`` of it.
    """
    if isinstance(found, File):
        return _file_views(found)
    if is_distributed(found.path):
        return distributed_views(found.path, lambda path: _file_views(File(path)), NAMES)
    return static_views(found)


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
        return placed(tree)  # paddle.static.save keeps parameter names alone
    return tree


def _tensor(part: object) -> object:
    """What a part of the pickle stands for."""
    match part:
        case np.ndarray() if part.dtype.kind == "u" and part.dtype.itemsize == 2:  # Paddle itself has no uint16
            return part.astype(np.uint16, copy=False).view(ml_dtypes.bfloat16)
        case tuple((str(), np.ndarray() as array)):
            return array
    return part


def _merged(tree: object) -> object:
    """The tree with those arrays whole that ``paddle.save`` cut into slices."""
    if not isinstance(tree, dict) or not isinstance(cut := tree.get(SLICES), dict):
        return tree
    whole = type(tree)((name, value) for name, value in tree.items() if name != SLICES)
    for name, entry in cut.items():
        match entry:
            case {"OriginShape": tuple(shape), "slices": [*parts]} if all(isinstance(part, str) for part in parts):
                whole[name] = _joined([whole.pop(part, None) for part in parts], shape)
            case _:
                raise UnreadableError(f"does not say where the slices of {name!r:.100} are")
    return whole


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
        state: Arrays by structured name; a table of names among them, where ``read_pdparams`` leaves it, is kept.
        path: Where to; the file appears whole or not at all.
        names: The parameter name of each; by default those of a fresh process that builds this ST-GCN.

    Raises:
        ValueError: An array is of a dtype that Paddle does not have, or of 1 GiB and more.
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
    """Write the state of a Momentum optimizer that every Paddle from 2.0 to 3.3 loads, the first of its process.

    Args:
        velocities: Arrays by the structured name of their parameter.
        scheduler: The learning rate scheduler's state, as ``{"last_epoch": 1, "last_lr": 0.05}``; None without one.
        path: Where to; the file appears whole or not at all.
        names: As for ``write_pdparams``, and the same as there.

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
    """The bytes that ``write_pdopt`` writes; ``steps`` is the count of steps that Paddle 1.8 keeps beside."""
    table = _table(velocities, names)
    state = {f"{table[key]}_velocity_0": np.asarray(value) for key, value in velocities.items()}
    # Paddle 2.0 and 2.1 demand them for the statistics too, where they stay zero; later releases let them pass.
    for name, bias in [(name, value) for name, value in state.items() if BATCH_NORM_BIAS.fullmatch(name)]:
        state |= {name.replace(".b_0", tensor): np.zeros_like(bias) for tensor in (".w_1", ".w_2")}
    beside = {"LR_Scheduler": scheduler, "global_step": steps}
    held = {name: value for name, value in beside.items() if value is not None}
    return dump({**state, **held, NAMES: {name: name for name in state}})


def _table(keys: Collection[str], names: Mapping[str, str] | None) -> dict[str, str]:
    known = parameter_names(keys) if names is None else names
    if missing := [key for key in keys if key not in known]:
        raise MismatchError(f"no parameter names are given for {', '.join(missing)}")
    return {key: known[key] for key in keys}
