"""Small networks, and checkpoints of them as a run writes them."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from stgcn_torch.checkpoint.writer import WholeFileCheckpointIO
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN

LEG = {"joints": ["Hip", "Knee", "Ankle"], "bones": [["Knee", "Hip"], ["Ankle", "Knee"]], "center": "Hip"}
TINY: dict[str, Any] = {"layout": LEG, "channels": [4, 8], "strides": [1, 2], "temporal_kernel": 3}
CLASSES = ["Axel", "Lutz", "Salchow"]


def trained(**options: Any) -> STGCN:
    """A small network in evaluation mode with nothing at its first value."""
    network = STGCN(**({"num_classes": len(CLASSES)} | TINY | options)).eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("backbone.A"):
            tensor.add_(torch.rand_like(tensor))
    return network


def module_of(**options: Any) -> LitSTGCN:
    """A small Lightning module."""
    preprocessing = PREPROCESSINGS["fixed"].plain | {"window": 8}
    return LitSTGCN({"num_classes": len(CLASSES)} | TINY | options, preprocessing, CLASSES).eval()


def write_ckpt(module: LitSTGCN, path: Path) -> None:
    """Save as a run does."""
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, logger=False, plugins=[WholeFileCheckpointIO()], enable_progress_bar=False
    )
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path, weights_only=True)


def same_state(state: Any, expected: Any) -> bool:
    """Whether two state dicts have the same names and bits."""
    return set(state) == set(expected) and all(torch.equal(state[key], expected[key]) for key in expected)


def one_line(refusal: pytest.ExceptionInfo[ValueError]) -> str:
    """The message, which must be one line."""
    message = str(refusal.value)
    assert message
    assert "\n" not in message
    return message
