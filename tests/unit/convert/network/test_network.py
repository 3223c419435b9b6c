"""The network in a file is found at any place, with its parameter names; unused entries are reported."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from convert.formats.paddle_names import parameter_names
from convert.formats.pdparams import NAMES
from convert.network.keys import DIALECTS, restore_state_dict
from convert.network.network import find_network
from convert.pickle.errors import MismatchError
from convert.pickle.symbols import Opaque, Symbol
from stgcn_torch.graph import adjacency
from stgcn_torch.model import STGCN


def paddles(**options: Any) -> dict[str, np.ndarray]:
    """A network's tensors under Paddle's names."""
    torch.manual_seed(0)
    model = STGCN(**{"num_classes": 5, "channels": [4, 8], "strides": [1, 2]} | options)
    return restore_state_dict({name: tensor.numpy() for name, tensor in model.state_dict().items()})


def test_tensors_come_in_the_order_of_the_network_whatever_the_file_s() -> None:
    state = paddles()
    network = find_network(dict(sorted(state.items())))
    assert list(network.state) == list(find_network(state).state)
    assert network.model["channels"] == [4, 8]


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_weights_become_float32(dtype: str) -> None:
    state = {name: value.astype(dtype) for name, value in paddles().items()}
    network = find_network(state)
    for name, value in network.state.items():
        assert value.dtype == (np.int64 if name.endswith("num_batches_tracked") else np.float32)
        assert value.dtype.isnative
        assert value.flags.aligned
        assert value.flags.writeable


@pytest.mark.parametrize("wrapper", ["", "_layers."])
def test_parameter_names_follow_their_tensors(wrapper: str) -> None:
    state = paddles()
    table = parameter_names(state)
    tensors = {wrapper + name: value for name, value in state.items()}
    network = find_network(tensors | {NAMES: {wrapper + name: parameter for name, parameter in table.items()}})
    assert network.names == table
    assert network.left == []


def test_a_table_that_lacks_a_name_is_no_table() -> None:
    state = paddles()
    table = parameter_names(state)
    del table["head.fcn.bias"]
    assert find_network(state | {NAMES: table}).names is None
    assert find_network(state).names is None


def test_what_trainers_keep_beside_the_weights_is_left_and_told() -> None:
    extras = {"LearningRate": np.ones(1), "head.fcn.bias_velocity_0": np.ones(5), "epoch": 3}
    network = find_network(paddles() | extras)
    assert network.left == list(extras)


def test_an_object_in_the_place_of_a_tensor_is_missing() -> None:
    state: dict[str, Any] = dict(paddles())
    state["head.fcn.bias"] = Opaque(Symbol("torch", "uint16"), ())
    with pytest.raises(MismatchError, match=r"missing head\.fcn\.bias"):
        find_network(state)


@pytest.mark.parametrize("usual", ["state_dict", "model"])
def test_of_several_the_usual_name_is_taken(usual: str) -> None:
    network = find_network({"ema": paddles(num_classes=6), usual: paddles(), "epoch": 1})
    assert network.model["num_classes"] == 5
    assert network.left == ["ema", "epoch"]


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
    hparams = {"model": {"strides": [2, 2]}, "preprocessing": {"window": 9}, "classes": list("abcde")}
    checkpoint = {"state_dict": paddles(), "hyper_parameters": hparams}
    assert find_network(checkpoint).model["strides"] == [2, 2]
    network = find_network(checkpoint | {"hyper_parameters": hparams | damage})
    assert (network.model["strides"], network.preprocessing, network.classes) == ([1, 2], None, None)


@pytest.mark.parametrize(
    ("wrap", "left"),
    [
        (lambda s: [s, {"epoch": 3}], ["1"]),
        (lambda s: {"nets": (s,)}, []),
        (
            lambda s: {"student": {f"_layers.{k}": v for k, v in s.items()} | {"LearningRate": np.ones(1)}},
            ["LearningRate"],
        ),
        (lambda s: {f"model.{k}": v for k, v in s.items()} | {"criterion.weight": np.ones(3)}, ["criterion.weight"]),
        (lambda s: {f"module.{k}": v for k, v in s.items()} | {"n_averaged": np.ones((), int)}, ["n_averaged"]),
        (lambda s: {f"_orig_mod.{k}": v for k, v in s.items()}, []),
        (lambda s: s | {f"ema_{k.replace('.', '_')}": v for k, v in s.items()}, ["ema_backbone_A"]),
    ],
    ids=["list", "tuple", "prefix and rate", "criterion", "average", "compiled", "buffers of averages"],
)
def test_a_network_is_found_among_what_lies_beside_it(wrap: Any, left: list[str]) -> None:
    network = find_network(wrap(paddles()))
    assert network.state.keys() == find_network(paddles()).state.keys()
    assert all(any(name.endswith(wanted) for name in network.left) for wanted in left)
    assert bool(network.left) == bool(left)


def half(dtype: str) -> dict[str, Any]:
    return {name: value.astype(dtype) for name, value in paddles().items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("layout", [None, "fsd10"])
def test_a_graph_in_half_precision_is_made_exact(dtype: str, layout: str | None) -> None:
    network = find_network(half(dtype), layout=layout)
    assert (network.model["layout"], network.model["strategy"]) == ("fsd10", "spatial")
    np.testing.assert_array_equal(network.state["backbone.A"], adjacency("fsd10").astype("f4"))
    assert any(f"graph in {dtype}" in warning for warning in network.warnings)


HAND = {"joints": ["a", "b", "c"], "bones": [["b", "a"], ["c", "b"]], "center": "b", "name": "hand"}


def checkpoint_of_this_project(**model: Any) -> dict[str, Any]:
    """A checkpoint of this project with a custom layout."""
    options = {"layout": HAND, "channels": [4, 8], "strides": [1, 1], "max_hop": 2, "dropout": 0.25} | model
    state = {name: tensor.numpy() for name, tensor in STGCN(5, **options).state_dict().items()}
    return {
        "state_dict": state,
        "hyper_parameters": {"model": options, "preprocessing": None, "classes": list("abcde")},
    }


def test_what_a_checkpoint_tells_of_its_network_is_kept() -> None:
    model = find_network(checkpoint_of_this_project()).model
    assert (model["layout"], model["max_hop"], model["dropout"], model["strides"]) == (HAND, 2, 0.25, [1, 1])
    assert STGCN(**model).backbone.A.shape == (5, 3, 3)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"layout": 3}, "describe no graph"),
        ({"layout": "moon"}, "layout 'moon' is unknown"),
        ({"strategy": ["spatial"]}, "describe no graph"),
        ({"max_hop": 1}, r"describe a graph \(3, 3, 3\), and its tensors have one \(5, 3, 3\)"),
        ({"max_hop": 10**9}, "describe no graph"),
        ({"dropout": 1.0}, "describe no graph"),
    ],
)
def test_hyperparameters_that_cannot_be_are_refused(damage: dict[str, Any], words: str) -> None:
    tree = checkpoint_of_this_project()
    tree["hyper_parameters"]["model"] |= damage
    with pytest.raises(MismatchError, match=words):
        find_network(tree)


def test_as_many_classes_are_named_as_the_head_has() -> None:
    tree = checkpoint_of_this_project()
    tree["hyper_parameters"]["classes"] = ["a"]
    with pytest.raises(MismatchError, match="names 1 classes, and its head has 5"):
        find_network(tree)


def test_importances_that_are_added_are_refused() -> None:
    """Both of PYSKL's modes have the same names."""
    model = STGCN(5, channels=[4, 8], strides=[1, 2])
    ours = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    names = {ours: theirs for theirs, ours in DIALECTS["pyskl"].names()}
    theirs = {}
    for name, value in ours.items():
        number = next(iter(re.findall(r"\.(\d+)", name)), "0")
        theirs[names[re.sub(r"\.\d+", ".*", name, count=1)].replace("*", number)] = value
    assert find_network(theirs).dialect == "pyskl"
    added = {name: value * 1e-6 if name.endswith("PA") else value for name, value in theirs.items()}
    with pytest.raises(MismatchError, match="gcn_adaptive='offset'"):
        find_network(added)


@pytest.mark.parametrize("strides", [[1, 10**9], [0, 1], "12", [1.0, 2.0], 3])
def test_strides_that_cannot_be_are_refused(strides: Any) -> None:
    tree = checkpoint_of_this_project()
    tree["hyper_parameters"]["model"]["strides"] = strides
    with pytest.raises(MismatchError, match="its strides are damaged"):
        find_network(tree)
