"""Training steps on a GPU: the network through the Triton kernels, in half precision, replayed from one CUDA graph.

The weights stay where they are, in float32, and so do batch norm's statistics and the loss; features between the
kernels are bfloat16. A step of the ten-block network is some 700 launches, which keep a host longer than the GPU: the
forward and the backward pass of the first batch's shape are therefore captured once and then launched as one.
"""

import importlib.util
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stgcn_torch.model import STGCNBackbone, STGCNHead


def hindrance(backbone: STGCNBackbone) -> str | None:
    """Why the kernels cannot train this network here, or None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    from stgcn_torch.kernels.graph_conv import MOST_JOINTS

    V = backbone.A.shape[1]
    if V > MOST_JOINTS:
        return f"the layout has {V} joints, the kernels take {MOST_JOINTS}"
    for module in backbone.modules():
        if isinstance(module, nn.Dropout) and module.p:
            return f"the kernels have no dropout, the network has {module.p:g}"
        if isinstance(module, nn.SyncBatchNorm):
            return "the kernels have no synchronised batch norm"
    return None


class FusedNetwork:
    """A network in training, made to be called as often as there are batches. Not a module: it owns no weights.

    Args:
        backbone: Whose weights and statistics are used and change.
        head: Likewise.
        captured: Whether batches of the first one's shape are replayed from a CUDA graph. Gradients must then be used
            up, not accumulated, before the next batch.
        dtype: Of the features between the kernels.
    """

    def __init__(
        self, backbone: STGCNBackbone, head: STGCNHead, *, captured: bool, dtype: torch.dtype = torch.bfloat16
    ) -> None:
        self.network = _Network(backbone, head, dtype)
        self.graph: nn.Module | None = None
        self.captured = captured
        self.shape: torch.Size | None = None

    def __call__(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N num_classes"]:
        """Clips on the GPU (N, C, T, V, M) to logits (N, num_classes), float32."""
        with torch.autocast("cuda", enabled=False):
            if self.captured and self.shape is None:
                self.shape = x.shape
                self.graph = self._capture(x)
            if self.graph is not None and x.shape == self.shape:
                return self.graph(x)  # type: ignore[no-any-return]
            return self.network(x)  # type: ignore[no-any-return]

    def _capture(self, x: Tensor) -> nn.Module:
        """The network as a CUDA graph; the passes that warm it up leave no trace in the running statistics."""
        before = [buffer.clone() for buffer in self.network.buffers()]
        graph = _Network(self.network.backbone, self.network.head, self.network.dtype)
        torch.cuda.make_graphed_callables(graph, (x.clone(),))
        for buffer, value in zip(self.network.buffers(), before, strict=True):
            buffer.copy_(value)
        return graph


class _Network(nn.Module):
    """The network over the units' kernels."""

    def __init__(self, backbone: STGCNBackbone, head: STGCNHead, dtype: torch.dtype) -> None:
        super().__init__()
        self.backbone, self.head, self.dtype = backbone, head, dtype
        # Found once: to look for them in every step would let the host wait for the GPU.
        self.edges = [backbone.A.nonzero().t().contiguous()]

    def forward(self, x: Tensor) -> Tensor:
        from stgcn_torch.kernels.unit import unit

        backbone = self.backbone
        N, C, T, V, M = x.shape
        x = backbone.data_bn(x.permute(0, 4, 3, 1, 2).reshape(N * M, V * C, T))
        x = x.view(N * M, V, C, T).permute(0, 3, 1, 2).to(self.dtype).contiguous()  # NM T V C
        for block, A in zip(backbone.st_gcn_networks, self._graphs(), strict=True):
            x = unit(x, A, self.edges[0], block.gcn.conv, block.tcn, block.residual)
        x = x.mean(dim=(1, 2), dtype=torch.float32)
        logits: Tensor = self.head(x.view(N, M, -1).mean(dim=1))
        return logits

    def _graphs(self) -> Iterator[Tensor]:
        backbone = self.backbone
        for i in range(len(backbone.st_gcn_networks)):
            yield backbone.A if backbone.edge_importance is None else backbone.A * backbone.edge_importance[i]
