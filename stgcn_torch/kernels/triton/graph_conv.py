"""Graph convolution in one Triton kernel, for CUDA: features are read once and written once.

Features are channels-last (N, T, V, C), a matrix with one row per joint and frame. A tile of rows holds whole frames.
Aggregation is a product of the tile with a block-diagonal matrix, one block per frame; the pointwise convolution of a
partition is another product while the tile is still on the chip. The gradient for the input is computed by the
same kernel with every matrix transposed.

The gradients for weights and adjacency share their work. For ``y_w = sum over edges (k, v, w) of A_kvw W_k x_v``, with
``S_e = sum over frames of x_v dy_w^T`` for each edge e, they are ``dW_k = sum over its edges of A_e S_e`` and
``dA_e = <W_k, S_e>``: one product per edge, and each joint has few edges.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

MAX_JOINTS = 128  # a tile holds at least one frame
MAX_EDGES = 1024  # each edge has its own product, 0.3 MB for 256 channels


@triton.jit
def _blocks_kernel(A, out, V, sk, sw, sv, ROWS: tl.constexpr):
    """Block-diagonal matrices (K, ROWS, ROWS), with A[k] repeated for as many frames as fit."""
    i = tl.arange(0, ROWS)
    j = tl.program_id(1) * 16 + tl.arange(0, 16)
    tile_rows = ROWS // V * V
    same_frame = ((i // V)[:, None] == (j // V)[None, :]) & (i < tile_rows)[:, None] & (j < tile_rows)[None, :]
    value = tl.load(A + tl.program_id(0) * sk + (i % V)[:, None] * sw + (j % V)[None, :] * sv, same_frame, 0.0)
    at = (tl.program_id(0) * ROWS + i)[:, None] * ROWS + j[None, :]
    tl.store(out + at, value.to(out.dtype.element_ty))


@triton.jit
def _graph_conv_kernel(
    x, weight, blocks, bias, addend, y, rows, V, C, D, sk, sc, sd,
    K: tl.constexpr, ROWS: tl.constexpr, BC: tl.constexpr, BD: tl.constexpr,
    BIAS: tl.constexpr, ADD: tl.constexpr, RELU: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    i = tl.arange(0, ROWS)
    tile_rows = ROWS // V * V
    row = tl.program_id(0).to(tl.int64) * tile_rows + i
    valid = (i < tile_rows) & (row < rows)
    d = tl.program_id(1) * BD + tl.arange(0, BD)
    total = tl.zeros((ROWS, BD), dtype=tl.float32)
    for k in tl.static_range(K):
        A = tl.load(blocks + (k * ROWS + i)[:, None] * ROWS + i[None, :])
        for c0 in range(0, C, BC):
            c = c0 + tl.arange(0, BC)
            features = tl.load(x + row[:, None] * C + c[None, :], valid[:, None] & (c < C)[None, :], 0.0)
            neighbours = tl.dot(A, features, input_precision=PRECISION).to(x.dtype.element_ty)
            at = k * sk + c[:, None] * sc + d[None, :] * sd
            W = tl.load(weight + at, (c < C)[:, None] & (d < D)[None, :], 0.0)
            total = tl.dot(neighbours, W, total, input_precision=PRECISION)
    inside = valid[:, None] & (d < D)[None, :]
    at = row[:, None] * D + d[None, :]
    if BIAS:
        total += tl.load(bias + (i % V)[:, None] * D + d[None, :], inside, 0.0)
    if ADD:
        total += tl.load(addend + at, inside, 0.0).to(tl.float32)
    if RELU:
        total = tl.maximum(total, 0.0)
    tl.store(y + at, total.to(y.dtype.element_ty), inside)


@triton.jit
def _edge_products_kernel(
    x, dy, source, target, S, frames, frames_of_split, V, C, D, E,
    BF: tl.constexpr, BC: tl.constexpr, BD: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    edge = tl.program_id(0)
    split = tl.program_id(1)
    d_blocks = tl.cdiv(D, BD)
    c = tl.program_id(2) // d_blocks * BC + tl.arange(0, BC)
    d = tl.program_id(2) % d_blocks * BD + tl.arange(0, BD)
    v = tl.load(source + edge)
    w = tl.load(target + edge)
    total = tl.zeros((BC, BD), dtype=tl.float32)
    start = split * frames_of_split
    for f0 in range(start, tl.minimum(start + frames_of_split, frames), BF):
        f = f0 + tl.arange(0, BF)
        valid = f < frames
        row = f.to(tl.int64) * V
        source_rows = tl.load(x + (row + v)[None, :] * C + c[:, None], valid[None, :] & (c < C)[:, None], 0.0)
        target_rows = tl.load(dy + (row + w)[:, None] * D + d[None, :], valid[:, None] & (d < D)[None, :], 0.0)
        total = tl.dot(source_rows, target_rows, total, input_precision=PRECISION)
    at = (split.to(tl.int64) * E + edge) * C * D
    tl.store(S + at + c[:, None] * D + d[None, :], total, (c < C)[:, None] & (d < D)[None, :])


def graph_conv(
    x: Float[Tensor, "N T V C"],
    weight: Float[Tensor, "K C D"],
    A: Float[Tensor, "K W V"],
    bias: Float[Tensor, "W D"] | None = None,
    addend: Float[Tensor, "N T W D"] | None = None,
    relu: bool = False,
) -> Float[Tensor, "N T W D"]:
    """``y_w = sum over k, v of A[k, w, v] x_v weight_k``, plus a bias of each joint, plus ``addend``, and the ReLU.

    Args:
        x: Contiguous, float32, bfloat16 or float16.
        weight: Same dtype as ``x``, any strides.
        A: float32, any strides; the target joint's axis comes before the source joint's.
        bias: Contiguous, float32.
        addend: Contiguous, a residual for instance.
        relu: Whether to apply the ReLU.
    """
    N, T, V, C = x.shape
    K, _, D = weight.shape
    tile = _conv_tile(C, D, V)
    y = x.new_empty(N, T, V, D)
    blocks = x.new_empty(K, tile["ROWS"], tile["ROWS"])
    _blocks_kernel[(K, tile["ROWS"] // 16)](A, blocks, V, *A.stride(), ROWS=tile["ROWS"])
    _graph_conv_kernel[(triton.cdiv(N * T, tile["ROWS"] // V), triton.cdiv(D, tile["BD"]))](
        x, weight, blocks, bias, addend, y, N * T * V, V, C, D, *weight.stride(),
        K=K, BIAS=bias is not None, ADD=addend is not None, RELU=relu, PRECISION=_precision(x), **tile,
    )  # fmt: skip
    return y


def gradients(
    x: Float[Tensor, "N T V C"],
    weight: Float[Tensor, "K C D"],
    A: Float[Tensor, "K W V"],
    edges: Int[Tensor, "3 E"],
    dy: Float[Tensor, "N T W D"],
) -> tuple[Float[Tensor, "K C D"], Float[Tensor, "K W V"]]:
    """Gradients of ``graph_conv`` for weight and A, float32; A's gradient is zero except at the edges.

    Args:
        x: Argument of ``graph_conv``.
        weight: Argument of ``graph_conv``.
        A: Argument of ``graph_conv``.
        edges: Partition, source joint and target joint of each edge, int64.
        dy: Contiguous gradient of the result.
    """
    K, C, D = weight.shape
    k, source, target = edges
    S = _edge_products(x, dy, source, target).view(-1, C * D)
    member = F.one_hot(k, K).to(S.dtype)
    dweight = ((member * A[k, target, source][:, None]).t() @ S).view(K, C, D)
    dA = torch.zeros_like(A)
    dA[k, target, source] = ((S @ weight.float().reshape(K, C * D).t()) * member).sum(dim=1)
    return dweight, dA


def _edge_products(x: Tensor, dy: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Sum over frames of x at the source times dy at the target of each edge, (E, C, D)."""
    N, T, V, C = x.shape
    D, E, frames = dy.shape[3], len(source), N * T
    BF, BC, BD = 64, _block(C, 128), _block(D, 128)
    tiles = triton.cdiv(C, BC) * triton.cdiv(D, BD)
    splits = min(max(512 // (E * tiles), 1), triton.cdiv(frames, BF))  # enough programs for every multiprocessor
    frames_of_split = triton.cdiv(triton.cdiv(frames, splits), BF) * BF
    S = x.new_empty(splits, E, C, D, dtype=torch.float32)
    _edge_products_kernel[(E, splits, tiles)](
        x, dy, source, target, S, frames, frames_of_split, V, C, D, E,
        BF=BF, BC=BC, BD=BD, PRECISION=_precision(x), num_warps=4, num_stages=3,
    )  # fmt: skip
    return S.sum(dim=0) if splits > 1 else S[0]


def _conv_tile(C: int, D: int, V: int) -> dict[str, Any]:
    """Shape of a tile: the fastest one measured on an H100 (docs/performance_gpu.md)."""
    if max(C, D) <= 64 and V <= 64:
        return {"ROWS": 64, "BC": _block(C, 64), "BD": _block(D, 64), "num_warps": 4, "num_stages": 2}
    return {"ROWS": 128, "BC": _block(C, 64), "BD": _block(D, 256), "num_warps": 8, "num_stages": 3}


def _block(n: int, maximum: int) -> int:
    return min(max(triton.next_power_of_2(n), 16), maximum)


def _precision(x: Tensor) -> str:
    return "tf32" if x.dtype == torch.float32 and torch.backends.cuda.matmul.allow_tf32 else "ieee"
