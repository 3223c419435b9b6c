"""stgcn_torch/commands/past_run.py; what a whole run left is read in tests/cli/test_visualize_clips.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.commands.past_run import answers_of, checkpoint_of, read_history, read_results
from stgcn_torch.drawing.report import summarize, write_report
from stgcn_torch.training.callbacks import History as Written

CONFUSION = np.array([[3, 1], [0, 4]])
ROWS = [{"epoch": 0, "lr": 0.1, "train/loss": 2.0}, {"epoch": 1, "lr": 0.05, "train/loss": 1.0, "val/loss": 0.5}]


def test_the_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What an epoch did not measure, its row does not have."""
    written = Written(tmp_path / "metrics.csv")
    written.rows = ROWS  # type: ignore[assignment]
    written.write()
    assert read_history(tmp_path).rows == ROWS


@pytest.mark.parametrize("text", ["", "epoch,lr\n", "step\n3\n", "epoch\nfirst\n"])
def test_what_is_no_history_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.csv"):
        read_history(tmp_path)


def test_a_folder_without_history_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run=.* must be the folder of one"):
        read_history(tmp_path)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    metrics = {"test/top5": 1.0, "test/mean_class": 0.875, "test/loss": 0.3}
    write_report(tmp_path / "report", summarize("test", metrics, CONFUSION, ["a", "b"]))
    results = read_results(tmp_path)
    assert results is not None
    assert (results.split, results.classes, results.confusion.tolist()) == ("test", ["a", "b"], CONFUSION.tolist())


def test_a_run_that_held_nothing_out_has_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path) is None
    write_report(tmp_path / "report", {"epochs": 3})
    assert read_results(tmp_path) is None


@pytest.mark.parametrize("held", ["{", "3", json.dumps({"confusion": [[1]]})])
def test_a_broken_report_is_refused(tmp_path: Path, held: str) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "results.json").write_text(held, encoding="utf-8")
    with pytest.raises(ValueError, match="is no report of a run"):
        read_results(tmp_path)


def test_the_best_checkpoint_counts_or_else_the_last(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoints"):
        checkpoint_of(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for name in ("last.ckpt", "best.ckpt"):
        (tmp_path / "checkpoints" / name).touch()
        assert checkpoint_of(tmp_path).name == name


def test_without_its_configuration_a_run_does_not_say_where_its_clips_are(tmp_path: Path) -> None:
    write_report(
        tmp_path / "report",
        summarize("test", dict.fromkeys(("test/top5", "test/mean_class", "test/loss"), 0.0), CONFUSION, ["a", "b"]),
    )
    results = read_results(tmp_path)
    assert results is not None
    with pytest.raises(FileNotFoundError, match=r"config\.yaml, which says what the run was trained on"):
        answers_of(tmp_path, results)
