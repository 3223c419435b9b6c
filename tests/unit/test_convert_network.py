"""The network in a file is found wherever it lies, with its parameter names, and what is left is told."""

from typing import Any

import numpy as np
import pytest
import torch

from convert.errors import MismatchError
from convert.keys import restore_state_dict
from convert.names import parameter_names
from convert.network import find_network
from convert.pdparams import NAMES
from convert.symbols import Opaque, Symbol
from stgcn_torch.model import STGCN


def paddles(**options: Any) -> dict[str, np.ndarray]:
    """A network's tensors under Paddle's names."""
    torch.manual_seed(0)
    made = STGCN(**{"num_classes": 5, "channels": [4, 8], "strides": [1, 2]} | options)
    return restore_state_dict({name: tensor.numpy() for name, tensor in made.state_dict().items()})


def test_tensors_come_in_the_order_of_the_network_whatever_the_file_s() -> None:
    state = paddles()
    found = find_network(dict(sorted(state.items())))
    assert list(found.state) == list(find_network(state).state)
    assert found.model["channels"] == [4, 8]


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_weights_become_float32(dtype: str) -> None:
    state = {name: value.astype(dtype) for name, value in paddles().items()}
    found = find_network(state)
    for name, value in found.state.items():
        assert value.dtype == (np.int64 if name.endswith("num_batches_tracked") else np.float32)
        assert value.dtype.isnative
        assert value.flags.aligned
        assert value.flags.writeable


@pytest.mark.parametrize("wrapper", ["", "_layers."])
def test_parameter_names_follow_their_tensors(wrapper: str) -> None:
    state = paddles()
    table = parameter_names(state)
    held = {wrapper + name: value for name, value in state.items()}
    found = find_network(held | {NAMES: {wrapper + name: parameter for name, parameter in table.items()}})
    assert found.names == table
    assert found.left == []


def test_a_table_that_lacks_a_name_is_no_table() -> None:
    state = paddles()
    table = parameter_names(state)
    del table["head.fcn.bias"]
    assert find_network(state | {NAMES: table}).names is None
    assert find_network(state).names is None


def test_what_trainers_keep_beside_the_weights_is_left_and_told() -> None:
    beside = {"LearningRate": np.ones(1), "head.fcn.bias_velocity_0": np.ones(5), "epoch": 3}
    found = find_network(paddles() | beside)
    assert found.left == list(beside)


def test_an_object_in_the_place_of_a_tensor_is_missing() -> None:
    state: dict[str, Any] = dict(paddles())
    state["head.fcn.bias"] = Opaque(Symbol("torch", "uint16"), ())
    with pytest.raises(MismatchError, match=r"missing head\.fcn\.bias"):
        find_network(state)


@pytest.mark.parametrize("usual", ["state_dict", "model"])
def test_of_several_the_usual_name_is_taken(usual: str) -> None:
    found = find_network({"ema": paddles(num_classes=6), usual: paddles(), "epoch": 1})
    assert found.model["num_classes"] == 5
    assert found.left == ["ema", "epoch"]


def test_a_network_deep_in_a_file_is_found() -> None:
    assert find_network({"a": {"b": {"weights": paddles()}}, "lr": 0.1}).left == ["lr"]


@pytest.mark.parametrize("tree", [None, 3, [], {}, {"a": 1}, np.zeros(3)])
def test_where_nothing_is_nothing_is_found(tree: object) -> None:
    with pytest.raises(MismatchError, match="it holds no state dict"):
        find_network(tree)


def test_unknown_tensors_are_told() -> None:
    with pytest.raises(MismatchError, match=r"unexpected backbone\.extra"):
        find_network(paddles() | {"backbone.extra": np.zeros(1)})


def test_strides_must_be_as_many_as_blocks() -> None:
    with pytest.raises(MismatchError, match="2 blocks, got 1 strides"):
        find_network(paddles(), strides=[1])


@pytest.mark.parametrize("damage", [{"model": 3}, {"preprocessing": 4}, {"classes": 5}])
def test_damaged_hyperparameters_are_not_believed(damage: dict[str, Any]) -> None:
    told = {"model": {"strides": [2, 2]}, "preprocessing": {"window": 9}, "classes": list("abcde")}
    held = {"state_dict": paddles(), "hyper_parameters": told}
    assert find_network(held).model["strides"] == [2, 2]
    found = find_network(held | {"hyper_parameters": told | damage})
    assert (found.model["strides"], found.preprocessing, found.classes) == ([1, 2], None, None)
