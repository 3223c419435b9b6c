"""Arrays as stored in a file: their bytes, shape and dtype."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.pickle.errors import UnreadableError

MAX_RANK = 32
MAX_BYTES = 1 << 40  # of one array, with its empty axes counted as length one
MAX_CODE_POINT = 0x10FFFF

Array = np.ndarray[Any, np.dtype[Any]]
_BYTE = np.dtype(np.int8)


@dataclass(slots=True, eq=False)
class Stored:
    """An array in its file; empty until filled.

    Attributes:
        dtype: Dtype in any byte order.
        fortran: Whether the first axis varies fastest.
        payload: Bytes of the elements.
    """

    shape: tuple[int, ...] = (0,)
    dtype: np.dtype[Any] = _BYTE
    fortran: bool = False
    payload: bytes | bytearray | memoryview = b""

    def fill(
        self, shape: tuple[object, ...], dtype: np.dtype[Any], fortran: bool, payload: bytes | bytearray | memoryview
    ) -> "Stored":
        """Set the array in place, as the pickle may refer to it already; UnreadableError for inconsistent values."""
        lengths = tuple(n for n in shape if type(n) is int and 0 <= n <= MAX_BYTES)
        if len(lengths) < len(shape) or len(shape) > MAX_RANK:
            raise UnreadableError(f"has an array whose shape is not at most {MAX_RANK} sensible lengths")
        count = math.prod(lengths)
        # Text of width 0 takes no bytes: without the second test, any number of elements would pass.
        if count * dtype.itemsize != len(payload) or count > max(1, len(payload)):
            raise UnreadableError(f"has an array of {len(payload)} bytes where {count} of {dtype.itemsize} belong")
        if math.prod(n or 1 for n in lengths) * dtype.itemsize > MAX_BYTES:
            raise UnreadableError("has an empty array that is too long")
        self.shape, self.dtype, self.fortran, self.payload = lengths, dtype, fortran, payload
        if dtype.kind == "U" and count and dtype.itemsize:
            points = np.ndarray((len(payload) // 4,), dtype.byteorder + "u4", payload)
            if points.max() > MAX_CODE_POINT:  # NumPy would crash on it later
                raise UnreadableError("has text that is not Unicode")
        return self

    def view(self) -> Array:
        """The array as a read-only view of the file, unaligned and in the file's byte order."""
        array = np.ndarray(self.shape, self.dtype, self.payload, order="F" if self.fortran else "C")
        array.flags.writeable = False
        return array


def owned(array: Array) -> Array:
    """The array in its own memory: aligned, native and writable, with its memory order kept.

    Never use ``ascontiguousarray`` instead: it returns an unaligned array as it is, and torch reads beyond its end.
    """
    if array.flags.owndata:
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="K", copy=True)
