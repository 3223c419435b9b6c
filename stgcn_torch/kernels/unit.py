"""One ST-GCN unit in training, forward and backward by hand, on channels-last rows.

The same arithmetic as ``model.STGCNBlock`` without dropout: graph convolution, batch norm, ReLU, temporal convolution,
batch norm, residual, ReLU. By hand, because what autograd would write between the steps costs more time on a large GPU
than the steps: here only the features in front of a batch norm and behind a ReLU ever reach memory. A bias in front of
a batch norm moves its running mean and nothing else, and its gradient is zero.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.kernels import graph_conv, norm


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, A: Tensor, edges: Tensor, gcn: nn.Conv2d, tcn: nn.Sequential, residual: nn.Module | None,
        *parameters: Tensor,
    ) -> Tensor:  # fmt: skip
        N, T, V, C = x.shape
        K = len(A)
        first, _, conv, second, _ = tcn
        weight = gcn.weight.view(K, -1, C).to(x.dtype)  # K D C
        temporal = conv.weight.to(x.dtype, memory_format=torch.channels_last)
        bias = torch.einsum("kd,kvw->wd", gcn.bias.view(K, -1), A).contiguous()
        y = graph_conv.graph_conv(x, weight.transpose(1, 2), A.transpose(1, 2), bias)
        of_first = norm.statistics(y, first)
        h = norm.normalized(y, of_first)
        z = _rows(F.conv2d(_image(h), temporal, None, conv.stride, conv.padding))
        of_second = norm.statistics(z, second, conv.bias)
        shortcut = r = of_third = projection = None
        if isinstance(residual, nn.Sequential):
            projection = residual[0].weight.flatten(1).to(x.dtype)  # D C
            r = x[:, :: conv.stride[0]] @ projection.t()
            of_third = norm.statistics(r, residual[1], residual[0].bias)
            shortcut = norm.normalized(r, of_third, relu=False)
        elif residual is not None:
            shortcut = x
        out = norm.normalized(z, of_second, shortcut)
        ctx.save_for_backward(x, A, edges, weight, temporal, y, of_first, h, z, of_second, out, projection, r, of_third)
        ctx.modules = gcn, tcn, residual
        return out

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:  # type: ignore[override]
        x, A, edges, weight, temporal, y, of_first, h, z, of_second, out, projection, r, of_third = ctx.saved_tensors
        gcn, tcn, residual = ctx.modules
        first, _, conv, second, _ = tcn
        K, D, C = weight.shape
        dz, dsecond_weight, dsecond_bias, dshortcut = norm.gradients(
            dout.contiguous(), z, of_second, second, None if residual is None else out
        )
        dh, dtemporal, _ = torch.ops.aten.convolution_backward(
            _image(dz), _image(h), temporal, None, conv.stride, conv.padding, (1, 1), False, (0, 0), 1,
            (True, True, False),
        )  # fmt: skip
        dy, dfirst_weight, dfirst_bias, dbias = norm.gradients(_rows(dh), y, of_first, first)
        identity = residual is not None and projection is None
        dx = graph_conv.graph_conv(dy, weight, A, added=dshortcut if identity else None)
        dweight, dA = graph_conv.gradients(x, weight.transpose(1, 2), A.transpose(1, 2), edges, dy)
        dA = dA.transpose(1, 2)
        k, source, target = edges
        dA[k, source, target] += (gcn.bias.view(K, D)[k] * dbias[target]).sum(dim=1)
        of_residual: tuple[Tensor, ...] = ()
        if projection is not None:
            dr, dthird_weight, dthird_bias, _ = norm.gradients(dshortcut, r, of_third, residual[1], relu=False)
            seen = x[:, :: conv.stride[0]]
            dx[:, :: conv.stride[0]] += dr @ projection
            dprojection = (dr.flatten(0, 2).t() @ seen.flatten(0, 2)).float()[:, :, None, None]
            of_residual = dprojection, torch.zeros_like(residual[0].bias), dthird_weight, dthird_bias
        return (
            dx, dA, None, None, None, None,
            dweight.transpose(1, 2).reshape_as(gcn.weight), torch.einsum("wd,kvw->kd", dbias, A).flatten(),
            dfirst_weight, dfirst_bias, dtemporal.float(), torch.zeros_like(conv.bias), dsecond_weight, dsecond_bias,
            *of_residual,
        )  # fmt: skip


def unit(
    x: Float[Tensor, "N T V C"],
    A: Float[Tensor, "K V W"],
    edges: Int[Tensor, "3 E"],
    gcn: nn.Conv2d,
    tcn: nn.Sequential,
    residual: nn.Module | None,
) -> Float[Tensor, "N S V D"]:
    """A unit's features from its modules, which are those of ``model.STGCNBlock``; statistics are the batch's.

    Args:
        x: Contiguous rows, float32, bfloat16 or float16: the type of everything between.
        A: Edge importance included; its gradient is given at the edges only.
        edges: Partition, source and target of each edge, int64.
        gcn: Pointwise convolution of all partitions.
        tcn: Batch norm, ReLU, temporal convolution, batch norm, dropout; the last is left out.
        residual: None, the identity, or a convolution and a batch norm.
    """
    modules = (gcn, tcn, residual) if isinstance(residual, nn.Sequential) else (gcn, tcn)
    parameters = [p for module in modules for p in module.parameters()]
    result: Tensor = _Unit.apply(x, A, edges, gcn, tcn, residual, *parameters)  # type: ignore[no-untyped-call]
    return result


def _image(rows: Tensor) -> Tensor:
    """(N, T, V, C) as (N, C, T, V), channels-last in memory."""
    return rows.permute(0, 3, 1, 2)


def _rows(image: Tensor) -> Tensor:
    """(N, C, T, V) as (N, T, V, C), copied only if it is not channels-last."""
    return image.permute(0, 2, 3, 1).contiguous()
