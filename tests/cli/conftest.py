"""The commands as a user types them: in a folder of their own, in a process of their own."""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from convert.cli import main
from stgcn_torch.data.skating import write_skating_set
from stgcn_torch.model import STGCN
from tests.cli.commands import CLIPS, Command, arguments, environment
from tests.cli.networks import Convert, for_paddle, network
from tests.cli.readme import typed


@pytest.fixture(scope="session")
def skating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic set that tests only read."""
    return write_skating_set(tmp_path_factory.mktemp("data") / "skating", **CLIPS, seed=0)


@pytest.fixture(scope="session")
def tiny(skating: Path) -> list[str]:
    """Overrides that make training a matter of seconds."""
    return [
        f"data.root={skating}",
        *(f"data.skating.{split}={count}" for split, count in CLIPS.items()),
        "widths=[4,4,4,4,8,8,8,8,8,8]",
        "preprocessing.window=32",
        "epochs=2",
        "progress_bar=false",
    ]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs ``stgcn_torch.VERB`` with overrides in an empty folder; fails the test on another exit code.

    In this process, which has torch imported: a process of its own would take seconds for that. ``process`` is one.
    """

    def run(verb: str, *overrides: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        line = ["python", "-m", f"stgcn_torch.{verb}", *overrides]
        with mock.patch.dict(os.environ, environment()):
            said = typed(shlex.join(line), folder=tmp_path, code=code)
        return subprocess.CompletedProcess(line, code, said.out, said.err)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Command:
    """The same in a process of its own."""

    def run(verb: str, *overrides: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            arguments(verb, *overrides), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def trained(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("trained")
    subprocess.run(
        arguments("train", *tiny, "hydra.run.dir=run"), cwd=folder, env=environment(), check=True, capture_output=True
    )
    return folder / "run"


@pytest.fixture
def clips(tmp_path: Path) -> Callable[..., Path]:
    """Writes arrays ``data.npy`` and ``labels.npy`` into a folder, changed as a test wants them."""

    def write(
        change: Callable[[np.ndarray], np.ndarray] = lambda data: data,
        labels: Callable[[np.ndarray], np.ndarray] = lambda given: given,
    ) -> Path:
        folder = tmp_path / "arrays"
        folder.mkdir()
        rng = np.random.default_rng(0)
        data = rng.uniform(-0.5, 0.5, (40, 3, 20, 25, 1)).astype(np.float32)
        data[:, 2] = rng.uniform(0.1, 1, data[:, 2].shape)
        np.save(folder / "data.npy", change(data))
        np.save(folder / "labels.npy", labels(np.arange(40) % 4))
        return folder

    return write


@pytest.fixture
def convert(capsys: pytest.CaptureFixture[str]) -> Convert:
    """Runs the command; returns exit code, stdout, stderr.

    Where it asks for strides, as of the small networks here, it is told those of its own example and asked again.
    """

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code, told, error = once(*arguments)
        if code == 2 and "no tensor tells the strides" in error and "--strides" not in arguments:
            return once(*arguments, "--strides", error.rpartition("such as ")[2].strip())
        return code, told, error

    def once(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return int(end.value.code or 0), told.out, told.err

    return run


@pytest.fixture
def model() -> STGCN:
    return network()


@pytest.fixture
def pdparams(model: STGCN, tmp_path: Path) -> Path:
    """The network in a file of Paddle's."""
    return for_paddle(model, tmp_path / "in.pdparams")
