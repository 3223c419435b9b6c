"""The same network twice: random weights and statistics in Paddle, carried to torch by the project's name tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from convert.network.keys import convert_state_dict
from stgcn_torch.model import STGCN
from tests.parity import reference
from tests.parity.reference import paddle
from tests.parity.rounding import take_constants


@contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    """Paddle and torch make parameters of this type inside."""
    before = paddle.get_default_dtype(), torch.get_default_dtype()
    paddle.set_default_dtype(dtype)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        paddle.set_default_dtype(before[0])
        torch.set_default_dtype(before[1])


def pair(dtype: str, seed: int = 0, num_classes: int = 30, **options: Any) -> tuple[reference.STGCN, STGCN]:
    """A Paddle network with random weights and statistics, and torch's with the same, both in evaluation mode."""
    with default_dtype(dtype):
        theirs = reference.STGCN(num_classes, **options)
        disturb(theirs, np.random.default_rng(seed), dtype)
        ours = STGCN(num_classes, **options).to(getattr(torch, dtype))
    copy_weights(theirs, ours)
    if dtype == "float64":  # in float32 users have torch's own
        take_constants(ours)
    theirs.eval()
    return theirs, ours.eval()


def disturb(network: paddle.nn.Layer, rng: np.random.Generator, dtype: str) -> None:
    """Give every parameter and statistic a random value of its own, the same float32 number for either type."""
    for name, tensor in network.state_dict().items():
        if name == "backbone.A":
            continue
        if name.endswith("_variance"):
            value = rng.uniform(0.5, 1.5, tensor.shape)
        elif name.endswith((".bias", "_mean")):
            value = rng.normal(0, 0.1, tensor.shape)
        elif len(tensor.shape) == 4:  # a convolution
            value = rng.normal(0, np.sqrt(2 / np.prod(tensor.shape[1:])), tensor.shape)
        else:
            value = rng.normal(1, 0.1, tensor.shape)
        tensor.set_value(value.astype(np.float32).astype(dtype))


def arrays(network: paddle.nn.Layer) -> dict[str, np.ndarray]:
    """A Paddle network's state as arrays."""
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def copy_weights(theirs: paddle.nn.Layer, ours: nn.Module) -> None:
    """Load a Paddle network's state into a torch network, every tensor of it."""
    converted = convert_state_dict(arrays(theirs))
    ours.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in converted.items()})
