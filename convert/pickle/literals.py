"""Numbers and strings of pickles: length and decoder of the value after each opcode."""

import re
import struct
from collections.abc import Callable
from typing import TypeVar

from convert.pickle.errors import UnreadableError

MAX_LONG = 1024  # bytes or digits of one integer
NEWLINE = re.compile(rb"\n")
BAD_ESCAPE = re.compile(rb"\\(?!x[0-9a-fA-F]{2}|['\"nrt])")

Value = TypeVar("Value")
Decode = Callable[[memoryview], object]


def _unsigned(raw: memoryview) -> int:
    return int.from_bytes(raw, "little")


def _signed(raw: memoryview) -> int:
    if len(raw) > MAX_LONG:
        raise UnreadableError(f"has an integer of {len(raw)} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _double(raw: memoryview) -> float:
    number: float = struct.unpack(">d", raw)[0]
    return number


def _utf8(raw: memoryview) -> str:
    return str(raw, "utf-8", "surrogatepass")  # as pickle writes it


def _python2(raw: memoryview) -> str:
    return str(raw, "latin1")  # text or an array's bytes, not yet known which; latin-1 loses nothing


def _quoted(raw: memoryview) -> str:
    line = bytes(raw)
    body = line[1:-1]
    # Only escapes that Python 2 writes: the codec accepts more, and warns of unknown ones.
    if len(line) < 2 or line[0] not in b"'\"" or line[0] != line[-1] or BAD_ESCAPE.search(body.replace(rb"\\", b"  ")):
        raise UnreadableError("has a string that is not quoted as Python 2 does")
    return body.decode("unicode_escape")


def _raw_unicode(raw: memoryview) -> str:
    return str(raw, "raw-unicode-escape")


def _integer(raw: memoryview) -> int:
    if len(raw) > MAX_LONG:
        raise UnreadableError(f"has an integer of {len(raw)} digits")
    return int(bytes(raw))


def _integer_or_bool(raw: memoryview) -> int:
    return {b"00": False, b"01": True}.get(bytes(raw[:3]), _integer(raw))


def _long(raw: memoryview) -> int:
    return _integer(raw[:-1] if raw[-1:].tobytes() == b"L" else raw)


def _float(raw: memoryview) -> float:
    return float(bytes(raw))


# Opcode: number of bytes, decoder.
FIXED: dict[int, tuple[int, Decode]] = {
    ord("K"): (1, _unsigned),  # BININT1
    ord("M"): (2, _unsigned),  # BININT2
    ord("J"): (4, _signed),  # BININT
    ord("G"): (8, _double),  # BINFLOAT
}
# Opcode: number of bytes of the length prefix, decoder.
PREFIXED: dict[int, tuple[int, Decode]] = {
    0x8A: (1, _signed),  # LONG1
    0x8B: (4, _signed),  # LONG4
    ord("U"): (1, _python2),  # SHORT_BINSTRING
    ord("T"): (4, _python2),  # BINSTRING
    0x8C: (1, _utf8),  # SHORT_BINUNICODE
    ord("X"): (4, _utf8),  # BINUNICODE
    0x8D: (8, _utf8),  # BINUNICODE8
    ord("C"): (1, bytes),  # SHORT_BINBYTES
    ord("B"): (4, memoryview),  # BINBYTES, left in the file: it may be a large array
    0x8E: (8, memoryview),  # BINBYTES8
    0x96: (8, bytearray),  # BYTEARRAY8
}
# Opcode: decoder of the rest of the line.
LINES: dict[int, Decode] = {
    ord("I"): _integer_or_bool,  # INT
    ord("L"): _long,  # LONG
    ord("F"): _float,  # FLOAT
    ord("S"): _quoted,  # STRING
    ord("V"): _raw_unicode,  # UNICODE
}


class Reader:
    """A file's contents and a position in them."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> memoryview:
        """The next bytes of the file."""
        if count > len(self.data) - self.at:
            raise UnreadableError("ends too soon" if self.data else "is empty")
        self.at += count
        return self.data[self.at - count : self.at]

    def line(self) -> memoryview:
        """The rest of the line, without its end."""
        end = NEWLINE.search(self.data, self.at)
        return self.take((end.end() if end else len(self.data) + 1) - self.at)[:-1]

    def number(self, width: int) -> int:
        """A length or index of ``width`` bytes; for width 0, in digits up to the end of the line."""
        return _unsigned(self.take(width)) if width else self._decoded(_integer, self.line())

    def name(self) -> str:
        """A name, the rest of the line."""
        return self._decoded(_utf8, self.line())

    def literal(self, opcode: int) -> object:
        """The value that follows the opcode, which is one of ``FIXED``, ``PREFIXED`` and ``LINES``."""
        if opcode in FIXED:
            width, decode = FIXED[opcode]
            return self._decoded(decode, self.take(width))
        if opcode in PREFIXED:
            width, decode = PREFIXED[opcode]
            return self._decoded(decode, self.take(self.number(width)))
        return self._decoded(LINES[opcode], self.line())

    def _decoded(self, decode: Callable[[memoryview], Value], raw: memoryview) -> Value:
        try:
            return decode(raw)
        except UnreadableError:
            raise
        except ValueError:
            raise UnreadableError("has a value that is not spelt right") from None
