"""Paddle's parameter names of an ST-GCN follow from the structured names, and back."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convert import MismatchError
from convert.formats.paddle_names import EXTRA_TENSORS, network_keys, parameter_names, structured_names
from convert.network.keys import restore_state_dict
from stgcn_torch.architecture import tensor_shapes

# As Paddle 2.6.2 and 3.3.1 saved the article's network; the layers between these are numbered in order.
PADDLES_OWN = {
    "backbone.A": "generated_tensor_0",
    "backbone.data_bn.weight": "batch_norm1d_0.w_0",
    "backbone.data_bn._variance": "batch_norm1d_0.w_2",
    "backbone.st_gcn_networks.0.gcn.conv.weight": "conv2d_0.w_0",
    "backbone.st_gcn_networks.0.tcn.0._mean": "batch_norm2d_0.w_1",
    "backbone.st_gcn_networks.0.tcn.2.bias": "conv2d_1.b_0",
    "backbone.st_gcn_networks.0.tcn.3.bias": "batch_norm2d_1.b_0",
    "backbone.st_gcn_networks.2.gcn.conv.weight": "conv2d_4.w_0",
    "backbone.st_gcn_networks.4.residual.0.weight": "conv2d_10.w_0",
    "backbone.st_gcn_networks.7.residual.1._variance": "batch_norm2d_17.w_2",
    "backbone.st_gcn_networks.9.tcn.3.weight": "batch_norm2d_21.w_0",
    "backbone.edge_importance.9": "stgcn__back_bone_0.w_9",
    "head.fcn.bias": "conv2d_22.b_0",
}
# As Paddle 1.8.5 saved the network in a process that had created two batch norms and a convolution before.
PADDLE_1S = {
    "backbone.data_bn.weight": "batch_norm_2.w_0",
    "backbone.data_bn._variance": "batch_norm_2.w_2",
    "backbone.st_gcn_networks.0.gcn.conv.weight": "conv2d_1.w_0",
    "backbone.st_gcn_networks.0.tcn.0._mean": "batch_norm_3.w_1",
    "backbone.st_gcn_networks.0.tcn.2.bias": "conv2d_2.b_0",
    "backbone.st_gcn_networks.0.tcn.3.bias": "batch_norm_4.b_0",
    "backbone.st_gcn_networks.9.tcn.3._mean": "batch_norm_24.w_1",
    "backbone.edge_importance.9": "stgcn__back_bone_0.w_9",
    "head.fcn.bias": "conv2d_23.b_0",
}
WIDTHS, STRIDES = [64] * 4 + [128] * 3 + [256] * 3, [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]


def shapes_of(*, V: int = 25, K: int = 3, **options: Any) -> dict[str, tuple[int, ...]]:
    """Structured name and shape of every tensor that Paddle saves of an ST-GCN, by default the article's."""
    model = {"channels": WIDTHS, "strides": STRIDES, "in_channels": 2, "num_classes": 30, "temporal_kernel": 9}
    model |= {"data_bn": True, "edge_importance": True} | options
    shapes = tensor_shapes((K, V, V), model)
    zeros = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    return {key: array.shape for key, array in restore_state_dict(zeros).items()}


NETWORK = tuple(shapes_of())
NETWORKS: dict[str, dict[str, Any]] = {
    "article": {},
    "small": {"V": 13, "channels": [8, 8, 16, 16], "strides": [1, 1, 2, 1], "num_classes": 5},
    "no head": {"num_classes": 0},
    "no head, a residual last": {"channels": [8, 16], "strides": [1, 2], "num_classes": 0},
    "a residual last": {"channels": [8, 16], "strides": [1, 2]},
    "no importance": {"edge_importance": False},
    "no norm of the input": {"data_bn": False},
    "nothing around the blocks": {"data_bn": False, "num_classes": 0, "edge_importance": False},
    "an input as wide as a block": {"V": 32},
    "one block": {"channels": [8], "strides": [1]},
    "eleven": {"channels": [8] * 11, "strides": [1] * 5 + [2] + [1] * 5},
    "a residual shaped as the next graph convolution": {"channels": [6, 6, 2], "strides": [1, 2, 1]},
    "one partition": {"K": 1, "channels": [6, 6, 6], "strides": [1, 2, 1], "temporal_kernel": 3},
}
STATISTICS = re.compile(r".*\.(A|_mean|_variance)")


def shifted(name: str) -> str:
    """The name in a process that created other layers before."""
    return re.sub(r"_(\d+)(?=\.[wb]_\d+$)", lambda number: f"_{int(number[1]) + 98}", name)


def test_the_network_has_its_149_tensors() -> None:
    """Those of a state dict of Paddle's."""
    assert len(NETWORK) == len({*NETWORK}) == 149


def test_names_are_paddles_own() -> None:
    """As read from its files."""
    names = parameter_names(NETWORK)
    assert {key: names[key] for key in PADDLES_OWN} == PADDLES_OWN
    assert len({*names.values()}) == len(NETWORK)


def test_names_do_not_depend_on_order() -> None:
    """A state dict may be sorted, or in the order in which another library keeps it."""
    assert parameter_names(sorted(NETWORK)) == parameter_names(NETWORK)
    assert list(parameter_names(sorted(NETWORK))) == sorted(NETWORK)


def test_networks_of_other_depth_are_counted_as_they_are() -> None:
    """Eleven blocks are counted by number, not by spelling."""
    keys = [f"backbone.st_gcn_networks.{block}.gcn.conv.weight" for block in range(11)]
    assert list(parameter_names(keys).values()) == [f"conv2d_{block}.w_0" for block in range(11)]


@pytest.mark.parametrize(
    "key",
    [
        "fc.weight",
        "backbone",
        "backbone.st_gcn_networks.x.gcn.conv.weight",
        "head.fcn._mean",
        "head.fcn.scale",
        "head.",
        "",
    ],
)
def test_refuses_keys_of_other_networks(key: str) -> None:
    """Each is listed."""
    with pytest.raises(MismatchError, match=rf"none of an ST-GCN's: {re.escape(key)}, head\.x$"):
        parameter_names([*NETWORK, key, "head.x"])


@pytest.mark.parametrize("paddle_1", [False, True], ids=["paddle", "paddle 1"])
@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_shapes_tell_the_network(options: dict[str, Any], paddle_1: bool) -> None:
    """Shapes show the blocks and their residual convolutions, in any order of the tensors."""
    shapes = shapes_of(**options)
    names = parameter_names(sorted(shapes), paddle_1=paddle_1)
    parameters = {shifted(names[key]): shapes[key] for key in names}
    keys = network_keys(parameters)
    assert {key for key in keys if "edge_importance" not in key} == {key for key in shapes if "importance" not in key}
    assert structured_names(parameters, keys) == {shifted(names[key]): key for key in names}


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {},
        lambda shapes: {name: shape for name, shape in shapes.items() if "conv2d" not in name},
        lambda shapes: {name: shape for name, shape in shapes.items() if "norm" not in name},
        lambda shapes: shapes | {"conv2d_0.w_0": (192, 2, 3, 3)},
        lambda shapes: shapes | {"conv2d_0.w_0": (192, 2)},
        lambda shapes: shapes | {"conv2d_0.w_0": (192, 2, 3, 1)},
        lambda shapes: shapes | {"conv2d_3.w_0": (64, 64, 1, 1)},
        lambda shapes: shapes | {"conv2d_23.w_0": (30, 256, 1, 1), "conv2d_24.w_0": (30, 256, 1, 1)},
        lambda shapes: {name: (*shape[:2], 1, 1) if "conv" in name else shape for name, shape in shapes.items()},
        lambda shapes: shapes | {f"batch_norm2d_{i}.w_0": (64,) for i in (98, 99)},
        lambda shapes: (
            shapes | {f"conv2d_{i}.w_0": ((192, 64, 1, 1), (64, 64, 9, 1))[i % 2] for i in range(23, 12_000)}
        ),
    ],
    ids=[
        *("nothing", "no convolutions", "no norms", "3x3", "flat", "tall", "two blocks in one", "two heads", "no tall"),
        *("two norms too many", "no end of blocks"),
    ],
)
def test_shapes_of_another_network_are_refused(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """None is guessed."""
    names = parameter_names(NETWORK)
    with pytest.raises(MismatchError, match="none of an ST-GCN's"):
        network_keys(change({names[key]: shape for key, shape in shapes_of().items()}))


@pytest.mark.parametrize(
    "name",
    ["learning_rate_0", "@LR_DECAY_COUNTER@", "global_step", "conv2d_0.w_0_velocity_0", "conv2d_0.w_0_beta1_pow_acc_0"],
)
def test_what_is_kept_beside_weights_is_known(name: str) -> None:
    """No parameter has such a name."""
    assert EXTRA_TENSORS.fullmatch(name)
    assert not any(EXTRA_TENSORS.fullmatch(parameter) for parameter in (*NETWORK, *parameter_names(NETWORK).values()))


@pytest.mark.parametrize(
    "keys",
    [
        NETWORK,
        [key for key in NETWORK if not key.startswith("head.")],
        [key for key in NETWORK if not STATISTICS.fullmatch(key)],
    ],
    ids=["all", "backbone", "trainable"],
)
def test_names_tell_where_a_tensor_stands(keys: list[str]) -> None:
    """From any first number of the process, and without head or statistics."""
    names = parameter_names(NETWORK)
    assert structured_names((names[key] for key in keys), NETWORK) == {names[key]: key for key in keys}
    assert structured_names((shifted(names[key]) for key in sorted(keys)), NETWORK) == {
        shifted(names[key]): key for key in keys
    }


def test_edge_importance_is_counted_under_the_class_name() -> None:
    """PaddleVideo's class has another name than the article's."""
    names = {key: name.replace("stgcn__back_bone_0", "stgcn_3") for key, name in parameter_names(NETWORK).items()}
    assert structured_names(names.values(), NETWORK) == {name: key for key, name in names.items()}


def of_paddle_1() -> dict[str, str]:
    """Parameter names of the process of ``PADDLE_1S``, with the graph's name from a traced network."""
    offsets = {"batch_norm": 2, "conv2d": 1}
    return {
        key: re.sub(r"^(batch_norm|conv2d)_(\d+)", lambda kind: f"{kind[1]}_{int(kind[2]) + offsets[kind[1]]}", name)
        for key, name in parameter_names(NETWORK, paddle_1=True).items()
    }


def test_paddle_1_counts_batch_norms_together() -> None:
    """As read from its file."""
    names = of_paddle_1()
    assert {key: names[key] for key in PADDLE_1S} == PADDLE_1S
    assert names["backbone.A"] == "generated_var_0"
    assert len({*names.values()}) == len(NETWORK)


@pytest.mark.parametrize(
    "missing", ["", "head.", "backbone.A", "backbone.data_bn."], ids=["none", "head", "graph", "norm"]
)
def test_names_of_paddle_1_tell_where_a_tensor_stands(missing: str) -> None:
    """Traced networks and optimizer states have only these; the input's batch norm may be missing."""
    keys = [key for key in NETWORK if not missing or not key.startswith(missing)]
    names = parameter_names(keys, paddle_1=True)
    assert structured_names(names.values(), keys) == {name: key for key, name in names.items()}
    all_names = of_paddle_1()
    if missing != "backbone.data_bn.":
        assert structured_names((all_names[key] for key in keys), NETWORK) == {all_names[key]: key for key in keys}


def test_names_of_two_generations_are_of_no_network() -> None:
    """A process counts in one way."""
    names = {*parameter_names(NETWORK).values()}
    with pytest.raises(MismatchError, match="none of an ST-GCN's"):
        structured_names({name.replace("norm1d", "norm") for name in names}, NETWORK)


@pytest.mark.parametrize(
    "change",
    [
        lambda names: names - {"conv2d_3.w_0", "conv2d_3.b_0"},
        lambda names: names | {"conv2d_23.w_0"},
        lambda names: names | {"linear_0.w_0"},
        lambda names: names | {"x"},
        lambda names: names | {"conv2d_00.w_0"},
        lambda names: names | {"conv2d_1.w_0_velocity_0"},
        lambda _: {"conv2d_0.w_0"},
        lambda _: set(),
    ],
    ids=["a layer less", "one more", "of another kind", "no name", "one twice", "a velocity", "one layer", "none"],
)
def test_names_of_another_network_are_refused(change: Callable[[set[str]], set[str]]) -> None:
    """None is guessed."""
    with pytest.raises(MismatchError, match="none of an ST-GCN's"):
        structured_names(change({*parameter_names(NETWORK).values()}), NETWORK)
