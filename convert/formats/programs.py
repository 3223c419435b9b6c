"""Paddle's program files, read for their variables with saved tensors only."""

import json

from convert.formats.kinds import File
from convert.formats.protobuf import Fields, fields, messages, number, numbers, text
from convert.pickle.errors import UnreadableError, about
from convert.pickle.unpickle import unpickle

PROGRAMS = ("program", "PIR program")
MAX_SIZE = 1 << 24  # bytes; an ST-GCN's program has 150,000
NOT_SAVED = {9, 10, 15, 17}  # variable types that persist without a tensor: feed, fetch, reader, raw

Shape = tuple[int, ...]


def variables(file: File) -> dict[str, Shape]:
    """Shape of each saved tensor by parameter name, from a program of Paddle 1, 2 or 3 (PIR)."""
    with about(file.path):
        if file.kind not in PROGRAMS:
            raise UnreadableError(f"is a {file.kind}, where a program belongs")
        if len(file.data) > MAX_SIZE:
            raise UnreadableError(f"is a program of {len(file.data)} bytes, where at most {MAX_SIZE} are read")
        return _variables(file.data) if file.kind == "program" else _pir_variables(file.data)


def structured_names(file: File) -> dict[str, str]:
    """Structured name by parameter name, from a ``.pdiparams.info`` of Paddle 2.1 to 2.6."""
    table = unpickle(file.data, source=str(file.path)) if file.kind == "pickle" else None
    names = {}
    for name, entry in table.items() if isinstance(table, dict) else ():
        match entry:
            case {"structured_name": str(structured)} if isinstance(name, str):
                names[name] = structured
    if not names or len({*names.values()}) < len(names):
        raise UnreadableError(f"{file.path}: does not list parameters")
    return names


def _variables(data: memoryview) -> dict[str, Shape]:
    shapes = {}
    for block in messages(fields(data), 1):
        for variable in messages(block, 3):
            types = messages(variable, 2)
            if number(variable, 3) and types and number(types[-1], 1) not in NOT_SAVED:
                shapes[text(variable, 1)] = _shape(types[-1])
    return shapes


def _shape(kind_of_variable: Fields) -> Shape:
    tensors = [tensor for lod in messages(kind_of_variable, 3) for tensor in messages(lod, 1)]
    return tuple(numbers(tensors[-1], 2)) if tensors else ()


def _pir_variables(data: memoryview) -> dict[str, Shape]:
    try:
        tree = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise UnreadableError("is a program in JSON that is damaged or ends too soon") from None
    match tree:
        case {"base_code": {"magic": "pir"}, "program": {"regions": [{"blocks": [{"ops": [*operations]}, *_]}, *_]}}:
            pass
        case _:
            raise UnreadableError("is JSON, but no program of Paddle's")
    shapes = {}
    for operation in operations:
        match operation:
            case {"#": "p", "A": [*_, str(name)], "O": {"TT": {"D": [_, [*lengths], *_]}}}:
                shapes[name] = tuple(length for length in lengths if isinstance(length, int))
    return shapes
