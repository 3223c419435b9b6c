"""No file of tensors, program or list of names makes the reader crash, hang, or say anything but why it refuses."""

import json
import re
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import ConvertError, UnreadableError, read_pdparams
from convert.formats.kinds import kind
from convert.formats.protobuf import fields
from convert.formats.tensors import safetensors, tensors
from convert.pickle.files import contents
from tests.fixtures import cases
from tests.unit.convert.formats.test_static import stream, varint

SECONDS = 10.0  # of processor time; measured: at most 1.1, while a bomb that goes off takes hours or all memory
SAMPLES = {
    name: (cases.ROOT / name).read_bytes()
    for name in (
        "paddle-1.8.5/inference/__model__",
        "paddle-1.8.5/inference/__params__",
        "paddle-2.6.2/inference/model.pdiparams.info",
        "paddle-2.6.2/inference/model.pdmodel",
        "paddle-2.6.2/inference/model.pdiparams",
        "paddle-2.6.2/nested_p2.pdparams",
        "paddle-2.6.2/sliced_p2.pdparams",
        "paddle-3.3.1/binary/bfloat16.pdtensor",
        "paddle-3.3.1/dtypes.safetensors",
        "paddle-3.3.1/inference/model.json",
        "paddle-3.3.1/inference/model.pdiparams",
        "paddle-3.3.1/static.pdtensor",
    )
}
F4 = cases.ramp(2, 3)

fuzzing = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def described(code: int, *lengths: int, payload: bytes = b"", levels: int = 0) -> bytes:
    """A tensor that describes itself in its own way."""
    words = b"\x08" + varint(code) + b"".join(b"\x10" + varint(length % (1 << 64)) for length in lengths)
    return b"\0" * 4 + struct.pack("<Q", levels) + b"\0" * 4 + struct.pack("<i", len(words)) + words + payload


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, each among its companions."""
    root = tmp_path_factory.mktemp("files")
    for name, data in {**SAMPLES, "other/file": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def outcome(directory: Path, name: str, data: bytes) -> object:
    """What a file is read as with other contents, or the one line that says why it is not."""
    path = directory / name
    path.write_bytes(data)
    try:
        return read_pdparams(path)
    except ConvertError as problem:
        line = re.fullmatch(r".{1,1000}", str(problem))
        return problem if line and str(path.parent) in line[0] else None
    finally:
        if name in SAMPLES:
            path.write_bytes(SAMPLES[name])


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_read(name: str, directory: Path) -> None:
    """Unharmed they are files like any other."""
    assert isinstance(outcome(directory, name, SAMPLES[name]), dict | np.ndarray)


@pytest.mark.parametrize("name", SAMPLES)
def test_truncated_files_are_refused(name: str, directory: Path) -> None:
    """Cut anywhere, none is half read."""
    data = SAMPLES[name]
    if kind(memoryview(data)) == "program":  # what follows its block are versions, without which it names as much
        (block,) = fields(memoryview(data))[1]
        assert isinstance(block, memoryview)
        data = data[: len(block)]
    for size in range(0, len(data), 1 + len(data) // 300):
        assert isinstance(outcome(directory, name, data[:size]), ConvertError), size


@fuzzing
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_are_refused_or_read(name: str, changes: list[tuple[float, int]], directory: Path) -> None:
    """A file with a few bytes changed does no harm."""
    data = bytearray(SAMPLES[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    assert outcome(directory, name, bytes(data)) is not None


@fuzzing
@given(start=st.sampled_from([data[:24] for data in SAMPLES.values()]), rest=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_read(start: bytes, rest: bytes, directory: Path) -> None:
    """Bytes that only begin like a file do no harm."""
    for data in (rest, start + rest):
        outcome(directory, "other/file", data)


@pytest.mark.parametrize(
    "data",
    [
        described(5, 2, 3, payload=bytes(23)),
        described(5, 2, 3, payload=bytes(25)),
        described(5, -2, -3, payload=bytes(24)),
        described(5, 1 << 62, 4),
        described(5, 1 << 40, 1 << 40),
        described(5, *([1 << 32] * 8)),
        described(5, 0, 1 << 62),
        described(5, *([1] * 10_000), payload=bytes(4)),
        b"\0" * 20 + b"\x01",
        described(7, 1, payload=bytes(4)),
        described(1 << 63, 1, payload=bytes(4)),
        described(5, 1, payload=bytes(4), levels=1 << 62),
        described(5, 1, payload=bytes(4), levels=90),
        b"\0\0\0\0" + struct.pack("<QQ", 1, 1 << 63) + bytes(99),
        b"\0" * 16 + b"\xff\xff\xff\xff" + bytes(99),
        b"\0" * 16 + struct.pack("<i", 11) + b"\xff" * 11,
        b"\0" * 16 + struct.pack("<i", 2) + b"\x0b\x01",
    ],
    ids=[
        *(
            "short",
            "long",
            "negative",
            "overflow",
            "huge",
            "product",
            "empty and huge",
            "many axes",
            "no description",
            "type",
            "big type",
        ),
        *("levels", "too few levels", "huge level", "negative size", "endless number", "group"),
    ],
)
def test_lying_tensors_are_unreadable(data: bytes, directory: Path) -> None:
    """A tensor has exactly the bytes that its shape and type say, and costs no more than they do."""
    assert isinstance(outcome(directory, "other/file", data), UnreadableError)


def header(**tensors: object) -> bytes:
    """A safetensors file with this header and eight bytes."""
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + bytes(8)


@pytest.mark.parametrize(
    "data",
    [
        header(w={"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}),
        header(w={"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 8]}),
        header(w={"dtype": "F32", "shape": [2], "data_offsets": [0, 1 << 62]}),
        header(w={"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}),
        header(w={"dtype": "U64", "shape": [1], "data_offsets": [0, 8]}),
        header(w={"dtype": "F32", "shape": [1] * 99 + [2], "data_offsets": [0, 8]}),
        struct.pack("<Q", 1 << 30) + b"{" + bytes(99),
        struct.pack("<Q", 100) + b"{" * 100,
    ],
    ids=["short", "overflow", "beyond", "packed", "no type of Paddle's", "many axes", "long header", "nested"],
)
def test_lying_safetensors_are_unreadable(data: bytes, directory: Path) -> None:
    """As for Paddle's own tensors."""
    with pytest.raises(UnreadableError):
        safetensors(memoryview(data))
    assert isinstance(outcome(directory, "other/file", data), UnreadableError)


@pytest.mark.parametrize(
    "program",
    [
        b'{"base_code": ' + b"[" * 1_000_000,
        b'{"base_code":{"magic":"pir"},"program":{"regions":[{"blocks":[{"ops":'
        + b"[" * 9_999
        + b"]" * 9_999
        + b"}]}]}}",
        b'{"base_code": ' + b"9" * 1_000_000 + b"}",
        b'{"base_code": NaN}',
        b'{"base_code": "\xff"}',
        b'{"base_code":{"magic":"pir"},"program":{"regions":[{"blocks":[{"ops":[{"#":"p","A":[],"O":[]}]}]}]}}',
        b'{"base_code": 1}' + b" " * (1 << 24),
        b"\n\x04\x08\0\x10\0" + b"\x1a\x02\x1a\x00" * 1000,
        b"\n\x84\x80\x80\x08\x08\0\x10\0" + b"\x0a\xff\xff\xff\x7f" * 1000,
        b"\n\x0a\x08\0\x10\0\x1a\x04\x0a\x02\xff\xff",
        b"\n\x04\x08\0\x10\0" + b"\n\x06\x1a\x04\x18\x01\x12\x00" * 1000,
    ],
    ids=[
        *("deep", "deep but whole", "long number", "nan", "encoding", "odd parameter", "large"),
        *("empty variables", "nested lengths", "name", "no type"),
    ],
)
def test_hostile_programs_are_refused(program: bytes, directory: Path) -> None:
    """A program that nests, grows or lies names no tensors."""
    start = time.process_time()
    name = "paddle-3.3.1/inference/model.json" if program[:1] == b"{" else "paddle-2.6.2/inference/model.pdmodel"
    assert isinstance(outcome(directory, name, program), ConvertError)
    assert time.process_time() - start < SECONDS


@fuzzing
@given(data=st.binary(max_size=100))
def test_messages_are_refused_or_read(data: bytes) -> None:
    """Any bytes, as a message: its fields together are no longer than it."""
    try:
        values = [value for field in fields(memoryview(data)).values() for value in field]
    except UnreadableError:
        return
    assert sum(len(value) if isinstance(value, memoryview) else 1 for value in values) <= len(data)


def test_many_small_tensors_end_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may not hold any number of them."""
    monkeypatch.setattr("convert.formats.tensors.MAX_TENSORS", 10)
    assert len(tensors(memoryview(stream(F4) * 10))) == 10
    with pytest.raises(UnreadableError, match="more than 10 tensors"):
        tensors(memoryview(stream(F4) * 11))


def test_only_the_start_is_sniffed(tmp_path: Path) -> None:
    """However large the file."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"<html>")
        file.truncate(1 << 32)
    with pytest.raises(UnreadableError, match="web page"):
        kind(contents(path))


@fuzzing
@given(array=st.integers(0, 4).flatmap(lambda n: st.just(np.arange(n, dtype="f4"))), cut=st.integers(1, 30))
def test_tensors_end_where_they_say(array: np.ndarray, cut: int) -> None:
    """A file that ends within its second tensor is not read as one."""
    data = stream(array)
    with pytest.raises(UnreadableError, match=r"\(tensor 1, at byte \d+\)$"):
        tensors(memoryview((data + data)[: -min(cut, len(data) - 1)]))
