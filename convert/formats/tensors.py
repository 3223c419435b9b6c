"""Files of tensors only: Paddle's own format, a sequence of unnamed tensors, and safetensors."""

import math

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, deserialize

from convert.formats.protobuf import fields, number, numbers
from convert.pickle.errors import UnreadableError
from convert.pickle.literals import Reader
from convert.pickle.stored import MAX_BYTES, MAX_RANK, Array, Stored

# Paddle's number for a dtype (VarType.Type), the name in safetensors, and the dtype.
_DTYPES = [
    (0, "BOOL", np.dtype("?")),
    (1, "I16", np.dtype("<i2")),
    (2, "I32", np.dtype("<i4")),
    (3, "I64", np.dtype("<i8")),
    (4, "F16", np.dtype("<f2")),
    (5, "F32", np.dtype("<f4")),
    (6, "F64", np.dtype("<f8")),
    (20, "U8", np.dtype("u1")),
    (21, "I8", np.dtype("i1")),
    (22, "BF16", np.dtype(ml_dtypes.bfloat16)),
    (23, "C64", np.dtype("<c8")),
    (24, "C128", np.dtype("<c16")),
    (32, "F8_E4M3", np.dtype(ml_dtypes.float8_e4m3fn)),
    (33, "F8_E5M2", np.dtype(ml_dtypes.float8_e5m2)),
]
BY_NUMBER = {number: dtype for number, _, dtype in _DTYPES}
BY_NAME = {name: dtype for _, name, dtype in _DTYPES}
ROWS = "holds SelectedRows, rows of an embedding, which no ST-GCN has"
MAX_LEVELS = 100  # of detail (LoD); real tensors have at most a few
MAX_TENSORS = 1 << 20


def tensors(data: memoryview) -> list[Array]:
    """The tensors of a file in Paddle's format, each a read-only view; UnreadableError if the file is damaged."""
    file = Reader(data)
    arrays: list[Array] = []
    while file.at < len(data):
        if len(arrays) == MAX_TENSORS:
            raise UnreadableError(f"has more than {MAX_TENSORS} tensors")
        start = file.at
        try:
            arrays.append(_tensor(file))
        except UnreadableError as problem:
            message = ROWS if _are_rows(data[start:]) else problem
            raise UnreadableError(f"{message} (tensor {len(arrays)}, at byte {start})") from None
    return arrays


def _tensor(file: Reader) -> Array:
    _version(file)
    if (levels := file.number(8)) > MAX_LEVELS:
        raise UnreadableError("is not a tensor of Paddle's, or is damaged")
    for _ in range(levels):
        file.take(file.number(8))  # where sequences of unequal length begin; weights have none
    return _numbers(file)


def _are_rows(data: memoryview) -> bool:
    """Whether the data are SelectedRows: row indices, the number of all rows, and a tensor of the selected rows."""
    file = Reader(data)
    try:
        _version(file)
        count = file.number(8)
        rows = np.ndarray((count,), "<i8", file.take(8 * count))
        height = file.number(8)
        values = _numbers(file)
    except UnreadableError:
        return False
    return values.shape[:1] == rows.shape and bool(((rows >= 0) & (rows < height)).all())


def _numbers(file: Reader) -> Array:
    """An array from its description (dtype and shape) and elements."""
    _version(file)
    description = fields(file.take(file.number(4)))
    code, lengths = number(description, 1), numbers(description, 2)
    if 1 not in description:
        raise UnreadableError("has a tensor without a type")
    if code not in BY_NUMBER:
        raise UnreadableError(f"has a tensor of type {code}, which is no type of weights")
    if not all(0 <= length <= MAX_BYTES for length in lengths) or len(lengths) > MAX_RANK:
        raise UnreadableError(f"has a tensor whose shape is not at most {MAX_RANK} sensible lengths")
    payload = file.take(math.prod(lengths) * BY_NUMBER[code].itemsize)
    return Stored().fill(tuple(lengths), BY_NUMBER[code], False, payload).view()


def _version(file: Reader) -> None:
    if version := file.number(4):
        raise UnreadableError(f"has a tensor of version {version}, where only 0 is known")


def safetensors(data: memoryview) -> dict[str, Array]:
    """The tensors of a safetensors file; UnreadableError if the file is damaged."""
    try:
        entries = deserialize(bytes(data))  # type: ignore[no-untyped-call]
    except SafetensorError as problem:
        raise UnreadableError(f"is safetensors, damaged or cut short: {problem}") from None
    if unknown := {info["dtype"] for _, info in entries} - {*BY_NAME}:
        raise UnreadableError(f"has tensors of type {', '.join(sorted(unknown))}, which Paddle does not write")
    return {
        name: Stored().fill(tuple(info["shape"]), BY_NAME[info["dtype"]], False, info["data"]).view()
        for name, info in entries
    }
