"""The name tables are total, go both ways, and touch no array."""

import re

import numpy as np
import pytest

from convert.errors import MismatchError
from convert.keys import DIALECTS, PARTS, convert_state_dict, restore_state_dict
from stgcn_torch.model import STGCN

NETWORKS = {
    "released": {},
    "narrow": {"channels": [4, 8], "strides": [1, 2]},
    "bare": {"channels": [4], "strides": [1], "edge_importance": False, "data_bn": False},
}
every_network = pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS.keys())
PADDLE = {
    "backbone.A": (3, 25, 25),
    "backbone.data_bn._mean": (50,),
    "backbone.data_bn._variance": (50,),
    "backbone.st_gcn_networks.12.gcn.conv.weight": (192, 2, 1, 1),
    "backbone.edge_importance.0": (3, 25, 25),
    "head.fcn.bias": (30,),
}


def state_of(**options: object) -> dict[str, np.ndarray]:
    """A network's state as arrays."""
    return {name: tensor.numpy() for name, tensor in STGCN(5, **options).state_dict().items()}  # type: ignore[arg-type]


def empty(names: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.float32) for name, shape in names.items()}


@every_network
def test_every_tensor_of_a_network_has_a_name_in_paddle_and_comes_back(options: dict[str, object]) -> None:
    state = state_of(**options)
    paddle = restore_state_dict(state)
    assert [name for name in paddle if "running" in name or "num_batches" in name] == []
    back = convert_state_dict(paddle)
    assert back.keys() == state.keys()
    assert all(back[name] is state[name] for name in paddle if name in state)
    for name in state:
        np.testing.assert_array_equal(back[name], state[name])


def test_the_released_network_has_149_tensors_in_paddle_and_172_here() -> None:
    state = state_of()
    assert (len(restore_state_dict(state)), len(state)) == (149, 172)


def test_only_the_names_of_statistics_differ() -> None:
    converted = convert_state_dict(empty(PADDLE))
    renamed = {"backbone.data_bn._mean": "running_mean", "backbone.data_bn._variance": "running_var"}
    expected = {f"backbone.data_bn.{renamed[name]}" if name in renamed else name for name in PADDLE}
    assert converted.keys() == expected | {"backbone.data_bn.num_batches_tracked"}


def test_a_batch_norm_starts_to_count_at_zero() -> None:
    count = convert_state_dict(empty(PADDLE))["backbone.data_bn.num_batches_tracked"]
    assert (count.dtype, count.shape, int(count)) == (np.int64, (), 0)


@pytest.mark.parametrize(
    "name",
    [
        "backbone.data_bn.running_mean",  # torch's name in a Paddle file
        "backbone.data_bn.mean",
        "backbone.st_gcn_networks.x.tcn.0.weight",
        "backbone.st_gcn_networks.1.tcn.1.weight",
        "backbone.st_gcn_networks.1.gcn.conv.weight.more",
        "module.backbone.A",
        "backboneXA",
        "head.fc.weight",
        "",
    ],
)
def test_a_name_that_is_in_no_table_is_an_error(name: str) -> None:
    with pytest.raises(MismatchError, match=rf"unexpected {re.escape(name)}"):
        convert_state_dict(empty(PADDLE | {name: (1,)}))


def test_all_unknown_names_are_listed_with_the_nearest() -> None:
    with pytest.raises(MismatchError) as error:
        convert_state_dict(empty({"backbone.st_gcn_networks.7.tcn.0._varience": (1,), "fc.weight": (1,)}))
    assert "unexpected backbone.st_gcn_networks.7.tcn.0._varience" in str(error.value)
    assert "(nearest is backbone.st_gcn_networks.7.tcn.0._variance)" in str(error.value)
    assert "unexpected fc.weight" in str(error.value)


def test_the_way_back_refuses_what_is_not_this_projects() -> None:
    with pytest.raises(MismatchError, match=r"unexpected backbone\.data_bn\._mean"):
        restore_state_dict(empty(PADDLE))


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_no_two_names_of_a_dialect_meet(dialect: str) -> None:
    pairs = list(DIALECTS[dialect].names())
    assert len({theirs for theirs, _ in pairs}) == len(pairs) == len({ours for _, ours in pairs})
    assert {ours.split("*")[0] for _, ours in pairs} >= {part.split("*")[0] for part in PARTS if "*" in part}
