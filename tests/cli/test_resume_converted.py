"""A run goes on from Paddle's files as from its own checkpoint: the end is the same to the last bit."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from convert import read_pdparams, write_pdopt, write_pdparams
from convert.network.keys import restore_state_dict
from convert.network.network import find_network
from convert.network.optimizer import find_momentum
from convert.network.recipes import constant
from convert.outputs.lightning import write_ckpt
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.training.lit import LitSTGCN
from tests.cli.commands import CLIPS, Command, arguments, environment

# PaddleVideo's recipe, and what Paddle's files do not know: dropout, augmentation, label smoothing, the seed.
RECIPE = [
    "experiment=paddlevideo_fsd",
    "scheduler.t_max=90",
    "widths=[4,4,8]",
    "model.strides=[1,1,2]",
    "model.dropout=0.2",
    "augmentation.noise=0.01",
    "label_smoothing=0.1",
    "seed=3",
    "data.batch_size=32",
    "data.val={rule:folds,folds:4,fold:0,seed:0}",
    "progress_bar=false",
]


def paddle_files(checkpoint: Path, folder: Path) -> tuple[Path, Path]:
    """What Paddle would have saved where this checkpoint was: weights, and the optimizer's state."""
    held = torch.load(checkpoint, weights_only=True)
    (optimizer,), (schedule,) = held["optimizer_states"], held["lr_schedulers"]
    names = [name for name, _ in LitSTGCN.load_from_checkpoint(checkpoint).named_parameters()]
    velocities = {names[i]: state["momentum_buffer"].numpy() for i, state in optimizer["state"].items()}
    progress = {"last_epoch": schedule["last_epoch"], "last_lr": schedule["_last_lr"][0]}
    weights = {name: value.numpy() for name, value in held["state_dict"].items()}
    files = folder / "model.pdparams", folder / "model.pdopt"
    write_pdparams(restore_state_dict(weights), files[0])
    write_pdopt(restore_state_dict(velocities), progress, files[1])
    return files


def carried(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint by way of Paddle's files."""
    weights, optimizer = paddle_files(checkpoint, folder)
    network = find_network(read_pdparams(weights))
    momentum = find_momentum(read_pdparams(optimizer), network)
    write_ckpt(network, PREPROCESSINGS["paddlevideo"], folder / "converted.ckpt", momentum)
    return folder / "converted.ckpt"


def parts(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Weights, running statistics and momentum, without the count of batches, which Paddle does not keep."""
    held = torch.load(checkpoint, weights_only=True)
    momentum = held["optimizer_states"][0]["state"]
    state = {name: value for name, value in held["state_dict"].items() if not name.endswith("num_batches_tracked")}
    return state | {f"momentum {i}": state["momentum_buffer"] for i, state in momentum.items()}


def rows(run: Path) -> list[dict[str, str]]:
    """``metrics.csv``, without the count of steps."""
    header, *lines = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    assert header[1] == "step"
    return [dict(zip(header, [line[0], "", *line[2:]], strict=True)) for line in lines]


@pytest.fixture(scope="module")
def recipe(skating: Path) -> list[str]:
    classes = len((skating / "classes.txt").read_text().splitlines())
    return [*RECIPE, f"data.root={skating}", f"data.num_classes={classes}"]


@pytest.fixture(scope="module")
def converted(recipe: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's first epoch, carried through Paddle's files."""
    folder = tmp_path_factory.mktemp("converted")
    begun = arguments("train", *recipe, "epochs=1", "hydra.run.dir=begun")
    subprocess.run(begun, cwd=folder, env=environment(), check=True, capture_output=True)
    return carried(folder / "begun" / "checkpoints" / "last.ckpt", folder)


def test_a_run_goes_on_from_paddle_s_files(
    command: Command, recipe: list[str], converted: Path, tmp_path: Path
) -> None:
    command("train", *recipe, "epochs=3", "hydra.run.dir=alone")
    command("train", *recipe, "epochs=3", f"ckpt_path={converted}", "hydra.run.dir=resumed")
    alone, resumed = (parts(tmp_path / run / "checkpoints" / "last.ckpt") for run in ("alone", "resumed"))
    assert alone.keys() == resumed.keys()
    assert [name for name in alone if not torch.equal(alone[name], resumed[name])] == []
    assert rows(tmp_path / "resumed") == rows(tmp_path / "alone")[1:]


def test_a_run_goes_on_at_a_constant_rate(command: Command, recipe: list[str], converted: Path, tmp_path: Path) -> None:
    """Its momentum and weights are taken; its epochs, which nobody counted, begin anew."""
    weights, optimizer = paddle_files(converted, tmp_path)
    network = find_network(read_pdparams(weights))
    momentum = replace(find_momentum(read_pdparams(optimizer), network), schedule=None)
    held = tmp_path / "constant.ckpt"
    write_ckpt(network, PREPROCESSINGS["paddlevideo"], held, momentum, constant(0.02))
    steady = [override for override in recipe if not override.startswith("scheduler.")]
    steady += ["scheduler=constant", "optimizer.lr=0.02", "epochs=1", f"ckpt_path={held}"]
    command("train", *steady, "hydra.run.dir=steady")
    last = torch.load(tmp_path / "steady" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == 0.02
    assert len(rows(tmp_path / "steady")) == 1


def test_it_does_not_go_on_with_another_network_or_recipe(command: Command, recipe: list[str], converted: Path) -> None:
    other = ["optimizer.weight_decay=5e-4", "scheduler.t_max=60", "model.strides=[1,2,2]", "preprocessing.window=300"]
    said = command("train", *recipe, f"ckpt_path={converted}", "hydra.run.dir=other", *other, code=1).stderr
    for difference in (
        "model.strides is [1, 2, 2], was [1, 1, 2]",
        "optimizer.weight_decay is 0.0005, was 0.0001",
        "preprocessing.window is 300, was 350",
        "scheduler.t_max is 60, was 90",
    ):
        assert difference in said
    assert said.count(", was ") == 4


def test_its_preprocessing_goes_with_it(
    command: Command, recipe: list[str], converted: Path, skating: Path, tmp_path: Path
) -> None:
    data = ["data=fsd10", *(override for override in recipe if override.startswith("data."))]
    assert "top-1" in command("evaluate", f"ckpt_path={converted}", *data).stdout
    command("predict", f"ckpt_path={converted}", f"input={skating}/test_data.npy")
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 1 + CLIPS["test"]
