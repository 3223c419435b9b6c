"""Bad input ends a command with one line that says what is wrong, exit code 1, and nothing half-written."""

import io
import pickle
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.cli.commands import Command, arguments, environment

Write = Callable[..., Path]
ARRAYS = [
    "data=arrays",
    "data.root=arrays",
    "layout=fsd10",
    "data.channels=[x,y,score]",
    "widths=[4,4,4,4,8,8,8,8,8,8]",
    "preprocessing.window=16",
    "epochs=1",
    "progress_bar=false",
    "data.test={rule: every, step: 5, offset: 1}",
]


def refused(command: Command, verb: str, *overrides: str) -> str:
    """What the command says on stderr: one line."""
    said = command(verb, *overrides, code=1).stderr.strip()
    assert said.count("\n") == 0, said
    assert said.startswith(f"{verb}: ")
    return said


def holed(data: np.ndarray) -> np.ndarray:
    data[7, 1, 3, 2, 0], data[7, 0, 5, 4, 0] = np.nan, np.inf
    return data


def emptied(data: np.ndarray) -> np.ndarray:
    data[5] = 0
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:, 0], "must have the 5 axes (N, C, T, V, M), got shape (40, 20, 25, 1)"),
        (
            lambda data: data.transpose(0, 2, 3, 1, 4),
            "axis 3 (V) should have the 25 joints of fsd10, got 3; axis 2 has 25",
        ),
        (lambda data: data.repeat(2, axis=3), "axis 3 (V) should have the 25 joints of fsd10, got 50"),
        (lambda data: data[:, :2], "axis 1 (C) should have the 3 channels x, y, score, got 2"),
        (holed, "clip 7 has 2 NaN or infinite values, the first at channel 0, frame 5, joint 4, person 0"),
        (emptied, "clip 5 is empty"),
        (lambda data: data[:0], "is empty"),
        (lambda data: data.astype("U8"), "must hold numbers"),
    ],
    ids=["rank", "axis order", "too many joints", "channels", "NaN and inf", "empty clip", "no clips", "text"],
)
def test_arrays(command: Command, clips: Write, change: Any, message: str) -> None:
    clips(change)
    assert message in refused(command, "train", *ARRAYS)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda given: given[:39], "must hold 40 labels, one per clip, got shape (39,)"),
        (lambda given: given - 1, "labels must be at least 0, got -1 for clip 0 (10 such)"),
        (lambda given: given + 0.5, "must hold whole numbers"),
        (lambda given: np.where(np.arange(40) == 1, 9, given), "test has classes that no training clip has: 9"),
    ],
    ids=["another length", "negative", "fractions", "a class that training never saw"],
)
def test_labels(command: Command, clips: Write, labels: Any, message: str) -> None:
    clips(labels=labels)
    assert message in refused(command, "train", *ARRAYS)


def test_nan_may_mean_an_undetected_joint(command: Command, clips: Write) -> None:
    clips(holed)
    assert "test: top-1" in command("train", *ARRAYS, "preprocessing.nan=missing").stdout


def test_a_truncated_array(command: Command, clips: Write) -> None:
    path = clips() / "data.npy"
    path.write_bytes(path.read_bytes()[:5000])
    assert "data.npy cannot be read: it is truncated at 5000 bytes" in refused(command, "train", *ARRAYS)


def test_labels_that_would_run_code_do_not(command: Command, clips: Write, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (canary,))

    (clips() / "labels.pkl").write_bytes(pickle.dumps(([], Payload())))
    assert "pathlib" in refused(command, "train", *ARRAYS, "data.labels=labels.pkl")
    assert not canary.exists()


def test_a_checkpoint_that_would_run_code_does_not(command: Command, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (canary,))

    held = io.BytesIO()
    torch.save({"state_dict": Payload()}, held)
    (tmp_path / "bad.ckpt").write_bytes(held.getvalue())
    np.save(tmp_path / "clip.npy", np.ones((3, 20, 25, 1)))
    assert "refused" in refused(command, "predict", "ckpt_path=bad.ckpt", "input=clip.npy")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("verb", "overrides", "message"),
    [
        ("train", ["preprocessing.window=0"], "preprocessing.window must be a whole number from 1 on (frames), got 0"),
        ("train", ["foo=1"], "foo is no option"),
        ("train", ["experiment=nope"], "experiment=nope is unknown; choose article, fs_jump3d"),
        ("train", ["optimizer.lr=fast"], "optimizer.lr must be a number from 0 on, got fast"),
        ("train", ["model.edge_importance=3"], "model.edge_importance must be true or false, got 3"),
        ("train", ["+model.colour=red"], "model.colour is no option"),
        ("train", ["+trainer.nope=1"], "trainer.nope is no option; the nearest: trainer."),
        ("train", ["label_smoothing=1.5"], "label_smoothing must be a number from 0 to 1, got 1.5"),
        ("train", ["optimizer.lr=null"], "optimizer.lr must be a number from 0 on, got null"),
        ("train", ["data.val=null", "patience=3"], "patience needs validation clips"),
        ("train", ["monitor=val/f1"], "monitor must be val/top1, val/top5, val/mean_class or val/loss, got val/f1"),
        ("train", ["ckpt_path=none.ckpt"], "no file none.ckpt"),
        ("train", ["data.val.folds=1"], "data.val.folds must be a whole number from 2 on, got 1"),
        ("evaluate", [], "ckpt_path is missing: give ckpt_path=best.ckpt"),
        ("predict", ["ckpt_path=none.ckpt", "input=none.npy"], "no file none.ckpt"),
        ("prepare", ["input=none", "out=out", "layout=h36m"], "no file or folder none"),
        ("prepare", ["input=none", "out=out", "layout=body"], "layout 'body' is unknown; choose one of body_25b, coco"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_options(command: Command, tiny: list[str], verb: str, overrides: list[str], message: str) -> None:
    given = [*tiny, *overrides] if verb == "train" else overrides
    assert message in refused(command, verb, *given)


def test_no_folder(command: Command) -> None:
    assert "no folder nowhere" in refused(command, "train", "data=fsd10", "data.root=nowhere")


def test_a_checkpoint_of_another_layout(command: Command, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "coco.npy", np.ones((2, 3, 20, 17, 1)))
    said = refused(command, "predict", f"ckpt_path={trained}/checkpoints/best.ckpt", "input=coco.npy")
    assert "axis 3 (V) should have the 25 joints of fsd10, got 17" in said
    assert not (tmp_path / "predictions.csv").exists()


def test_a_full_disk_leaves_the_previous_checkpoint_whole(tiny: list[str], tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: room for the clips and the logs, none for a checkpoint."""

    def run(limit: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*arguments("train", *tiny), "widths=[48,48,48,48,48,48,48,48,48,48]", "epochs=1", "hydra.run.dir=run"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    assert run(resource.RLIM_INFINITY).returncode == 0
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    full = run(len(before) // 2)
    assert full.returncode == 1
    assert "last.ckpt could not be written: File too large" in full.stderr
    assert "Traceback" not in full.stderr, full.stderr
    assert last.read_bytes() == before
    assert [path.name for path in last.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("verb", ["train", "check", "visualize"])
def test_a_reader_that_leaves_is_no_error(verb: str, tiny: list[str], tmp_path: Path) -> None:
    """As ``| head -1`` does; a run is trained to its end all the same."""
    given = {"train": [*tiny, "hydra.run.dir=run"], "check": tiny, "visualize": ["only=[skeleton]"]}[verb]
    with subprocess.Popen(
        arguments(verb, *given), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read().decode() == ""
        assert command.wait() in (0, 141)
    assert verb != "train" or (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()
