"""Pickles written for Paddle are read back the same by Python's own unpickler, which Paddle uses."""

import pickle
import pickletools
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import unpickle
from convert.pickle.dump import dump
from tests.unit.convert.pickle.test_unpickle import same

NUMBERS = ["b1", "i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8", "c8", "c16"]
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(-9, 9), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(value=trees)
def test_reads_back_the_same(value: object) -> None:
    """By Python and by this project."""
    data = b"".join(dump(value))
    assert same(pickle.loads(data, encoding="latin1"), value)
    assert same(unpickle(data), value)


@pytest.mark.parametrize("code", NUMBERS)
@pytest.mark.parametrize("byte_order", "<>")
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3,), (2, 1, 3)], ids=str)
def test_arrays_read_back_the_same(shape: tuple[int, ...], byte_order: str, code: str) -> None:
    """Arrays in any byte order and layout are written little-endian and row by row."""
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(byte_order + code)
    for value in (array, array.T, np.asfortranarray(array)):
        assert same(unpickle(b"".join(dump(value))), value.copy("C"))


def test_opcodes_are_those_of_protocol_2() -> None:
    """Strings for NumPy's own code are those of Python 2."""
    data = b"".join(dump({"w": np.ones(3, "f4"), "n": [1, 2**40, 0.5, None, True, ("x",)]}))
    assert max(opcode.proto for opcode, _, _ in pickletools.genops(data)) == 2
    assert {"BINSTRING", "SHORT_BINSTRING"} < {opcode.name for opcode, _, _ in pickletools.genops(data)}


def test_numbers_of_numpy_become_pythons() -> None:
    """NumPy's own pickles of numbers differ between versions."""
    value = OrderedDict(a=np.float32(0.5), b=np.int64(3), c=np.bool_(True))
    assert same(unpickle(b"".join(dump(value))), {"a": 0.5, "b": 3, "c": True})


@pytest.mark.parametrize("value", [{1}, b"x", 2**63, 1j], ids=["set", "bytes", "integer", "complex"])
def test_refuses_what_no_state_dict_holds(value: object) -> None:
    """The error is one line."""
    with pytest.raises(ValueError, match="cannot be written for Paddle"):
        b"".join(dump([value]))


def test_refuses_arrays_that_paddle_would_slice() -> None:
    """From 1 GiB on."""
    with pytest.raises(ValueError, match="is too large"):
        b"".join(dump(np.broadcast_to(np.float32(0), 1 << 28)))
