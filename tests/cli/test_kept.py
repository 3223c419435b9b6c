"""What an earlier commit wrote is read and gone on from: its checkpoints, a run that was killed, its prepared clips."""

import csv
import shutil
from pathlib import Path

import pytest
import torch

from tests.cli.commands import ROOT
from tests.cli.readme import typed
from tests.fixtures.write_kept import OPTIONS

TOLERANCE = 2e-6  # of probabilities that are written with six digits; measured: 1e-6


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of its folder."""
    return shutil.copytree(ROOT / "tests" / "fixtures" / "kept", tmp_path / "kept")


def answers(path: Path) -> list[tuple[str, str, float]]:
    with path.open(encoding="utf-8") as file:
        return [(row["index"], row["class"], float(row["probability"])) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("checkpoint", "told"),
    [
        ("run/checkpoints/last.ckpt", []),
        ("network.safetensors", []),
        ("network.pt", ["strides=[1,2,1]", "preprocessing=fixed", "preprocessing.window=16"]),
    ],
)
def test_its_networks_say_what_they_said(kept: Path, checkpoint: str, told: list[str]) -> None:
    line = "python -m stgcn_torch.predict input=prepared/data.npy top_k=3 out=now.csv"
    typed(line, f"ckpt_path={checkpoint}", *told, folder=kept)
    said, now = (sorted(answers(kept / name)) for name in ("answers.csv", "now.csv"))
    if checkpoint == "network.pt":  # which does not name its classes
        said, now = (sorted((index, "", p) for index, _, p in rows) for rows in (said, now))
    assert [row[:2] for row in now] == [row[:2] for row in said]
    assert [row[2] for row in now] == pytest.approx([row[2] for row in said], abs=TOLERANCE)


def test_its_paddle_file_is_read(kept: Path) -> None:
    typed("convert-pdparams network.pdparams back.pt --strides 1,2,1", folder=kept)
    back, then = (torch.load(kept / name, weights_only=True) for name in ("back.pt", "network.pt"))
    assert back.keys() == then.keys()
    assert all(torch.equal(back[name], then[name]) for name in then if not name.endswith("num_batches_tracked"))


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # Lightning's, of a run that was moved
def test_its_run_goes_on(kept: Path) -> None:
    before = (kept / "run/metrics.csv").read_text().splitlines()
    typed("python -m stgcn_torch.train", *OPTIONS, "ckpt_path=run/checkpoints/last.ckpt", folder=kept)
    after = (kept / "run/metrics.csv").read_text().splitlines()
    assert after[: len(before)] == before
    assert len(after) == 41


def test_its_best_network_is_evaluated(kept: Path) -> None:
    line = "python -m stgcn_torch.evaluate ckpt_path=run/checkpoints/best.ckpt data=arrays data.root=prepared"
    assert "val: top-1 0.4000" in typed(line, folder=kept).out  # as metrics.csv has it of its epoch


def test_its_run_is_looked_at(kept: Path) -> None:
    typed("python -m stgcn_torch.visualize run=run out=figures only=[curves]", folder=kept)
    assert [path.name for path in (kept / "figures").iterdir()] == ["curves.png"]


def test_its_configuration_trains_again(kept: Path) -> None:
    """With the names that options had then."""
    line = "python -m stgcn_torch.train --config-path run --config-name config trainer.max_epochs=1 hydra.run.dir=again"
    said = typed(line.replace("path run", f"path {kept / 'run'}"), folder=kept)
    assert said.err.splitlines()[:2] == [
        "train: channels= is called widths= now",
        "train: model.channels= is called model.widths= now",
    ]
    again, then = (
        torch.load(kept / name, weights_only=True)
        for name in ("again/checkpoints/last.ckpt", "run/checkpoints/last.ckpt")
    )
    assert again["hyper_parameters"]["model"] == then["hyper_parameters"]["model"]
