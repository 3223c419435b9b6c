"""A trained network with its batch norms, edge importance and biases folded: the same function, fewer operations.

Per block, with running statistics frozen, graph convolution, batch norm and ReLU are
``relu(sum over k of W_k x A_k + b)``, and temporal convolution, batch norm and shortcut are
``relu(conv(h) + c + shortcut(x))``. The weights are folded in float64.
"""

import copy
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.model import STGCNBackbone, STGCNBlock


class FoldedBlock(nn.Module):
    """One ST-GCN unit in evaluation mode, folded.

    Attributes:
        A: Adjacency times edge importance, ``A[k, v, w]``.
        pointwise: Pointwise weight times the first batch norm's scale (K, D, C).
        spatial_bias: Pointwise bias, summed over each joint's neighbours, and the first batch norm's shift (D, V).
        temporal: Temporal weight times the second batch norm's scale (D, D, kernel, 1).
        temporal_bias: Bias of temporal convolution, batch norm and shortcut (D).
        shortcut: Shortcut weight times its batch norm's scale (D, C, 1, 1); None for the identity or no shortcut.
        has_shortcut: Whether the block has a shortcut, the identity included.
        stride: Temporal stride, in frames.
    """

    A: Tensor
    pointwise: Tensor
    spatial_bias: Tensor
    temporal: Tensor
    temporal_bias: Tensor
    shortcut: Tensor | None

    def __init__(self, block: STGCNBlock, A: Float[Tensor, "K V V"]) -> None:
        super().__init__()
        norm, _, conv, second_norm, _ = block.tcn
        A = A.detach().double()
        scale, shift = _affine(norm)
        weight, bias = _weight_and_bias(block.gcn.conv)
        K, D = block.gcn.K, scale.numel()
        weight, bias = weight.view(K, D, -1), bias.view(K, D)
        neighbour_bias = torch.einsum("kd,kvw->dw", bias, A)  # the pointwise bias comes from every neighbour
        second_scale, second_shift = _affine(second_norm)
        temporal, temporal_bias = _weight_and_bias(conv)
        temporal_bias = temporal_bias * second_scale + second_shift
        shortcut = None
        if isinstance(block.residual, nn.Sequential):
            residual_scale, residual_shift = _affine(block.residual[1])
            residual, residual_bias = _weight_and_bias(block.residual[0])
            shortcut = residual * residual_scale[:, None, None, None]
            temporal_bias = temporal_bias + residual_bias * residual_scale + residual_shift
        self._register(
            block.gcn.conv.weight,
            A=A,
            pointwise=weight * scale[:, None],
            spatial_bias=neighbour_bias * scale[:, None] + shift[:, None],
            temporal=temporal * second_scale[:, None, None, None],
            temporal_bias=temporal_bias,
            shortcut=shortcut,
        )
        self.has_shortcut = block.residual is not None
        self.stride = cast(nn.Conv2d, conv).stride[0]

    def _register(self, like: Tensor, **tensors: Tensor | None) -> None:
        for name, tensor in tensors.items():
            self.register_buffer(name, None if tensor is None else tensor.to(like))

    @property
    def reach(self) -> int:
        """Frames before and after the centre of the temporal kernel."""
        return self.temporal.shape[2] // 2

    def spatial(self, x: Float[Tensor, "N C T V"]) -> Float[Tensor, "N D T V"]:
        """The hidden features of each frame by itself: graph convolution, batch norm and ReLU."""
        N, C, T, V = x.shape
        K, D, _ = self.pointwise.shape
        # Neighbours are summed first: this takes K V V C multiplications per frame, but K V V D after the pointwise
        # convolution, which takes K V C D either way. So this order never takes more unless a block narrows, which no
        # block of the article does: 32 times less in the first block, half in the two that widen.
        # The K sums over a joint's neighbours are adjacent in memory, so that a single convolution follows; with
        # channels last, nothing is copied from here to the next block.
        frames = x.permute(0, 2, 3, 1).reshape(N * T, V, C)
        A = self.A.permute(2, 0, 1).reshape(V * K, V)
        neighbours = torch.bmm(A.expand(N * T, -1, -1), frames).view(N, T, V, K * C).permute(0, 3, 1, 2)
        h = F.conv2d(neighbours, self.pointwise.transpose(0, 1).reshape(D, K * C, 1, 1))
        return h.add_(self.spatial_bias[:, None, :]).relu_()

    def residual(self, x: Float[Tensor, "N C T V"]) -> Float[Tensor, "N D S V"] | float:
        """The shortcut of the block's input, added before the last ReLU; 0.0 without a shortcut."""
        if not self.has_shortcut:
            return 0.0
        return x if self.shortcut is None else F.conv2d(x, self.shortcut, stride=(self.stride, 1))

    def forward(self, x: Float[Tensor, "N C T V"]) -> Float[Tensor, "N D S V"]:
        """Features (N, C, T, V) to (N, D, S, V), S = ceil(T / stride) frames."""
        return self.output(self.spatial(x), self.residual(x))

    def output(self, h: Float[Tensor, "N D T V"], residual: Float[Tensor, "N D S V"] | float) -> Tensor:
        """The block's output (N, D, S, V) from the results of ``spatial`` and ``residual``."""
        y = F.conv2d(h, self.temporal, self.temporal_bias, (self.stride, 1), (self.reach, 0))
        return torch.relu_(y + residual)


class FoldedSTGCN(nn.Module):
    """Clips to logits, equal to those of the original network in evaluation mode.

    In float32, logits are within 1e-5 of the largest, plus the original network's own rounding. For clips that lie far
    from the origin compared with their spread, that network loses precision: its error is 7e-5 of the largest logit for
    joints at a distance of 500 spreads of 0.01, where the error of the folded network is 3e-7.

    Args:
        backbone: Copied; its running statistics are used in any mode.
        head: Copied; a module from features (N, D) to logits, an ``STGCNHead``.

    Attributes:
        mean: Mean of the input batch norm (C, V).
        scale: Scale of the input batch norm (C, V).
        shift: Bias of the input batch norm (C, V).
    """

    mean: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, backbone: STGCNBackbone, head: nn.Module) -> None:
        super().__init__()
        V = backbone.A.shape[1]
        C = backbone.in_channels
        norm = backbone.data_bn
        mean, scale, shift = torch.zeros(V * C), torch.ones(V * C), torch.zeros(V * C)
        if isinstance(norm, nn.BatchNorm1d):
            assert norm.running_mean is not None
            mean, scale, shift = norm.running_mean, _affine(norm)[0], norm.bias.detach()
        for name, tensor in (("mean", mean), ("scale", scale), ("shift", shift)):
            self.register_buffer(name, tensor.view(V, C).t().to(backbone.A, copy=True).contiguous())
        importance: Any = backbone.edge_importance or [1.0] * len(backbone.st_gcn_networks)
        self.blocks = nn.ModuleList(
            FoldedBlock(cast(STGCNBlock, block), backbone.A * factor)
            for block, factor in zip(backbone.st_gcn_networks, importance, strict=True)
        )
        self.head = copy.deepcopy(head)  # copied, as the backbone's weights are

    def people(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "NM C T V"]:
        """Clips split into people, normalised per joint and coordinate.

        Raises:
            ValueError: Clips have another number of channels or joints.
        """
        N, C, T, V, M = x.shape
        if (C, V) != self.scale.shape:
            channels, joints = self.scale.shape
            raise ValueError(f"clips must have {channels} channels and {joints} joints, got {C} and {V}")
        x = x.permute(0, 4, 1, 2, 3).reshape(N * M, C, T, V)
        # The mean is subtracted first, which avoids rounding for joints near it and costs little on the input.
        return (x - self.mean[:, None, :]) * self.scale[:, None, :] + self.shift[:, None, :]

    def forward(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N num_classes"]:
        """Clips (N, C, T, V, M) to logits (N, num_classes)."""
        N, M = x.shape[0], x.shape[4]
        x = self.people(x)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x.mean(dim=(2, 3)).view(N, M, -1).mean(dim=1))
        return logits


def _affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Scale and shift of a batch norm with its running statistics, in float64."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.detach().double() - norm.running_mean.double() * scale


def _weight_and_bias(conv: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution in float64; a missing bias is zeros."""
    assert isinstance(conv, nn.Conv2d)
    weight = conv.weight.detach().double()
    return weight, weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.detach().double()
