"""Batch norm, residual and ReLU in Triton equal torch's, with gradients and running statistics."""

import copy

import pytest
import torch
from torch import Tensor, nn

triton = pytest.importorskip("triton", reason="Triton is not installed")

from stgcn_torch.kernels.triton import norm  # noqa: E402

TOLERANCE = 1e-5  # of the norm, float32; measured: 2.4e-6, where the mean is 17 times the deviation
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def assert_near(gradients: Tensor, expected: Tensor) -> None:
    """Equal but for rounding."""
    assert gradients.shape == expected.shape
    assert float((gradients - expected.detach()).norm()) <= TOLERANCE * float(expected.detach().norm())


@pytest.mark.parametrize("C", [16, 70, 1])
@pytest.mark.parametrize(("relu", "residual"), [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("frames", [1, 90])  # a part of a program's rows, and more than one program's
def test_it_is_torchs(C: int, relu: bool, residual: bool, frames: int) -> None:
    torch.manual_seed(0)
    batch_norm = nn.BatchNorm2d(C, momentum=0.3).to(DEVICE)
    nn.init.uniform_(batch_norm.weight, 0.5, 1.5)
    nn.init.normal_(batch_norm.bias)
    layer = copy.deepcopy(batch_norm).double()  # torch's own float32 is as far away
    x = (3 * torch.randn(2, frames, 25, C, device=DEVICE) + 50).double().requires_grad_()
    residual_rows = torch.randn_like(x).requires_grad_() if residual else None
    offset = torch.randn(C, device=DEVICE)
    rows = x.detach().float()

    expected = layer((x + offset).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    expected = expected if residual_rows is None else expected + residual_rows
    expected = torch.relu(expected) if relu else expected
    stats = norm.statistics(rows, batch_norm, offset)
    y = norm.normalize(rows, stats, None if residual_rows is None else residual_rows.detach().float(), relu)
    assert_near(y, expected)
    for name, value in layer.named_buffers():
        assert_near(batch_norm.get_buffer(name).float(), value.float())

    dy = torch.randn_like(y)
    expected_gradients = torch.autograd.grad(
        expected, (x, layer.weight, layer.bias, *([] if residual_rows is None else [residual_rows])), dy.double()
    )
    gradients = norm.gradients(dy, rows, stats, batch_norm, y if residual else None, relu)
    assert (gradients[3] is None) == (residual_rows is None)
    for one, other in zip(gradients, expected_gradients, strict=False):
        assert one is not None
        assert_near(one, other)
