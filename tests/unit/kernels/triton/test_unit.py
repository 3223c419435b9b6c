"""The handwritten unit equals the model's block, forward and backward."""

import copy

import pytest
import torch
from torch import nn

from stgcn_torch.model import STGCNBlock

triton = pytest.importorskip("triton", reason="Triton is not installed")

from stgcn_torch.graph import adjacency  # noqa: E402
from stgcn_torch.kernels.triton.unit import Layers, unit  # noqa: E402

TOLERANCE = 5e-5  # of the norm, float32; measured: 6e-6
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.mark.parametrize(
    ("C", "D", "stride", "residual"),
    [(3, 8, 1, False), (8, 8, 1, True), (8, 12, 2, True), (8, 6, 1, True), (6, 6, 3, True)],
    ids=["first", "identity", "strided", "narrower", "strided as wide"],
)
def test_a_unit_is_the_block(C: int, D: int, stride: int, residual: bool) -> None:
    torch.manual_seed(0)
    graph = torch.from_numpy(adjacency("fsd10")).float().to(DEVICE)
    block = STGCNBlock(C, D, 3, stride=stride, residual=residual, temporal_kernel=5).to(DEVICE)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    copied = copy.deepcopy(block)
    importance = torch.rand_like(graph).requires_grad_()
    x = torch.randn(2, C, 11, 25, device=DEVICE).requires_grad_()
    expected = block(x, graph * importance)
    dy = torch.randn_like(expected)
    expected_gradients = torch.autograd.grad(expected, (x, importance, *block.parameters()), dy)

    layers = Layers.of(copied.gcn.conv, copied.tcn, copied.residual)
    edges = graph.nonzero().t().contiguous()
    y = unit(x.permute(0, 2, 3, 1).contiguous(), graph * importance, edges, layers).permute(0, 3, 1, 2)
    gradients = torch.autograd.grad(y, (x, importance, *copied.parameters()), dy)
    pairs = {
        "y": (y, expected),
        "x": (gradients[0], expected_gradients[0]),
        "importance": (gradients[1], expected_gradients[1]),
    }
    names = [name for name, _ in block.named_parameters()]
    pairs |= {name: (a, b) for name, a, b in zip(names, gradients[2:], expected_gradients[2:], strict=True)}
    pairs |= {name: (copied.get_buffer(name), value) for name, value in block.named_buffers()}
    for name, (one, other) in pairs.items():
        if name in ("tcn.2.bias", "residual.0.bias"):  # in front of a batch norm: autograd finds rounding alone
            assert not one.any()
            assert float(other.abs().max()) < 1e-4
        else:
            difference = (one.float() - other.float()).detach()
            error = float(difference.norm() / other.detach().float().norm().clamp_min(1e-3))
            assert error <= TOLERANCE, name
