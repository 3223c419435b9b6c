"""Ways to make a training step: forward, cross entropy, backward, SGD with momentum."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from benchmarks.speed import with_paddle
from benchmarks.speed.setting import EINSUM, Missing, Ready, Setting, Variant
from stgcn_torch.fused import FusedNetwork, hindrance
from stgcn_torch.model import STGCN

# Of the largest gradient, float32; measured: 0 (matmul), and 6.2e-4 to 1.3e-3 of Paddle's. The einsum network itself is
# 3.6e-4 from its float64: an activation that rounding puts on the other side of ReLU's corner adds or removes its whole
# gradient.
TOLERANCE = 1e-3


def gradients(network: STGCN, forward: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> Tensor:
    """Of the loss by all parameters, as one vector."""
    loss = F.cross_entropy(forward(x), labels)
    return torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, list(network.parameters()))])


def trained(network: STGCN, forward: Callable[[Tensor], Tensor], setting: Setting, x: Tensor) -> Ready:
    """A network whose forward pass may be another's than its own."""
    optimizer = torch.optim.SGD(network.parameters(), 0.05, 0.9, weight_decay=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(forward(x), setting.labels).backward()
        optimizer.step()

    return Ready(step, partial(gradients, network, network, x, setting.labels))


def plain(aggregation: str, setting: Setting, x: Tensor) -> Ready:
    """The network in training mode."""
    network = setting.network(aggregation)
    return trained(network, network, setting, x)


def fused(setting: Setting, x: Tensor) -> Ready:
    """Through the Triton kernels: compared with features in float32, timed with bfloat16 from one CUDA graph."""
    network = setting.network()
    why = "needs a CUDA device" if setting.device == "cpu" else hindrance(network.backbone)
    if why:
        raise Missing(why)
    exact = FusedNetwork(network.backbone, network.head, captured=False, dtype=torch.float32)
    timed = FusedNetwork(network.backbone, network.head, captured=True)
    ready = trained(network, timed, setting, x)
    return Ready(ready.run, partial(gradients, network, exact, x, setting.labels), torch.bfloat16)


VARIANTS: dict[str, dict[str, Variant]] = {
    "dense": {
        "Paddle, eager": with_paddle.training,
        EINSUM: partial(plain, "einsum"),
        "torch matmul": partial(plain, "matmul"),
        "fused, bfloat16": fused,
    }
}
