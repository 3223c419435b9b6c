"""Weights go into a network whole, or are refused with all that does not fit."""

from typing import Any

import pytest
import torch

from stgcn_torch.checkpoint.weights import check_fits, take_weights
from tests.checkpoints import LEG, module_of, one_line, same_state, trained


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers, alone or among others."""
    torch.manual_seed(0)


def test_all_that_does_not_fit_is_listed_at_once() -> None:
    expected = {"a": torch.zeros(2), "b": torch.zeros(3), "c": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"the weights do not fit the network") as refusal:
        check_fits({"b": torch.zeros(4), "c": torch.zeros(1), "d": torch.zeros(1)}, expected)
    assert one_line(refusal).endswith(": missing a; unexpected d; b has shape (4,), wanted (3,)")
    check_fits(expected, expected)


def test_more_problems_than_a_line_holds_are_counted() -> None:
    with pytest.raises(ValueError, match=r"missing 5; and 4 more$") as refusal:
        check_fits({}, {str(i): torch.zeros(1) for i in range(10)})
    one_line(refusal)


def test_weights_are_taken_with_their_head_where_the_classes_are_as_many() -> None:
    network, source = trained(), trained()
    assert take_weights(network, source.state_dict()) == []
    assert same_state(network.state_dict(), source.state_dict())


@pytest.mark.parametrize("into", ["network", "module"])
def test_another_number_of_classes_keeps_the_new_head_and_says_so(into: str) -> None:
    source = trained().state_dict()
    network = trained(num_classes=7) if into == "network" else module_of(num_classes=7)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    assert take_weights(network, source) == ["head.fcn.bias", "head.fcn.weight"]
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[key] if key.startswith("head.") else source[key]), key


def test_half_a_head_is_not_taken() -> None:
    network, source = trained(), trained().state_dict()
    before = network.head.fcn.weight.clone()
    del source["head.fcn.bias"]
    source["head.fcn.scale"] = torch.ones(3)
    assert take_weights(network, source) == ["head.fcn.scale", "head.fcn.weight"]
    assert torch.equal(network.head.fcn.weight, before)


REFUSED_SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "other joints": ({"layout": "coco"}, "backbone.A has shape (3, 17, 17), wanted (3, 3, 3)"),
    "other partitions": ({"strategy": "uniform"}, "backbone.A has shape (1, 3, 3), wanted (3, 3, 3)"),
    "other widths": ({"channels": [4, 6]}, "1.gcn.conv.weight has shape (18, 4, 1, 1), wanted (24, 4, 1, 1)"),
    "fewer blocks": ({"channels": [4], "strides": [1]}, "missing backbone.st_gcn_networks.1.gcn.conv.weight"),
    "no edge importance": ({"edge_importance": False}, "missing backbone.edge_importance.0"),
    "as many joints, other bones": ({"layout": LEG | {"center": "Knee"}}, "belong to another graph"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED_SOURCES.values(), ids=REFUSED_SOURCES)
def test_weights_of_another_body_are_refused_and_none_taken(options: dict[str, Any], message: str) -> None:
    network = trained()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match=r".") as refusal:
        take_weights(network, trained(**options).state_dict())
    assert message in one_line(refusal)
    assert same_state(network.state_dict(), before)


def test_two_layouts_of_as_many_joints_are_told_apart() -> None:
    with pytest.raises(ValueError, match=r"belong to another graph"):
        take_weights(trained(layout="ntu-rgb+d"), trained(layout="fsd10").state_dict())
