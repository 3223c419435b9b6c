"""The examples that ``--help`` prints run as they stand, on files of the names that they use."""

import shlex
import shutil
from pathlib import Path

import pytest

from stgcn_torch.options.catalogue import COMMANDS
from tests.cli.test_prepare import video
from tests.in_process import run

EXAMPLES = [(name, line) for name, entry in COMMANDS.items() for line in entry.examples]
# What makes training one of seconds; the set is smaller, and the network.
SMALL = ["widths=[4,4]", "model.strides=[2,1]", "progress_bar=false", "epochs=1", "data.batch_size=8"]
SKATING = ["data.skating.train=40", "data.skating.test=20", "data.val.folds=2"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of two classes."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("jump", "spin"):
        for i in range(5):
            video(folder / "recordings" / name / f"v{i}")
    return folder


def test_every_example_runs(files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In an order in which each finds what it names."""
    monkeypatch.chdir(files)
    done: list[tuple[str, str]] = []

    def example(name: str, line: str, *more: str) -> None:
        said = run(name, [*shlex.split(line), *more], capsys, monkeypatch)
        assert said.code in ((0, 2) if name == "check" else (0,)), (name, line, said)
        done.append((name, line))

    for line in COMMANDS["prepare"].examples:
        example("prepare", line)
    example("train", "", *SMALL, *SKATING, "hydra.run.dir=run")
    shutil.copy("run/checkpoints/best.ckpt", "best.ckpt")
    shutil.copy("data/skating/test_data.npy", "clips.npy")
    example("train", "ckpt_path=run/checkpoints/last.ckpt", *SMALL, *SKATING)
    for name in ("predict", "explain", "visualize", "export"):
        for line in COMMANDS[name].examples:
            example(name, line, *(["top_k=1"] if name == "explain" else []))
    for line in COMMANDS["evaluate"].examples:
        if "my_set" in line:  # a checkpoint of its classes
            example("train", "data=arrays data.root=my_set", *SMALL, "data.val.folds=2", "hydra.run.dir=own")
            shutil.copy("own/checkpoints/best.ckpt", "best.ckpt")
            example("evaluate", line, "data.val.folds=2")
            shutil.copy("run/checkpoints/best.ckpt", "best.ckpt")
        else:
            example("evaluate", line)
    for line in COMMANDS["check"].examples:
        example("check", line)
    assert {*done} == {*EXAMPLES}
    assert Path("timeline.json").is_file()
    assert Path("scores/results.json").is_file()
    assert Path("report/check.json").is_file()
