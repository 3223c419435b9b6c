"""Layers and blocks, evaluation mode."""

import numpy as np
import pytest
import torch

from tests.parity.page import Measured
from tests.parity.pairs import pair
from tests.parity.reference import paddle
from tests.parity.rounding import largest_difference

pytestmark = pytest.mark.paddle
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
every_dtype = pytest.mark.parametrize("dtype", sorted(TOLERANCE))


def inputs(dtype: str, *shape: int) -> tuple[paddle.Tensor, torch.Tensor]:
    """The same random array for both."""
    x = np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)
    return paddle.to_tensor(x), torch.from_numpy(x)


@every_dtype
def test_data_bn(dtype: str, measured: Measured) -> None:
    theirs, ours = pair(dtype)
    x, y = inputs(dtype, 4, 50, 31)
    difference = largest_difference(theirs.backbone.data_bn(x), ours.backbone.data_bn(y))
    measured(f"input batch norm, {dtype}", difference, TOLERANCE[dtype])


@every_dtype
@pytest.mark.parametrize("i", [0, 1, 4, 9])
def test_spatial_graph_convolution(dtype: str, i: int, measured: Measured) -> None:
    theirs, ours = pair(dtype)
    one, other = theirs.backbone.st_gcn_networks[i].gcn, ours.backbone.st_gcn_networks[i].gcn
    x, y = inputs(dtype, 3, one.conv.weight.shape[1], 15, 25)
    A, B = theirs.backbone.A * theirs.backbone.edge_importance[i], ours.backbone.A * ours.backbone.edge_importance[i]
    measured(f"spatial graph convolution, {dtype}", largest_difference(one(x, A), other(y, B)), TOLERANCE[dtype])


@every_dtype
@pytest.mark.parametrize("i", [0, 4, 5])
def test_temporal_convolution(dtype: str, i: int, measured: Measured) -> None:
    theirs, ours = pair(dtype)
    one, other = theirs.backbone.st_gcn_networks[i].tcn, ours.backbone.st_gcn_networks[i].tcn
    x, y = inputs(dtype, 3, one[0].weight.shape[0], 15, 25)
    measured(f"temporal convolution, stride 1 and 2, {dtype}", largest_difference(one(x), other(y)), TOLERANCE[dtype])


@every_dtype
@pytest.mark.parametrize("i", range(10))
@pytest.mark.parametrize("T", [1, 16, 33])
def test_block(dtype: str, i: int, T: int, measured: Measured) -> None:
    theirs, ours = pair(dtype)
    one, other = theirs.backbone.st_gcn_networks[i], ours.backbone.st_gcn_networks[i]
    x, y = inputs(dtype, 2, one.gcn.conv.weight.shape[1], T, 25)
    difference = largest_difference(one(x, theirs.backbone.A), other(y, ours.backbone.A))
    measured(f"each of the ten blocks, T = 1, 16, 33, {dtype}", difference, TOLERANCE[dtype])


@every_dtype
def test_head(dtype: str, measured: Measured) -> None:
    theirs, ours = pair(dtype)
    x, y = inputs(dtype, 5, 256)
    measured(f"head, {dtype}", largest_difference(theirs.head(x), ours.head(y)), TOLERANCE[dtype])
