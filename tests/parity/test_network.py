"""The whole network, evaluation mode."""

import numpy as np
import pytest
import torch

from tests.parity.page import Measured
from tests.parity.pairs import pair
from tests.parity.reference import paddle
from tests.parity.rounding import largest_difference

pytestmark = pytest.mark.paddle
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
N = 2


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("data_bn", [True, False], ids=["bn", "no_bn"])
@pytest.mark.parametrize("edge_importance", [True, False], ids=["importance", "no_importance"])
@pytest.mark.parametrize("M", [1, 2])
@pytest.mark.parametrize("C", [2, 3])
@pytest.mark.parametrize("layout", ["fsd10", "ntu-rgb+d"])
def test_logits(
    layout: str, C: int, M: int, edge_importance: bool, data_bn: bool, dtype: str, measured: Measured
) -> None:
    theirs, ours = pair(dtype, layout=layout, in_channels=C, edge_importance=edge_importance, data_bn=data_bn)
    x = np.random.default_rng(C * M).normal(size=(N, C, 33, 25, M)).astype(dtype)
    with torch.no_grad():
        difference = largest_difference(theirs(paddle.to_tensor(x)), ours(torch.from_numpy(x)))
    what = f"logits: fsd10, ntu-rgb+d; C = 2, 3; M = 1, 2; edge importance, data_bn on and off; T = 33; {dtype}"
    measured(what, difference, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("T", [1, 2, 7, 64, 351])
def test_logits_of_other_lengths(T: int, dtype: str, measured: Measured) -> None:
    theirs, ours = pair(dtype)
    x = np.random.default_rng(T).normal(size=(1, 2, T, 25, 1)).astype(dtype)
    with torch.no_grad():
        difference = largest_difference(theirs(paddle.to_tensor(x)), ours(torch.from_numpy(x)))
    measured(f"logits: T = 1, 2, 7, 64, 351; {dtype}", difference, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_features_of_a_padded_clip_with_an_absent_person(dtype: str, measured: Measured) -> None:
    theirs, ours = pair(dtype, layout="ntu-rgb+d", in_channels=3)
    x = np.random.default_rng(0).normal(size=(N, 3, 65, 25, 2)).astype(dtype)
    x[:, :, 20:], x[..., 1] = 0, 0
    with torch.no_grad():
        difference = largest_difference(theirs.backbone(paddle.to_tensor(x)), ours.backbone(torch.from_numpy(x)))
    measured(f"features of a padded clip, second person absent; {dtype}", difference, TOLERANCE[dtype])
