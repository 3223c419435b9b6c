"""One ST-GCN unit in training, with handwritten forward and backward passes, on channels-last features.

The unit computes the same as ``model.STGCNBlock`` without dropout: graph convolution, batch norm, ReLU, temporal
convolution, batch norm, residual, ReLU. On a large GPU, writing intermediate features costs more time than computing
them; here only the features before a batch norm and after a ReLU are written to memory. A bias before a batch norm
changes only the running mean: its gradient is zero.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.kernels.triton import graph_conv, norm


@dataclass(frozen=True)
class Layers:
    """The modules of a unit.

    Attributes:
        gcn: Pointwise convolution of all partitions.
        first: Batch norm after the graph convolution.
        tcn: Temporal convolution.
        second: Batch norm after the temporal convolution.
        projection: Pointwise convolution and batch norm of the residual; None for the identity or no residual.
        residual: Whether the unit has a residual.
    """

    gcn: nn.Conv2d
    first: nn.BatchNorm2d
    tcn: nn.Conv2d
    second: nn.BatchNorm2d
    projection: tuple[nn.Conv2d, nn.BatchNorm2d] | None
    residual: bool

    @classmethod
    def of(cls, gcn: nn.Module, tcn: nn.Module, residual: nn.Module | None) -> "Layers":
        """The layers of a ``model.STGCNBlock``, from its parts."""
        first, _, conv, second, _ = cast(nn.Sequential, tcn)
        projection = cast(Any, tuple(residual)) if isinstance(residual, nn.Sequential) else None
        return cls(cast(Any, gcn), cast(Any, first), cast(Any, conv), cast(Any, second), projection, bool(residual))

    @property
    def parameters(self) -> list[Tensor]:
        """Parameters in the order of the gradients that ``_Unit.backward`` returns."""
        modules = (self.gcn, self.first, self.tcn, self.second, *(self.projection or ()))
        return [p for module in modules for p in (module.weight, module.bias) if p is not None]


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, A: Tensor, edges: Tensor, layers: Layers, *_: Tensor) -> Tensor:
        C, K, stride = x.shape[3], len(A), layers.tcn.stride[0]
        assert layers.gcn.bias is not None
        weight = layers.gcn.weight.view(K, -1, C).to(x.dtype)  # K D C
        temporal = layers.tcn.weight.to(x.dtype, memory_format=torch.channels_last)
        bias = torch.einsum("kd,kvw->wd", layers.gcn.bias.view(K, -1), A).contiguous()
        y = graph_conv.graph_conv(x, weight.transpose(1, 2), A.transpose(1, 2), bias)
        stats_1 = norm.statistics(y, layers.first)
        h = norm.normalize(y, stats_1)
        z = _rows(F.conv2d(_image(h), temporal, None, layers.tcn.stride, layers.tcn.padding))
        stats_2 = norm.statistics(z, layers.second, layers.tcn.bias)
        projection = r = stats_3 = None
        shortcut = x if layers.residual else None
        if layers.projection:
            conv, third = layers.projection
            projection = conv.weight.flatten(1).to(x.dtype)  # D C
            r = x[:, ::stride] @ projection.t()
            stats_3 = norm.statistics(r, third, conv.bias)
            shortcut = norm.normalize(r, stats_3, relu=False)
        out = norm.normalize(z, stats_2, shortcut)
        ctx.save_for_backward(x, A, edges, weight, temporal, y, stats_1, h, z, stats_2, out, projection, r, stats_3)
        ctx.layers = layers
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> Any:
        x, A, edges, weight, temporal, y, stats_1, h, z, stats_2, out, projection, r, stats_3 = ctx.saved_tensors
        layers: Layers = ctx.layers
        tcn = layers.tcn
        assert layers.gcn.bias is not None
        assert tcn.bias is not None
        K, D, _ = weight.shape
        dz, dsecond_weight, dsecond_bias, dshortcut = norm.gradients(
            dout.contiguous(), z, stats_2, layers.second, out if layers.residual else None
        )
        dh, dtemporal, _ = torch.ops.aten.convolution_backward(
            _image(dz), _image(h), temporal, None, tcn.stride, tcn.padding, tcn.dilation, False, (0, 0), 1,
            (True, True, False),
        )  # fmt: skip
        dy, dfirst_weight, dfirst_bias, _ = norm.gradients(_rows(dh), y, stats_1, layers.first)
        identity = layers.residual and not layers.projection
        dx = graph_conv.graph_conv(dy, weight, A, addend=dshortcut if identity else None)
        dweight, dA = graph_conv.gradients(x, weight.transpose(1, 2), A.transpose(1, 2), edges, dy)
        dA = dA.transpose(1, 2)
        # The bias comes before the sum over neighbours, so its gradient contributes to A's.
        dbias = dy.view(-1, dy.shape[2] * D).sum(dim=0, dtype=torch.float32).view(-1, D)
        k, source, target = edges
        dA[k, source, target] += (layers.gcn.bias.view(K, D)[k] * dbias[target]).sum(dim=1)
        projection_gradients: tuple[Tensor, ...] = ()
        if layers.projection:
            conv, third = layers.projection
            assert conv.bias is not None
            assert dshortcut is not None
            dr, dthird_weight, dthird_bias, _ = norm.gradients(dshortcut, r, stats_3, third, relu=False)
            dx[:, :: tcn.stride[0]] += dr @ projection
            dprojection = dr.flatten(0, 2).t() @ x[:, :: tcn.stride[0]].flatten(0, 2)
            projection_gradients = (
                dprojection.float().view_as(conv.weight), torch.zeros_like(conv.bias), dthird_weight, dthird_bias
            )  # fmt: skip
        return (
            dx, dA, None, None,
            dweight.transpose(1, 2).reshape_as(layers.gcn.weight), torch.einsum("wd,kvw->kd", dbias, A).flatten(),
            dfirst_weight, dfirst_bias, dtemporal.float(), torch.zeros_like(tcn.bias), dsecond_weight, dsecond_bias,
            *projection_gradients,
        )  # fmt: skip


def unit(
    x: Float[Tensor, "N T V C"], A: Float[Tensor, "K V W"], edges: Int[Tensor, "3 E"], layers: Layers
) -> Float[Tensor, "N S V D"]:
    """A unit's output, normalised with the batch's statistics; updates the running statistics.

    Args:
        x: Contiguous, float32, bfloat16 or float16, which is also the dtype of all features in the unit.
        A: Adjacency times edge importance, float32; its gradient is computed at the edges only.
        edges: Partition, source joint and target joint of each edge, int64.
        layers: The unit's modules, with float32 weights.
    """
    result: Tensor = _Unit.apply(x, A, edges, layers, *layers.parameters)  # type: ignore[no-untyped-call]
    return result


def _image(rows: Tensor) -> Tensor:
    """(N, T, V, C) as (N, C, T, V), channels-last in memory."""
    return rows.permute(0, 3, 1, 2)


def _rows(image: Tensor) -> Tensor:
    """(N, C, T, V) as (N, T, V, C), copied only if it is not channels-last."""
    return image.permute(0, 2, 3, 1).contiguous()
