"""What the names in a checkpoint of torch mean. None is ever resolved, and what is not known here is inert.

A training state is full of other people's classes, and none matters to who wants its tensors: each stays an empty
``Opaque``, whatever the file would call it with, set it to or put into it. Some would contain themselves. A file that
names what only an attack needs is refused all the same, so that nobody passes it on as a harmless one.
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
MODULES = ("torch", "torch.cuda", "torch.storage")  # where they are
OBJECTS = np.dtype(object)
# Python's own modules, by their names of today and of Python 2. What a training state has of them is data; whatever
# else a file names there would run something, could it be imported: nobody should take such a file for a harmless one.
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
    ),  # the last for methods and members of enums
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
    """Numbers in a row, which tensors look at; empty until who knows where they lie fills it.

    Attributes:
        dtype: Of each number.
        size: How many there are.
        payload: Their bytes.
    """

    dtype: np.dtype[Any]
    size: int
    payload: bytes | memoryview = b""

    def fill(self, payload: memoryview) -> None:
        """Give it its bytes; UnreadableError if they are not as many as it should have."""
        if len(payload) != self.size * self.dtype.itemsize:
            raise UnreadableError(f"has a storage of {len(payload)} bytes where {self.size} numbers belong")
        self.payload = payload

    def view(self) -> Array:
        """All its numbers, as an array where it lies in the file."""
        return Stored().fill((self.size,), self.dtype, False, self.payload).view()


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A look at a storage.

    Attributes:
        storage: It.
        offset: Where in it the first element is.
        shape: The tensor's lengths.
        strides: How many numbers of the storage it is to the next element along each axis.
    """

    storage: Storage
    offset: int
    shape: tuple[object, ...]
    strides: tuple[object, ...]

    def view(self) -> Array:
        """The array where it lies in the file, not to be written to; UnreadableError if it is not all in there."""
        shape, strides = _sensible(self.shape), _sensible(self.strides)
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


def _sensible(lengths: tuple[object, ...]) -> list[int]:
    return [n for n in lengths if type(n) is int and 0 <= n <= MAX_BYTES]


class TorchSymbols:
    """The names of one checkpoint, as ``convert.pickle.unpickle.Machine`` asks for them.

    Attributes:
        storages: The storages that the file refers to, by its name for them; to be filled.
    """

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}

    def symbol(self, module: str, name: str) -> Opaque:
        """A name; UnsafeError for one of Python's own that no training state needs, and an attack does."""
        top = module.partition(".")[0]
        if top in PYTHON and module not in HARMLESS_MODULES and name not in HARMLESS.get(module, ()):
            raise UnsafeError(f"wants to import {ascii(f'{module}.{name}')[1:-1]:.200}")
        return Opaque(Symbol(module, name), ())

    def new(self, cls: object, args: object) -> Opaque:
        """An object of a class, without what it was to be made of."""
        if not isinstance(cls, Opaque):
            raise UnreadableError(f"calls a {type(cls).__name__}")
        return Opaque(cls.symbol, ())

    def call(self, function: object, args: object) -> object:
        """What a call means, where it makes a tensor, an array or a collection; else an object like any other."""
        result = self.new(function, args)
        known = _tensor(result.symbol, args)
        match str(result.symbol), args:
            case _ if known:
                return known
            case "torch.Size", (tuple(lengths),):
                return lengths
            case "collections.defaultdict", _:
                return {}
            case "collections.Counter", (dict(counts),):
                return counts
            case "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct", _:
                return Stored()
        try:
            plain = result.symbol.name in CALLABLE.get(result.symbol.module, ())
            return symbols.call(result.symbol, args) if plain else result
        except UnsafeError:
            return result

    def set_state(self, target: object, state: object) -> None:
        """Set an array's contents or a dtype's byte order; nothing else needs what it is to be set to."""
        if isinstance(target, Stored):
            try:
                symbols.set_state(target, state)
            except UnsafeError:
                target.dtype = OBJECTS  # or dates, or records
        elif isinstance(target, np.dtype):
            symbols.set_state(target, state)

    def fill(self, target: object, parts: list[object]) -> None:
        """Put nothing into an inert object; UnreadableError for what is none."""
        if not isinstance(target, Opaque):
            symbols.fill(target, parts)

    def persistent(self, identity: object) -> object:
        """The storage that an identity stands for, or the class, which files of old come with the source of."""
        match identity:
            case ("storage", Opaque(Symbol(module, name)), str(key), str(), int(size), *view) if not any(view):
                if module not in MODULES or name not in STORAGES:  # quantized, or of a dtype that only torch has
                    return Opaque(Symbol(module, name), ())
                storage = self.storages.setdefault(key, Storage(STORAGES[name], size))
                if (storage.dtype, storage.size) != (STORAGES[name], size) or size < 0:
                    raise UnreadableError("has a storage of no size, or of two")
                return storage
            case ("module", Opaque() as cls, *_):
                return cls
        raise UnreadableError("refers to something that is not in the file")


def _tensor(function: Symbol, args: object) -> Tensor | None:
    """The tensor or parameter that a call makes; None if it makes something else."""
    match str(function), args:
        case (
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
            (Storage() as storage, int(offset), tuple(shape), tuple(strides), *more),
        ) if not any(more[2:]):  # beyond gradient and hooks they say that it is the conjugate or the negative of that
            return Tensor(storage, offset, shape, strides)
        case "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state", (Tensor() as tensor, *_):
            return tensor
        case "torch._tensor._rebuild_from_type_v2", (
            Opaque(Symbol("torch._utils", "_rebuild_tensor_v2") as rebuild),
            _,
            tuple(inner),
            _,
        ):  # somebody gave it attributes
            return _tensor(rebuild, inner)
    return None
