"""torch made to round as Paddle's CPU kernels do, for comparisons in float64."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from stgcn_torch.model import STGCN

# Paddle's kernels take these attributes as float32, whatever the tensors are.
EPS = float(np.float32(1e-5))
BN_MOMENTUM = 1 - float(np.float32(0.9))
MOMENTUM = float(np.float32(0.9))
WEIGHT_DECAY = float(np.float32(1e-4))


def take_constants(network: nn.Module) -> None:
    """Give a network's batch norms the constants of Paddle's."""
    for bn in batch_norms(network):
        bn.eps, bn.momentum = EPS, BN_MOMENTUM


def batch_norms(network: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """All batch norms of a network."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]


def train_as_paddle(network: STGCN) -> None:
    """Let a network round in its training steps as Paddle's does.

    The backward pass of Paddle's pooling multiplies by a float32 1 / (T V); its batch norms store the batch's biased
    variance, torch the unbiased one.
    """

    def scale(block: nn.Module, inputs: Any, output: Tensor) -> None:
        size = output.shape[2] * output.shape[3]
        if output.requires_grad:
            output.register_hook(lambda gradient: gradient * (size * float(np.float32(1 / size))))

    network.backbone.st_gcn_networks[-1].register_forward_hook(scale)
    for bn in batch_norms(network):
        keep_biased_variance(bn)


def keep_biased_variance(bn: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    """Let a batch norm's running variance follow the biased variance of its batches."""
    before: list[Tensor] = []

    def remember(module: nn.Module, inputs: tuple[Tensor]) -> None:
        before[:] = [bn.running_var.clone()]

    def correct(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if bn.training:
            x = inputs[0].detach().transpose(0, 1).flatten(1)
            bn.running_var.data.copy_((1 - bn.momentum) * before[0] + bn.momentum * x.var(dim=1, correction=0))

    bn.register_forward_pre_hook(remember)
    bn.register_forward_hook(correct)


def largest_difference(theirs: Any, ours: Any) -> float:
    """Largest absolute difference, relative to the largest absolute value of theirs."""
    expected = np.asarray(theirs.numpy() if hasattr(theirs, "numpy") else theirs, np.float64)
    actual = np.asarray(ours.detach().numpy() if isinstance(ours, Tensor) else ours, np.float64)
    assert expected.shape == actual.shape
    return float(np.abs(expected - actual).max() / np.abs(expected).max())
