"""Meaning of the names in a checkpoint of torch. No name is ever resolved, and unknown ones are inert.

Training states hold objects of many classes that are not needed for their tensors. Each becomes an empty ``Opaque``:
its arguments, state and items are dropped, as some objects contain themselves. Files that name functions which only an
attack needs are refused nevertheless, so that nobody passes them on as harmless.
"""

import math
import sys
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from convert.pickle import symbols
from convert.pickle.errors import UnreadableError, UnsafeError
from convert.pickle.stored import MAX_BYTES, MAX_RANK, Array, Stored
from convert.pickle.symbols import CALLABLE, Opaque, Symbol

STORAGES: dict[str, np.dtype[Any]] = {
    "BoolStorage": np.dtype("?"),
    "CharStorage": np.dtype("i1"),
    "ShortStorage": np.dtype("<i2"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
    "ByteStorage": np.dtype("u1"),
    "HalfStorage": np.dtype("<f2"),
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "ComplexFloatStorage": np.dtype("<c8"),
    "ComplexDoubleStorage": np.dtype("<c16"),
}
MODULES = ("torch", "torch.cuda", "torch.storage")  # modules of the storages
OBJECTS = np.dtype(object)
# Python's standard modules, by their names in Python 2 and 3. Training states use only the harmless names below; any
# other name could run code if it were imported, so files that contain one are refused.
PYTHON = sys.stdlib_module_names | {"__builtin__", "commands", "copy_reg", "cPickle", "popen2", "urllib2"}
HARMLESS_MODULES = {
    "collections",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "pathlib",
    "pathlib._local",
    "typing",
    "uuid",
}
_BUILTINS = {
    *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "long", "object", "range"),
    *(
        "set",
        "slice",
        "str",
        "tuple",
        "type",
        "unicode",
        "xrange",
        "getattr",
    ),  # getattr for methods and members of enums
}
HARMLESS = {
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS,
    "_codecs": {"encode"},
    "argparse": {"Namespace"},
    "copy_reg": {"_reconstructor"},
    "copyreg": {"_reconstructor"},
    "functools": {"partial"},
    "logging": {"Logger", "getLogger"},
    "re": {"_compile"},
    "types": {"SimpleNamespace"},
}


@dataclass(slots=True, eq=False)
class Storage:
    """A row of numbers that tensors are views of; empty until filled.

    Attributes:
        size: Number of elements.
        payload: Bytes of the elements.
    """

    dtype: np.dtype[Any]
    size: int
    payload: bytes | memoryview = b""

    def fill(self, payload: memoryview) -> None:
        """Set the bytes; UnreadableError if their number does not fit the size."""
        if len(payload) != self.size * self.dtype.itemsize:
            raise UnreadableError(f"has a storage of {len(payload)} bytes where {self.size} numbers belong")
        self.payload = payload

    def view(self) -> Array:
        """All elements as a read-only view of the file."""
        return Stored().fill((self.size,), self.dtype, False, self.payload).view()


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor, a view of a storage.

    Attributes:
        offset: Index of the first element in the storage.
        strides: Distance in the storage, in elements, to the next element along each axis.
    """

    storage: Storage
    offset: int
    shape: tuple[object, ...]
    strides: tuple[object, ...]

    def view(self) -> Array:
        """The array as a read-only view of the file; UnreadableError if it reaches beyond its storage."""
        shape, strides = _valid_lengths(self.shape), _valid_lengths(self.strides)
        if not len(shape) == len(self.shape) == len(strides) == len(self.strides) <= MAX_RANK:
            raise UnreadableError("has a tensor whose shape or strides are not sensible")
        dtype, payload = self.storage.dtype, self.storage.payload
        if 0 in shape:
            return Stored().fill(tuple(shape), dtype, False, b"").view()
        last = self.offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if self.offset < 0 or last >= self.storage.size or math.prod(shape) > MAX_BYTES:
            raise UnreadableError("has a tensor that reaches beyond its storage")
        size = dtype.itemsize
        array = np.ndarray(shape, dtype, payload, self.offset * size, [stride * size for stride in strides])
        array.flags.writeable = False
        return array


def _valid_lengths(lengths: tuple[object, ...]) -> list[int]:
    return [n for n in lengths if type(n) is int and 0 <= n <= MAX_BYTES]


class TorchSymbols:
    """Names of one checkpoint, for ``convert.pickle.unpickle.Machine``.

    Attributes:
        storages: Storages by their key in the file, to be filled by the reader.
    """

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}

    def symbol(self, module: str, name: str) -> Opaque:
        """An inert object for a name; UnsafeError for names of the standard library that only an attack needs."""
        top = module.partition(".")[0]
        if top in PYTHON and module not in HARMLESS_MODULES and name not in HARMLESS.get(module, ()):
            raise UnsafeError(f"wants to import {ascii(f'{module}.{name}')[1:-1]:.200}")
        return Opaque(Symbol(module, name), ())

    def new(self, cls: object, args: object) -> Opaque:
        """An inert object of a class, without its arguments."""
        if not isinstance(cls, Opaque):
            raise UnreadableError(f"calls a {type(cls).__name__}")
        return Opaque(cls.symbol, ())

    def call(self, function: object, args: object) -> object:
        """The result of a call that makes a tensor, an array or a collection; else an inert object."""
        result = self.new(function, args)
        tensor = _tensor(result.symbol, args)
        match str(result.symbol), args:
            case _ if tensor:
                return tensor
            case "torch.Size", (tuple(lengths),):
                return lengths
            case "collections.defaultdict", _:
                return {}
            case "collections.Counter", (dict(counts),):
                return counts
            case "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct", _:
                return Stored()
        try:
            is_known = result.symbol.name in CALLABLE.get(result.symbol.module, ())
            return symbols.call(result.symbol, args) if is_known else result
        except UnsafeError:
            return result

    def set_state(self, target: object, state: object) -> None:
        """Set an array's contents or a dtype's byte order; other objects ignore their state."""
        if isinstance(target, Stored):
            try:
                symbols.set_state(target, state)
            except UnsafeError:
                target.dtype = OBJECTS  # also for arrays of dates or records
        elif isinstance(target, np.dtype):
            symbols.set_state(target, state)

    def fill(self, target: object, parts: list[object]) -> None:
        """Drop items put into an inert object; UnreadableError for any other target."""
        if not isinstance(target, Opaque):
            symbols.fill(target, parts)

    def persistent(self, identity: object) -> object:
        """The storage of a persistent id, or the class of a module, which old files save with its source."""
        match identity:
            case ("storage", Opaque(Symbol(module, name)), str(key), str(), int(size), *view) if not any(view):
                if module not in MODULES or name not in STORAGES:  # quantized, or a dtype that NumPy lacks
                    return Opaque(Symbol(module, name), ())
                storage = self.storages.setdefault(key, Storage(STORAGES[name], size))
                if (storage.dtype, storage.size) != (STORAGES[name], size) or size < 0:
                    raise UnreadableError("has a storage of no size, or of two")
                return storage
            case ("module", Opaque() as cls, *_):
                return cls
        raise UnreadableError("refers to something that is not in the file")


def _tensor(function: Symbol, args: object) -> Tensor | None:
    """The tensor or parameter that a call makes; None for other calls."""
    match str(function), args:
        case (
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
            (Storage() as storage, int(offset), tuple(shape), tuple(strides), *more),
        ) if not any(more[2:]):  # after gradient and hooks: flags of conjugate or negated tensors
            return Tensor(storage, offset, shape, strides)
        case "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state", (Tensor() as tensor, *_):
            return tensor
        case "torch._tensor._rebuild_from_type_v2", (
            Opaque(Symbol("torch._utils", "_rebuild_tensor_v2") as rebuild),
            _,
            tuple(inner),
            _,
        ):  # a tensor with attributes
            return _tensor(rebuild, inner)
    return None
