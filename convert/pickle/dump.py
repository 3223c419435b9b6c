"""Writing of pickles that every release of Paddle reads, from 1.8 under Python 2 to 3.3 under NumPy 2.

``pickle`` itself would write the module names of the installed NumPy, and NumPy 1 does not know those of NumPy 2.
"""

import struct
from collections.abc import Iterator, Mapping

import ml_dtypes
import numpy as np

from convert.pickle.stored import Array

MAX_ARRAY = (1 << 30) - 1  # bytes; beyond, Paddle cuts arrays into slices
BLANK = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
PAYLOAD = {2: b"T", 3: b"B"}  # opcode of an array's bytes: Python 2's string, Python 3's bytes
DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8", "c8", "c16"}  # and bfloat16


def dump(value: object, protocol: int = 2) -> Iterator[bytes]:
    """The pickle of dicts, lists, tuples, text, numbers, None and arrays; ValueError for anything else.

    Args:
        value: Any nesting of these types.
        protocol: 2; or 3, which Python 2 cannot read, and Python 3 reads without an encoding.
    """
    yield b"\x80" + bytes([protocol])
    yield from _opcodes(value, PAYLOAD[protocol])
    yield b"."


def _opcodes(value: object, payload: bytes) -> Iterator[bytes]:
    match value:
        case None:
            yield b"N"
        case bool():
            yield b"\x88" if value else b"\x89"
        case int() if -(1 << 31) <= value < 1 << 31:
            yield b"J" + struct.pack("<i", value)
        case int() if -(1 << 63) <= value < 1 << 63:
            yield b"\x8a\x08" + struct.pack("<q", value)
        case float():
            yield b"G" + struct.pack(">d", value)
        case str():
            text = value.encode("utf-8", "surrogatepass")
            yield b"X" + struct.pack("<I", len(text)) + text
        case list() | tuple():
            yield b"("
            for part in value:
                yield from _opcodes(part, payload)
            yield b"l" if isinstance(value, list) else b"t"
        case Mapping():
            yield b"}("
            for name, part in value.items():
                yield from _opcodes(name, payload)
                yield from _opcodes(part, payload)
            yield b"u"
        case np.generic():
            yield from _opcodes(value.item(), payload)
        case np.ndarray():
            yield from _array(value, payload)
        case _:
            raise ValueError(f"a {type(value).__name__} cannot be written for Paddle")


def _array(array: Array, payload: bytes) -> Iterator[bytes]:
    if array.dtype == ml_dtypes.bfloat16:
        array = array.view(np.uint16)  # as Paddle has it
    elif array.dtype.str[1:] not in DTYPES:
        raise ValueError(f"an array of {array.dtype} cannot be written for Paddle")
    if array.nbytes > MAX_ARRAY:
        raise ValueError(f"an array of {array.nbytes} bytes is too large, at most {MAX_ARRAY} are written")
    order, code = array.dtype.newbyteorder("<").str[0], array.dtype.str[1:]
    yield BLANK + b"(K\x01"
    yield from _opcodes(array.shape, payload)
    yield b"cnumpy\ndtype\n" + _short(code) + b"K\0K\x01\x87R(K\x03" + _short(order)
    yield b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89" + payload + struct.pack("<i", array.nbytes)
    yield array.astype(array.dtype.newbyteorder("<")).tobytes()
    yield b"tb"


def _short(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode("ascii")
