"""Checkpoints of ``paddle.distributed``: a folder of shards, and metadata on how to join them into tensors."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convert.pickle.errors import UnreadableError, about
from convert.pickle.stored import MAX_RANK, Array
from convert.pickle.symbols import Opaque, Symbol
from convert.pickle.unpickle import GROWTH

METADATA = re.compile(r"(\d{1,9})\.metadata")  # the number counts the checkpoints saved to the folder
SHARDS = (".distcp", ".metadata")  # suffixes found in no other kind of folder
MAX_NESTING = 10

Lengths = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """A part of a tensor.

    Attributes:
        offset: Indices of the piece's first element in the tensor.
        shape: Shape of the piece.
        file: File name of the shard that holds the piece.
        tensor_shape: Shape of the tensor; None for releases that do not save it.
    """

    offset: Lengths
    shape: Lengths
    file: str
    tensor_shape: object = None


def is_distributed(folder: Path) -> bool:
    """Whether a folder is a checkpoint of ``paddle.distributed``."""
    return any(file.suffix in SHARDS for file in folder.iterdir())


def distributed_views(folder: Path, read: Callable[[Path], object], table: str) -> object:
    """The state dict of the newest checkpoint in a folder, its tensors joined from their shards.

    Args:
        folder: The folder written by ``paddle.distributed.save_state_dict``.
        read: The reader of a shard and of the metadata.
        table: The key of a shard's name table, the parameter name of each of its tensors.

    Returns:
        Arrays by structured name, nested as they were saved, and the name table if the shards have one. A tensor
        that lies in one shard is the array that ``read`` returned; tensors joined from several are new arrays.

    Raises:
        UnreadableError: A file is missing or damaged, or the pieces do not fill a tensor.
    """
    with about(folder):
        newest = _newest(folder)
    metadata = read(newest)
    with about(newest):
        pieces, nesting = _metadata(metadata)
    with about(folder):
        files = {piece.file for parts in pieces.values() for piece in parts}
        paths = {file.name: file for file in folder.iterdir()}  # a name with a path in it is no file of the folder
        if missing := sorted(files - paths.keys()):
            raise UnreadableError(f"lacks {len(missing)} of its {len(files)} shards: {', '.join(missing)[:200]}")
    shards = {file: _shard(paths[file], read) for file in sorted(files)}
    with about(folder):
        allowance = GROWTH * sum(paths[file].stat().st_size for file in files)
        state = dict(_tensors(pieces, shards, allowance))
        return _nested(state, nesting, table, _names(shards, table))


def _newest(folder: Path) -> Path:
    numbered = {int(match[1]): file for file in folder.iterdir() if (match := METADATA.fullmatch(file.name))}
    if not numbered:
        raise UnreadableError("holds shards of tensors, and not the metadata (0.metadata) that say how they fit")
    return numbered[max(numbered)]


def _shard(path: Path, read: Callable[[Path], object]) -> Mapping[object, object]:
    shard = read(path)
    if not isinstance(shard, Mapping):
        raise UnreadableError(f"{path}: holds no tensors by name")
    return shard


def _metadata(metadata: object) -> tuple[dict[str, list[Piece]], Mapping[object, object]]:
    """The pieces of each tensor by its flat name, and the flat names' paths in the nested dict that was saved."""
    match metadata:
        case Opaque(
            Symbol(name="Metadata"), _, {"state_dict_metadata": dict(parts), "storage_metadata": dict(storage), **more}
        ):
            files = dict(_storage(storage))
            nesting = more.get("flat_mapping")
            pieces = {str(key): list(_pieces(str(key), listed, files)) for key, listed in parts.items()}
            return pieces, nesting if isinstance(nesting, Mapping) else {}
    raise UnreadableError("is no metadata of shards")


def _storage(storage: Mapping[object, object]) -> Iterator[tuple[tuple[str, Lengths], str]]:
    """The shard of each piece by tensor and offset; any replica of a piece will do."""
    for index, file in storage.items():
        match index, file:
            case Opaque(_, _, {"tensor_key": str(key), "global_offset": tuple(offset), **more}), str() if _are_lengths(
                offset
            ):
                if more.get("is_flattened"):
                    raise UnreadableError(f"has {key!r:.100} in flattened pieces, which are not read")
                yield (key, offset), file
            case _:
                raise UnreadableError("is no metadata of shards")


def _pieces(key: str, listed: object, files: Mapping[tuple[str, Lengths], str]) -> Iterator[Piece]:
    for part in listed if isinstance(listed, list) else [None]:
        match part:
            case Opaque(_, _, {"global_offset": tuple(offset), "local_shape": tuple(shape), **more}) if (
                _are_lengths(offset) and _are_lengths(shape) and len(offset) == len(shape) and (key, offset) in files
            ):
                yield Piece(offset, shape, files[key, offset], more.get("global_shape"))
            case _:
                raise UnreadableError(f"does not say where the pieces of {key!r:.100} are")


def _are_lengths(lengths: tuple[object, ...]) -> bool:
    return len(lengths) <= MAX_RANK and all(type(length) is int and length >= 0 for length in lengths)


def _tensors(
    pieces: Mapping[str, list[Piece]], shards: Mapping[str, Mapping[object, object]], allowance: int
) -> Iterator[tuple[str, Array]]:
    """The tensors by flat name. The bytes of joined tensors are counted, as many names may share a piece."""
    for key, parts in pieces.items():
        arrays = [(piece, _piece_array(shards[piece.file], key, piece)) for piece in parts]
        if len(arrays) == 1 and not any(parts[0].offset):
            array = arrays[0][1]
        else:
            array = _joined(key, arrays)
            allowance -= array.nbytes
        if allowance < 0:
            raise UnreadableError(f"unfolds to more than {GROWTH} times its size")
        if any(piece.tensor_shape not in (None, array.shape) for piece in parts):
            raise UnreadableError(f"has pieces of {key!r:.100} that do not make up their tensor")
        yield key, array


def _piece_array(shard: Mapping[object, object], key: str, piece: Piece) -> Array:
    array = shard.get(key)
    if not isinstance(array, np.ndarray) or array.shape != piece.shape:
        raise UnreadableError(f"lacks a piece of {key!r:.100}: {piece.file} has none of shape {piece.shape}")
    return array


def _joined(key: str, parts: list[tuple[Piece, Array]]) -> Array:
    """One array of all pieces; UnreadableError if they leave a gap or overlap."""
    ends = [[at + length for at, length in zip(piece.offset, piece.shape, strict=True)] for piece, _ in parts]
    alike = len({(a.ndim, a.dtype) for _, a in parts}) == 1 and len({p.file for p, _ in parts}) == len(parts)
    shape = tuple(map(max, zip(*ends, strict=True))) if alike else ()
    if not alike or math.prod(shape) != sum(array.size for _, array in parts):
        raise UnreadableError(f"has pieces of {key!r:.100} that do not make up their tensor")
    tensor, filled = np.empty(shape, parts[0][1].dtype), np.zeros(shape, np.bool_)
    for (piece, array), end in zip(parts, ends, strict=True):
        region = tuple(slice(*span) for span in zip(piece.offset, end, strict=True))
        tensor[region], filled[region] = array, True
    if not filled.all():
        raise UnreadableError(f"has pieces of {key!r:.100} that overlap")
    return tensor


def _names(shards: Mapping[str, Mapping[object, object]], table: str) -> dict[object, object]:
    tables = [shard.get(table) for shard in shards.values()]
    return {key: name for names in tables if isinstance(names, Mapping) for key, name in names.items()}


def _nested(
    state: Mapping[str, Array], nesting: Mapping[object, object], table: str, names: Mapping[object, object]
) -> dict[object, object]:
    tree: dict[object, object] = {}
    for key, array in state.items():
        match nesting.get(key, (key,)):
            case (*outer, str(last)) if len(outer) < MAX_NESTING and all(isinstance(name, str) for name in outer):
                branch = _inner(tree, outer)
            case _:
                branch, last = tree, table  # no tensor may have the table's name
        if last == table or last in branch:
            raise UnreadableError(f"does not say what {key!r:.100} is called")
        branch[last] = array
        if key in names:
            _inner(branch, [table])[last] = names[key]
    return tree


def _inner(tree: dict[object, object], path: Sequence[object]) -> dict[object, object]:
    """The dict at a path, created if absent."""
    for name in path:
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UnreadableError(f"has {name!r:.100} both as a tensor and around others")
        tree = inner
    return tree
