"""Commands run in this process, on a small set, with their work cut after the first batch."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra.core.global_hydra import GlobalHydra

from stgcn_torch.commands import run_objects
from stgcn_torch.commands.entry import command
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import write_ckpt

DATA = ["data=arrays", "data.root=set", "layout=coco", "data.channels=[x,y]"]
SMALL = [
    *("widths=[2,2]", "model.strides=[1,2]", "preprocessing.window=8", "preprocessing.keep=[x,y]"),
    *("epochs=1", "progress_bar=false", "data.batch_size=8", "data.val.folds=2", "hydra.run.dir=run"),
]


class Said(NamedTuple):
    """How a command ended."""

    code: object
    out: str
    err: str


def write_files(folder: Path) -> None:
    """A set, clips, and a checkpoint of a network for them."""
    rng = np.random.default_rng(0)
    (folder / "set").mkdir()
    np.save(folder / "set" / "data.npy", rng.standard_normal((16, 2, 8, 17, 1)).astype(np.float32))
    np.save(folder / "set" / "labels.npy", np.arange(16) % 2)
    np.save(folder / "clips.npy", rng.standard_normal((3, 2, 8, 17, 1)).astype(np.float32))
    preprocessing = PREPROCESSINGS["fixed"].plain | {"window": 8, "channels": ["x", "y"]}
    model = {"num_classes": 2, "layout": "coco", "channels": [2, 2], "strides": [1, 2]}
    write_ckpt(LitSTGCN(model, preprocessing, ["a", "b"]), folder / "best.ckpt")


def cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """End training and evaluation after a batch, wherever a trainer is made."""
    make = run_objects.trainer_on

    def trainer_on(**options: Any) -> pl.Trainer:
        return make(**{"max_steps": 1, "limit_val_batches": 1, "limit_test_batches": 1} | options)

    monkeypatch.setattr(run_objects, "trainer_on", trainer_on)


def run(name: str, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Type a command in the working directory; whatever it raises but its end comes out."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    GlobalHydra.instance().clear()
    capsys.readouterr()
    code: object = 0
    try:
        with torch.random.fork_rng():
            command(name)()
    except SystemExit as end:
        code = end.code or 0
    return Said(code, *capsys.readouterr())


def line_of(name: str, said: Said) -> str:
    """The one line that refuses a command; anything else fails the test."""
    lines = [line for line in said.err.strip().splitlines() if " is called " not in line]
    assert said.code == 1, said
    assert len(lines) == 1, said.err
    assert lines[0].startswith(f"{name}: "), said.err
    return lines[0]
