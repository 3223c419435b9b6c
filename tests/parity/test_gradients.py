"""Gradients of every parameter."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from convert.network.keys import convert_state_dict
from stgcn_torch.model import STGCN
from tests.parity import reference
from tests.parity.page import Measured
from tests.parity.pairs import pair
from tests.parity.reference import paddle
from tests.parity.rounding import train_as_paddle

pytestmark = pytest.mark.paddle
FLOAT64 = 1e-12
# An activation that rounding puts on the other side of ReLU's corner adds or removes its whole gradient. Among the two
# million of the full network some lie that close: up to 8e-3 was measured over 12 batches, on either side alike. A
# small network has none, and shows what arithmetic alone does.
CORNERS, FLOAT32 = 3e-2, 1e-5
SMALL: dict[str, Any] = {"channels": [8, 16], "strides": [1, 2]}
Gradients = dict[str, np.ndarray]
MODES = {"train": "batch statistics", "eval": "running statistics"}


def batch(dtype: str, C: int = 2, M: int = 1, T: int = 33) -> tuple[np.ndarray, np.ndarray]:
    """Clips with different lives, and labels."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, C, T, 25, M)).astype(np.float32).astype(dtype)
    x[1, :, T // 2 :], x[2, :, -3:] = 0, 0
    return x, rng.integers(0, 30, 4)


def gradients_of(theirs: reference.STGCN, x: np.ndarray, labels: np.ndarray) -> Gradients:
    """Paddle's, under this project's names."""
    paddle.nn.functional.cross_entropy(theirs(paddle.to_tensor(x)), paddle.to_tensor(labels[:, None])).backward()
    trained = {name: tensor for name, tensor in theirs.named_parameters() if not tensor.stop_gradient}
    return convert_state_dict({name: tensor.grad.numpy() for name, tensor in trained.items()})


def our_gradients(ours: STGCN, x: np.ndarray, labels: np.ndarray) -> Gradients:
    """This project's."""
    F.cross_entropy(ours(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
    return {name: parameter.grad.numpy() for name, parameter in ours.named_parameters()}


def both(dtype: str, mode: str, M: int = 1, T: int = 33, **options: Any) -> tuple[Gradients, Gradients]:
    """Gradients of the same batch through the same weights."""
    theirs, ours = pair(dtype, **options)
    getattr(theirs, mode)()
    getattr(ours, mode)()
    train_as_paddle(ours)
    x, labels = batch(dtype, options.get("in_channels", 2), M, T)
    return gradients_of(theirs, x, labels), our_gradients(ours, x, labels)


def farthest(expected: Gradients, actual: Gradients) -> float:
    """Largest difference of any parameter's gradient, relative to the largest gradient of the network.

    Not parameter by parameter: a bias before a batch norm has gradient zero but for rounding.
    """
    assert expected.keys() == actual.keys()
    scale = max(np.abs(gradient).max() for gradient in expected.values())
    return float(max(np.abs(expected[name] - actual[name]).max() for name in expected) / scale)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"layout": "ntu-rgb+d", "in_channels": 3, "M": 2}], ids=["fsd10", "ntu"])
def test_gradients_in_float64(options: dict[str, Any], mode: str, measured: Measured) -> None:
    measured(f"all parameters, {MODES[mode]}, float64", farthest(*both("float64", mode, **options)), FLOAT64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_a_small_network_in_float32(mode: str, seed: int, measured: Measured) -> None:
    theirs, ours = both("float32", mode, T=9, seed=seed, **SMALL)
    measured(f"two narrow blocks, {MODES[mode]}, float32", farthest(theirs, ours), FLOAT32)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_in_float32(mode: str, measured: Measured) -> None:
    theirs, ours = both("float32", mode)
    measured(f"all parameters, {MODES[mode]}, float32", farthest(theirs, ours), CORNERS)


def test_the_pool_multiplies_by_a_float32_constant(measured: Measured) -> None:
    theirs, ours = pair("float64")
    x, labels = batch("float64")
    theirs, ours = (
        {name: gradient for name, gradient in gradients.items() if name.startswith("backbone.")}
        for gradients in (gradients_of(theirs, x, labels), our_gradients(ours, x, labels))
    )
    size = 9 * 25  # 33 frames after two strides
    assert farthest(theirs, ours) == pytest.approx(abs(size * float(np.float32(1 / size)) - 1), rel=1e-3)
    measured("backbone, without the pool's float32 constant, float64", farthest(theirs, ours), 1e-7)
