"""Checkpoints of torch are read without it, torch reads those written here, and nothing in a checkpoint runs."""

import argparse
import collections
import datetime
import os
import pickle
import pickletools
import re
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from convert import UnreadableError, UnsafeError
from convert.formats.archive import archive
from convert.formats.kinds import File
from convert.formats.torch_files import pt_views, read_pt, write_pt
from convert.pickle.errors import ConvertError
from convert.pickle.symbols import Opaque
from convert.pickle.torch_symbols import TorchSymbols
from convert.pickle.unpickle import Machine
from tests.checkpoints import module_of, write_ckpt

SHAPES: list[tuple[int, ...]] = [(), (0,), (2, 0, 3), (3,), (2, 1, 3)]
DTYPES = [torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.float16, torch.float32]
DTYPES += [torch.float64, torch.bfloat16, torch.complex64, torch.complex128]
W = np.arange(6, dtype="f4").reshape(2, 3)
# Opcodes known to torch 1.13, the first with weights_only, that may be written.
OPCODES = {"PROTO", "GLOBAL", "EMPTY_TUPLE", "REDUCE", "MARK", "BINUNICODE", "BININT", "LONG1", "TUPLE", "BINPERSID"}
OPCODES |= {"NEWFALSE", "SETITEMS", "STOP"}
SECONDS = 10.0  # of processor time; measured: at most 0.05

both_formats = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
fuzzing = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The tensor as an array of its own dtype."""
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.detach().numpy()


def same(array: Any, tensor: torch.Tensor) -> bool:
    """Whether an array is a tensor, to the bit."""
    expected = as_numpy(tensor)
    return (array.dtype, array.shape, array.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def saved(path: Path, value: object, *, zipped: bool = True) -> Path:
    """A file of torch's."""
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


def tensors() -> dict[str, torch.Tensor]:
    """One of each dtype and shape."""
    return {f"{dtype} {shape}": (torch.rand(shape) * 9).to(dtype) for dtype in DTYPES for shape in SHAPES}


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_reads_what_is_written(mmap: bool, tmp_path: Path) -> None:
    """With weights_only, in order, contiguous and bit for bit."""
    expected = tensors()
    write_pt({name: as_numpy(tensor) for name, tensor in expected.items()}, tmp_path / "model.pt")
    read = torch.load(tmp_path / "model.pt", weights_only=True, mmap=mmap)
    assert list(read) == list(expected)
    assert all(tensor.is_contiguous() and tensor.stride() == expected[name].stride() for name, tensor in read.items())
    assert all(same(as_numpy(tensor), expected[name]) for name, tensor in read.items())


@pytest.mark.parametrize("array", [W.T, W[:, ::2], W[::-1], W.astype(">f4"), np.broadcast_to(W, (2, 2, 3))])
def test_arrays_are_written_row_by_row(array: np.ndarray, tmp_path: Path) -> None:
    """However they lie in memory."""
    write_pt({"w": array}, tmp_path / "model.pt")
    assert torch.equal(torch.load(tmp_path / "model.pt")["w"], torch.tensor(array.astype("f4")))


def test_the_same_state_makes_the_same_file(tmp_path: Path) -> None:
    """Under any name, at any time."""
    for name in ("a.pt", "b.pth"):
        write_pt({"w": W, "b": W[0]}, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pth").read_bytes()


def test_written_files_suit_every_torch_that_reads_safely(tmp_path: Path) -> None:
    """Few opcodes; records uncompressed and aligned."""
    write_pt({"w": W, "n": np.array(3), "l": np.zeros((1 << 16,))}, tmp_path / "model.pt")
    data = (tmp_path / "model.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "model.pt") as zipped:
        assert zipped.testzip() is None
        assert {entry.compress_type for entry in zipped.infolist()} == {zipfile.ZIP_STORED}
        assert data.index(W.tobytes()) % 64 == 0
        pickled = zipped.read("archive/data.pkl")
    assert {opcode.name for opcode, _, _ in pickletools.genops(pickled)} <= OPCODES


def test_refuses_dtypes_that_torch_does_not_have(tmp_path: Path) -> None:
    """An existing file stays."""
    (tmp_path / "model.pt").write_bytes(b"old")
    with pytest.raises(ValueError, match=r"arrays of str\d+, uint16 cannot be written for torch"):
        write_pt({"a": np.array(["x"]), "w": W, "b": W.astype("u2")}, tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == b"old"


def test_reads_what_is_written(tmp_path: Path) -> None:
    """The round trip needs no torch at all."""
    write_pt({"w": W, "b": W.astype(ml_dtypes.bfloat16)}, tmp_path / "model.pt")
    reading = "from convert.formats.torch_files import read_pt; print(*read_pt(sys.argv[1]), 'torch' in sys.modules)"
    source = f"import sys; {reading}"
    run = [sys.executable, "-c", source, tmp_path / "model.pt"]
    root = Path(__file__).parents[4]
    assert subprocess.run(run, cwd=root, capture_output=True, text=True, check=True).stdout == "w b False\n"
    read: Any = read_pt(tmp_path / "model.pt")
    assert np.array_equal(read["w"], W)


@both_formats
def test_reads_tensors(zipped: bool, tmp_path: Path) -> None:
    """Of every dtype and shape, aligned and writable."""
    expected = tensors()
    read: Any = read_pt(saved(tmp_path / "model.pt", expected, zipped=zipped))
    assert list(read) == list(expected)
    assert all(same(array, expected[name]) for name, array in read.items())
    assert all(array.flags.aligned and array.flags.writeable and array.flags.owndata for array in read.values())


@both_formats
def test_reads_looks_at_storages(zipped: bool, tmp_path: Path) -> None:
    """Transposed, cut, expanded, tied, a parameter, one with an attribute."""
    base = torch.arange(24.0).reshape(4, 6)
    named = torch.ones(2)
    named.note = "mine"  # type: ignore[attr-defined]
    expected = {"base": base, "t": base.t(), "cut": base[1:3, 1::2], "row": base[2], "tied": base, "named": named}
    expected |= {"wide": base[:1].expand(3, 6), "p": torch.nn.Parameter(base[1]), "empty": base[:, :0]}
    path = saved(tmp_path / "model.pt", expected, zipped=zipped)
    for read in (read_pt(path), pt_views(File(path))):
        assert isinstance(read, dict)
        assert all(same(read[name], tensor.contiguous()) for name, tensor in expected.items())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@both_formats
def test_reads_every_protocol(zipped: bool, protocol: int, tmp_path: Path) -> None:
    """Plain values are read the same from any protocol."""
    value = {
        "state_dict": torch.nn.Linear(2, 3).state_dict(),
        "epoch": 3,
        "lr": [0.1, None, True, ("x", b"y", 1 << 70)],
    }
    path = tmp_path / "model.pt"
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    read: Any = read_pt(path)
    assert {name: read[name] for name in ("epoch", "lr")} == {"epoch": 3, "lr": value["lr"]}
    assert list(read["state_dict"]) == ["weight", "bias"]


def test_reads_checkpoints_of_this_project(tmp_path: Path) -> None:
    """Tensors and hyperparameters."""
    module = module_of()
    write_ckpt(module, tmp_path / "last.ckpt")
    read: Any = read_pt(tmp_path / "last.ckpt")
    assert all(same(read["state_dict"][name], tensor) for name, tensor in module.state_dict().items())
    assert read["hyper_parameters"] == dict(module.hparams)


class Mapping(dict[str, object]):
    """Somebody's own kind of dict."""


class Code:
    """Runs when a general unpickler reads it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.canary}'",)


def strange_objects() -> dict[str, object]:
    """Objects found in training states, by the name of their class or function."""
    round_trip = Mapping()
    round_trip["me"] = round_trip
    return {
        "omegaconf.dictconfig.DictConfig": OmegaConf.create({"model": {"channels": [1, 2]}}),
        "argparse.Namespace": argparse.Namespace(lr=0.1, weights=torch.ones(2)),
        f"{type(Path()).__module__}.{type(Path()).__name__}": Path("work"),  # Python 3.13 has it in pathlib._local
        "datetime.datetime": datetime.datetime(2026, 1, 1),
        f"{__name__}.Mapping": round_trip,
        "collections.deque": collections.deque([1, 2]),
        "torch.nn.modules.linear.Linear": torch.nn.Linear(2, 2),
        "torch.device": torch.device("cpu"),
        "torch.float32": torch.float32,
        "__builtin__.dict": dict,
        "numpy.ndarray": np.array([None, {}]),
        "numpy._core.multiarray.scalar": np.datetime64("2026-01-01"),
        "torch._utils._rebuild_sparse_tensor": torch.eye(2).to_sparse(),
        "torch._utils._rebuild_tensor_v2": torch.ones(2, dtype=torch.complex64).conj(),
    }


@pytest.mark.parametrize("name", strange_objects())
@both_formats
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
def test_strange_objects_are_inert(zipped: bool, name: str, tmp_path: Path) -> None:
    """An object of any class is its class and nothing more, and the tensors beside it are read."""
    value = {"w": torch.ones(2), "object": strange_objects()[name], "again": [strange_objects()[name]], "b": W}
    read: Any = read_pt(saved(tmp_path / "model.pt", value, zipped=zipped))
    inert = read.pop("object")
    assert isinstance(inert, Opaque)
    assert (str(inert.symbol), inert.args, inert.state) == (name, (), None)
    assert isinstance(read["again"][0], Opaque)
    assert (read["w"].tolist(), read["b"].tolist()) == ([1, 1], W.tolist())


@both_formats
def test_collections_and_numbers_are_read(zipped: bool, tmp_path: Path) -> None:
    """Collections and numbers that may hold useful values."""
    value = {
        "d": collections.defaultdict(list, a=[1]),
        "c": collections.Counter("aab"),
        "s": {1, 2},
        "n": np.float32(2),
    }
    value |= {"size": torch.Size([2, 3]), "a": np.arange(3), "t": np.array(["x"]), "by": b"\xff", "dt": np.dtype(">f4")}
    read: Any = read_pt(saved(tmp_path / "model.pt", value, zipped=zipped))
    assert (read["a"].tolist(), read["t"].tolist()) == ([0, 1, 2], ["x"])
    expected = {"d": {"a": [1]}, "c": {"a": 2, "b": 1}, "s": {1, 2}, "n": 2, "size": (2, 3), "by": b"\xff"}
    assert {name: read[name] for name in expected} == expected
    assert read["dt"] == np.dtype(">f4")


@both_formats
def test_nothing_runs(zipped: bool, tmp_path: Path) -> None:
    """A file that calls the shell is refused; a general unpickler would have made the call."""
    canary = tmp_path / "canary"
    path = saved(tmp_path / "model.pt", {"w": torch.ones(2), "x": Code(canary)}, zipped=zipped)
    with pytest.raises(UnsafeError, match=rf"model\.pt: wants to import {os.system.__module__}\.system \(byte \d+\)"):
        read_pt(path)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists()


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "__builtin__.exec", "subprocess.Popen", "commands.getoutput"]
)
@pytest.mark.parametrize("called", [True, False])
def test_what_only_an_attack_names_is_refused(name: str, called: bool) -> None:
    """Whether it is called or only named."""
    module, _, function = name.rpartition(".")
    program = f"\x80\x02c{module}\n{function}\n{')R' if called else ''}.".encode("latin1")
    with pytest.raises(UnsafeError, match=rf"wants to import {re.escape(name)} \(byte 2\)"):
        Machine(memoryview(program), TorchSymbols()).run()


def stacked(value: object) -> bytes:
    """The opcodes that put a plain value on the stack."""
    return pickle.dumps(value, 2)[2:-1]


def storage(kind: str = "FloatStorage", size: object = 6, key: object = "0", module: str = "torch") -> bytes:
    """The opcodes for a storage."""
    return (
        b"("
        + stacked("storage")
        + f"c{module}\n{kind}\n".encode()
        + stacked(key)
        + stacked("cpu")
        + stacked(size)
        + b"tQ"
    )


def tensor(shape: object = (2, 3), strides: object = (3, 1), offset: object = 0, of: bytes | None = None) -> bytes:
    """The opcodes for a tensor, by default that of ``records``."""
    layout = stacked(offset) + stacked(shape) + stacked(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + (of or storage()) + layout + b"\x89)tR"


def records(opcodes: bytes, payload: bytes = W.tobytes()) -> bytes:
    """A checkpoint of one storage."""
    return archive([("data.pkl", b"\x80\x02" + opcodes + b"."), ("data/0", payload)])


def read_bytes(data: bytes, path: Path) -> Any:
    """Read a file of these bytes."""
    path.write_bytes(data)
    return read_pt(path)


def test_the_tensor_of_these_tests_is_read(tmp_path: Path) -> None:
    """With consistent values."""
    assert np.array_equal(read_bytes(records(tensor()), tmp_path / "model.pt"), W)


LIES = {
    "a longer axis": tensor((2, 4)),
    "a longer stride": tensor(strides=(4, 1)),
    "an offset": tensor(offset=1),
    "an offset before it": tensor(offset=-1),
    "a stride back": tensor(strides=(3, -1)),
    "a length below zero": tensor((2, -3)),
    "a huge length": tensor((1 << 70, 3)),
    "a huge offset": tensor(offset=1 << 70),
    "a length of truth": tensor((True, 3)),
    "too few strides": tensor(strides=(3,)),
    "too many axes": tensor((1,) * 33, (1,) * 33),
    "huge and empty": tensor((1 << 40, 0, 1 << 40), (1, 1, 1)),
    "unfolding": tensor((1 << 39,), (0,)),
    "unfolding often": b"](" + tensor((1 << 12, 1 << 12), (0, 0)) * 2 + b"e",
    "a smaller storage": tensor(of=storage(size=5)),
    "a larger storage": tensor(of=storage(size=7)),
    "a storage of another type": tensor(of=storage("DoubleStorage")),
    "a storage of no size": tensor(of=storage(size=-6)),
    "a missing storage": tensor(of=storage(key="1")),
    "a storage elsewhere": tensor(of=storage(key="../../data.pkl")),
    "a storage of two kinds": b"](" + tensor() + storage("IntStorage") + b"e",
    "a number for a key": tensor(of=storage(key=0)),
    "no storage": b"(" + stacked("other") + b"tQ",
    "an array as a key": b"}" + tensor() + b"Ns",
    "a call of text": stacked("x") + b")R",
    "a list in itself": b"]2a",
    "deep lists": b"]" * 10_000 + b"a" * 9_999,
    "parts put into text": stacked("x") + b"(Ne",
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_unreadable(name: str, tmp_path: Path) -> None:
    """Refused quickly, in one line, and without reading outside the storage."""
    start = time.process_time()
    with pytest.raises(UnreadableError, match=r"model\.pt: .{1,200}$"):
        read_bytes(records(LIES[name]), tmp_path / "model.pt")
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize(
    "opcodes", [b"(iposix\nsystem\n", b"(cposix\nsystem\no", b"\x82\x01"], ids=["INST", "OBJ", "EXT"]
)
def test_oldest_ways_to_run_code_are_unsafe(opcodes: bytes, tmp_path: Path) -> None:
    """No torch ever wrote them."""
    with pytest.raises(UnsafeError, match=r"wants to (run code|import posix\.system)"):
        read_bytes(records(opcodes), tmp_path / "model.pt")


@pytest.mark.parametrize("of", [storage("QInt8Storage"), storage("UntypedStorage", 24, module="torch.storage")])
def test_tensors_of_other_dtypes_are_inert(of: bytes, tmp_path: Path) -> None:
    """Storages of dtypes that NumPy lacks give inert tensors, not wrong ones."""
    assert isinstance(read_bytes(records(tensor(of=of)), tmp_path / "model.pt"), Opaque)


def repacked(data: bytes, path: Path, **options: Any) -> bytes:
    """The records of an archive in another."""
    path.write_bytes(data)
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(path.with_suffix(".zip"), "w", **options) as after:
        for name in before.namelist():
            after.writestr(name, before.read(name))
    return path.with_suffix(".zip").read_bytes()


def test_archives_are_not_unpacked(tmp_path: Path) -> None:
    """Torch compresses nothing, so a compressed record may be a zip bomb."""
    whole = records(tensor())
    assert np.array_equal(read_bytes(repacked(whole, tmp_path / "a"), tmp_path / "model.pt"), W)
    with pytest.raises(UnreadableError, match="encrypted or compressed"):
        read_bytes(repacked(whole, tmp_path / "b", compression=zipfile.ZIP_DEFLATED), tmp_path / "model.pt")
    directory = whole.index(b"PK\x01\x02")
    encrypted = whole[: directory + 8] + b"\x01" + whole[directory + 9 :]
    with pytest.raises(UnreadableError, match="encrypted or compressed"):
        read_bytes(encrypted, tmp_path / "model.pt")


def test_archives_of_something_else_are_unreadable(tmp_path: Path) -> None:
    """Without a pickle, in two folders, twice the same name, big-endian."""
    pickled = ("data.pkl", b"\x80\x02" + tensor() + b".")
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive([pickled, pickled])
    others = [archive([("x", b"")]), archive([]), twice, archive([pickled, ("byteorder", b"big")]), archive([pickled])]
    for data in [*others, records(tensor()).replace(b"archive/data.pkl", b"other/x/data.pkl")]:
        with pytest.raises(UnreadableError):
            read_bytes(data, tmp_path / "model.pt")


def test_archives_of_a_nameless_record_are_unreadable(tmp_path: Path) -> None:
    """Zipfile itself fails on an empty name."""
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as zipped:
        zipped.writestr(zipfile.ZipInfo("x"), b"")
    data = (tmp_path / "model.pt").read_bytes()
    start = data.index(b"PK\x01\x02")
    nameless = data[: start + 28] + b"\0\0" + data[start + 30 : start + 46] + data[start + 47 :]
    nameless = nameless[:-10] + struct.pack("<IIH", len(nameless) - 22 - start, start, 0)
    with pytest.raises(UnreadableError, match=r"without 'data\.pkl'"):
        read_bytes(nameless, tmp_path / "model.pt")


def test_sums_are_checked_unless_torch_left_them_out(tmp_path: Path) -> None:
    """A flipped bit in a tensor is found; a file that torch wrote without sums is read."""
    data = records(tensor())
    with pytest.raises(UnreadableError, match=r"is damaged in 'data/0'"):
        read_bytes(data.replace(W.tobytes(), W[::-1].tobytes()), tmp_path / "model.pt")
    torch.serialization.set_crc32_options(False)
    try:
        saved(tmp_path / "fast.pt", {"w": torch.tensor(W)})
    finally:
        torch.serialization.set_crc32_options(True)
    read: Any = read_pt(tmp_path / "fast.pt")
    assert np.array_equal(read["w"], W)


@both_formats
def test_truncated_files_are_unreadable(zipped: bool, tmp_path: Path) -> None:
    """Cut at any byte."""
    data = saved(tmp_path / "whole.pt", {"w": torch.tensor(W), "n": 3}, zipped=zipped).read_bytes()
    for size in range(len(data)):
        with pytest.raises(UnreadableError, match=r"model\.pt: "):
            read_bytes(data[:size], tmp_path / "model.pt")


@pytest.mark.parametrize("data", [b"x", b"PK", pickle.dumps({"w": W}, 4), pickle.dumps(["x"] * 99, 2), bytes(99)])
def test_other_files_are_unreadable(data: bytes, tmp_path: Path) -> None:
    """A pickle that is none of torch's among them."""
    with pytest.raises(UnreadableError, match=r"model\.pt: "):
        read_bytes(data, tmp_path / "model.pt")


def assert_harmless(data: bytes, path: Path) -> None:
    """The file is read as plain data, or refused in one line."""
    try:
        value = read_bytes(data, path)
    except ConvertError as problem:
        assert re.fullmatch(r".{1,600}", str(problem))  # noqa: PT017
    else:
        assert_plain(value)


def assert_plain(value: object) -> None:
    """No object of the reader is left in a tree."""
    if isinstance(value, dict):
        assert_plain([*value, *value.values()])
    elif isinstance(value, list | tuple | set):
        for part in value:
            assert_plain(part)
    else:
        assert isinstance(
            value, str | bytes | bytearray | int | float | None | np.ndarray | np.generic | np.dtype | Opaque
        )


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


def changed(data: bytes, changes: list[tuple[float, int]]) -> bytes:
    """The bytes with some of them exchanged."""
    new = bytearray(data)
    for place, value in changes:
        new[int(place * len(data))] = value
    return bytes(new)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A checkpoint in both formats, and a path to write to."""
    path = tmp_path_factory.mktemp("samples") / "model.pt"
    value = {"w": torch.tensor(W), "t": torch.tensor(W).t(), "a": np.arange(3), "n": argparse.Namespace(x=1), "s": {1}}
    return [saved(path, value, zipped=zipped).read_bytes() for zipped in (True, False)] + [str(path).encode()]


@fuzzing
@given(changes=CHANGES, format=st.integers(0, 1))
def test_changed_files_are_refused_or_plain(
    samples: list[bytes], format: int, changes: list[tuple[float, int]]
) -> None:
    """A file with a few bytes changed does no harm."""
    assert_harmless(changed(samples[format], changes), Path(samples[2].decode()))


@fuzzing
@given(changes=CHANGES)
def test_changed_pickles_are_refused_or_plain(samples: list[bytes], changes: list[tuple[float, int]]) -> None:
    """A changed pickle with correct checksums does no harm either."""
    path = Path(samples[2].decode())
    path.write_bytes(samples[0])
    with zipfile.ZipFile(path) as zipped:
        contents = {name.partition("/")[2]: zipped.read(name) for name in zipped.namelist()}
    contents["data.pkl"] = changed(contents["data.pkl"], changes)
    assert_harmless(archive(contents.items()), path)
