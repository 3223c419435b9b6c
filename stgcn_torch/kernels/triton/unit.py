"""One ST-GCN unit in training, forward and backward by hand, on channels-last rows.

The same arithmetic as ``model.STGCNBlock`` without dropout: graph convolution, batch norm, ReLU, temporal convolution,
batch norm, residual, ReLU. By hand, because what would be written between the steps costs more time on a large GPU than
the steps: here only the features in front of a batch norm and behind a ReLU reach memory. A bias in front of a batch
norm moves its running mean and nothing else: its gradient is zero.
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
        first: Batch norm behind the graph convolution.
        tcn: Temporal convolution.
        second: Batch norm behind it.
        projection: Pointwise convolution of the residual and its batch norm, if it has one.
        residual: Whether there is any; without a projection it is the unit's input.
    """

    gcn: nn.Conv2d
    first: nn.BatchNorm2d
    tcn: nn.Conv2d
    second: nn.BatchNorm2d
    projection: tuple[nn.Conv2d, nn.BatchNorm2d] | None
    residual: bool

    @classmethod
    def of(cls, gcn: nn.Module, tcn: nn.Module, residual: nn.Module | None) -> "Layers":
        """From the parts of a ``model.STGCNBlock``."""
        first, _, conv, second, _ = cast(nn.Sequential, tcn)
        projection = cast(Any, tuple(residual)) if isinstance(residual, nn.Sequential) else None
        return cls(cast(Any, gcn), cast(Any, first), cast(Any, conv), cast(Any, second), projection, bool(residual))

    @property
    def parameters(self) -> list[Tensor]:
        """In the order of the gradients that ``_Unit.backward`` returns."""
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
        of_first = norm.statistics(y, layers.first)
        h = norm.normalized(y, of_first)
        z = _rows(F.conv2d(_image(h), temporal, None, layers.tcn.stride, layers.tcn.padding))
        of_second = norm.statistics(z, layers.second, layers.tcn.bias)
        projection = r = of_third = None
        shortcut = x if layers.residual else None
        if layers.projection:
            conv, third = layers.projection
            projection = conv.weight.flatten(1).to(x.dtype)  # D C
            r = x[:, ::stride] @ projection.t()
            of_third = norm.statistics(r, third, conv.bias)
            shortcut = norm.normalized(r, of_third, relu=False)
        out = norm.normalized(z, of_second, shortcut)
        ctx.save_for_backward(x, A, edges, weight, temporal, y, of_first, h, z, of_second, out, projection, r, of_third)
        ctx.layers = layers
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> Any:
        x, A, edges, weight, temporal, y, of_first, h, z, of_second, out, projection, r, of_third = ctx.saved_tensors
        layers: Layers = ctx.layers
        tcn = layers.tcn
        assert layers.gcn.bias is not None
        assert tcn.bias is not None
        K, D, _ = weight.shape
        dz, dsecond_weight, dsecond_bias, dshortcut = norm.gradients(
            dout.contiguous(), z, of_second, layers.second, out if layers.residual else None
        )
        dh, dtemporal, _ = torch.ops.aten.convolution_backward(
            _image(dz), _image(h), temporal, None, tcn.stride, tcn.padding, tcn.dilation, False, (0, 0), 1,
            (True, True, False),
        )  # fmt: skip
        dy, dfirst_weight, dfirst_bias, _ = norm.gradients(_rows(dh), y, of_first, layers.first)
        identity = layers.residual and not layers.projection
        dx = graph_conv.graph_conv(dy, weight, A, added=dshortcut if identity else None)
        dweight, dA = graph_conv.gradients(x, weight.transpose(1, 2), A.transpose(1, 2), edges, dy)
        dA = dA.transpose(1, 2)
        # The bias is in front of the sum over neighbours: it is learned with A.
        dbias = dy.view(-1, dy.shape[2] * D).sum(dim=0, dtype=torch.float32).view(-1, D)
        k, source, target = edges
        dA[k, source, target] += (layers.gcn.bias.view(K, D)[k] * dbias[target]).sum(dim=1)
        of_projection: tuple[Tensor, ...] = ()
        if layers.projection:
            conv, third = layers.projection
            assert conv.bias is not None
            assert dshortcut is not None
            dr, dthird_weight, dthird_bias, _ = norm.gradients(dshortcut, r, of_third, third, relu=False)
            dx[:, :: tcn.stride[0]] += dr @ projection
            dprojection = dr.flatten(0, 2).t() @ x[:, :: tcn.stride[0]].flatten(0, 2)
            of_projection = (
                dprojection.float().view_as(conv.weight), torch.zeros_like(conv.bias), dthird_weight, dthird_bias
            )  # fmt: skip
        return (
            dx, dA, None, None,
            dweight.transpose(1, 2).reshape_as(layers.gcn.weight), torch.einsum("wd,kvw->kd", dbias, A).flatten(),
            dfirst_weight, dfirst_bias, dtemporal.float(), torch.zeros_like(tcn.bias), dsecond_weight, dsecond_bias,
            *of_projection,
        )  # fmt: skip


def unit(
    x: Float[Tensor, "N T V C"], A: Float[Tensor, "K V W"], edges: Int[Tensor, "3 E"], layers: Layers
) -> Float[Tensor, "N S V D"]:
    """A unit's features, with the statistics of the batch; the running ones go on.

    Args:
        x: Contiguous rows, float32, bfloat16 or float16: the type of everything between.
        A: Edge importance included, float32; its gradient is given at the edges only.
        edges: Partition, giving joint and taking joint of each edge, int64.
        layers: The modules, whose weights are float32.
    """
    result: Tensor = _Unit.apply(x, A, edges, layers, *layers.parameters)  # type: ignore[no-untyped-call]
    return result


def _image(rows: Tensor) -> Tensor:
    """(N, T, V, C) as (N, C, T, V), channels-last in memory."""
    return rows.permute(0, 3, 1, 2)


def _rows(image: Tensor) -> Tensor:
    """(N, C, T, V) as (N, T, V, C), copied only if it is not channels-last."""
    return image.permute(0, 2, 3, 1).contiguous()
