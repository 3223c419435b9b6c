"""No override of any type, in any command, ends in a traceback: it works, or one line says why not.

Every command runs in this process on a small set, its work cut after the first batch.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra.core.global_hydra import GlobalHydra

from stgcn_torch.commands import run_objects
from stgcn_torch.commands.configuration import groups_of
from stgcn_torch.commands.entry import command
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.help import visible
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import write_ckpt

VALUES = [
    *("", "null", "true", "3", "-1", "0", "1.5", "1e30", "-1e-30", "nan", "-inf", "99999999999999999999", "abc"),
    *("[]", "[1]", "[-1,2.5]", "[a,a]", "[null]", "[[1],[2]]", "{}", "{a: 1}", "{rule: every}", "${nothing}"),
    *("${seed}", "${oc.env:NOTHING}", "'???'", "' '", "'a\\'b'", "日本", "0x10", "1_000", "a=b", "[1", "%", "/", "."),
]
EACH = 2  # values of an option in a run of the test
TINY = [
    *("data=arrays", "data.root=set", "layout=coco", "data.channels=[x,y]", "widths=[2,2]", "model.strides=[1,2]"),
    *("preprocessing.window=8", "preprocessing.keep=[x,y]", "epochs=1", "progress_bar=false", "data.batch_size=8"),
    *("data.val.folds=2", "optimizer.lr=0.01", "hydra.run.dir=run"),
]
GIVEN = {
    "train": TINY,
    "check": TINY[:-1],
    "evaluate": ["ckpt_path=a.ckpt", *TINY[:4], "split=val", "data.val.folds=2"],
    "predict": ["ckpt_path=a.ckpt", "input=clips.npy", "out=answers.csv"],
    "explain": ["ckpt_path=a.ckpt", "input=clips.npy", "out=page.html", "top_k=1"],
    "export": ["ckpt_path=a.ckpt", "out=net.pt2"],
    "visualize": ["layout=coco", "only=[skeleton]", "out=figures"],
    "prepare": ["input=clips.npy", "out=prepared", "layout=coco", "channels=[x,y]"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small set, a checkpoint and clips, in the working directory."""
    folder, here = tmp_path_factory.mktemp("overrides"), Path.cwd()
    rng = np.random.default_rng(0)
    (folder / "set").mkdir()
    np.save(folder / "set" / "data.npy", rng.standard_normal((16, 2, 8, 17, 1)).astype(np.float32))
    np.save(folder / "set" / "labels.npy", np.arange(16) % 2)
    np.save(folder / "clips.npy", rng.standard_normal((2, 2, 8, 17, 1)).astype(np.float32))
    preprocessing = PREPROCESSINGS["fixed"].plain | {"window": 8, "channels": ["x", "y"]}
    module = LitSTGCN({"num_classes": 2, "layout": "coco", "channels": [2, 2], "strides": [1, 2]}, preprocessing, "ab")
    write_ckpt(module, folder / "a.ckpt")
    os.chdir(folder)
    yield folder
    os.chdir(here)


@pytest.fixture(autouse=True)
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and evaluation end after a batch, wherever a trainer is made."""
    make = run_objects.trainer_on

    def trainer_on(**options: Any) -> pl.Trainer:
        return make(**{"max_steps": 1, "limit_val_batches": 1, "limit_test_batches": 1} | options)

    monkeypatch.setattr(run_objects, "trainer_on", trainer_on)
    monkeypatch.setenv("COLUMNS", "80")


def run(name: str, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str | None:
    """What a command says as it ends: None if it worked, else its line; anything but one line fails the test."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    GlobalHydra.instance().clear()
    capsys.readouterr()
    code: Any = 0
    try:
        with torch.random.fork_rng():
            command(name)()
    except SystemExit as end:
        code = end.code or 0
    if code in (0, 2 * (name == "check")):
        return None
    said = [line for line in capsys.readouterr().err.strip().splitlines() if " is called " not in line]
    assert code == 1, (words, code, said)
    assert said, words
    assert said[-1].startswith(f"{name}: "), (words, said)
    assert len(said) == 1 or name not in ("train", "check", "evaluate"), (words, said)
    return said[-1]


def overrides(name: str) -> Iterator[str]:
    """Every option of a command with some values, taken away, and added."""
    names = [option.name for option in visible(COMMANDS[name].options)] + groups_of(name)
    for i, option in enumerate(names):
        for j in range(EACH):
            value = VALUES[(7 * i + 11 * j) % len(VALUES)]
            yield f"{('', '+')[i % 2 * j]}{option}={value}"
        yield f"~{option}"
    yield from ("+colour=red", "nothing=1", "~nothing", "+model.colour=red", "=", "a", "+", "hydra.run.dir=null")
    yield from ("--what", "--multrun")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_given_works(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it nothing here would be tested."""
    assert run(name, GIVEN[name], capsys, monkeypatch) is None


@pytest.mark.filterwarnings("ignore")  # of Lightning and torch, about odd but possible values
@pytest.mark.parametrize("name", COMMANDS)
def test_no_override_ends_in_a_traceback(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for override in overrides(name):
        run(name, [*GIVEN[name], override], capsys, monkeypatch)
