"""No file makes the reader run code, crash, hang, or say anything but why it refuses."""

import math
import os
import pickle
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzzing import STATE_DICT, assert_plain, opcodes
from convert import UnreadableError, UnsafeError, unpickle
from convert.pickle.errors import ConvertError
from convert.pickle.symbols import CALLABLE, OPAQUE

SAVED = [pickle.dumps(STATE_DICT, protocol) for protocol in range(6)]
SECONDS = 10.0  # of processor time; measured: at most 0.3, while a bomb that goes off takes hours or all memory

fuzzing = settings(max_examples=700, deadline=None, derandomize=True, database=None)


def stacked(value: object) -> bytes:
    """The opcodes that put a plain value on the stack."""
    return pickle.dumps(value, 2)[2:-1]


def binary(payload: bytes) -> bytes:
    """The opcode that puts bytes on the stack."""
    return b"B" + len(payload).to_bytes(4, "little") + payload


def imported(module: str, name: str) -> bytes:
    """The opcodes that import a name, which may have dots."""
    return stacked(module) + stacked(name) + b"\x93"


def call(module: str, name: str, *args: object) -> bytes:
    """The opcodes that call a name with plain arguments."""
    return imported(module, name) + stacked(args) + b"R"


BLANK = imported("numpy._core.multiarray", "_reconstruct") + imported("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"


F4 = call("numpy", "dtype", "f4", False, True)


def array(shape: object, payload: bytes, dtype: bytes = F4) -> bytes:
    """The opcodes that build an array from its shape and the opcodes of its payload."""
    return BLANK + b"(K\x01" + stacked(shape) + dtype + b"\x89" + payload + b"tb"


ARRAY = array((1,), binary(b"\x00\x00\x80?"))
EVAL = imported("builtins", "eval")


def imports(canary: Path) -> dict[str, bytes]:
    """Files that would run code through a name that is not on the list."""
    command = f"touch '{canary}'"
    run = f"open({str(canary)!r}, 'w')"
    return {
        "os.system": call("os", "system", command),
        "posix.system": call("posix", "system", command),
        "nt.system": call("nt", "system", command),
        "subprocess.Popen": call("subprocess", "Popen", command, -1, None, None, None, None, None, True, True),
        "commands.Popen": b"ccommands\nPopen\n" + stacked((["touch", str(canary)],)) + b"R",
        "commands.getoutput": b"ccommands\ngetoutput\n" + stacked((command,)) + b"R",
        "builtins.exec": call("builtins", "exec", run),
        "builtins.open": call("builtins", "open", str(canary), "w"),
        "builtins.getattr": imported("builtins", "getattr") + EVAL + stacked("__call__") + b"\x86R",
        "builtins.__import__": call("builtins", "__import__", "os"),
        "__main__.eval": call("__main__", "eval", run),
        "builtins.eval.__call__": call("builtins", "eval.__call__", run),
        "builtins.__builtins__": imported("builtins", "__builtins__"),
        "collections.OrderedDict.__init__": imported("collections", "OrderedDict.__init__"),
        "os.path.os.system": call("os", "path.os.system", command),
        "numpy.core.multiarray.scalar": imported("numpy", "core.multiarray.scalar"),
        "numpy.load": call("numpy", "load", str(canary)),
        "numpy.f2py.crackfortran.myeval": call("numpy.f2py.crackfortran", "myeval", run),
        "numpy.testing._private.utils.runstring": call("numpy.testing._private.utils", "runstring", run, {}),
        "_codecs.lookup": call("_codecs", "lookup", "rot13"),
        "copyreg._reconstructor": imported("copyreg", "_reconstructor"),
        "functools.partial": imported("functools", "partial") + EVAL + b"\x85R",
        "paddle.load": call("paddle", "load", str(canary)),
        "torch.load": call("torch", "load", str(canary)),
        "posix.system by INST": b"(" + stacked(command) + b"iposix\nsystem\n",
        "paddle.base.libpaddle.Other": imported("paddle.base.libpaddle", "Other"),
    }


def abuses(canary: Path) -> dict[str, bytes]:
    """Files that put a name on the list to a use that it does not have."""
    run = f"open({str(canary)!r}, 'w')"
    generator = imported("paddle.base.libpaddle", "GeneratorState")
    return {
        "eval of an expression": call("builtins", "eval", run),
        "eval of Python 2": call("__builtin__", "eval", run),
        "eval with a scope": call("builtins", "eval", run, {}),
        "eval with an array": EVAL + stacked(run) + b"}" + stacked("data") + ARRAY + b"s\x86R",
        "eval of data that is text": call("builtins", "eval", "data", {"data": run}),
        "eval of another variable": EVAL + stacked("data") + b"}" + stacked("x") + ARRAY + b"s\x86R",
        "eval with builtins": EVAL + stacked("data")
        + stacked({"__builtins__": 1}) + stacked("data") + ARRAY + b"s\x86R",
        "eval with locals": EVAL + stacked("data") + b"}" + stacked("data") + ARRAY + b"s}\x87R",
        "eval within eval": EVAL + stacked("data") + b"}" + stacked("data") + call("builtins", "eval", run) + b"s\x86R",
        "eval as a value": b"]" + EVAL + b"a",
        "eval by itself": EVAL,
        "eval as a class": EVAL + stacked((run,)) + b"\x81",
        "eval as a class with keywords": EVAL + stacked((run,)) + b"}\x92",
        "eval by OBJ": b"(" + EVAL + stacked(run) + b"o",
        "eval by INST": b"(" + stacked(run) + b"ibuiltins\neval\n",
        "eval with a state": EVAL + b"}b",
        "arguments that are no tuple": EVAL + b"]R",
        "call of a value": stacked("eval") + stacked((run,)) + b"R",
        "another codec": call("_codecs", "encode", "x", "rot13"),
        "codec errors": call("_codecs", "encode", "x", "latin1", "replace"),
        "bytes of a size": call("builtins", "bytes", 1 << 40),
        "set of text": call("builtins", "set", "abc"),
        "tuple of a list": call("builtins", "tuple", [1]),
        "dict of pairs": call("builtins", "dict", [("a", 1)]),
        "objects": pickle.dumps(np.array([None, 1]), 2)[:-1],
        "records": pickle.dumps(np.zeros(2, "f4,i4"), 2)[:-1],
        "dates": pickle.dumps(np.zeros(2, "M8[s]"), 2)[:-1],
        "dtype of an expression": call("numpy", "dtype", run, False, True),
        "dtype of 2 GB text": call("numpy", "dtype", "U536870911", False, True),
        "dtype with fields": F4 + stacked((3, "<", None, ("a",), {}, -1, -1, 0)) + b"b",
        "dtype of another size": F4 + stacked((3, "<", None, None, None, 99, 1, 0)) + b"b",
        "array of another class": imported("numpy._core.multiarray", "_reconstruct") + EVAL + b"K\x00\x85C\x01b\x87R",
        "array of a list": array((1,), b"]"),
        "state of a dict": call("collections", "OrderedDict") + stacked({"__class__": "x"}) + b"b",
        "state of a list": stacked([1]) + stacked({"append": 1}) + b"b",
        "call of a Paddle class": generator + b")R",
        "extension 1": b"\x82\x01",
        "extension 2": b"\x83\x01\x00",
        "extension 4": b"\x84\x01\x00\x00\x00",
    }  # fmt: skip


NOWHERE = Path("canary")


@pytest.mark.parametrize("name", sorted(imports(NOWHERE)))
def test_refuses_names_off_the_list(name: str, tmp_path: Path) -> None:
    """A name that is not on the list is refused by that name, and nothing has run."""
    canary = tmp_path / "canary"
    with pytest.raises(UnsafeError, match=rf"{re.escape(name.removesuffix(' by INST'))} \(byte \d+\)$"):
        unpickle(b"\x80\x04" + imports(canary)[name] + b".")
    assert not canary.exists()


@pytest.mark.parametrize("name", sorted(abuses(NOWHERE)))
def test_refuses_other_uses_of_names_on_the_list(name: str, tmp_path: Path) -> None:
    """A name on the list is refused in any use but the one that weight files have, and nothing has run."""
    canary = tmp_path / "canary"
    with pytest.raises(UnsafeError, match=r"\(byte \d+\)$"):
        unpickle(b"\x80\x04" + abuses(canary)[name] + b".")
    assert not canary.exists()


def test_canary_would_sing(tmp_path: Path) -> None:
    """The command and the expression of the files above do what would betray them."""
    command, expression = tmp_path / "command", tmp_path / "expression"
    os.system(f"touch '{command}'")
    eval(f"open({str(expression)!r}, 'w')").close()
    assert command.exists()
    assert expression.exists()


@pytest.mark.parametrize("opcode", [b"Px\n", b"K\x01Q", b"\x97", b"K\x01\x98"], ids=["P", "Q", "buffer", "readonly"])
def test_objects_outside_the_file_are_unreadable(opcode: bytes) -> None:
    """What lies outside the file cannot be read from it."""
    with pytest.raises(UnreadableError, match="not in the file"):
        unpickle(opcode + b".")


def bombs() -> dict[str, bytes]:
    """Files that ask for more time, memory or depth than they have bytes."""
    megabyte = binary(bytes(1 << 20)) + b"q\xc80"  # an index that nothing else uses
    deep, wide = 100_000, 60
    return {
        "text of 2^62 bytes": b"\x8d" + (1 << 62).to_bytes(8, "little"),
        "bytes of 2^62 bytes": b"\x8e" + (1 << 62).to_bytes(8, "little"),
        "integer of 2 GB": b"\x8b\xff\xff\xff\x7f",
        "integer of 2 KB": b"\x8b\x00\x08\x00\x00" + b"\x01" * 2048,
        "integer of 5000 digits": b"I" + b"9" * 5000 + b"\n",
        "index of 5000 digits": b"Np" + b"9" * 5000 + b"\n",
        "recall of nothing": b"j\xff\xff\xff\xff",
        "deep lists": b"]" * deep + b"a" * (deep - 1),
        "deep tuples": b")" + b"\x85" * deep,
        "deep dicts": b"}N" * deep + b"}" + b"s" * deep,
        "deep key": b"})" + b"\x85" * deep + b"Ns",
        "deep member": b"\x8f()" + b"\x85" * deep + b"\x90",
        "deep frozen member": b"()" + b"\x85" * deep + b"\x91",
        "wide key": b"}N" + b"2\x86" * wide + b"Ns",
        "long key": b"}(" + b"N" * 1000 + b"tNs",
        "doubled tuples": b"N" + b"2\x86" * wide,
        "doubled lists": b"]" + b"q\x00]h\x00ah\x00a" * wide,
        "list in itself": b"]2a",
        "dict in itself": b"}q\x00Nh\x00s",
        "list in a tuple in itself": b"]q\x00h\x00\x85a",
        "object in its state": imported("paddle.base.libpaddle", "GeneratorState") + b")\x81q\xc8h\xc8b",
        "marks": b"(" * 100_000 + b"N",
        "marks of nothing": b"t",
        "one payload in many arrays": megabyte + array((1 << 20,), b"h\xc8", call("numpy", "dtype", "i1", 0, 1)) * 500,
        "one text encoded often": stacked("x" * (1 << 20)) + b"q\xc8"
        + (imported("_codecs", "encode") + b"h\xc8" + stacked("latin1") + b"\x86R") * 500,
        "one list in many sets": b"](" + b"".join(b"M" + i.to_bytes(2, "little") for i in range(50_000)) + b"eq\xc8"
        + (imported("builtins", "set") + b"h\xc8\x85R") * 2000,
        "many axes": array((1,) * 33, binary(bytes(4))),
        "long empty axes": array((1 << 39, 0, 1 << 39), binary(b"")),
        "axis that is a truth value": array((True,), binary(bytes(4))),
        "huge axes": array((1 << 8000,) * 3, binary(b"")),
        "text of width 0": array((1 << 40,), binary(b""), call("numpy", "dtype", "U0", False, True)),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(bombs()))
def test_bombs_do_not_go_off(name: str) -> None:
    """A file that would take more than its size allows is unreadable, soon."""
    data = b"\x80\x04" + bombs()[name] + b"."
    start = time.process_time()
    with pytest.raises(UnreadableError, match=r"\(byte \d+\)$"):
        unpickle(data)
    assert time.process_time() - start < SECONDS


def test_opcodes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of opcodes that do nothing ends at a limit."""
    monkeypatch.setattr(sys.modules["convert.pickle.unpickle"], "MAX_STEPS", 1000)
    assert unpickle(b"N0" * 499 + b"N.") is None
    with pytest.raises(UnreadableError, match="more than 1000 opcodes"):
        unpickle(b"N0" * 500 + b"N.")


def test_a_huge_memo_index_costs_nothing() -> None:
    """The memo holds what was stored, not every index below it."""
    assert unpickle(b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 7


@pytest.mark.parametrize(
    "key", ["]", "}", "\x8f", "(\x91", ")]\x86"], ids=["list", "dict", "set", "frozenset", "list in a tuple"]
)
def test_what_has_no_hash_is_no_key(key: str) -> None:
    """A list as a key or a member is the file's fault, not a TypeError."""
    unhashable = key.encode("latin1")
    with pytest.raises(UnreadableError, match="cannot be a key"):
        unpickle(b"}" + unhashable + b"Ns.")
    with pytest.raises(UnreadableError, match="cannot be a key"):
        unpickle(b"\x8f(" + unhashable + b"\x90.")
    with pytest.raises(UnreadableError, match="cannot be a key"):
        unpickle(b"(" + unhashable + b"\x91.")


@fuzzing
@given(
    shape=st.lists(st.integers(-1, 5) | st.integers(2**41, 2**70), max_size=3).map(tuple),
    size=st.integers(0, 10).map(lambda count: 4 * count) | st.integers(0, 50),
)
def test_lying_shapes_are_unreadable(shape: tuple[int, ...], size: int) -> None:
    """An array is read only if its payload has exactly the bytes that its shape and dtype say."""
    data = array(shape, binary(bytes(size))) + b"."
    if all(0 <= n <= 5 for n in shape) and 4 * math.prod(shape) == size:
        value = unpickle(data)
        assert isinstance(value, np.ndarray)
        assert value.shape == shape
    else:
        with pytest.raises(UnreadableError):
            unpickle(data)


@pytest.mark.parametrize("order", "<>")
def test_text_that_is_not_unicode_is_unreadable(order: str) -> None:
    """NumPy takes any number for a character, and crashes once somebody looks."""
    text = np.array([0x110000, 65], f"{order}u4").view(f"{order}U1")
    with pytest.raises(UnreadableError, match="not Unicode"):
        unpickle(pickle.dumps(text, 4))


@pytest.mark.parametrize("protocol", range(6))
def test_truncated_files_are_unreadable(protocol: int) -> None:
    """Cut at any byte, a file is unreadable: never unsafe, never half read."""
    for size in range(len(SAVED[protocol])):
        with pytest.raises(UnreadableError):
            unpickle(SAVED[protocol][:size])


def assert_harmless(data: bytes) -> None:
    """It is read as a plain tree, or one line says why not."""
    result = outcome(data)
    if isinstance(result, ConvertError):
        assert re.fullmatch(r"pickle: .{1,600} \(byte \d+\)", str(result))
    else:
        assert_plain(result)


def outcome(data: bytes) -> object:
    """What a file is read as, or why it is not."""
    try:
        return unpickle(data)
    except ConvertError as problem:
        return problem


@fuzzing
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_plain(data: bytes) -> None:
    """Bytes that were never a pickle do no harm."""
    assert_harmless(data)


@fuzzing
@given(
    protocol=st.integers(0, 5),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_are_refused_or_plain(protocol: int, changes: list[tuple[float, int]]) -> None:
    """A file with a few bytes changed does no harm."""
    data = bytearray(SAVED[protocol])
    for place, value in changes:
        data[int(place * len(data))] = value
    assert_harmless(bytes(data))


POOL = sorted(
    {opcode for data in SAVED for opcode in opcodes(data)}
    | {imported(module, name) for names in (CALLABLE, OPAQUE) for module in names for name in names[module]}
    | {bytes([opcode]) for opcode in b"()]}tldNRbae0122sugh"}
    | {b"\x81", b"\x85", b"\x86", b"\x87", b"\x8f", b"\x90", b"\x91", b"\x94", ARRAY, BLANK}
)


@fuzzing
@given(program=st.lists(st.sampled_from(POOL), max_size=40))
def test_arbitrary_opcodes_are_refused_or_plain(program: list[bytes]) -> None:
    """Opcodes in an order that no file has do no harm."""
    assert_harmless(b"".join(program) + b".")


@fuzzing
@given(
    protocol=st.integers(0, 5),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.none() | st.sampled_from(POOL)), max_size=6),
)
def test_moved_opcodes_are_refused_or_plain(protocol: int, edits: list[tuple[float, bytes | None]]) -> None:
    """A file from which opcodes are taken, or into which others are put, does no harm."""
    program = opcodes(SAVED[protocol])
    for place, opcode in edits:
        at = int(place * len(program))
        program[at : at + (opcode is None)] = [] if opcode is None else [opcode]
    assert_harmless(b"".join(program))
