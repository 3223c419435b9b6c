"""Interrupted runs: what is lost, what is kept, and that the end is the same to the last bit."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from tests.cli.commands import Command, arguments, environment

HARD = [  # every random stream is in use, and what Lightning restores late: workers, EMA, a schedule per step
    "epochs=4",
    "model.dropout=0.2",
    "augmentation.rotation=20",
    "augmentation.mirror=0.5",
    "augmentation.noise=0.01",
    "ema=0.9",
    "data.num_workers=2",
    "scheduler.interval=step",
    "scheduler.warmup=1",
    "trainer.accumulate_grad_batches=2",
]
PLAIN = ["epochs=4", "model.dropout=0.2", "augmentation.crop=0.5"]


def started(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments("train", *overrides, "hydra.run.dir=run"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # killed with its workers
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a job in the background has none
    )


def wait_for(path: Path, run: subprocess.Popen[str], lines: int = 0) -> None:
    """Until the file is there and has so many lines."""
    for _ in range(6000):
        if path.is_file() and len(path.read_bytes().splitlines()) >= lines:
            return
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.01)
    raise AssertionError(f"{path.name} never came")


def parts(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Weights, running statistics, and momentum."""
    held = torch.load(checkpoint, weights_only=True)
    momentum = held["optimizer_states"][0]["state"]
    return held["state_dict"] | {f"momentum {i}": state["momentum_buffer"] for i, state in momentum.items()}


@pytest.mark.parametrize("overrides", [PLAIN, HARD], ids=["plain", "hard"])
@pytest.mark.parametrize("epochs_done", [0, 2])
def test_a_killed_run_ends_as_if_left_alone(
    overrides: list[str], epochs_done: int, command: Command, tiny: list[str], tmp_path: Path
) -> None:
    command("train", *tiny, *overrides, "hydra.run.dir=alone")
    run = started(tmp_path, *tiny, *overrides)
    folder = tmp_path / "run"
    wait_for(folder / "checkpoints" / "last.ckpt", run)
    if epochs_done:
        wait_for(folder / "metrics.csv", run, lines=1 + epochs_done)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    kept = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] >= epochs_done - 1
    command("train", *tiny, *overrides, "ckpt_path=run/checkpoints/last.ckpt")
    alone, resumed = parts(tmp_path / "alone/checkpoints/last.ckpt"), parts(folder / "checkpoints/last.ckpt")
    assert alone.keys() == resumed.keys()
    assert [name for name in alone if not torch.equal(alone[name], resumed[name])] == []
    assert (folder / "metrics.csv").read_text() == (tmp_path / "alone" / "metrics.csv").read_text()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_says_how_to_go_on(sent: int, code: int, tiny: list[str], tmp_path: Path) -> None:
    run = started(tmp_path, *tiny, "epochs=500")
    wait_for(tmp_path / "run" / "metrics.csv", run, lines=4)
    run.send_signal(sent)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code, said
    assert "Traceback" not in said
    line = said.strip().splitlines()[-1].strip()
    assert line.startswith("python -m stgcn_torch.train")
    checkpoint = Path(line.split("ckpt_path=")[1])
    assert torch.load(checkpoint, weights_only=True)["epoch"] >= 1


def test_a_run_does_not_resume_as_another_network(command: Command, trained: Path, tiny: list[str]) -> None:
    path = trained / "checkpoints" / "last.ckpt"
    other = ["model.dropout=0.5", "optimizer=adamw"]
    said = command("train", *tiny, f"ckpt_path={path}", *other, "hydra.run.dir=other", code=1).stderr
    assert "model.dropout is 0.5, was 0.0" in said
    assert "optimizer.name is 'adamw', was 'sgd'" in said


def test_a_run_does_not_resume_with_other_batches_or_clips(command: Command, trained: Path, tiny: list[str]) -> None:
    other = ["data.batch_size=16", "data.val.fold=1", "data.drop_last=true", "data.test=null"]
    averaged = ["ema=0.9", "trainer.accumulate_grad_batches=2"]
    resumed = [f"ckpt_path={trained}/checkpoints/last.ckpt", "hydra.run.dir=other"]
    said = command("train", *tiny, *resumed, *other, *averaged, code=1).stderr
    assert said.count("\n") == 1
    for difference in (
        "data.batch_size is 16, was 32",
        "data.drop_last is True, was False",
        "data.test.rule is None, was 'file'",
        "data.val.fold is 1, was 0",
        "ema is 0.9, was None",
        "trainer.accumulate_grad_batches is 2, was 1",
    ):
        assert difference in said


@pytest.mark.parametrize("age", ["new", "old"])
def test_a_run_resumes_elsewhere(
    process: Command, trained: Path, tiny: list[str], skating: Path, tmp_path: Path, age: str
) -> None:
    (tmp_path / "moved").symlink_to(skating)
    last = Path(shutil.copytree(trained, tmp_path / "run")) / "checkpoints" / "last.ckpt"
    held = torch.load(last, weights_only=True)
    if age == "old":  # from before checkpoints said what batches and clips they were trained with, and before repairs
        del held["callbacks"]["Recipe"]
        for part in ("absent_center", "teleports", "gaps"):
            del held["hyper_parameters"]["preprocessing"][part]
    torch.save(held, last)
    elsewhere = ["data.root=moved", "data.num_workers=1", "data.eval_batch_size=7"]
    assert "test: top-1" in process("train", *tiny, *elsewhere, f"ckpt_path={last}").stdout
