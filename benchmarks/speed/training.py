"""Ways to make a training step: forward, cross entropy, backward, SGD with momentum."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from benchmarks.speed import with_paddle
from benchmarks.speed.setting import EINSUM, Missing, Ready, Setting, Variant, compared
from stgcn_torch.model import STGCN
from stgcn_torch.training.fused import FusedNetwork, hindrance

# Of the largest gradient, float64; measured on ten blocks: 0 (matmul), and 7.9e-9 of Paddle's, the backward pass of
# whose pooling multiplies by a float32 constant. Not in float32: there an activation that rounding puts on the other
# side of ReLU's corner adds or removes its whole gradient, on either side alike.
TOLERANCE = 1e-7
IN_FLOAT32 = (
    1e-3  # of the largest gradient, for kernels without float64; where those corners are; on a card not yet measured
)


def gradients(network: STGCN, forward: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> Tensor:
    """Of the loss by all parameters, as one vector."""
    loss = F.cross_entropy(forward(x), labels)
    return torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, list(network.parameters()))])


def in_float64(aggregation: str, setting: Setting, x: Tensor) -> Tensor:
    """Gradients of the same network and kernel as are timed in float32."""
    network = setting.network(aggregation).double()
    return gradients(network, network, compared(x), setting.labels)


def stepping(network: STGCN, forward: Callable[[Tensor], Tensor], setting: Setting, x: Tensor) -> Callable[[], None]:
    """A training step of a network whose forward pass may be another's than its own."""
    optimizer = torch.optim.SGD(network.parameters(), 0.05, 0.9, weight_decay=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(forward(x), setting.labels).backward()
        optimizer.step()

    return step


def plain(aggregation: str, setting: Setting, x: Tensor) -> Ready:
    """The network in training mode."""
    network = setting.network(aggregation)
    return Ready(stepping(network, network, setting, x), partial(in_float64, aggregation, setting, x))


def fused(setting: Setting, x: Tensor) -> Ready:
    """Through the Triton kernels: compared with features in float32, timed with bfloat16 from one CUDA graph."""
    network = setting.network()
    why = "needs a CUDA device" if setting.device == "cpu" else hindrance(network.backbone)
    if why:
        raise Missing(why)
    exact = FusedNetwork(network.backbone, network.head, captured=False, dtype=torch.float32)
    timed = FusedNetwork(network.backbone, network.head, captured=True)
    found = partial(gradients, network, exact, compared(x, torch.float32), setting.labels)
    return Ready(stepping(network, timed, setting, x), found, torch.bfloat16, tolerance=IN_FLOAT32)


VARIANTS: dict[str, dict[str, Variant]] = {
    "dense": {
        "Paddle, eager": with_paddle.training,
        EINSUM: partial(plain, "einsum"),
        "torch matmul": partial(plain, "matmul"),
        "fused, bfloat16": fused,
    }
}
