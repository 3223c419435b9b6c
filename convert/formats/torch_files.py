"""Checkpoints of torch, read and written without importing torch, which takes longer than the whole conversion."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

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

MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a file from before torch 1.6
PROTOCOL = 1001  # second pickle
NOTHING: Mapping[str, bytes] = MappingProxyType({})
SLACK = 1 << 26  # bytes that even the smallest file may unfold to
CLASSES = {dtype.name: storage for storage, dtype in STORAGES.items()}
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def read_pt(path: str | Path) -> object:
    """Read the contents of a checkpoint of torch, without torch and without running anything in the file.

    Args:
        path: A file of ``torch.save``, in the zip format or the format before torch 1.6, with any suffix.

    Returns:
        Dicts, lists, tuples, sets, text, numbers and None; each tensor and parameter as a new array, bfloat16 as the
        dtype of ``ml_dtypes``. Objects of all other classes, and tensors that are quantized, sparse or of a subclass,
        are ``convert.pickle.symbols.Opaque`` with nothing but their class.

    Raises:
        UnreadableError: The file is truncated, damaged or of another kind.
        UnsafeError: The file imports something that only an attack needs, or makes objects by an obsolete opcode.
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
    symbols = TorchSymbols()
    tree = Machine(records["data.pkl"], symbols).run()
    for key, storage in symbols.storages.items():
        storage.fill(records[f"data/{key}"])
    return tree


def _legacy(data: memoryview) -> object:
    symbols, file = TorchSymbols(), Reader(data)

    def next_pickle() -> object:
        machine = Machine(data[file.at :], symbols)
        value = machine.run()
        file.take(machine.file.at)
        return value

    if next_pickle() != MAGIC or next_pickle() != PROTOCOL:
        raise UnreadableError("is no checkpoint of torch")
    next_pickle()  # the byte order and number sizes of the writer's machine, unused
    tree, keys = next_pickle(), next_pickle()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or {*keys} != {*symbols.storages}:
        raise UnreadableError("does not hold just those storages that its tensors look at")
    for key in keys:
        storage = symbols.storages[key]
        storage.fill(file.take(file.number(8) * storage.dtype.itemsize))
    return tree


def _viewed(tree: object, allowance: int) -> object:
    """The tree with arrays in place of stored ones; their bytes are counted, as many tensors may share a storage."""

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


def write_pt(state: Mapping[str, Array], path: str | Path, others: Mapping[str, bytes] = NOTHING) -> None:
    """Write a state dict that ``torch.load(weights_only=True)`` of every torch since 1.13 reads.

    Args:
        state: Arrays by name.
        path: The output file, which appears whole or not at all; the same state gives the same bytes.
        others: Further records by name, which torch does not read.

    Raises:
        ValueError: An array has a dtype that torch lacks.
    """
    if unknown := {array.dtype.name for array in state.values()} - {*CLASSES}:
        raise ValueError(f"arrays of {', '.join(sorted(unknown))} cannot be written for torch")
    write_whole(path, [archive([*_records(state), *others.items()])])


def _records(state: Mapping[str, Array]) -> Iterator[tuple[str, bytes]]:
    tensors = [_opcodes(name) + _tensor(number, array) for number, (name, array) in enumerate(state.items())]
    yield "data.pkl", b"\x80\x02" + ORDERED_DICT + b"(" + b"".join(tensors) + b"u."
    yield "byteorder", b"little"
    for number, array in enumerate(state.values()):
        yield f"data/{number}", array.astype(STORAGES[CLASSES[array.dtype.name]], copy=False).tobytes()
    yield "version", b"3\n"


def _tensor(number: int, array: Array) -> bytes:
    """The opcodes of a contiguous tensor with its own storage."""
    strides = tuple(math.prod(n or 1 for n in array.shape[axis + 1 :]) for axis in range(array.ndim))
    storage = f"ctorch\n{CLASSES[array.dtype.name]}\n".encode()
    identity = b"(" + _opcodes("storage") + storage + _opcodes(str(number)) + _opcodes("cpu") + _opcodes(array.size)
    layout = _opcodes(0) + _opcodes(array.shape) + _opcodes(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + b"tQ" + layout + b"\x89" + ORDERED_DICT + b"tR"


def _opcodes(value: object) -> bytes:
    """The opcodes that push a plain value: its pickle without PROTO and STOP."""
    return b"".join(dump(value))[2:-1]
