"""``python -m stgcn_torch.train``: what a run does, leaves and says."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from stgcn_torch.checkpoint.reader import load_model
from stgcn_torch.graph import adjacency
from tests.cli.commands import Command, environment


def test_a_run_leaves_what_the_readme_says(trained: Path) -> None:
    left = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    wanted = {
        "config.yaml",
        "metrics.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "report/results.json",
        "report/curves.png",
        "report/confusion.png",
    }
    assert wanted <= left
    assert any(name.startswith("tensorboard/events") for name in left)
    assert not [name for name in left if name.split("/")[-1].startswith(".") and not name.startswith(".hydra")]


def test_the_saved_configuration_is_resolved(trained: Path) -> None:
    config = OmegaConf.load(trained / "config.yaml")
    assert config.trainer.max_epochs == 2
    assert "${" not in (trained / "config.yaml").read_text()


def test_every_epoch_has_one_row(trained: Path) -> None:
    with (trained / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"lr", "train/loss", "val/loss", "val/top1", "val/top5", "val/mean_class"} <= set(rows[0])
    assert all(row[name] != "" for row in rows for name in row)


def test_results_are_of_the_whole_test_split(trained: Path) -> None:
    results = json.loads((trained / "report" / "results.json").read_text())
    assert results["split"] == "test"
    assert results["clips"] == 32 == sum(map(sum, results["confusion"]))
    low, high = results["top1_95"]
    assert low <= results["top1"] <= high


def test_pictures_open(trained: Path) -> None:
    for name in ("curves", "confusion"):
        with Image.open(trained / "report" / f"{name}.png") as picture:
            assert min(picture.size) > 300


def test_a_checkpoint_holds_only_tensors_and_plain_values(trained: Path) -> None:
    held = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    assert held["hyper_parameters"]["preprocessing"]["window"] == 32


def test_a_checkpoint_loads_with_nothing_but_the_file(trained: Path, tmp_path: Path) -> None:
    code = (
        "import sys, torch; from stgcn_torch import LitSTGCN, load_model;"
        "module = LitSTGCN.load_from_checkpoint(sys.argv[1], weights_only=True, map_location='cpu').eval();"
        "x = torch.randn(2, 2, 32, 25, 1); assert torch.equal(module(x), load_model(sys.argv[1])(x));"
        "print(len(module.classes))"
    )
    path = str(trained / "checkpoints" / "best.ckpt")
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "10"


def test_the_last_lines_say_the_result_and_where_it_lies(command: Command, tiny: list[str], tmp_path: Path) -> None:
    said = command("train", *tiny, "epochs=1").stdout.splitlines()
    assert said[-3].startswith("test: top-1 0.")
    assert "95 %" in said[-3]
    assert (tmp_path / said[-2].removeprefix("checkpoint ")).is_file()
    assert (tmp_path / said[-1].split()[-1] / "results.json").is_file()


def test_init_from_keeps_the_body_and_says_what_it_left(
    command: Command, trained: Path, tiny: list[str], tmp_path: Path
) -> None:
    start = f"init_from={trained}/checkpoints/best.ckpt"
    same = command("train", *tiny, "epochs=1", start, "optimizer.lr=0.0", "hydra.run.dir=same")
    assert "but not" not in same.stdout
    state = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    kept = torch.load(tmp_path / "same" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    learned = [key for key in state if key.endswith(("weight", "bias")) or "edge_importance" in key]
    assert [key for key in learned if not torch.equal(state[key], kept[key])] == []
    fewer = {key: value[:7] if key.startswith("head.") else value for key, value in state.items()}
    torch.save(fewer, trained.parent / "seven.pt")
    other = command("train", *tiny, "epochs=1", f"init_from={trained.parent}/seven.pt")
    assert "but not head.fcn.bias, head.fcn.weight" in other.stdout


def test_multirun_trains_every_fold(command: Command, tiny: list[str], tmp_path: Path) -> None:
    command("train", "--multirun", *tiny, "epochs=1", "data.val.fold=0,1", "hydra.sweep.dir=sweep")
    for fold in (0, 1):
        results = json.loads((tmp_path / "sweep" / str(fold) / "report" / "results.json").read_text())
        assert results["clips"] == 32


def test_averaged_weights_keep_the_graph(command: Command, tiny: list[str], tmp_path: Path) -> None:
    command("train", *tiny, "ema=0.9", "hydra.run.dir=averaged")
    state = load_model(tmp_path / "averaged" / "checkpoints" / "last.ckpt").state_dict()
    assert torch.equal(state["backbone.A"], torch.from_numpy(adjacency("fsd10")).float())


@pytest.mark.parametrize(
    "overrides",
    [
        ["optimizer=adamw", "scheduler=multistep", "scheduler.milestones=[1]", "ema=0.9", "patience=1"],
        ["scheduler.interval=step", "scheduler.warmup=1", "trainer.precision=bf16-mixed", "monitor=val/loss"],
        ["preprocessing.streams=[bone,bone_motion]", "preprocessing.keep=[x,y,score]", "data.val=null"],
        ["augmentation.rotation=20", "augmentation.mirror=0.5", "augmentation.noise=0.01", "augmentation.crop=0.5"],
        [
            "preprocessing=paddlevideo",
            "preprocessing.random_pad=true",
            "model.strategy=spatial_fixed",
            "scheduler=constant",
        ],
        ["preprocessing.frames=64", "preprocessing.crops=3", "preprocessing.crop=0.5", "augmentation.jitter=true"],
        ["data.num_workers=2", "data.drop_last=true", "trainer.accumulate_grad_batches=2", "data.test=null"],
    ],
    ids=["adamw", "per step", "streams", "augmentation", "paddlevideo", "crops", "workers"],
)
def test_trains_with(overrides: list[str], command: Command, tiny: list[str]) -> None:
    last = command("train", *tiny, *overrides).stdout.splitlines()[-3]
    assert last.startswith(("test: top-1", "val: top-1"))


def test_a_run_may_hold_nothing_out(command: Command, tiny: list[str], tmp_path: Path) -> None:
    done = command("train", *tiny, "epochs=1", "data.val=null", "data.test=null", "hydra.run.dir=run")
    assert "trained 1 epochs; nothing was held out to evaluate on" in done.stdout
    assert done.stderr == ""
    assert (
        json.loads((tmp_path / "run" / "report" / "results.json").read_text())["checkpoint"] == "checkpoints/last.ckpt"
    )
    assert (tmp_path / "run" / "report" / "curves.png").is_file()


def test_two_processes_train_together_and_one_reports(command: Command, tiny: list[str], tmp_path: Path) -> None:
    two = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "hydra.run.dir=run"]
    said = command("train", *tiny, "data.batch_size=8", "data.val.folds=7", "data.val.fold=5", *two).stdout
    assert said.count("test: top-1") == 1
    assert json.loads((tmp_path / "run" / "report" / "results.json").read_text())["clips"] == 32
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["6", "12"]  # 83 clips, half of them to each, in eights
    for row in rows:  # 13 clips validate: none is counted twice to make the halves even
        correct = 13 * float(row["val/top5"])
        assert 0 < round(correct) < 13
        assert correct == pytest.approx(round(correct), abs=1e-4)


def test_processes_of_torchrun_train_in_one_folder_on_one_set(tiny: list[str], tmp_path: Path) -> None:
    launched = ["torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    two = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "data.root=skating"]
    done = subprocess.run(
        [sys.executable, "-m", *launched, "-m", "stgcn_torch.train", *tiny, *two],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test: top-1") == 1
    (run,) = (tmp_path / "outputs").glob("*/*")
    assert json.loads((run / "report" / "results.json").read_text())["clips"] == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs", "skating"]
