"""Initialisation: the distribution of each kind of parameter."""

import re

import numpy as np
import pytest
import torch
from scipy import stats

from convert.network.keys import convert_state_dict
from stgcn_torch.model import STGCN
from tests.parity import reference
from tests.parity.page import Measured
from tests.parity.pairs import arrays
from tests.parity.reference import paddle

pytestmark = pytest.mark.paddle
INITIALIZATIONS = ("paddle", "paddlevideo")
# Of two-sample Kolmogorov-Smirnov tests, one for each of about 60 tensors; the seeds are fixed, so this cannot flicker.
LEAST_P = 1e-4


def paddlevideo_init(network: reference.STGCN) -> None:
    """PaddleVideo's ``init_weights``: convolutions Normal(0, 0.02), batch norms Normal(1, 0.02), biases 0."""
    init = paddle.nn.initializer
    for layer in network.sublayers():
        if isinstance(layer, paddle.nn.Conv2D):
            init.Normal(0.0, 0.02)(layer.weight)
        elif isinstance(layer, paddle.nn.BatchNorm1D | paddle.nn.BatchNorm2D):
            init.Normal(1.0, 0.02)(layer.weight)
        else:
            continue
        init.Constant(0.0)(layer.bias)


@pytest.fixture(params=INITIALIZATIONS)
def initialized(request: pytest.FixtureRequest) -> tuple[str, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A name, and the parameters of both networks just after it."""
    paddle.seed(11)
    torch.manual_seed(11)
    theirs = reference.STGCN(30)
    if request.param == "paddlevideo":
        paddlevideo_init(theirs)
    ours = STGCN(30, initialization=request.param)
    mine = {name: parameter.detach().numpy() for name, parameter in ours.named_parameters()}
    converted = convert_state_dict(arrays(theirs))
    return request.param, {name: converted[name] for name in mine}, mine


def is_constant(values: np.ndarray) -> bool:
    """Whether all values are the same."""
    return bool(np.ptp(values) == 0)


def test_constants_are_equal(initialized: tuple[str, dict[str, np.ndarray], dict[str, np.ndarray]]) -> None:
    name, theirs, ours = initialized
    constants = {key for key in ours if is_constant(ours[key])}
    assert constants == {key for key in theirs if is_constant(theirs[key])}
    assert all(theirs[key].flat[0] == ours[key].flat[0] for key in constants)
    kinds = {re.sub(r"\d+", "*", key) for key in constants}
    assert "backbone.edge_importance.*" in kinds
    assert "backbone.st_gcn_networks.*.gcn.conv.bias" in kinds
    assert ("backbone.data_bn.weight" in kinds) == (name == "paddle")


def test_random_parameters_have_the_same_distribution(
    initialized: tuple[str, dict[str, np.ndarray], dict[str, np.ndarray]], measured: Measured
) -> None:
    name, theirs, ours = initialized
    drawn = [key for key in ours if not is_constant(ours[key])]
    p = {key: float(stats.ks_2samp(theirs[key].ravel(), ours[key].ravel()).pvalue) for key in drawn}
    assert min(p.values()) > LEAST_P, min(p, key=lambda key: p[key])
    for key in drawn:
        n = theirs[key].size
        spread = abs(theirs[key].std() / ours[key].std() - 1) * np.sqrt(n)  # of n draws each: about 1
        assert spread < 5, key
    large = [key for key in drawn if theirs[key].size > 10_000]
    difference = max(abs(float(theirs[key].std() / ours[key].std()) - 1) for key in large)
    measured(f"`initialization={name}`: standard deviation of tensors over 10,000 draws, relative", difference, 0.03)
    shape = max(abs(float(stats.kurtosis(values[key], axis=None))) for values in (theirs, ours) for key in large)
    measured(f"`initialization={name}`: excess kurtosis of those, 0 for a normal distribution", shape, 0.2)
