"""Batch norm, residual and ReLU in passes of their own over channels-last features, for CUDA.

A training step on a large GPU is bound by how often features travel between memory and chip. Here each of batch norm's
two sweeps reads them once, and whatever follows (the residual, the ReLU) happens in the second one on the way out.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor, nn

SWEPT = 4096  # elements that a program of a reduction takes at a time
PROGRAMS = 528  # of a reduction: four for each multiprocessor of a large chip
MAPPED = 2048  # elements of a program that only maps


@triton.jit
def _sums_kernel(x, partial, rows, C, BR: tl.constexpr, BC: tl.constexpr):
    """Sum and sum of squares of each channel about the first row, so that a large mean costs no digits."""
    c = tl.arange(0, BC)
    inside = c < C
    first = tl.load(x + c, inside, 0.0).to(tl.float32)
    one = tl.zeros((BR, BC), dtype=tl.float32)
    two = tl.zeros((BR, BC), dtype=tl.float32)
    for start in range(tl.program_id(0) * BR, rows, tl.num_programs(0) * BR):
        row = start + tl.arange(0, BR)
        mask = (row < rows)[:, None] & inside[None, :]
        value = tl.load(x + row.to(tl.int64)[:, None] * C + c[None, :], mask, 0.0).to(tl.float32)
        value = tl.where(mask, value - first[None, :], 0.0)
        one += value
        two += value * value
    at = partial + tl.program_id(0) * 2 * C + c
    tl.store(at, tl.sum(one, 0), inside)
    tl.store(at + C, tl.sum(two, 0), inside)


@triton.jit
def _statistics_kernel(
    partial, x, weight, bias, offset, running_mean, running_var, kept, programs, rows, C, momentum, eps,
    OFFSET: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """From partial sums: mean, reciprocal deviation, scale and shift of each channel; running statistics go on."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < C
    p = tl.arange(0, BP)
    mask = (p < programs)[:, None] & inside[None, :]
    at = partial + p[:, None] * 2 * C + c[None, :]
    one = tl.sum(tl.load(at, mask, 0.0), 0) / rows
    var = tl.maximum(tl.sum(tl.load(at + C, mask, 0.0), 0) / rows - one * one, 0.0)
    mean = tl.load(x + c, inside, 0.0).to(tl.float32) + one
    rstd = 1.0 / tl.sqrt(var + eps)
    scale = tl.load(weight + c, inside, 0.0) * rstd
    tl.store(kept + c, mean, inside)
    tl.store(kept + C + c, rstd, inside)
    tl.store(kept + 2 * C + c, scale, inside)
    tl.store(kept + 3 * C + c, tl.load(bias + c, inside, 0.0) - mean * scale, inside)
    if OFFSET:
        mean += tl.load(offset + c, inside, 0.0)
    before = tl.load(running_mean + c, inside, 0.0)
    tl.store(running_mean + c, before + momentum * (mean - before), inside)
    before = tl.load(running_var + c, inside, 0.0)
    tl.store(running_var + c, before + momentum * (var * (rows / (rows - 1.0)) - before), inside)


@triton.jit
def _apply_kernel(x, kept, residual, y, size, C, RESIDUAL: tl.constexpr, RELU: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = i < size
    c = i % C
    value = tl.load(x + i, inside, 0.0).to(tl.float32)
    value = value * tl.load(kept + 2 * C + c, inside, 0.0) + tl.load(kept + 3 * C + c, inside, 0.0)
    if RESIDUAL:
        value += tl.load(residual + i, inside, 0.0).to(tl.float32)
    if RELU:
        value = tl.maximum(value, 0.0)
    tl.store(y + i, value.to(y.dtype.element_ty), inside)


@triton.jit
def _backward_sums_kernel(
    dy, x, y, kept, added, partial, rows, C,
    ADDED: tl.constexpr, RELU: tl.constexpr, BR: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Sums of the gradient behind the ReLU, plain and times the centred features; what was added gets it too."""
    c = tl.arange(0, BC)
    inside = c < C
    mean = tl.load(kept + c, inside, 0.0)
    scale = tl.load(kept + 2 * C + c, inside, 0.0)
    shift = tl.load(kept + 3 * C + c, inside, 0.0)
    one = tl.zeros((BR, BC), dtype=tl.float32)
    two = tl.zeros((BR, BC), dtype=tl.float32)
    for start in range(tl.program_id(0) * BR, rows, tl.num_programs(0) * BR):
        row = start + tl.arange(0, BR)
        mask = (row < rows)[:, None] & inside[None, :]
        at = row.to(tl.int64)[:, None] * C + c[None, :]
        gradient = tl.load(dy + at, mask, 0.0).to(tl.float32)
        value = tl.load(x + at, mask, 0.0).to(tl.float32)
        if RELU:
            result = tl.load(y + at, mask, 0.0).to(tl.float32) if ADDED else value * scale[None, :] + shift[None, :]
            gradient = tl.where(result > 0, gradient, 0.0)
        if ADDED:
            tl.store(added + at, gradient.to(added.dtype.element_ty), mask)
        one += gradient
        two += gradient * (value - mean[None, :])
    at = partial + tl.program_id(0) * 2 * C + c
    tl.store(at, tl.sum(one, 0), inside)
    tl.store(at + C, tl.sum(two, 0), inside)


@triton.jit
def _gradients_kernel(
    partial, weight, kept, dweight, dbias, factors, programs, rows, C, BP: tl.constexpr, BC: tl.constexpr
):
    """From partial sums: the gradients of weight and bias, and dx = a·gradient + b·x + c for each channel."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < C
    p = tl.arange(0, BP)
    mask = (p < programs)[:, None] & inside[None, :]
    at = partial + p[:, None] * 2 * C + c[None, :]
    one = tl.sum(tl.load(at, mask, 0.0), 0)
    two = tl.sum(tl.load(at + C, mask, 0.0), 0)
    mean = tl.load(kept + c, inside, 0.0)
    rstd = tl.load(kept + C + c, inside, 0.0)
    tl.store(dbias + c, one, inside)
    tl.store(dweight + c, two * rstd, inside)
    a = tl.load(weight + c, inside, 0.0) * rstd
    b = -a * rstd * rstd * two / rows
    tl.store(factors + c, a, inside)
    tl.store(factors + C + c, b, inside)
    tl.store(factors + 2 * C + c, -a * one / rows - b * mean, inside)


@triton.jit
def _backward_kernel(g, x, kept, factors, dx, size, C, MASK: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = i < size
    c = i % C
    gradient = tl.load(g + i, inside, 0.0).to(tl.float32)
    value = tl.load(x + i, inside, 0.0).to(tl.float32)
    if MASK:
        scale = tl.load(kept + 2 * C + c, inside, 0.0)
        shift = tl.load(kept + 3 * C + c, inside, 0.0)
        gradient = tl.where(value * scale + shift > 0, gradient, 0.0)
    a = tl.load(factors + c, inside, 0.0)
    b = tl.load(factors + C + c, inside, 0.0)
    value = a * gradient + b * value + tl.load(factors + 2 * C + c, inside, 0.0)
    tl.store(dx + i, value.to(dx.dtype.element_ty), inside)


def statistics(
    x: Float[Tensor, "N T V C"], norm: nn.BatchNorm2d, offset: Float[Tensor, "C"] | None = None
) -> Float[Tensor, "4 C"]:
    """Mean, reciprocal deviation, scale and shift of each channel over the batch, float32; running statistics go on.

    Args:
        x: Contiguous rows.
        norm: With affine weights, running statistics and a momentum.
        offset: A bias that was left out of x. It changes nothing but the running mean.
    """
    C = x.shape[-1]
    rows, programs, block = _sweep(x)
    partial = x.new_empty(programs, 2, C, dtype=torch.float32)
    kept = x.new_empty(4, C, dtype=torch.float32)
    _sums_kernel[(programs,)](x, partial, rows, C, **block)
    _statistics_kernel[(triton.cdiv(C, 16),)](
        partial, x, norm.weight, norm.bias, offset, norm.running_mean, norm.running_var, kept, programs, rows, C,
        norm.momentum, norm.eps, OFFSET=offset is not None, BP=triton.next_power_of_2(programs), BC=16,
    )  # fmt: skip
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    return kept


def normalized(
    x: Float[Tensor, "N T V C"],
    kept: Float[Tensor, "4 C"],
    residual: Float[Tensor, "N T V C"] | None = None,
    relu: bool = True,
) -> Float[Tensor, "N T V C"]:
    """Rows with the statistics of ``statistics``, plus the residual, through the ReLU."""
    y = torch.empty_like(x)
    _apply_kernel[(triton.cdiv(x.numel(), MAPPED),)](
        x, kept, residual, y, x.numel(), x.shape[-1],
        RESIDUAL=residual is not None, RELU=relu, B=MAPPED, num_warps=8,
    )  # fmt: skip
    return y


def gradients(
    dy: Float[Tensor, "N T V C"],
    x: Float[Tensor, "N T V C"],
    kept: Float[Tensor, "4 C"],
    norm: nn.BatchNorm2d,
    y: Float[Tensor, "N T V C"] | None = None,
    relu: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Gradients for x (N, T, V, C), weight (C) and bias (C), and with ``y`` for what was added (N, T, V, C).

    Args:
        dy: Contiguous gradient of ``normalized``.
        x: As it was given.
        kept: Likewise.
        norm: Whose weight it was.
        y: The result, if something was added before the ReLU; else the ReLU is told from x.
        relu: Whether there was one.
    """
    C = x.shape[-1]
    rows, programs, block = _sweep(x)
    partial = x.new_empty(programs, 2, C, dtype=torch.float32)
    added = None if y is None else torch.empty_like(dy)
    _backward_sums_kernel[(programs,)](dy, x, y, kept, added, partial, rows, C, ADDED=y is not None, RELU=relu, **block)
    dweight, dbias = x.new_empty(2, C, dtype=torch.float32)
    factors = x.new_empty(3, C, dtype=torch.float32)
    _gradients_kernel[(triton.cdiv(C, 16),)](
        partial, norm.weight, kept, dweight, dbias, factors, programs, rows, C,
        BP=triton.next_power_of_2(programs), BC=16,
    )  # fmt: skip
    dx = torch.empty_like(x)
    _backward_kernel[(triton.cdiv(x.numel(), MAPPED),)](
        dy if added is None else added, x, kept, factors, dx, x.numel(), C,
        MASK=relu and y is None, B=MAPPED, num_warps=8,
    )  # fmt: skip
    return dx, dweight, dbias, added


def _sweep(x: Tensor) -> tuple[int, int, dict[str, int]]:
    """Rows, programs and block of a reduction over rows."""
    rows, C = x.numel() // x.shape[-1], x.shape[-1]
    BC = triton.next_power_of_2(C)
    BR = max(SWEPT // BC, 1)
    return rows, min(PROGRAMS, triton.cdiv(rows, BR)), {"BR": BR, "BC": BC, "num_warps": 8}
