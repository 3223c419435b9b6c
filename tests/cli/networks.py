"""Small networks for tests of the converter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convert import write_pdparams
from convert.network.keys import restore_state_dict
from stgcn_torch.checkpoint.reader import load_model
from stgcn_torch.model import STGCN

CHANNELS = [4, 8]
STRIDES = [1, 2]
HAND = {
    "joints": [str(v) for v in range(13)],
    "bones": [[str(v), str((v - 1) // 2)] for v in range(1, 13)],
    "center": "0",
}
Convert = Callable[..., tuple[int, str, str]]


def network(**options: Any) -> STGCN:
    """A network whose tensors are all of their own."""
    torch.manual_seed(0)
    made = STGCN(**{"num_classes": 6, "channels": CHANNELS, "strides": STRIDES} | options)
    for name, tensor in made.state_dict().items():
        if tensor.is_floating_point() and name != "backbone.A":
            tensor.uniform_(0.5, 1.5)
    return made.eval()


def arrays(made: STGCN) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in made.state_dict().items()}


def for_paddle(made: STGCN, path: Path) -> Path:
    """The network in a file of Paddle's."""
    write_pdparams(restore_state_dict(arrays(made)), path)
    return path


def same(path: Path, model: STGCN) -> bool:
    """Whether a file holds the network, to the last bit."""
    loaded, wanted = load_model(path, model.backbone.strides).state_dict(), model.state_dict()
    return list(loaded) == list(wanted) and all(torch.equal(loaded[name], wanted[name]) for name in wanted)
