"""Graph convolution in one Triton kernel, for CUDA: features are read once and written once.

Features are rows: channels-last (N, T, V, C), a matrix with one row per joint and frame. A tile of rows holds whole
frames. Aggregation is a product of the tile with a block-diagonal matrix, a block for each frame, the pointwise
convolution of that partition another product while the tile is still on the chip. The gradient for the input is the
same kernel with every matrix transposed.

The gradients for weights and adjacency share their work. Of ``y_w = sum over edges (k, v, w) of A_kvw W_k x_v``, with
``S_e = sum over frames of x_v dy_w^T`` for each edge e, they are ``dW_k = sum over its edges of A_e S_e`` and
``dA_e = <W_k, S_e>``: one product per edge of the graph, and a joint has few.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

MOST_JOINTS = 128  # a tile holds at least one frame
MOST_EDGES = 1024  # each has a product of its own, of 0.3 MB between 256 channels


@triton.jit
def _blocks_kernel(A, out, V, sk, sw, sv, ROWS: tl.constexpr):
    """A[k, w, v] of as many frames as fit, along the diagonal of (K, ROWS, ROWS)."""
    i = tl.arange(0, ROWS)
    j = tl.program_id(1) * 16 + tl.arange(0, 16)
    of_tile = ROWS // V * V
    same = ((i // V)[:, None] == (j // V)[None, :]) & (i < of_tile)[:, None] & (j < of_tile)[None, :]
    value = tl.load(A + tl.program_id(0) * sk + (i % V)[:, None] * sw + (j % V)[None, :] * sv, same, 0.0)
    at = (tl.program_id(0) * ROWS + i)[:, None] * ROWS + j[None, :]
    tl.store(out + at, value.to(out.dtype.element_ty))


@triton.jit
def _graph_conv_kernel(
    x, weight, blocks, bias, added, y, rows, V, C, D, sk, sc, sd,
    K: tl.constexpr, ROWS: tl.constexpr, BC: tl.constexpr, BD: tl.constexpr,
    BIAS: tl.constexpr, ADD: tl.constexpr, RELU: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    i = tl.arange(0, ROWS)
    of_tile = ROWS // V * V
    row = tl.program_id(0).to(tl.int64) * of_tile + i
    here = (i < of_tile) & (row < rows)
    d = tl.program_id(1) * BD + tl.arange(0, BD)
    total = tl.zeros((ROWS, BD), dtype=tl.float32)
    for k in tl.static_range(K):
        A = tl.load(blocks + (k * ROWS + i)[:, None] * ROWS + i[None, :])
        for c0 in range(0, C, BC):
            c = c0 + tl.arange(0, BC)
            features = tl.load(x + row[:, None] * C + c[None, :], here[:, None] & (c < C)[None, :], 0.0)
            neighbours = tl.dot(A, features, input_precision=PRECISION).to(x.dtype.element_ty)
            at = k * sk + c[:, None] * sc + d[None, :] * sd
            W = tl.load(weight + at, (c < C)[:, None] & (d < D)[None, :], 0.0)
            total = tl.dot(neighbours, W, total, input_precision=PRECISION)
    inside = here[:, None] & (d < D)[None, :]
    at = row[:, None] * D + d[None, :]
    if BIAS:
        total += tl.load(bias + (i % V)[:, None] * D + d[None, :], inside, 0.0)
    if ADD:
        total += tl.load(added + at, inside, 0.0).to(tl.float32)
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
    across = tl.cdiv(D, BD)
    c = tl.program_id(2) // across * BC + tl.arange(0, BC)
    d = tl.program_id(2) % across * BD + tl.arange(0, BD)
    v = tl.load(source + edge)
    w = tl.load(target + edge)
    total = tl.zeros((BC, BD), dtype=tl.float32)
    start = split * frames_of_split
    for f0 in range(start, tl.minimum(start + frames_of_split, frames), BF):
        f = f0 + tl.arange(0, BF)
        here = f < frames
        row = f.to(tl.int64) * V
        of_source = tl.load(x + (row + v)[None, :] * C + c[:, None], here[None, :] & (c < C)[:, None], 0.0)
        of_target = tl.load(dy + (row + w)[:, None] * D + d[None, :], here[:, None] & (d < D)[None, :], 0.0)
        total = tl.dot(of_source, of_target, total, input_precision=PRECISION)
    at = (split.to(tl.int64) * E + edge) * C * D
    tl.store(S + at + c[:, None] * D + d[None, :], total, (c < C)[:, None] & (d < D)[None, :])


def graph_conv(
    x: Float[Tensor, "N T V C"],
    weight: Float[Tensor, "K C D"],
    A: Float[Tensor, "K W V"],
    bias: Float[Tensor, "W D"] | None = None,
    added: Float[Tensor, "N T W D"] | None = None,
    relu: bool = False,
) -> Float[Tensor, "N T W D"]:
    """``y_w = sum over k, v of A[k, w, v] x_v weight_k``, plus a bias of each joint, plus ``added``, and the ReLU.

    Args:
        x: Contiguous rows, float32, bfloat16 or float16.
        weight: In the type of ``x``, of any strides.
        A: float32, of any strides; note that the joint that takes comes before the one that gives.
        bias: Contiguous, float32.
        added: Contiguous, such as a residual.
        relu: Whether negative results become zero.
    """
    N, T, V, C = x.shape
    K, _, D = weight.shape
    tile = _conv_tile(C, D, V)
    y = x.new_empty(N, T, V, D)
    blocks = x.new_empty(K, tile["ROWS"], tile["ROWS"])
    _blocks_kernel[(K, tile["ROWS"] // 16)](A, blocks, V, *A.stride(), ROWS=tile["ROWS"])
    _graph_conv_kernel[(triton.cdiv(N * T, tile["ROWS"] // V), triton.cdiv(D, tile["BD"]))](
        x, weight, blocks, bias, added, y, N * T * V, V, C, D, *weight.stride(),
        K=K, BIAS=bias is not None, ADD=added is not None, RELU=relu, PRECISION=_precision(x), **tile,
    )  # fmt: skip
    return y


def gradients(
    x: Float[Tensor, "N T V C"],
    weight: Float[Tensor, "K C D"],
    A: Float[Tensor, "K W V"],
    edges: Int[Tensor, "3 E"],
    dy: Float[Tensor, "N T W D"],
) -> tuple[Float[Tensor, "K C D"], Float[Tensor, "K W V"]]:
    """Gradients of ``graph_conv`` for weight and A, float32; that for A only at the edges, zero elsewhere.

    Args:
        x: As it was given.
        weight: Likewise.
        A: Likewise.
        edges: Partition, giving joint and taking joint of each edge, int64.
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
    """(E, C, D): the sum over frames of x at each edge's source times dy at its target."""
    N, T, V, C = x.shape
    D, E, frames = dy.shape[3], len(source), N * T
    BF, BC, BD = 64, _block(C, 128), _block(D, 128)
    across = triton.cdiv(C, BC) * triton.cdiv(D, BD)
    splits = min(max(512 // (E * across), 1), triton.cdiv(frames, BF))  # enough programs for every multiprocessor
    of_split = triton.cdiv(triton.cdiv(frames, splits), BF) * BF
    S = x.new_empty(splits, E, C, D, dtype=torch.float32)
    _edge_products_kernel[(E, splits, across)](
        x, dy, source, target, S, frames, of_split, V, C, D, E,
        BF=BF, BC=BC, BD=BD, PRECISION=_precision(x), num_warps=4, num_stages=3,
    )  # fmt: skip
    return S.sum(dim=0) if splits > 1 else S[0]


def _conv_tile(C: int, D: int, V: int) -> dict[str, Any]:
    """Shape of a tile: what measured fastest on an H100 (docs/performance_gpu.md)."""
    if max(C, D) <= 64 and V <= 64:
        return {"ROWS": 64, "BC": _block(C, 64), "BD": _block(D, 64), "num_warps": 4, "num_stages": 2}
    return {"ROWS": 128, "BC": _block(C, 64), "BD": _block(D, 256), "num_warps": 8, "num_stages": 3}


def _block(n: int, most: int) -> int:
    return min(max(triton.next_power_of_2(n), 16), most)


def _precision(x: Tensor) -> str:
    return "tf32" if x.dtype == torch.float32 and torch.backends.cuda.matmul.allow_tf32 else "ieee"
