"""An array as its file stores it: where its bytes lie and what they mean."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.pickle.errors import UnreadableError

MAX_RANK = 32
MAX_BYTES = 1 << 40  # of one array, also if its empty axes had length one
MAX_CODE_POINT = 0x10FFFF

Array = np.ndarray[Any, np.dtype[Any]]
_BYTE = np.dtype(np.int8)


@dataclass(slots=True, eq=False)
class Stored:
    """An array that has not left its file; empty until it is filled.

    Attributes:
        shape: Its shape.
        dtype: Its dtype, of any byte order.
        fortran: Whether its first axis is the one that runs fastest.
        payload: Its elements.
    """

    shape: tuple[int, ...] = (0,)
    dtype: np.dtype[Any] = _BYTE
    fortran: bool = False
    payload: bytes | bytearray | memoryview = b""

    def fill(
        self, shape: tuple[object, ...], dtype: np.dtype[Any], fortran: bool, payload: bytes | bytearray | memoryview
    ) -> "Stored":
        """Give it what its file says, in place, as names for it may exist already; UnreadableError if that lies."""
        lengths = tuple(n for n in shape if type(n) is int and 0 <= n <= MAX_BYTES)
        if len(lengths) < len(shape) or len(shape) > MAX_RANK:
            raise UnreadableError(f"has an array whose shape is not at most {MAX_RANK} sensible lengths")
        count = math.prod(lengths)
        # Text of width 0 takes no bytes: without the second test it could claim any number of elements.
        if count * dtype.itemsize != len(payload) or count > max(1, len(payload)):
            raise UnreadableError(f"has an array of {len(payload)} bytes where {count} of {dtype.itemsize} belong")
        if math.prod(n or 1 for n in lengths) * dtype.itemsize > MAX_BYTES:
            raise UnreadableError("has an empty array that is too long")
        self.shape, self.dtype, self.fortran, self.payload = lengths, dtype, fortran, payload
        if dtype.kind == "U" and count and dtype.itemsize:
            points = np.ndarray((len(payload) // 4,), dtype.byteorder + "u4", payload)
            if points.max() > MAX_CODE_POINT:  # NumPy would find out later, and crash
                raise UnreadableError("has text that is not Unicode")
        return self

    def view(self) -> Array:
        """The array where it lies in the file: neither aligned nor always native, and not to be written to."""
        array = np.ndarray(self.shape, self.dtype, self.payload, order="F" if self.fortran else "C")
        array.flags.writeable = False
        return array


def owned(array: Array) -> Array:
    """The array in memory of its own: aligned, native and writable, its axes laid out as they were.

    Never ``ascontiguousarray``, which passes an unaligned array on; torch reads such a one past its end.
    """
    if array.flags.owndata:
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="K", copy=True)
