"""ST-GCN (arXiv:1801.07455) as PaddleVideo and the article have it: backbone, head, and the two together."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stgcn_torch.graph import adjacency
from stgcn_torch.kernels import aggregator

CHANNELS = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
STRIDES = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)


class SpatialGraphConv(nn.Module):
    """One graph convolution: a pointwise convolution per partition, then the sum over neighbours (Eq. 10)."""

    def __init__(self, in_channels: int, out_channels: int, K: int, aggregation: str = "matmul") -> None:
        super().__init__()
        self.K = K
        self.conv = nn.Conv2d(in_channels, K * out_channels, kernel_size=1)
        self.aggregate = aggregator(aggregation)

    def forward(self, x: Float[Tensor, "NM C T V"], A: Float[Tensor, "K V V"]) -> Float[Tensor, "NM D T V"]:
        """Features (NM, C, T, V) to (NM, D, T, V), where ``A[k, v, w]`` weighs what joint w takes from joint v."""
        x = self.conv(x)
        NM, KD, T, V = x.shape
        return self.aggregate(x.view(NM, self.K, KD // self.K, T, V), A)  # partition-major: channel k * D + d


class STGCNBlock(nn.Module):
    """One ST-GCN unit: graph convolution over joints, convolution over frames, residual (section 3.6)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int,
        *,
        temporal_kernel: int = 9,
        stride: int = 1,
        dropout: float = 0.0,
        residual: bool = True,
        aggregation: str = "matmul",
    ) -> None:
        super().__init__()
        self.gcn = SpatialGraphConv(in_channels, out_channels, K, aggregation)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(
                out_channels, out_channels, (temporal_kernel, 1), stride=(stride, 1), padding=(temporal_kernel // 2, 0)
            ),
            nn.BatchNorm2d(out_channels),
            nn.Dropout(dropout),
        )
        self.residual: nn.Module | None
        if not residual:
            self.residual = None
        elif in_channels == out_channels and stride == 1:
            self.residual = nn.Identity()
        else:
            self.residual = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=(stride, 1)), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Float[Tensor, "NM C T V"], A: Float[Tensor, "K V V"]) -> Float[Tensor, "NM D S V"]:
        """Features (NM, C, T, V) to (NM, D, S, V), S = ceil(T / stride) frames."""
        y = self.tcn(self.gcn(x, A))
        return torch.relu(y if self.residual is None else y + self.residual(x))


class STGCNBackbone(nn.Module):
    """Input batch norm, a stack of ST-GCN blocks with edge importance, and the mean over frames, joints and people.

    Args:
        A: ``A[k, v, w]`` weighs what joint w takes from joint v in partition k.
        in_channels: Coordinates per joint.
        channels: Output channels of each block.
        strides: Temporal stride of each block.
        temporal_kernel: Frames that a temporal convolution sees; odd.
        dropout: Probability in every block but the first, after the second batch norm.
        edge_importance: Learn a factor for each edge of each block (section 3.5, "learnable edge importance").
        data_bn: Normalise the input per joint and coordinate.
        aggregation: Name of a kernel.

    Attributes:
        strides: Of each block, frames.
        temporal_kernel: Frames.
        stride: Frames from one of the last block's features to the next: feature t is centred on frame ``stride * t``.
        reach: Frames before and after its centre that such a feature sees; 76 for the usual ten blocks.

    Raises:
        ValueError: The temporal kernel is even, channels and strides differ in number, or a number is below 1.
    """

    A: Tensor

    def __init__(
        self,
        A: Float[Tensor, "K V V"],
        in_channels: int = 2,
        *,
        channels: Sequence[int] = CHANNELS,
        strides: Sequence[int] = STRIDES,
        temporal_kernel: int = 9,
        dropout: float = 0.0,
        edge_importance: bool = True,
        data_bn: bool = True,
        aggregation: str = "matmul",
    ) -> None:
        super().__init__()
        if temporal_kernel < 1 or temporal_kernel % 2 == 0:
            raise ValueError(f"temporal_kernel must be odd and positive, got {temporal_kernel}")
        if len(channels) != len(strides) or not channels:
            raise ValueError(f"channels and strides must be as many, got {len(channels)} and {len(strides)}")
        if min(in_channels, *channels, *strides) < 1:
            raise ValueError(
                "in_channels, channels and strides must be at least 1, "
                f"got {in_channels}, {list(channels)} and {list(strides)}"
            )
        K, V, _ = A.shape
        self.in_channels, self.strides, self.temporal_kernel = in_channels, tuple(strides), temporal_kernel
        self.stride = math.prod(strides)
        self.reach = temporal_kernel // 2 * sum(math.prod(strides[:i]) for i in range(len(strides)))
        self.register_buffer("A", A)  # persistent: the graph a network was trained with belongs to its weights
        self.data_bn = nn.BatchNorm1d(V * in_channels) if data_bn else nn.Identity()
        self.st_gcn_networks = nn.ModuleList(
            STGCNBlock(
                c_in,
                c_out,
                K,
                temporal_kernel=temporal_kernel,
                stride=stride,
                dropout=dropout if i > 0 else 0.0,
                residual=i > 0,
                aggregation=aggregation,
            )
            for i, (c_in, c_out, stride) in enumerate(
                zip((in_channels, *channels[:-1]), channels, strides, strict=True)
            )
        )
        self.edge_importance = (
            nn.ParameterList(nn.Parameter(torch.ones_like(A)) for _ in channels) if edge_importance else None
        )

    def features(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N M D S V"]:
        """Clips (N, C, T, V, M) to the last block's features, S = ceil(T / stride) frames, before any mean."""
        N, C, T, V, M = x.shape
        x = x.permute(0, 4, 3, 1, 2).reshape(N * M, V * C, T)  # one person per row, joint-major for data_bn
        x = self.data_bn(x)
        x = x.view(N * M, V, C, T).permute(0, 2, 3, 1).contiguous()  # NM C T V
        for i, block in enumerate(self.st_gcn_networks):
            A = self.A if self.edge_importance is None else self.A * self.edge_importance[i]
            x = block(x, A)
        return x.view(N, M, *x.shape[1:])

    def forward(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N D"]:
        """Clips (N, C, T, V, M) to features (N, D), D the last block's channels.

        Padded frames and absent people take part in the mean, as in the released code.
        """
        return self.features(x).mean(dim=(3, 4)).mean(dim=1)


class STGCNHead(nn.Module):
    """Class scores from features: a 1×1 convolution, kept as one so that weights need no reshaping."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        self.fcn = nn.Conv2d(in_channels, num_classes, kernel_size=1)

    def forward(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N num_classes"]:
        """Features (N, D) to logits (N, num_classes)."""
        logits: Tensor = self.fcn(x[:, :, None, None])
        return logits.flatten(1)


def with_absent_people(x: Tensor, slots: int | None) -> Tensor:
    """Clips (N, C, T, V, M) with people of zeros up to so many; features are a mean over people, absent ones included.

    Args:
        x: The clips.
        slots: People in the clips of the training; None to leave them as they are.

    Raises:
        ValueError: There are more people.
    """
    if slots is None or x.shape[-1] == slots:
        return x
    if x.shape[-1] > slots:
        raise ValueError(f"the network was trained on clips of {slots} people, got {x.shape[-1]}: choose whom it sees")
    absent = x.new_zeros((*x.shape[:-1], slots - x.shape[-1]))
    return torch.cat([x, absent], dim=-1)


class STGCN(nn.Module):
    """ST-GCN: clips in, logits out.

    Attributes:
        slots: People in the clips that it was trained on, to which absent ones are added; None if unknown.

    Args:
        num_classes: Number of classes.
        in_channels: Coordinates per joint, 2 for (x, y).
        layout: A layout's name, or a mapping with joints, bones, center and pairs (see ``skeleton``).
        strategy: How neighbours are split into partitions (see ``graph.adjacency``).
        max_hop: Joints up to this many bones apart are neighbours.
        dilation: Step between the hop distances that count as neighbours.
        initialization: ``paddle``, what the article trains from, or ``paddlevideo``.
        channels: Output channels of each block.
        strides: Temporal stride of each block.
        temporal_kernel: Frames that a temporal convolution sees; odd.
        dropout: Probability in every block but the first.
        edge_importance: Learn a factor for each edge of each block.
        data_bn: Normalise the input per joint and coordinate.
        aggregation: Name of a kernel.

    Raises:
        ValueError: A name is unknown, or a number outside its range.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 2,
        layout: str | Mapping[str, Any] = "fsd10",
        *,
        strategy: str = "spatial",
        max_hop: int = 1,
        dilation: int = 1,
        channels: Sequence[int] = CHANNELS,
        strides: Sequence[int] = STRIDES,
        temporal_kernel: int = 9,
        dropout: float = 0.0,
        edge_importance: bool = True,
        data_bn: bool = True,
        aggregation: str = "matmul",
        initialization: str = "paddle",
    ) -> None:
        super().__init__()
        A = torch.from_numpy(adjacency(layout, strategy, max_hop, dilation)).float()
        self.backbone = STGCNBackbone(
            A,
            in_channels,
            channels=channels,
            strides=strides,
            temporal_kernel=temporal_kernel,
            dropout=dropout,
            edge_importance=edge_importance,
            data_bn=data_bn,
            aggregation=aggregation,
        )
        self.head = STGCNHead(channels[-1], num_classes)
        self.slots: int | None = None
        initialize(self, initialization)

    def forward(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N num_classes"]:
        """Clips (N, C, T, V, M) to logits (N, num_classes)."""
        logits: Tensor = self.head(self.backbone(with_absent_people(x, self.slots)))
        return logits


def initialize(model: nn.Module, name: str) -> None:
    """Draw the weights of every convolution and batch norm from torch's global generator.

    Args:
        model: Changed in place.
        name: ``paddle``: convolutions Normal(0, sqrt(2 / fan_in)), the default of Paddle's layers, which the article
            trains from; batch norm weights 1. ``paddlevideo``: convolutions Normal(0, 0.02), batch norm weights
            Normal(1, 0.02), PaddleVideo's ``init_weights``. All biases are 0 in both.

    Raises:
        ValueError: The name is unknown.
    """
    if name not in ("paddle", "paddlevideo"):
        raise ValueError(f"initialization {name!r} is unknown; choose paddle or paddlevideo")
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            if name == "paddle":
                nn.init.kaiming_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and name == "paddlevideo":
            nn.init.normal_(module.weight, 1.0, 0.02)
