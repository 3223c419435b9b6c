"""Tensors of the right names and any shapes and types: only this package's exceptions come out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.formats.kinds import open_path
from convert.formats.pdparams import write_pdparams
from convert.network.keys import restore_state_dict
from convert.network.network import find_network
from convert.outputs.report import report, table
from convert.outputs.writer import preprocessing_of
from convert.pickle.errors import ConvertError
from stgcn_torch.architecture import tensor_shapes

MODEL = {
    "num_classes": 3,
    "in_channels": 2,
    "channels": [2, 4],
    "strides": [1, 2],
    "temporal_kernel": 3,
    "edge_importance": True,
    "data_bn": True,
}
SHAPES = tensor_shapes((3, 5, 5), MODEL)
DTYPES = ["float32", "float64", "float16", "int8", "int64", "uint16", "bool", "complex64", "U3"]
shapes = st.lists(st.integers(0, 4), max_size=5).map(tuple)


def state() -> dict[str, np.ndarray]:
    """A network that converts: a path of five joints, every column of A summing to 1."""
    made = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    made["backbone.A"] = np.stack([np.eye(5), np.eye(5, k=1), np.eye(5, k=-1)]).astype(np.float32)
    return {name: value.astype(np.int64) if name.endswith("tracked") else value for name, value in made.items()}


def converts(tensors: dict[str, np.ndarray], path: Path) -> bool:
    """Whether it is taken; whatever else comes out than ConvertError fails the test."""
    try:
        network = find_network(tensors)
        _, said = preprocessing_of(network, None)
        told = report(open_path(path), network)
    except ConvertError:
        return False
    assert table(told | {"preprocessing_said": said})
    return True


def test_the_undamaged_network_converts(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("odd") / "in"
    write_pdparams({}, path)  # what kind of file it is, is told too
    assert converts(state(), path)
    assert converts(restore_state_dict(state()), path)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    changes=st.dictionaries(st.sampled_from(sorted(SHAPES)), st.tuples(shapes, st.sampled_from(DTYPES)), max_size=3),
    gone=st.lists(st.sampled_from(sorted(SHAPES)), max_size=2),
    value=st.sampled_from([0, 1, -(10**9), float("nan"), float("inf")]),
)
def test_odd_tensors_are_refused_or_taken(
    changes: dict[str, tuple[tuple[int, ...], str]],
    gone: list[str],
    value: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tensors = state()
    for name, (shape, dtype) in changes.items():
        filled = value if np.isfinite(value) or np.dtype(dtype).kind in "fc" else 1
        with np.errstate(all="ignore"):
            tensors[name] = np.full(shape, filled, "float64").astype(dtype)
    for name in gone:
        tensors.pop(name, None)
    path = tmp_path_factory.getbasetemp() / "odd-network"
    write_pdparams({}, path)  # what kind of file it is, is told too
    converts(tensors, path)
