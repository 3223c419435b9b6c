"""Names that a weight file may import, and the calls allowed on each; no name is ever resolved to an object.

The lists come from files and the source of Paddle 1.6 to 3.3 under NumPy 1 and 2 and Python 2 and 3.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from convert.pickle.errors import UnreadableError, UnsafeError
from convert.pickle.stored import Stored

CALLABLE = {
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.numeric": {"_frombuffer"},
    "_codecs": {"encode"},
    "builtins": {"bytes", "dict", "eval", "frozenset", "set", "tuple"},
    "__builtin__": {"bytes", "dict", "eval", "frozenset", "set", "tuple"},
    "collections": {"OrderedDict"},
    "paddle.framework.io_utils": {"_reconstruct_dense_tensor_data"},
}
_METADATA = {"Metadata", "LocalTensorMetadata", "LocalTensorIndex"}
OPAQUE = {
    "paddle.fluid.core_avx": {"GeneratorState"},
    "paddle.fluid.core_noavx": {"GeneratorState"},
    "paddle.fluid.libpaddle": {"GeneratorState"},
    "paddle.base.libpaddle": {"GeneratorState"},
    "paddle.distributed.checkpoint.metadata": _METADATA,
    "paddle.distributed.flex_checkpoint.dcp.metadata": _METADATA,
}
DTYPE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|[SU][0-9]{1,6}")  # numbers and fixed-width text, no objects or records
MAX_KEY = 32  # parts of a tuple that is a key
_KEYS = (str, bytes, int, float, type(None), np.number, np.bool_)


@dataclass(frozen=True, slots=True)
class Symbol:
    """An allowed name, inert."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Opaque:
    """An object of one of Paddle's own classes, kept as data.

    Attributes:
        symbol: Name of the class.
        args: Arguments of the class in the file.
        state: State of the object in the file; None if the file sets none.
    """

    symbol: Symbol
    args: tuple[object, ...]
    state: object = None


def symbol(module: str, name: str) -> Symbol:
    """The symbol of a name; UnsafeError for a name not in ``CALLABLE`` or ``OPAQUE``."""
    # Looked up as a pair: "numpy" + "core.multiarray.scalar" is no allowed name, though it spells one.
    if name in CALLABLE.get(module, ()) or name in OPAQUE.get(module, ()):
        return Symbol(module, name)
    raise UnsafeError(f"wants to import {ascii(f'{module}.{name}')[1:-1]:.200}")


def key(value: object) -> object:
    """The value, checked for use as a key; UnreadableError unless a scalar or a short flat tuple of scalars.

    Hashing is recursive in C: a tuple nested deeply enough would overflow its stack.
    """
    parts = value if isinstance(value, tuple) and len(value) <= MAX_KEY else (value,)
    if all(isinstance(part, (*_KEYS, Opaque)) for part in parts):
        return value
    raise UnreadableError(f"has a {type(value).__name__} that cannot be a key")


def new(cls: object, args: object) -> Opaque:
    """An opaque object of a class in ``OPAQUE``; UnsafeError for any other class."""
    if isinstance(cls, Symbol) and cls.name in OPAQUE.get(cls.module, ()) and isinstance(args, tuple):
        return Opaque(cls, args)
    raise UnsafeError(f"wants an object of {_named(cls)}")


def call(function: object, args: object) -> object:
    """The result of a call that Paddle or NumPy writes; UnsafeError for any other call."""
    match function.name if isinstance(function, Symbol) else None, args:
        case "dtype", (str(code), int(0), int(1)) if DTYPE.fullmatch(code):
            return np.dtype(code, copy=True)  # a copy, as its byte order is set in place later
        case "dtype", (str(code), *_):
            raise UnsafeError(f"wants numpy.dtype of {ascii(code)[:40]}, which is neither number nor plain text")
        case "_reconstruct", (Symbol("numpy", "ndarray"), (int(0),), bytes(b"b") | str("b")):
            return Stored()
        case "scalar", (np.dtype() as dtype, bytes() | memoryview() | str() as payload):
            return _filled(Stored(), (), dtype, False, payload).view()[()]
        case "_frombuffer", (
            bytes() | bytearray() | memoryview() as payload,
            np.dtype() as dtype,
            tuple(shape),
            str("C" | "F") as order,
        ):
            return _filled(Stored(), shape, dtype, order == "F", payload)
        case "encode", (str(text), str("latin1")):
            return _latin1(text)
        case "bytes", ():
            return b""
        case "tuple", (tuple(items),):  # a Tensor: its name and its array
            return items
        case "set", () | (list(),):
            return {key(item) for items in args for item in items}
        case "frozenset", () | (list(),):
            return frozenset(key(item) for items in args for item in items)
        case "dict", ():
            return {}
        case "OrderedDict", () | (list(),):
            return OrderedDict(_pair(item) for items in args for item in items)
        case "eval", (str("data"), {"data": Stored() as array, **others}) if not others:
            return array  # a LoDTensor or DenseTensor; Paddle has no other use of eval
        case "_reconstruct_dense_tensor_data", (Stored() as array,):
            return array
    raise UnsafeError(f"calls {_named(function)} as no weight file does")


def set_state(target: object, state: object) -> None:
    """Set an array's contents, a dtype's byte order or an opaque object's state; UnsafeError for anything else."""
    match target, state:
        case np.dtype(), (int(3), str("<" | ">" | "=" | "|") as order, None, None, None, int(size), int(), int()) if (
            size in (-1, target.itemsize)
        ):
            # State from NumPy's own dtype of that order, as NumPy would trust the sizes in the file's.
            dtype_state = np.dtype(target.str[1:]).newbyteorder(order).__reduce__()[2]
            target.__setstate__(dtype_state)  # type: ignore[attr-defined]  # not in NumPy's stubs
        case Stored(), (
            int(1),
            tuple(shape),
            np.dtype() as dtype,
            int(fortran),
            bytes() | memoryview() | str() as payload,
        ):
            _filled(target, shape, dtype, bool(fortran), payload)
        case Opaque(), _:
            target.state = state
        case _:
            raise UnsafeError(f"sets the state of {_named(target)} as no weight file does")


def fill(target: object, parts: list[object]) -> None:
    """Raise UnreadableError: none of Paddle's objects is a collection."""
    raise UnreadableError(f"puts {len(parts)} values into a {type(target).__name__}")


def persistent(identity: object) -> object:  # noqa: ARG001  # refuses any
    """Raise UnreadableError: Paddle keeps everything in one pickle."""
    raise UnreadableError("needs objects that are not in the file (opcode BINPERSID)")


def _filled(
    array: Stored,
    shape: tuple[object, ...],
    dtype: np.dtype,
    fortran: bool,
    payload: bytes | bytearray | memoryview | str,
) -> Stored:
    if isinstance(payload, str):  # Python 2 knew only one kind of string
        payload = _latin1(payload)
    # A new dtype, as the file could still change its own.
    return array.fill(shape, np.dtype(dtype.str), fortran, payload)


def _latin1(text: str) -> bytes:
    try:
        return text.encode("latin1")
    except UnicodeEncodeError:
        raise UnreadableError("has text where bytes belong") from None


def _pair(item: object) -> tuple[object, object]:
    match item:
        case [name, value]:
            return key(name), value
    raise UnreadableError("has a mapping that is not made of pairs")


def _named(value: object) -> str:
    return str(value) if isinstance(value, Symbol) else f"a {type(value).__name__}"
