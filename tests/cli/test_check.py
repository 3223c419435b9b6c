"""``check`` as a user types it: what it says, what it writes, and the exit code that a script goes by."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.commands import Command
from tests.walkers import walkers

ARRAYS = ["data=arrays", "data.root=arrays", "layout=coco", "data.channels=[x,y,score]", "preprocessing.window=32"]


@pytest.fixture
def arrays(tmp_path: Path) -> Callable[..., None]:
    """Writes 40 clean clips of four classes, changed as a test wants them."""

    def write(change: Callable[[np.ndarray], Any] = lambda clips: clips, labels: int = 4) -> None:
        (tmp_path / "arrays").mkdir()
        np.save(tmp_path / "arrays" / "data.npy", change(walkers(40)))
        np.save(tmp_path / "arrays" / "labels.npy", np.arange(40) % labels)

    return write


def emptied(clips: np.ndarray) -> np.ndarray:
    clips[5] = 0
    return clips


def test_the_synthetic_set_is_fine(command: Command, tiny: list[str], tmp_path: Path) -> None:
    """96 clips are enough for ten classes, and what a pose estimator does to them is worth no more than a note."""
    done = command("check", *tiny[:3], "out=out")
    assert "84 train, 12 val, 32 test clips of 10 classes" in done.stdout
    assert "go on: 0 errors, 0 warnings" in done.stdout
    told = json.loads((tmp_path / "out" / "check.json").read_text())
    assert told["go_on"]
    assert {finding["severity"] for finding in told["findings"]} <= {"note"}
    assert (tmp_path / "out" / "check.png").read_bytes().startswith(b"\x89PNG")
    assert len(done.stdout.splitlines()) < 30


def test_clean_arrays_are_one_screen_and_nothing_is_written(
    command: Command, arrays: Callable[..., None], tmp_path: Path
) -> None:
    arrays()
    *said, bodies, last = command("check", *ARRAYS).stdout.splitlines()
    assert said == [
        "32 train, 8 val clips of 4 classes; x, y, score of 17 joints (coco)",
        "40 to 40 frames, half of the clips 40 to 40",
        "preprocessing.window=32: 100% of the clips are sampled down (20% of all frames unseen), 0% padded",
    ]
    assert "shares of the image" in bodies
    assert last == "go on: 0 errors, 0 warnings, 0 notes"
    assert [path.name for path in tmp_path.iterdir()] == ["arrays"]


def test_an_experiment_is_checked_as_it_would_be_trained(command: Command, arrays: Callable[..., None]) -> None:
    arrays()
    done = command("check", "experiment=practice", *ARRAYS, "trainer.max_epochs=3")
    assert "32 train, 8 val clips" in done.stdout


def test_an_error_is_exit_code_2_and_its_remedy_helps(command: Command, arrays: Callable[..., None]) -> None:
    arrays(emptied)
    done = command("check", *ARRAYS, code=2)
    assert "error    1 clips are empty" in done.stdout
    assert "stop: 1 errors" in done.stdout
    assert "try preprocessing.empty=keep" in done.stdout
    assert command("check", *ARRAYS, "preprocessing.empty=keep").returncode == 0


def test_axes_and_labels_are_told_before_anything_is_read(
    command: Command, arrays: Callable[..., None], tmp_path: Path
) -> None:
    arrays(lambda clips: clips.transpose(0, 2, 3, 1, 4), labels=7)
    done = command("check", *ARRAYS, "out=out", code=2)
    assert "transpose(0, 3, 1, 2, 4)" in done.stdout
    told = json.loads((tmp_path / "out" / "check.json").read_text())
    assert [finding["name"] for finding in told["findings"]] == ["axes"]
    assert not (tmp_path / "out" / "check.png").exists()


def test_labels_out_of_range(command: Command, arrays: Callable[..., None]) -> None:
    arrays(labels=7)
    done = command("check", *ARRAYS, "data.num_classes=6", code=2)
    assert "labels must be at least 0 and below 6, got 6 for clip 6" in done.stdout


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.root=nowhere"], "no folder nowhere"),
        (["preprocessing.window=0"], "preprocessing.window must be a whole number"),
        (["data.val.folds=1"], "data.val.folds must be a whole number from 2 on, got 1"),
        (["data.clips=none.npy"], "no file arrays/none.npy"),
        (["layout=body"], "layout 'body' is unknown"),
        (["data.num_classes=3"], "classes.txt names 4 classes, got num_classes=3"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_use_is_one_line_and_exit_code_1(
    command: Command, arrays: Callable[..., None], tmp_path: Path, overrides: list[str], message: str
) -> None:
    arrays()
    (tmp_path / "arrays" / "classes.txt").write_text("a\nb\nc\nd\n")
    done = command("check", *ARRAYS, *overrides, code=1)
    assert message in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert done.stderr.startswith("check: ")
