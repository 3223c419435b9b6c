"""Training steps on a GPU: the network through the Triton kernels, in half precision, replayed from one CUDA graph.

The weights, batch norm's statistics and the loss stay float32; features between the kernels are bfloat16. A step of the
ten-block network has some 700 kernel launches, which take the host longer than their work takes the GPU. The forward
and backward passes are therefore captured once, for the shape of the first batch, and then launched as one graph.
"""

import copy
import importlib.util
import logging
import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stgcn_torch.model import STGCNBackbone, STGCNBlock, STGCNHead

log = logging.getLogger(__name__)

TEMPORAL = [nn.BatchNorm2d, nn.ReLU, nn.Conv2d, nn.BatchNorm2d, nn.Dropout]  # of the block that the kernels train


def hindrance(backbone: STGCNBackbone) -> str | None:
    """The reason why the kernels cannot train this network here; None if they can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    from stgcn_torch.kernels.triton.graph_conv import MAX_EDGES, MAX_JOINTS
    from stgcn_torch.kernels.triton.unit import Layers

    V, E = backbone.A.shape[1], int(backbone.A.count_nonzero())
    if V > MAX_JOINTS or E > MAX_EDGES:
        return f"the graph has {V} joints and {E} edges, the kernels take {MAX_JOINTS} and {MAX_EDGES}"
    for module in backbone.modules():
        if isinstance(module, nn.Dropout) and module.p:
            return f"the kernels have no dropout, the network has {module.p:g}"
        if isinstance(module, nn.SyncBatchNorm):
            return "the kernels have no synchronised batch norm"
    for block in cast(list[STGCNBlock], backbone.st_gcn_networks):
        if [type(layer) for layer in block.tcn] != TEMPORAL:
            return "the kernels train the article's block, and the network's are made otherwise"
        trained = {id(parameter) for parameter in Layers.of(block.gcn.conv, block.tcn, block.residual).parameters}
        if any(id(parameter) not in trained for parameter in block.parameters()):
            return "the kernels train the article's block, and the network's blocks have more in them"

    return None


def failure(backbone: STGCNBackbone, head: STGCNHead, dtype: torch.dtype = torch.bfloat16) -> str | None:
    """The error of a small step through the kernels; None if it succeeds. Tiles may be too large for a GPU."""
    backbone, head = copy.deepcopy(backbone), copy.deepcopy(head)
    frames = 16 * math.prod(conv.stride[0] for conv in backbone.modules() if isinstance(conv, nn.Conv2d))
    x = torch.randn(1, backbone.in_channels, min(frames, 256), backbone.A.shape[1], 1, device=backbone.A.device)
    try:
        FusedNetwork(backbone, head, captured=False, dtype=dtype)(x).sum().backward()  # type: ignore[no-untyped-call]
    except Exception as error:  # errors of Triton, its compiler and the driver share no class
        return f"a step fails with {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return None


class FusedNetwork:
    """A network in training, called once per batch. Not a module: the weights belong to the original network.

    Args:
        backbone: Its weights and running statistics are used and updated.
        head: Its weights are used.
        captured: Whether to replay batches of the first batch's shape from a CUDA graph. Gradients must then be used,
            not accumulated, before the next batch.
        dtype: Dtype of the features between the kernels.
    """

    def __init__(
        self, backbone: STGCNBackbone, head: STGCNHead, *, captured: bool, dtype: torch.dtype = torch.bfloat16
    ) -> None:
        self.network = _Network(backbone, head, dtype)
        self.captured = captured
        self.graph: nn.Module | None = None
        self.shape: torch.Size | None = None  # of the batches that the graph was captured for

    def __call__(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N num_classes"]:
        """Clips on the GPU (N, C, T, V, M) to logits (N, num_classes), float32."""
        with torch.autocast(x.device.type, enabled=False):
            if self.captured and self.graph is None:
                self.graph, self.shape = self._capture(x), x.shape
                self.captured = self.graph is not None
            network = self.network if self.graph is None or x.shape != self.shape else self.graph
            logits: Tensor = network(x)
        return logits

    def _capture(self, x: Tensor) -> nn.Module | None:
        """The network as a CUDA graph, or None; running statistics are restored after the warm-up passes."""
        saved = [buffer.clone() for buffer in self.network.buffers()]
        graph = _Network(self.network.backbone, self.network.head, self.network.dtype)
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)  # capture uses a separate stream
        try:
            torch.cuda.make_graphed_callables(graph, (x.clone(),))
            return graph
        except RuntimeError as error:
            log.warning("batches are not replayed from a CUDA graph: %s", str(error).partition("\n")[0])
            return None
        finally:
            for buffer, value in zip(self.network.buffers(), saved, strict=True):
                buffer.copy_(value)


class _Network(nn.Module):
    """Backbone and head, with the units computed by the kernels."""

    def __init__(self, backbone: STGCNBackbone, head: STGCNHead, dtype: torch.dtype) -> None:
        super().__init__()
        from stgcn_torch.kernels.triton.unit import Layers  # imported here, as Triton may not be installed

        self.backbone, self.head, self.dtype = backbone, head, dtype
        blocks = cast(list[STGCNBlock], backbone.st_gcn_networks)
        self.units = [Layers.of(block.gcn.conv, block.tcn, block.residual) for block in blocks]
        # Computed once: nonzero in every step would make the host wait for the GPU.
        self.edges = (backbone.A.nonzero().t().contiguous(),)

    def forward(self, x: Tensor) -> Tensor:
        from stgcn_torch.kernels.triton.unit import unit

        N, C, T, V, M = x.shape
        x = self.backbone.data_bn(x.permute(0, 4, 3, 1, 2).reshape(N * M, V * C, T))
        x = x.view(N * M, V, C, T).permute(0, 3, 1, 2).to(self.dtype).contiguous()  # NM T V C
        for i, layers in enumerate(self.units):
            importance = self.backbone.edge_importance
            A = self.backbone.A if importance is None else self.backbone.A * importance[i]
            x = unit(x, A, self.edges[0], layers)
        x = x.mean(dim=(1, 2), dtype=torch.float32)
        logits: Tensor = self.head(x.view(N, M, -1).mean(dim=1))
        return logits
