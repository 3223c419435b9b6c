"""Paddle's programs, as far as a reader of weights cares: the variables whose tensors are saved beside them."""

import json

from convert.formats.kinds import File
from convert.formats.protobuf import Fields, fields, messages, number, numbers, text
from convert.pickle.errors import UnreadableError, about
from convert.pickle.unpickle import unpickle

PROGRAMS = ("program", "PIR program")
MAX_SIZE = 1 << 24  # bytes; that of an ST-GCN has 150,000
NOT_SAVED = {9, 10, 15, 17}  # types of variables that persist without a tensor: feeds, fetches, readers, raw ones

Shape = tuple[int, ...]


def variables(file: File) -> dict[str, Shape]:
    """The shape of each saved tensor by its parameter name, as a program of Paddle 1 and 2 or 3 (PIR) has it."""
    with about(file.path):
        if file.kind not in PROGRAMS:
            raise UnreadableError(f"is a {file.kind}, where a program belongs")
        if len(file.data) > MAX_SIZE:
            raise UnreadableError(f"is a program of {len(file.data)} bytes, where at most {MAX_SIZE} are read")
        return _variables(file.data) if file.kind == "program" else _pir_variables(file.data)


def structured_names(file: File) -> dict[str, str]:
    """Where in the network each parameter stands, as a ``.pdiparams.info`` of Paddle 2.1 to 2.6 has it."""
    value = unpickle(file.data, source=str(file.path)) if file.kind == "pickle" else None
    names = {}
    for name, entry in value.items() if isinstance(value, dict) else ():
        match entry:
            case {"structured_name": str(structured)} if isinstance(name, str):
                names[name] = structured
    if not names or len({*names.values()}) < len(names):
        raise UnreadableError(f"{file.path}: does not list parameters")
    return names


def _variables(data: memoryview) -> dict[str, Shape]:
    found = {}
    for block in messages(fields(data), 1):
        for variable in messages(block, 3):
            types = messages(variable, 2)
            if number(variable, 3) and types and number(types[-1], 1) not in NOT_SAVED:
                found[text(variable, 1)] = _shape(types[-1])
    return found


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
    found = {}
    for operation in operations:
        match operation:
            case {"#": "p", "A": [*_, str(name)], "O": {"TT": {"D": [_, [*lengths], *_]}}}:
                found[name] = tuple(length for length in lengths if isinstance(length, int))
    return found
