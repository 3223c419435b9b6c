"""The article's network in PaddlePaddle, to compare with: ``stgcn_torch/model.py`` line by line, and its graph.

Written from the article's maths for these tests. The graph is spelled out joint by joint, from the tables of bones as
they are published, so that it shares nothing with ``stgcn_torch.graph``.
"""

from collections.abc import Sequence

import numpy as np
import pytest

paddle = pytest.importorskip("paddle", reason="PaddlePaddle is not installed; it comes with [test]")
nn, Tensor = paddle.nn, paddle.Tensor

# Joints, centre and bones of PaddleVideo's layouts, all counted from 0 (it counts those of ntu-rgb+d from 1, and calls
# the third coco_keypoint).
BONES = {
    "fsd10": (
        25,
        8,
        "1-8 0-1 15-0 17-15 16-0 18-16 5-1 6-5 7-6 2-1 3-2 4-3 9-8 10-9 11-10 24-11 22-11 23-22 12-8 13-12 14-13 "
        "21-14 19-14 20-19",
    ),
    "ntu-rgb+d": (
        25,
        20,
        "0-1 1-20 2-20 3-2 4-20 5-4 6-5 7-6 8-20 9-8 10-9 11-10 12-0 13-12 14-13 15-14 16-0 17-16 18-17 19-18 21-22 "
        "22-7 23-24 24-11",
    ),
    "coco": (17, 11, "0-1 0-2 1-3 2-4 3-5 4-6 5-7 6-8 7-9 8-10 5-11 6-12 11-13 12-14 13-15 14-16 11-12"),
}


def hop_distance(layout: str, max_hop: int = 1) -> np.ndarray:
    """Bones on the shortest way: the first power of the adjacency that joins two joints; infinite past ``max_hop``."""
    V, _, bones = BONES[layout]
    linked = np.eye(V)
    for bone in bones.split():
        v, w = map(int, bone.split("-"))
        linked[v, w] = linked[w, v] = 1
    distance = np.full((V, V), np.inf)
    for hop in range(max_hop, -1, -1):
        distance[np.linalg.matrix_power(linked, hop) > 0] = hop
    return distance


def normalized_adjacency(layout: str, max_hop: int = 1) -> np.ndarray:
    """``A D^-1`` of the joints within ``max_hop`` bones: each column sums to 1."""
    A = (hop_distance(layout, max_hop) <= max_hop).astype(float)
    return A @ np.diag(1 / A.sum(axis=0))


def partitions(layout: str, max_hop: int = 1) -> np.ndarray:
    """Root, centripetal and centrifugal joints, by hop distances cut at ``max_hop`` (infinity equals infinity)."""
    V, center, _ = BONES[layout]
    distance, A = hop_distance(layout, max_hop), normalized_adjacency(layout, max_hop)
    stack = []
    for hop in range(max_hop + 1):
        root, close, further = np.zeros((3, V, V))
        for v in range(V):
            for w in range(V):
                if distance[v, w] != hop:
                    continue
                if distance[v, center] == distance[w, center]:
                    root[v, w] = A[v, w]
                elif distance[v, center] > distance[w, center]:
                    close[v, w] = A[v, w]
                else:
                    further[v, w] = A[v, w]
        stack += [root] if hop == 0 else [root + close, further]
    return np.stack(stack)


class SpatialGraphConv(nn.Layer):
    """A pointwise convolution per partition, then the sum over neighbours."""

    def __init__(self, in_channels: int, out_channels: int, K: int) -> None:
        super().__init__()
        self.K = K
        self.conv = nn.Conv2D(in_channels, K * out_channels, kernel_size=1)

    def forward(self, x: Tensor, A: Tensor) -> Tensor:
        """Features (NM, C, T, V) to (NM, D, T, V)."""
        x = self.conv(x)
        NM, KD, T, V = x.shape
        return paddle.einsum("nkctv,kvw->nctw", x.reshape([NM, self.K, KD // self.K, T, V]), A)


class STGCNBlock(nn.Layer):
    """Graph convolution over joints, convolution over frames, residual."""

    def __init__(
        self, in_channels: int, out_channels: int, K: int, stride: int = 1, dropout: float = 0.0, residual: bool = True
    ) -> None:
        super().__init__()
        self.gcn = SpatialGraphConv(in_channels, out_channels, K)
        self.tcn = nn.Sequential(
            nn.BatchNorm2D(out_channels),
            nn.ReLU(),
            nn.Conv2D(out_channels, out_channels, (9, 1), stride=(stride, 1), padding=(4, 0)),
            nn.BatchNorm2D(out_channels),
            nn.Dropout(dropout),
        )
        if not residual:
            self.residual = None
        elif in_channels == out_channels and stride == 1:
            self.residual = nn.Identity()
        else:
            self.residual = nn.Sequential(
                nn.Conv2D(in_channels, out_channels, kernel_size=1, stride=(stride, 1)), nn.BatchNorm2D(out_channels)
            )

    def forward(self, x: Tensor, A: Tensor) -> Tensor:
        """Features (NM, C, T, V) to (NM, D, T / stride, V)."""
        y = self.tcn(self.gcn(x, A))
        return nn.functional.relu(y if self.residual is None else y + self.residual(x))


class STGCNBackbone(nn.Layer):
    """Input batch norm, the blocks with edge importance, and the mean over frames, joints and people."""

    def __init__(
        self,
        A: np.ndarray,
        in_channels: int,
        channels: Sequence[int],
        strides: Sequence[int],
        dropout: float,
        edge_importance: bool,
        data_bn: bool,
    ) -> None:
        super().__init__()
        K, V, _ = A.shape
        self.register_buffer("A", paddle.to_tensor(A, dtype=paddle.get_default_dtype()))
        self.data_bn = nn.BatchNorm1D(V * in_channels) if data_bn else nn.Identity()
        self.st_gcn_networks = nn.LayerList(
            STGCNBlock(c_in, c_out, K, stride, dropout if i else 0.0, residual=i > 0)
            for i, (c_in, c_out, stride) in enumerate(
                zip((in_channels, *channels[:-1]), channels, strides, strict=True)
            )
        )
        ones = nn.initializer.Constant(1.0)
        self.edge_importance = (
            nn.ParameterList([self.create_parameter(A.shape, default_initializer=ones) for _ in channels])
            if edge_importance
            else None
        )
        self.pool = nn.AdaptiveAvgPool2D(output_size=(1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Clips (N, C, T, V, M) to features (N, D)."""
        N, C, T, V, M = x.shape
        x = x.transpose([0, 4, 3, 1, 2]).reshape([N * M, V * C, T])
        x = self.data_bn(x)
        x = x.reshape([N * M, V, C, T]).transpose([0, 2, 3, 1])
        for i, block in enumerate(self.st_gcn_networks):
            x = block(x, self.A if self.edge_importance is None else self.A * self.edge_importance[i])
        return self.pool(x).reshape([N, M, -1]).mean(axis=1)


class STGCNHead(nn.Layer):
    """Class scores by a 1×1 convolution."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.fcn = nn.Conv2D(in_channels, num_classes, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, D) to logits."""
        return self.fcn(x.unsqueeze([2, 3])).flatten(1)


class STGCN(nn.Layer):
    """Clips (N, C, T, V, M) to logits (N, num_classes)."""

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 2,
        layout: str = "fsd10",
        *,
        channels: Sequence[int] = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256),
        strides: Sequence[int] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1),
        dropout: float = 0.0,
        edge_importance: bool = True,
        data_bn: bool = True,
    ) -> None:
        super().__init__()
        self.backbone = STGCNBackbone(
            partitions(layout), in_channels, channels, strides, dropout, edge_importance, data_bn
        )
        self.head = STGCNHead(channels[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Clips (N, C, T, V, M) to logits."""
        return self.head(self.backbone(x))
