"""The Triton graph convolution and its gradients equal the reference's."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.graph import adjacency
from stgcn_torch.kernels import reference

triton = pytest.importorskip("triton", reason="Triton is not installed")

from stgcn_torch.kernels.triton import graph_conv  # noqa: E402

TOLERANCE = 3e-6  # of the norm, float32; measured: 5e-7
CASES = [  # layout, strategy, clips, frames, channels in and out: odd ones, and more than one block of them
    ("fsd10", "spatial", 2, 7, 3, 24),
    ("coco", "uniform", 1, 9, 70, 130),
    ("mediapipe", "distance", 1, 5, 64, 16),
    ("ntu-rgb+d", "spatial_fixed", 3, 1, 1, 1),
    ("h36m", "spatial", 1, 11, 20, 300),
]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def drawn(*shape: int) -> Tensor:
    """Random values."""
    return torch.randn(*shape, device=DEVICE)


def assert_near(actual: Tensor, expected: Tensor) -> None:
    """Equal but for rounding."""
    assert actual.shape == expected.shape
    assert float((actual - expected.detach()).norm()) <= TOLERANCE * float(expected.detach().norm())


def plain(x: Tensor, weight: Tensor, A: Tensor) -> Tensor:
    """The reference on the same arguments: rows, weight (K, C, D) and A (K, W, V)."""
    K, C, D = weight.shape
    N, T, V, _ = x.shape
    pointwise = F.conv2d(x.permute(0, 3, 1, 2), weight.transpose(1, 2).reshape(K * D, C, 1, 1)).view(N, K, D, T, V)
    return reference.aggregate(pointwise, A.transpose(1, 2)).permute(0, 2, 3, 1)


@pytest.mark.parametrize(("layout", "strategy", "N", "T", "C", "D"), CASES)
def test_it_is_the_reference(layout: str, strategy: str, N: int, T: int, C: int, D: int) -> None:
    torch.manual_seed(0)
    A = torch.from_numpy(adjacency(layout, strategy)).float().to(DEVICE).transpose(1, 2)
    K, V, _ = A.shape
    x, weight, bias, addend = drawn(N, T, V, C), drawn(K, C, D), drawn(V, D), drawn(N, T, V, D)
    expected = plain(x, weight, A)
    assert_near(graph_conv.graph_conv(x, weight, A), expected)
    assert_near(graph_conv.graph_conv(x, weight, A, bias, addend), expected + bias + addend)
    assert_near(graph_conv.graph_conv(x, weight, A, bias, relu=True), torch.relu(expected + bias))
    transposed = weight.transpose(1, 2).contiguous().transpose(1, 2)
    assert_near(graph_conv.graph_conv(x, transposed, A), expected)


@pytest.mark.parametrize(("layout", "strategy", "N", "T", "C", "D"), CASES)
def test_its_gradients_are_the_references(layout: str, strategy: str, N: int, T: int, C: int, D: int) -> None:
    torch.manual_seed(1)
    graph = torch.from_numpy(adjacency(layout, strategy)).float().to(DEVICE)
    edges = graph.nonzero().t().contiguous()
    A = (graph * torch.rand_like(graph)).transpose(1, 2).requires_grad_()
    K, V, _ = A.shape
    x, weight, dy = drawn(N, T, V, C), drawn(K, C, D).requires_grad_(), drawn(N, T, V, D)
    expected = torch.autograd.grad(plain(x, weight, A), (weight, A), dy)
    dweight, dA = graph_conv.gradients(x, weight.detach(), A.detach(), edges, dy)
    assert_near(dweight, expected[0])
    assert_near(dA, expected[1] * (graph != 0).transpose(1, 2))


def test_the_gradient_for_the_input_is_the_same_kernel_transposed() -> None:
    torch.manual_seed(2)
    A = torch.from_numpy(adjacency("fsd10")).float().to(DEVICE).transpose(1, 2)
    x, weight, dy = drawn(2, 5, 25, 7).requires_grad_(), drawn(3, 7, 12), drawn(2, 5, 25, 12)
    (expected,) = torch.autograd.grad(plain(x, weight, A), x, dy)
    assert_near(graph_conv.graph_conv(dy, weight.transpose(1, 2), A.transpose(1, 2)), expected)


def test_an_edge_whose_importance_is_zero_still_learns() -> None:
    graph = torch.from_numpy(adjacency("coco")).float().to(DEVICE)
    edges = graph.nonzero().t().contiguous()
    x, dy = drawn(1, 4, 17, 5), drawn(1, 4, 17, 6)
    _, dA = graph_conv.gradients(x, drawn(3, 5, 6), torch.zeros_like(graph), edges, dy)
    assert (dA.transpose(1, 2)[graph != 0] != 0).all()
