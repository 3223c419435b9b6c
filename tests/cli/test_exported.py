"""``export`` as a user types it, and its page's lines as a user copies them."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.data.preprocessing.steps import preprocess
from tests.cli.commands import ROOT, Command, environment

PAGE = ROOT / "docs" / "export.md"


@pytest.fixture(scope="session")
def checkpoint(trained: Path) -> str:
    return str(trained / "checkpoints" / "best.ckpt")


def lines_of_the_page(number: int) -> str:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[number]


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pages_lines_answer_as_predict_does(
    command: Command, checkpoint: str, skating: Path, tmp_path: Path
) -> None:
    said = command("export", f"ckpt_path={checkpoint}", "out=model.onnx").stdout.splitlines()
    assert said[0].startswith("clips (N, 2, T, 25, M)")
    assert said[-1] == "written to model.onnx"
    module, recorded = load_module(checkpoint), np.load(skating / "test_data.npy")
    np.save(tmp_path / "recorded.npy", recorded)
    np.save(
        tmp_path / "clips.npy", np.stack([preprocess(clip, module.preprocessing, module.body) for clip in recorded])
    )
    answers = [line.rsplit(" ", 1) for line in run(lines_of_the_page(0), tmp_path).splitlines()]
    command("predict", f"ckpt_path={checkpoint}", f"input={skating}/test_data.npy")
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [name for name, _ in answers] == [row["class"] for row in rows]
    # measured: 8e-7, of which the CSV's six digits are most
    assert [float(p) for _, p in answers] == pytest.approx([float(row["probability"]) for row in rows], abs=1e-5)
    both = lines_of_the_page(0) + lines_of_the_page(1) + "np.save('made.npy', clips)"
    run(both, tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "made.npy"), np.load(tmp_path / "clips.npy"))


def test_the_pages_lines_run_a_pt2(command: Command, checkpoint: str, tmp_path: Path) -> None:
    command("export", f"ckpt_path={checkpoint}", "out=folder/model.pt2", "output=logits")
    (tmp_path / "model.pt2").symlink_to(tmp_path / "folder" / "model.pt2")
    told = lines_of_the_page(2) + "print(len(classes), *probabilities.shape)"
    assert run(told, tmp_path).split() == ["10", "2", "10"]


def test_weights_alone_are_exported_as_they_are_told_to_be_used(
    command: Command, checkpoint: str, tmp_path: Path
) -> None:
    torch.save(torch.load(checkpoint, weights_only=True)["state_dict"], tmp_path / "weights.pt")
    given = ["ckpt_path=weights.pt", "out=model.pt2"]
    assert "say preprocessing=NAME, one of" in command("export", *given, code=1).stderr
    named = ["preprocessing=fixed", "preprocessing.window=32", "strides=[2,1,1,1,2,1,1,2,1,1]"]
    command("export", *given, *named)
    card = run(lines_of_the_page(2) + "print(extra['stgcn_torch.json'])", tmp_path)
    assert '"window": 32' in card


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["out=model.pb"], "out must end in .onnx or .pt2, got 'model.pb'"),
        (["out=model.pt2", "output=labels"], "output must be probabilities or logits, got labels"),
        (["out=model.pt2", "ckpt_path=none.ckpt"], "no file none.ckpt"),
        (["out=model.pt2", "ckpt_path=text.ckpt"], "text.ckpt is refused"),
        (["out=model.pt2", "ckpt_path=net.pdparams"], "net.pdparams is a Paddle file; convert-pdparams"),
        (["out=text.ckpt/model.pt2"], "text.ckpt/model.pt2 could not be written: File exists"),
        (["out=folder.pt2"], "folder.pt2 could not be written: Is a directory"),
        ([], "out is missing: give out=model.onnx"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_input_gets_one_line(
    overrides: list[str], message: str, command: Command, checkpoint: str, tmp_path: Path
) -> None:
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    (tmp_path / "net.pdparams").write_bytes(b"\x80\x04.")
    (tmp_path / "folder.pt2").mkdir()
    given = [] if any(word.startswith("ckpt_path") for word in overrides) else [f"ckpt_path={checkpoint}"]
    said = command("export", *given, *overrides, code=1).stderr
    assert message in said
    assert said.startswith("export: ")
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.pt2", "net.pdparams", "text.ckpt"]
    assert not list((tmp_path / "folder.pt2").iterdir())


def test_help_says_what_to_type(command: Command) -> None:
    assert "python -m stgcn_torch.export ckpt_path=best.ckpt out=model.onnx" in command("export", "--help").stdout
