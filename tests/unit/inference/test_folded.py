"""A folded network is the same function."""

import pytest
import torch
from torch import nn

from stgcn_torch.inference.folded import FoldedSTGCN
from stgcn_torch.model import STGCN

TOLERANCE = 1e-5  # of the largest logit, float32; measured: 3e-7


def lived_in(**options: object) -> STGCN:
    """A network with statistics, biases and edge importance away from their initial values, as after training."""
    torch.manual_seed(0)
    network = STGCN(7, **options)  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 0.2)
    for factor in network.backbone.edge_importance or ():
        nn.init.uniform_(factor, 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": [8, 12, 6], "strides": [1, 2, 3], "temporal_kernel": 5},  # narrower and wider, odd strides
        {"layout": "ntu-rgb+d", "in_channels": 3, "strategy": "uniform"},
        {"edge_importance": False, "data_bn": False, "channels": [4], "strides": [2]},
        {"temporal_kernel": 1, "channels": [5, 5], "strides": [1, 1], "max_hop": 2, "strategy": "distance"},
    ],
    ids=str,
)
def test_folding_changes_nothing(options: dict[str, object]) -> None:
    network = lived_in(**options)
    folded = FoldedSTGCN(network.backbone, network.head)
    x = torch.randn(2, network.backbone.in_channels, 45, 25, 2)
    with torch.inference_mode():
        expected = network(x)
        torch.testing.assert_close(folded(x), expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize("spread", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("mean", [0.0, 5.0, 500.0])
def test_however_far_from_the_origin_folding_loses_no_digits(mean: float, spread: float) -> None:
    """The original network loses precision: 7e-5 at 500 spreads of 0.01."""
    network = lived_in()
    for name, value in (("running_mean", mean), ("running_var", spread**2)):
        getattr(network.backbone.data_bn, name).fill_(value)
    x = torch.randn(2, 2, 45, 25, 2) * spread + mean
    with torch.inference_mode():
        found = FoldedSTGCN(network.backbone, network.head)(x)
        exact = network.double()(x.double())
    assert float((found - exact).abs().max()) <= TOLERANCE * float(exact.abs().max())  # measured: 4e-7


def test_folding_takes_the_running_statistics_of_a_network_in_training() -> None:
    network = lived_in(channels=[4, 4], strides=[1, 1])
    x = torch.randn(1, 2, 9, 25, 1)
    with torch.inference_mode():
        expected = network(x)
        folded = FoldedSTGCN(network.train().backbone, network.head)
        torch.testing.assert_close(folded(x), expected)
    assert network.training, "the network is left as it is"


def test_later_changes_of_the_network_do_not_come_through() -> None:
    network = lived_in(channels=[4, 4], strides=[1, 1])
    folded, x = FoldedSTGCN(network.backbone, network.head), torch.randn(1, 2, 9, 25, 1)
    with torch.inference_mode():
        before = folded(x)
        for tensor in network.state_dict().values():
            tensor.mul_(2)
        assert torch.equal(folded(x), before)


def test_folded_weights_have_the_dtype_of_the_network() -> None:
    network = lived_in(channels=[4, 4], strides=[1, 1]).double()
    folded = FoldedSTGCN(network.backbone, network.head)
    assert {tensor.dtype for tensor in folded.state_dict().values()} == {torch.float64}
