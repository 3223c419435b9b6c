"""A pickle of plain data and arrays is read as Python itself would read it."""

import ast
import pickle
from collections import OrderedDict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convert
from convert import UnreadableError, UnsafeError, unpickle
from convert.pickle.symbols import Opaque
from convert.pickle.unpickle import unpickle_file

ROOT = Path(convert.__file__).parent
NUMBERS = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
TEXT = ["U3", "S3"]
BYTE_ORDERS = "<>"
W = np.arange(6, dtype="f4").reshape(2, 3)

every_protocol = pytest.mark.parametrize("protocol", range(6))


def same(actual: Any, expected: Any) -> bool:
    """Whether two trees have the same types, order and values; NaN equals NaN, and byte order is the machine's own."""
    if isinstance(expected, np.ndarray | np.generic):
        native = expected.dtype.newbyteorder("=")
        return (
            type(actual) is type(expected)
            and (actual.dtype, actual.shape) == (native, expected.shape)
            and bool(actual.tobytes() == expected.astype(native).tobytes())
        )
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, dict):
        return same(list(actual.items()), list(expected.items()))
    if isinstance(expected, list | tuple):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    if isinstance(expected, set | frozenset):
        return same(sorted(actual, key=repr), sorted(expected, key=repr))
    return bool(actual == expected) or actual != actual


class Call:
    """Pickles as a call, which is how Paddle saves its tensors."""

    def __init__(self, function: Callable[..., Any], *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.args


def array_of(dtype: str, shape: tuple[int, ...], order: str) -> np.ndarray:
    """An array whose elements differ, as far as the dtype lets them."""
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    return np.asfortranarray(array) if order == "F" and shape else array


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**3000), 2**3000)
    | st.floats()
    | st.text(st.characters())
    | st.binary()
)
arrays = st.builds(
    array_of,
    st.builds(str.__add__, st.sampled_from(BYTE_ORDERS), st.sampled_from(NUMBERS + TEXT)),
    st.lists(st.integers(0, 3), max_size=4).map(tuple),
    st.sampled_from("CF"),
)
numpy_scalars = arrays.filter(lambda array: array.size > 0).map(lambda array: array.flat[-1])
keys = scalars | st.tuples(scalars, scalars)
trees = st.recursive(
    scalars | arrays | numpy_scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4).map(OrderedDict)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(value=trees, protocol=st.integers(0, 5))
def test_reads_what_pickle_writes(value: object, protocol: int) -> None:
    """Any tree of allowed kinds comes back with its types, order and values."""
    assert same(unpickle(pickle.dumps(value, protocol)), value)


@every_protocol
@pytest.mark.parametrize("code", NUMBERS + TEXT)
@pytest.mark.parametrize("byte_order", BYTE_ORDERS)
def test_reads_arrays(byte_order: str, code: str, protocol: int) -> None:
    """Every dtype, shape and order of array reads back equal, laid out in memory as it was."""
    for shape, order in product([(), (0,), (2, 0, 3), (3,), (2, 1, 3)], "CF"):
        array = array_of(byte_order + code, shape, order)
        read: Any = unpickle(pickle.dumps(array, protocol))
        assert same(read, array)
        assert read.flags.f_contiguous == array.flags.f_contiguous


@every_protocol
def test_arrays_are_ready_for_torch(protocol: int) -> None:
    """Arrays are aligned, writable and native wherever they lie in the file and however they were stored."""
    for padding in range(1, 9):
        read: Any = unpickle(pickle.dumps(["x" * padding, W, W.T, W.astype(">f4")], protocol))
        assert all(array.flags.aligned and array.flags.writeable and array.dtype.isnative for array in read[1:])


@every_protocol
def test_shared_objects_stay_shared(protocol: int) -> None:
    """What was one object before it was saved is one object again."""
    names = ["a"]
    read: Any = unpickle(pickle.dumps([names, names, W, W], protocol))
    assert read[0] is read[1]
    assert read[2] is read[3]


BLANK = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
F8 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87R"


def test_arrays_own_their_memory() -> None:
    """Writing to an array changes neither the file's bytes nor an array that was stored with the same ones."""
    weights = np.arange(1024.0)  # NumPy copies what is small, and so proves nothing
    payload = b"B" + weights.nbytes.to_bytes(4, "little") + weights.tobytes() + b"q\x000"
    array = BLANK + b"(K\x01M\x00\x04\x85" + F8 + b"\x89h\x00tb"
    data = bytearray(b"\x80\x03" + payload + b"(" + 2 * array + b"l.")
    before = bytes(data)
    read: Any = unpickle(memoryview(data))
    read[0][:] = -1
    assert data == before
    assert same(read[1], weights)


def test_arrays_outlive_their_dtype() -> None:
    """A dtype whose byte order is set after an array was made of it leaves the array as it is."""
    array = BLANK + b"(K\x01)h\x00\x89C\x08" + np.float64(3).tobytes() + b"tb"
    swap = b"h\x00(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb0"
    read: Any = unpickle(b"\x80\x03" + F8 + b"q\x000" + array + swap + b"h\x00\x86.")
    assert read == (np.float64(3), np.dtype(">f8"))


def test_reads_files_as_bytes(tmp_path: Path) -> None:
    """A mapped file gives the same tree as its bytes; its arrays survive the file."""
    path = tmp_path / "model.pdparams"
    path.write_bytes(pickle.dumps({"w": W}, 4))
    value = unpickle_file(path)
    path.unlink()
    assert same(value, {"w": W})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"(dp0\nS'w'\np1\nI3\nsS\"it's\"\np2\nI01\ns.", {"w": 3, "it's": True}),
        (b"(lp0\nL5L\naI-7\naF1.5\naI00\naVcaf\\u00e9\na.", [5, -7, 1.5, False, "caf\u00e9"]),
        (b"S'\\x00\\xff\\n\\t\\\\\\'\"'\n.", "\x00\xff\n\t\\'\""),
        (b"\x80\x02}q\x00(U\x01wq\x01K\x03T\x02\x00\x00\x00\xe9\xff\x8a\x02\xff\x7fu.", {"w": 3, "\xe9\xff": 32767}),
        (b"(I1\nI2\nt.", (1, 2)),
        (b"(S'a'\nI1\nd.", {"a": 1}),
        (b"ccollections\nOrderedDict\n((l(lS'a'\naI1\naatR.", OrderedDict(a=1)),
    ],
    ids=["dict", "numbers", "escapes", "binary", "tuple", "marked dict", "ordered dict"],
)
def test_reads_what_python_2_wrote(data: bytes, expected: object) -> None:
    """Strings of Python 2 become text, one character a byte."""
    assert same(unpickle(data), expected)


@pytest.mark.parametrize("text", [b"S'\\x00\\x00\\x80?\\x00\\x00\\x00@'\n", b"U\x08\x00\x00\x80?\x00\x00\x00@"])
def test_reads_arrays_of_python_2(text: bytes) -> None:
    """An array whose elements are a Python 2 string, escaped or not, has the same elements."""
    dtype = b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    data = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt" + dtype + b"I00\n"
    assert same(unpickle(data + text + b"tb."), np.array([1, 2], "f4"))


@pytest.mark.parametrize(
    "text", [b"S'\\q'", b"S'\\x4'", b"S'\\'", b"S'\\N{DIGIT ONE}'", b"S'\\777'", b"S'a", b"S'", b"Sa"]
)
def test_strings_are_quoted_as_python_2_does(text: bytes) -> None:
    """Any other escape or quoting is damage; none of it warns."""
    with pytest.raises(UnreadableError):
        unpickle(text + b"\n.")


@every_protocol
def test_reads_numpy_1_names(protocol: int) -> None:
    """NumPy 1 and 2 call the same functions by different names."""
    data = pickle.dumps([W, np.float32(1)], min(protocol, 2))  # where names are lines, without a length before them
    assert same(unpickle(data.replace(b"numpy._core", b"numpy.core")), [W, np.float32(1)])


@every_protocol
def test_reads_tensors_as_name_and_array(protocol: int) -> None:
    """A Tensor of dynamic mode is saved as a call of tuple."""
    assert same(unpickle(pickle.dumps(Call(tuple, ("conv2d_0.w_0", W)), protocol)), ("conv2d_0.w_0", W))


@every_protocol
def test_reads_lod_tensors_as_array(protocol: int) -> None:
    """A LoDTensor of static mode is saved as a call of eval that gives its argument back."""
    assert same(unpickle(pickle.dumps(Call(eval, "data", {"data": W}), protocol)), W)


def test_reads_dense_tensors_as_array() -> None:
    """Paddle after 3.3 saves a DenseTensor as a call of its own function."""
    name = b"cpaddle.framework.io_utils\n_reconstruct_dense_tensor_data\n"
    assert same(unpickle(name + pickle.dumps(W, 2)[2:-1] + b"\x85R."), W)


@pytest.mark.parametrize("module", sorted(convert.pickle.symbols.OPAQUE))
def test_keeps_paddle_objects_as_what_the_file_says(module: str) -> None:
    """An object of a Paddle class keeps its class, arguments and state, and may be a key."""
    name = min(convert.pickle.symbols.OPAQUE[module])
    data = b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"K\x05\x85\x81}X\x01\x00\x00\x00kK\x07sb"
    value = unpickle(data + b".")
    assert isinstance(value, Opaque)
    assert (str(value.symbol), value.args, value.state) == (f"{module}.{name}", (5,), {"k": 7})
    keyed: Any = unpickle(b"}" + data + b"K\x01s.")
    assert [kept.state for kept in keyed] == [value.state]


@every_protocol
@pytest.mark.parametrize("names", [["a.npy", "b.npy"], ("a.npy", "b.npy"), np.array(["a.npy", "b.npy"])], ids=type)
@pytest.mark.parametrize(
    "labels", [[3, 29], np.array([3, 29]), [np.int64(3), np.int64(29)]], ids=["int", "array", "np"]
)
def test_reads_label_files(names: object, labels: object, protocol: int) -> None:
    """The names and labels of clips read back in each form that people save them in."""
    assert same(unpickle(pickle.dumps((names, labels), protocol)), (names, labels))


@pytest.mark.parametrize("dtype", NUMBERS + TEXT + [">f4"])
def test_reads_dtypes_and_scalars(dtype: str) -> None:
    """A dtype is a value too, and an element taken out of an array keeps its type."""
    for protocol in range(6):
        assert unpickle(pickle.dumps(np.dtype(dtype), protocol)) == np.dtype(dtype)
        assert same(unpickle(pickle.dumps(np.ones(1, dtype)[0], protocol)), np.ones(1, dtype)[0])


def test_empty_text_is_a_scalar() -> None:
    """NumPy gives the empty string a dtype of width 0."""
    assert same(unpickle(pickle.dumps([np.str_(""), np.bytes_(b"")])), [np.str_(""), np.bytes_(b"")])


def test_frozen_sets_hold_what_can_be_a_key() -> None:
    """As sets do; a name or a frozen set is none."""
    assert unpickle(b"(K\x01K\x01\x91.") == frozenset({1})
    for data in (b"((\x91\x91.", b"(cnumpy\ndtype\n\x91."):
        with pytest.raises(UnreadableError, match="that cannot be a key"):
            unpickle(data)
    with pytest.raises(UnreadableError, match="uses a mark that is not there"):
        unpickle(b"K\x01\x91.")


def test_frame_lengths_are_advice() -> None:
    """A wrong FRAME changes nothing, as in files whose frames were cut at a fixed size."""
    data = pickle.dumps([1, "x"], 4)
    assert data[2:3] == b"\x95"
    assert unpickle(data[:3] + b"\xff" * 8 + data[11:]) == [1, "x"]


def test_what_follows_is_ignored() -> None:
    """Reading ends at STOP."""
    assert unpickle(pickle.dumps(1) + b"\x00 anything") == 1


def test_refusal_says_file_name_and_offset(tmp_path: Path) -> None:
    """The one line of an error says which file, what it wants and where."""
    path = tmp_path / "model.pdparams"
    path.write_bytes(b"\x80\x02K\x01cposix\nsystem\nX\x04")
    with pytest.raises(UnsafeError) as caught:
        unpickle_file(path)
    assert str(caught.value) == f"{path}: wants to import posix.system (byte 4)"


def test_damage_says_file_and_offset() -> None:
    """So does the error about a damaged file."""
    with pytest.raises(UnreadableError, match=r"^labels\.pkl: ends too soon \(byte 2\)$"):
        unpickle(b"\x80\x02X\x04\x00\x00\x00abc", source="labels.pkl")


@pytest.mark.parametrize("suffix", ["pdparams", "pkl"])
def test_empty_file_is_unreadable(suffix: str, tmp_path: Path) -> None:
    """An empty file is called empty, mapped or not."""
    path = tmp_path / f"empty.{suffix}"
    path.touch()
    with pytest.raises(UnreadableError, match="is empty"):
        unpickle_file(path)
    with pytest.raises(UnreadableError, match="is empty"):
        unpickle(b"")


@pytest.mark.parametrize("module", sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")))
def test_reader_has_no_means_to_import_or_run(module: str) -> None:
    """No unpickler, importer or evaluator, and no lookup by name, occurs in the package's source."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    words |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # One prints and leaves, one lists Python's own modules, one keeps an old path.
    words -= {"sys"} if module in ("cli.py", "pickle/torch_symbols.py", "__init__.py") else set()
    assert not words & {
        *("pickle", "_pickle", "importlib", "sys", "builtins", "marshal", "ctypes"),
        *("eval", "exec", "compile", "getattr", "globals", "vars", "__import__", "__builtins__"),
    }
