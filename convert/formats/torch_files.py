"""The checkpoints of torch, read and written without it: importing torch takes longer than all the rest."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from convert.formats.archive import Records, archive
from convert.formats.kinds import File
from convert.pickle.dump import dump
from convert.pickle.errors import UnreadableError, about
from convert.pickle.literals import Reader
from convert.pickle.stored import Array, Stored
from convert.pickle.symbols import Opaque, Symbol
from convert.pickle.torch_symbols import OBJECTS, STORAGES, Storage, Tensor, TorchSymbols
from convert.pickle.tree import copied, mapped
from convert.pickle.unpickle import GROWTH, Machine
from stgcn_torch.files import write_whole

MAGIC = 0x1950A86A20F9469CFC6C  # how a file of before torch 1.6 begins
PROTOCOL = 1001  # and goes on
SLACK = 1 << 26  # bytes that a file may unfold to, however small
CLASSES = {dtype.name: storage for storage, dtype in STORAGES.items()}
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def read_pt(path: str | Path) -> object:
    """What a checkpoint of torch holds, without torch and without running anything in it.

    Args:
        path: A file of ``torch.save``, in its zip format or in that of before torch 1.6, whatever its suffix.

    Returns:
        Dicts, lists, tuples, sets, text, numbers and None; each tensor and parameter as an array of its own, bfloat16
        as that of ``ml_dtypes``. Objects of all other classes, and tensors that are quantized, sparse or of a subclass,
        are ``convert.pickle.symbols.Opaque`` and know no more than their class.

    Raises:
        UnreadableError: It is truncated, damaged or of another kind.
        UnsafeError: It uses one of Python's oldest ways to make objects.
    """
    return copied(pt_views(File(Path(path))))


def pt_views(file: File) -> object:
    """``read_pt``, with each array a read-only view of the mapped file: names and shapes cost no memory."""
    with about(file.path):
        tree = _zipped(Records(file)) if file.kind == "zip archive" else _legacy(file.data)
        return _viewed(tree, GROWTH * len(file.data) + SLACK)


def _zipped(records: Records) -> object:
    if "byteorder" in records and bytes(records["byteorder"]) != b"little":
        raise UnreadableError("is of a machine whose numbers are big-endian")
    names = TorchSymbols()
    tree = Machine(records["data.pkl"], names).run()
    for key, storage in names.storages.items():
        storage.fill(records[f"data/{key}"])
    return tree


def _legacy(data: memoryview) -> object:
    names, file = TorchSymbols(), Reader(data)

    def pickled() -> object:
        machine = Machine(data[file.at :], names)
        value = machine.run()
        file.take(machine.file.at)
        return value

    if pickled() != MAGIC or pickled() != PROTOCOL:
        raise UnreadableError("is no checkpoint of torch")
    pickled()  # what machine it was, of which nobody wants to know
    tree, keys = pickled(), pickled()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or {*keys} != {*names.storages}:
        raise UnreadableError("does not hold just those storages that its tensors look at")
    for key in keys:
        storage = names.storages[key]
        storage.fill(file.take(file.number(8) * storage.dtype.itemsize))
    return tree


def _viewed(tree: object, allowance: int) -> object:
    """The tree with arrays in place of what stands for them; their bytes are counted, as many may share a storage."""

    def view(part: object) -> object:
        nonlocal allowance
        match part:
            case Stored() if part.dtype == OBJECTS:
                return Opaque(Symbol("numpy", "ndarray"), ())
            case Stored() | Tensor() | Storage():
                array = part.view()
                allowance -= array.nbytes
                if allowance < 0:
                    raise UnreadableError(f"unfolds to more than {GROWTH} times its size")
                return array
            case memoryview():
                return part.tobytes()
        return part

    return mapped(tree, view)


def write_pt(state: Mapping[str, Array], path: str | Path) -> None:
    """Write a state dict that ``torch.load(weights_only=True)`` of every torch since 1.13 reads.

    Args:
        state: Arrays by name.
        path: Where to; the file appears whole or not at all, and the same whenever it is written.

    Raises:
        ValueError: An array is of a dtype that torch does not have.
    """
    if unknown := {array.dtype.name for array in state.values()} - {*CLASSES}:
        raise ValueError(f"arrays of {', '.join(sorted(unknown))} cannot be written for torch")
    write_whole(path, [archive(_records(state))])


def _records(state: Mapping[str, Array]) -> Iterator[tuple[str, bytes]]:
    tensors = [_opcodes(name) + _tensor(number, array) for number, (name, array) in enumerate(state.items())]
    yield "data.pkl", b"\x80\x02" + ORDERED_DICT + b"(" + b"".join(tensors) + b"u."
    yield "byteorder", b"little"
    for number, array in enumerate(state.values()):
        yield f"data/{number}", array.astype(STORAGES[CLASSES[array.dtype.name]], copy=False).tobytes()
    yield "version", b"3\n"


def _tensor(number: int, array: Array) -> bytes:
    """The opcodes for a contiguous tensor, which has a storage to itself."""
    strides = tuple(math.prod(n or 1 for n in array.shape[axis + 1 :]) for axis in range(array.ndim))
    storage = f"ctorch\n{CLASSES[array.dtype.name]}\n".encode()
    identity = b"(" + _opcodes("storage") + storage + _opcodes(str(number)) + _opcodes("cpu") + _opcodes(array.size)
    look = _opcodes(0) + _opcodes(array.shape) + _opcodes(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + b"tQ" + look + b"\x89" + ORDERED_DICT + b"tR"


def _opcodes(value: object) -> bytes:
    """The opcodes that put a plain value on the stack: its pickle without start and stop."""
    return b"".join(dump(value))[2:-1]
