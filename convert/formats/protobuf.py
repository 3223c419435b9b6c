"""Protocol buffers without a schema: a message is a mapping of field numbers to values."""

from collections.abc import Mapping

from convert.pickle.errors import UnreadableError
from convert.pickle.literals import Reader

MAX_BYTES = 10  # of one variable-length number

Fields = Mapping[int, list[int | memoryview]]


def fields(data: memoryview) -> dict[int, list[int | memoryview]]:
    """The values of each field of a message, in their order: signed numbers, or bytes that may be a message again."""
    file = Reader(data)
    values: dict[int, list[int | memoryview]] = {}
    while file.at < len(data):
        tag = _unsigned(file)
        values.setdefault(tag >> 3, []).append(_value(file, tag & 7))
    return values


def _value(file: Reader, wire: int) -> int | memoryview:
    match wire:
        case 0:
            value = _unsigned(file)
            return value - (value >> 63 << 64)
        case 1:
            return file.take(8)
        case 2:
            return file.take(_unsigned(file))
        case 5:
            return file.take(4)
    raise UnreadableError("has a message that is damaged")


def _unsigned(file: Reader) -> int:
    """A variable-length number: 7 bits a byte, low bits first; the last byte is below 128."""
    value = 0
    for shift in range(0, 7 * MAX_BYTES, 7):
        byte = file.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1)
    raise UnreadableError("has a message that is damaged")


def messages(message: Fields, field: int) -> list[dict[int, list[int | memoryview]]]:
    """The messages in a field."""
    return [fields(value) for value in message.get(field, []) if isinstance(value, memoryview)]


def number(message: Fields, field: int) -> int:
    """The last number in a field; 0 if there is none."""
    return (numbers(message, field) or [0])[-1]


def numbers(message: Fields, field: int) -> list[int]:
    """The numbers in a field."""
    return [value for value in message.get(field, []) if isinstance(value, int)]


def text(message: Fields, field: int) -> str:
    """The last text in a field; empty if there is none."""
    values = [bytes(value) for value in message.get(field, []) if isinstance(value, memoryview)]
    try:
        return values[-1].decode() if values else ""
    except UnicodeDecodeError:
        raise UnreadableError("has a message whose text is damaged") from None
