"""Batch norm with residual and ReLU in two passes over channels-last features, for CUDA.

A training step on a large GPU is bound by the number of times that features travel between memory and chip. Here both
passes of batch norm read the features once, and the second pass also adds the residual and applies the ReLU.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor, nn

REDUCTION_BLOCK = 4096  # elements that a program of a reduction loads at a time
PROGRAMS = 528  # of a reduction: four for each multiprocessor of a large chip
MAP_BLOCK = 2048  # elements per program of an elementwise kernel


@triton.jit
def _sums_kernel(x, partial, rows, C, BR: tl.constexpr, BC: tl.constexpr):
    """Sum and sum of squares of each channel relative to the first row, so that a large mean costs no precision."""
    c = tl.arange(0, BC)
    inside = c < C
    first = tl.load(x + c, inside, 0.0).to(tl.float32)
    total = tl.zeros((BR, BC), dtype=tl.float32)
    squares = tl.zeros((BR, BC), dtype=tl.float32)
    for start in range(tl.program_id(0) * BR, rows, tl.num_programs(0) * BR):
        row = start + tl.arange(0, BR)
        mask = (row < rows)[:, None] & inside[None, :]
        value = tl.load(x + row.to(tl.int64)[:, None] * C + c[None, :], mask, 0.0).to(tl.float32)
        value = tl.where(mask, value - first[None, :], 0.0)
        total += value
        squares += value * value
    at = partial + tl.program_id(0) * 2 * C + c
    tl.store(at, tl.sum(total, 0), inside)
    tl.store(at + C, tl.sum(squares, 0), inside)


@triton.jit
def _statistics_kernel(
    partial, x, weight, bias, offset, running_mean, running_var, stats, programs, rows, C, momentum, eps,
    OFFSET: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Mean, reciprocal deviation, scale and shift of each channel from partial sums; updates the running statistics."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < C
    p = tl.arange(0, BP)
    mask = (p < programs)[:, None] & inside[None, :]
    at = partial + p[:, None] * 2 * C + c[None, :]
    mean_shift = tl.sum(tl.load(at, mask, 0.0), 0) / rows
    var = tl.maximum(tl.sum(tl.load(at + C, mask, 0.0), 0) / rows - mean_shift * mean_shift, 0.0)
    mean = tl.load(x + c, inside, 0.0).to(tl.float32) + mean_shift
    rstd = 1.0 / tl.sqrt(var + eps)
    scale = tl.load(weight + c, inside, 0.0) * rstd
    tl.store(stats + c, mean, inside)
    tl.store(stats + C + c, rstd, inside)
    tl.store(stats + 2 * C + c, scale, inside)
    tl.store(stats + 3 * C + c, tl.load(bias + c, inside, 0.0) - mean * scale, inside)
    if OFFSET:
        mean += tl.load(offset + c, inside, 0.0)
    before = tl.load(running_mean + c, inside, 0.0)
    tl.store(running_mean + c, before + momentum * (mean - before), inside)
    before = tl.load(running_var + c, inside, 0.0)
    tl.store(running_var + c, before + momentum * (var * (rows / (rows - 1.0)) - before), inside)


@triton.jit
def _apply_kernel(x, stats, residual, y, size, C, RESIDUAL: tl.constexpr, RELU: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = i < size
    c = i % C
    value = tl.load(x + i, inside, 0.0).to(tl.float32)
    value = value * tl.load(stats + 2 * C + c, inside, 0.0) + tl.load(stats + 3 * C + c, inside, 0.0)
    if RESIDUAL:
        value += tl.load(residual + i, inside, 0.0).to(tl.float32)
    if RELU:
        value = tl.maximum(value, 0.0)
    tl.store(y + i, value.to(y.dtype.element_ty), inside)


@triton.jit
def _backward_sums_kernel(
    dy, x, y, stats, dresidual, partial, rows, C,
    RESIDUAL: tl.constexpr, RELU: tl.constexpr, BR: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Sums of the ReLU-masked gradient, plain and times the centred features; stores that gradient for a residual."""
    c = tl.arange(0, BC)
    inside = c < C
    mean = tl.load(stats + c, inside, 0.0)
    scale = tl.load(stats + 2 * C + c, inside, 0.0)
    shift = tl.load(stats + 3 * C + c, inside, 0.0)
    total = tl.zeros((BR, BC), dtype=tl.float32)
    products = tl.zeros((BR, BC), dtype=tl.float32)
    for start in range(tl.program_id(0) * BR, rows, tl.num_programs(0) * BR):
        row = start + tl.arange(0, BR)
        mask = (row < rows)[:, None] & inside[None, :]
        at = row.to(tl.int64)[:, None] * C + c[None, :]
        gradient = tl.load(dy + at, mask, 0.0).to(tl.float32)
        value = tl.load(x + at, mask, 0.0).to(tl.float32)
        if RELU:
            result = tl.load(y + at, mask, 0.0).to(tl.float32) if RESIDUAL else value * scale[None, :] + shift[None, :]
            gradient = tl.where(result > 0, gradient, 0.0)
        if RESIDUAL:
            tl.store(dresidual + at, gradient.to(dresidual.dtype.element_ty), mask)
        total += gradient
        products += gradient * (value - mean[None, :])
    at = partial + tl.program_id(0) * 2 * C + c
    tl.store(at, tl.sum(total, 0), inside)
    tl.store(at + C, tl.sum(products, 0), inside)


@triton.jit
def _gradients_kernel(
    partial, weight, stats, dweight, dbias, factors, programs, rows, C, BP: tl.constexpr, BC: tl.constexpr
):
    """From partial sums, the gradients of weight and bias, and the factors of dx = a·gradient + b·x + c per channel."""
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    inside = c < C
    p = tl.arange(0, BP)
    mask = (p < programs)[:, None] & inside[None, :]
    at = partial + p[:, None] * 2 * C + c[None, :]
    total = tl.sum(tl.load(at, mask, 0.0), 0)
    products = tl.sum(tl.load(at + C, mask, 0.0), 0)
    mean = tl.load(stats + c, inside, 0.0)
    rstd = tl.load(stats + C + c, inside, 0.0)
    tl.store(dbias + c, total, inside)
    tl.store(dweight + c, products * rstd, inside)
    a = tl.load(weight + c, inside, 0.0) * rstd
    b = -a * rstd * rstd * products / rows
    tl.store(factors + c, a, inside)
    tl.store(factors + C + c, b, inside)
    tl.store(factors + 2 * C + c, -a * total / rows - b * mean, inside)


@triton.jit
def _backward_kernel(g, x, stats, factors, dx, size, C, MASK: tl.constexpr, B: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    inside = i < size
    c = i % C
    gradient = tl.load(g + i, inside, 0.0).to(tl.float32)
    value = tl.load(x + i, inside, 0.0).to(tl.float32)
    if MASK:
        scale = tl.load(stats + 2 * C + c, inside, 0.0)
        shift = tl.load(stats + 3 * C + c, inside, 0.0)
        gradient = tl.where(value * scale + shift > 0, gradient, 0.0)
    a = tl.load(factors + c, inside, 0.0)
    b = tl.load(factors + C + c, inside, 0.0)
    value = a * gradient + b * value + tl.load(factors + 2 * C + c, inside, 0.0)
    tl.store(dx + i, value.to(dx.dtype.element_ty), inside)


def statistics(
    x: Float[Tensor, "N T V C"], norm: nn.BatchNorm2d, offset: Float[Tensor, "C"] | None = None
) -> Float[Tensor, "4 C"]:
    """Mean, reciprocal deviation, scale and shift of each channel over the batch, float32; updates running statistics.

    Args:
        x: Contiguous features.
        norm: A batch norm with affine weights, running statistics and a momentum.
        offset: A bias that was left out of x; it changes only the running mean.
    """
    C = x.shape[-1]
    rows, programs, block = _reduction(x)
    partial = x.new_empty(programs, 2, C, dtype=torch.float32)
    stats = x.new_empty(4, C, dtype=torch.float32)
    _sums_kernel[(programs,)](x, partial, rows, C, **block)
    _statistics_kernel[(triton.cdiv(C, 16),)](
        partial, x, norm.weight, norm.bias, offset, norm.running_mean, norm.running_var, stats, programs, rows, C,
        norm.momentum, norm.eps, OFFSET=offset is not None, BP=triton.next_power_of_2(programs), BC=16,
    )  # fmt: skip
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    return stats


def normalize(
    x: Float[Tensor, "N T V C"],
    stats: Float[Tensor, "4 C"],
    residual: Float[Tensor, "N T V C"] | None = None,
    relu: bool = True,
) -> Float[Tensor, "N T V C"]:
    """Features normalised by the result of ``statistics``, plus the residual, then the ReLU."""
    y = torch.empty_like(x)
    _apply_kernel[(triton.cdiv(x.numel(), MAP_BLOCK),)](
        x, stats, residual, y, x.numel(), x.shape[-1],
        RESIDUAL=residual is not None, RELU=relu, B=MAP_BLOCK, num_warps=8,
    )  # fmt: skip
    return y


def gradients(
    dy: Float[Tensor, "N T V C"],
    x: Float[Tensor, "N T V C"],
    stats: Float[Tensor, "4 C"],
    norm: nn.BatchNorm2d,
    y: Float[Tensor, "N T V C"] | None = None,
    relu: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Gradients for x (N, T, V, C), weight (C), bias (C) and, given ``y``, the residual (N, T, V, C), else None.

    Args:
        dy: Contiguous gradient of ``normalize``'s result.
        x: Argument of ``normalize``.
        stats: Result of ``statistics``.
        norm: The batch norm.
        y: Result of ``normalize`` if a residual was added; without a residual, the ReLU's mask is recomputed from x.
        relu: Whether the ReLU was applied.
    """
    C = x.shape[-1]
    rows, programs, block = _reduction(x)
    partial = x.new_empty(programs, 2, C, dtype=torch.float32)
    dresidual = None if y is None else torch.empty_like(dy)
    _backward_sums_kernel[(programs,)](
        dy, x, y, stats, dresidual, partial, rows, C, RESIDUAL=y is not None, RELU=relu, **block
    )
    dweight, dbias = x.new_empty(2, C, dtype=torch.float32)
    factors = x.new_empty(3, C, dtype=torch.float32)
    _gradients_kernel[(triton.cdiv(C, 16),)](
        partial, norm.weight, stats, dweight, dbias, factors, programs, rows, C,
        BP=triton.next_power_of_2(programs), BC=16,
    )  # fmt: skip
    dx = torch.empty_like(x)
    _backward_kernel[(triton.cdiv(x.numel(), MAP_BLOCK),)](
        dy if dresidual is None else dresidual, x, stats, factors, dx, x.numel(), C,
        MASK=relu and y is None, B=MAP_BLOCK, num_warps=8,
    )  # fmt: skip
    return dx, dweight, dbias, dresidual


def _reduction(x: Tensor) -> tuple[int, int, dict[str, int]]:
    """Number of rows, number of programs and block sizes of a reduction over rows."""
    rows, C = x.numel() // x.shape[-1], x.shape[-1]
    BC = triton.next_power_of_2(C)
    BR = max(REDUCTION_BLOCK // BC, 1)
    return rows, min(PROGRAMS, triton.cdiv(rows, BR)), {"BR": BR, "BC": BC, "num_warps": 8}
