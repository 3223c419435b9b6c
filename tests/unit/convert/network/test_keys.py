"""The name tables are total, go both ways, and touch no array."""

import re

import numpy as np
import pytest

from convert.network.keys import DIALECTS, PARTS, convert_state_dict, dialect_of, restore_state_dict, unwrapped
from convert.pickle.errors import MismatchError
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
    paddle = empty(PADDLE)
    converted = convert_state_dict(paddle)
    renamed = {"backbone.data_bn._mean": "running_mean", "backbone.data_bn._variance": "running_var"}
    expected = {f"backbone.data_bn.{renamed[name]}" if name in renamed else name: paddle[name] for name in paddle}
    assert converted.keys() == expected.keys() | {"backbone.data_bn.num_batches_tracked"}
    assert all(converted[name] is value for name, value in expected.items())


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


BY_PURPOSE = {  # this project's name of a block's part: that of PYSKL and MMAction2 1.x
    "gcn.conv": "gcn.conv",
    "tcn.0": "gcn.bn",
    "tcn.2": "tcn.conv",
    "tcn.3": "tcn.bn",
    "residual.0": "residual.conv",
    "residual.1": "residual.bn",
}
HEADS = {"mmaction2-0.x": "cls_head.fc", "mmaction2-1.x": "cls_head.fc", "pyskl": "cls_head.fc_cls"}


def spoken(state: dict[str, np.ndarray], dialect: str) -> dict[str, np.ndarray]:
    """A state as a foreign project would have saved it, by its published names."""
    foreign: dict[str, np.ndarray] = {}
    for name, value in state.items():
        parts = name.split(".")
        if dialect == "st-gcn":
            foreign[".".join(parts[1:])] = value
        elif parts[0] == "head":
            foreign[f"{HEADS[dialect]}.{parts[-1]}"] = (
                value[:, :, 0, 0] if value.ndim == 4 and dialect != "mmaction2-0.x" else value
            )
        elif dialect == "mmaction2-0.x" or parts[1] == "data_bn":
            foreign[name] = value
        elif parts[1] == "A":
            blocks = {key.split(".")[2] for key in state if ".st_gcn_networks." in key}
            foreign |= {f"backbone.gcn.{i}.gcn.A": value.copy() for i in blocks}
        elif parts[1] == "edge_importance":
            foreign[f"backbone.gcn.{parts[2]}.gcn.PA"] = value
        else:
            foreign[f"backbone.gcn.{parts[2]}.{BY_PURPOSE['.'.join(parts[3:5])]}.{parts[5]}"] = value
    return foreign


@every_network
@pytest.mark.parametrize("dialect", ["st-gcn", "mmaction2-0.x", "mmaction2-1.x", "pyskl"])
def test_every_foreign_tensor_lands(dialect: str, options: dict[str, object]) -> None:
    state = state_of(**options)
    foreign = spoken(state, dialect)
    assert dialect_of(foreign) == dialect
    landed = convert_state_dict(foreign, dialect)
    assert landed.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(landed[name], value)


def test_a_networks_own_names_and_paddles_are_told_apart() -> None:
    state = state_of()
    assert dialect_of(state) == "stgcn-torch"
    assert dialect_of(restore_state_dict(state)) == "paddle"


@pytest.mark.parametrize("prefix", ["", "model.", "module.", "_layers.", "module.model."])
def test_wrappers_are_taken_off(prefix: str) -> None:
    state = state_of(channels=[4], strides=[1])
    assert unwrapped({prefix + name: value for name, value in state.items()}) == state
    assert unwrapped({}) == {}


def test_a_prefix_of_some_names_only_is_no_wrapper() -> None:
    names = {"model.a": np.zeros(1), "b": np.zeros(1)}
    assert unwrapped(names).keys() == names.keys()


def test_blocks_with_different_graphs_are_refused() -> None:
    foreign = spoken(state_of(channels=[4, 4], strides=[1, 1]), "pyskl")
    foreign["backbone.gcn.1.gcn.A"][0, 0, 0] += 1
    with pytest.raises(MismatchError, match=r"gcn\.A differs from another block's, and there is one backbone\.A"):
        convert_state_dict(foreign, "pyskl")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("backbone.gcn.0.tcn.branches.0.0.weight", r"ST-GCN\+\+"),
        ("l1.gcn1.PA", "AGCN or CTR-GCN"),
        ("layers.layer1.gcn.g_conv.weight", "continual"),
        ("backbone.0.gcn1.mask", r"before v0\.2"),
        ("conv1.weight", r"none of its 2 tensors is named as an ST-GCN.s \(conv1\.weight, fc\.bogus\)"),
    ],
)
def test_another_kind_of_network_is_named(name: str, words: str) -> None:
    with pytest.raises(MismatchError, match=words):
        dialect_of([name, "fc.bogus"])
