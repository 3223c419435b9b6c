"""Every backend gives the einsum's sums and gradients, and the einsum those of its docstring."""

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from torch import Tensor

from stgcn_torch.kernels import AGGREGATORS, aggregator, reference

# Largest error of values up to 30 at these sizes, against the reference in float64; measured over all backends and
# sizes: 6.7e-6 (outputs) and 3.8e-6 (gradients) in float32, 8.9e-16 in float64.
ATOL = {torch.float32: 4e-5, torch.float64: 5e-14}

SIZES = {  # N, K, C, T, V, W
    "one person, odd": (1, 3, 5, 7, 17, 17),
    "one partition": (2, 1, 3, 7, 17, 17),
    "all ones": (1, 1, 1, 1, 1, 1),
    "two partitions": (3, 2, 4, 1, 25, 25),
    "fewer joints out": (2, 3, 2, 5, 5, 3),
    "no clips": (0, 3, 2, 5, 5, 5),
}

every_backend = pytest.mark.parametrize("name", sorted(AGGREGATORS))
every_size = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
every_dtype = pytest.mark.parametrize("dtype", ATOL, ids=str)


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    """Fill new memory with NaN, so that elements which a kernel leaves unwritten are noticed."""
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    yield
    torch.use_deterministic_algorithms(False)


def drawn(size: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Features and adjacency that require gradients."""
    N, K, C, T, V, W = size
    x, A = torch.randn(N, K, C, T, V, dtype=dtype), torch.randn(K, V, W, dtype=dtype)
    return x.requires_grad_(), A.requires_grad_()


def test_reference_is_the_sum_that_it_states() -> None:
    x, A = drawn((2, 3, 2, 3, 4, 5), torch.float64)
    y = reference.aggregate(x, A)
    for n, c, t, w in product(range(2), range(2), range(3), range(5)):
        stated = sum(x[n, k, c, t, v] * A[k, v, w] for k in range(3) for v in range(4))
        torch.testing.assert_close(y[n, c, t, w], stated, rtol=0, atol=ATOL[torch.float64])


@every_backend
def test_three_joints_by_hand(name: str) -> None:
    x = torch.tensor([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]]).view(1, 2, 1, 1, 3)
    identity, inwards = torch.eye(3), torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    y = AGGREGATORS[name](x, torch.stack([identity, inwards]))
    assert y.flatten().tolist() == [1 + 20, 2 + 40, 4]  # each joint's own, and the next one's in the second partition


@every_backend
@every_size
@every_dtype
def test_outputs_match_reference(name: str, size: tuple[int, ...], dtype: torch.dtype) -> None:
    x, A = drawn(size, dtype)
    expected = reference.aggregate(x.double(), A.double()).to(dtype)
    torch.testing.assert_close(AGGREGATORS[name](x, A), expected, rtol=0, atol=ATOL[dtype])


@every_backend
@every_size
@every_dtype
def test_gradients_match_reference(name: str, size: tuple[int, ...], dtype: torch.dtype) -> None:
    inputs = drawn(size, dtype)
    y = reference.aggregate(*(tensor.double() for tensor in inputs)).to(dtype)
    dy = torch.randn_like(y)  # not y.sum(): a constant cotangent hides transposed gradients
    expected = torch.autograd.grad(y, inputs, dy)
    actual = torch.autograd.grad(AGGREGATORS[name](*inputs), inputs, dy)
    torch.testing.assert_close(actual, expected, rtol=0, atol=ATOL[dtype])


@every_backend
@every_dtype
def test_memory_order_does_not_matter(name: str, dtype: torch.dtype) -> None:
    x, A = drawn((2, 3, 5, 7, 17, 17), dtype)
    strided = x.detach().permute(4, 2, 0, 3, 1).contiguous().permute(2, 4, 1, 3, 0).requires_grad_()
    turned = A.detach().mT.contiguous().mT.requires_grad_()
    assert not strided.is_contiguous()
    assert not turned.is_contiguous()
    y = reference.aggregate(x, A)
    dy = torch.randn_like(y).transpose(1, 3).contiguous().transpose(1, 3)
    actual = AGGREGATORS[name](strided, turned)
    torch.testing.assert_close(actual, y, rtol=0, atol=ATOL[dtype])
    expected_gradients = torch.autograd.grad(y, (x, A), dy)
    actual_gradients = torch.autograd.grad(actual, (strided, turned), dy)
    torch.testing.assert_close(actual_gradients, expected_gradients, rtol=0, atol=ATOL[dtype])


@every_backend
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    assert torch.autograd.gradcheck(AGGREGATORS[name], drawn((1, 2, 2, 3, 3, 3), torch.float64))


@every_backend
def test_inputs_are_left_as_they_were(name: str) -> None:
    x, A = drawn((2, 3, 2, 5, 5, 5), torch.float32)
    before = x.detach().clone(), A.detach().clone()
    AGGREGATORS[name](x, A)
    assert torch.equal(x, before[0])
    assert torch.equal(A, before[1])


@every_backend
def test_a_kernel_is_found_under_its_name(name: str) -> None:
    assert aggregator(name) is AGGREGATORS[name]


def test_an_unknown_name_is_answered_with_the_known() -> None:
    known = ", ".join(sorted(AGGREGATORS))
    with pytest.raises(ValueError, match=f"^aggregation 'sparse' is unknown; choose one of {known}$"):
        aggregator("sparse")
