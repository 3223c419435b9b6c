"""The folder of a run: of its own, and the same for all its processes; layouts in files; old names in files."""

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from stgcn_torch.commands import configuration


@pytest.fixture(autouse=True)
def started_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """By no launcher, and a second goes by from one process's look at the clock to the next's."""
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS", "SLURM_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    times = (datetime(2026, 1, 2, 23, 59, 59) + timedelta(seconds=i) for i in count())
    monkeypatch.setattr(configuration, "datetime", SimpleNamespace(now=lambda: next(times)))


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> torch.distributed.TCPStore:
    """What torchrun tells its processes: two of them, no name for the run, and where it keeps a store."""
    store = torch.distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    told = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(store.port), "WORLD_SIZE": "2"}
    for name, value in (told | {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True"}).items():
        monkeypatch.setenv(name, value)
    return store


def run_folder(checkpoint: str | None = None) -> str:
    """As a process that starts resolves it."""
    return str(OmegaConf.create({"ckpt_path": checkpoint, "dir": "${run_folder:${ckpt_path}}"}).dir)


def test_a_new_run_is_named_for_its_time() -> None:
    assert run_folder() == "outputs/2026-01-02/23-59-59"
    assert run_folder() == "outputs/2026-01-03/00-00-00"


def test_a_resumed_run_goes_on_in_its_folder() -> None:
    assert run_folder("/runs/one/checkpoints/last.ckpt") == "/runs/one"
    assert run_folder("/weights/one.pt").startswith("outputs/")


@pytest.mark.usefixtures("agent")
def test_processes_of_torchrun_take_the_first_one_s_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        found.append(run_folder())
    assert found == ["outputs/2026-01-02/23-59-59"] * 2


def test_processes_of_srun_take_the_folder_of_their_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "71", "SLURM_STEP_ID": "2", "SLURM_STEP_NUM_TASKS": "2"}.items():
        monkeypatch.setenv(name, value)
    assert [run_folder(), run_folder()] == ["outputs/slurm-71-2"] * 2
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")  # such as runs one after the other in an interactive step
    assert run_folder() != run_folder()


def test_a_requeued_job_takes_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "71", "SLURM_STEP_ID": "2", "SLURM_STEP_NUM_TASKS": "2"}.items():
        monkeypatch.setenv(name, value)
    found = [run_folder()]
    for restart in ("1", "2"):
        monkeypatch.setenv("SLURM_RESTART_COUNT", restart)
        found.append(run_folder())
    assert found == ["outputs/slurm-71-2", "outputs/slurm-71-2-restart-1", "outputs/slurm-71-2-restart-2"]


def test_a_layout_is_a_name_or_a_file_s_mapping(tmp_path: Path) -> None:
    path = tmp_path / "layout.yaml"
    path.write_text("joints: [a, b]\nbones: [[b, a]]\ncenter: a\n")
    assert configuration.load_layout(str(path)) == {"joints": ["a", "b"], "bones": [["b", "a"]], "center": "a"}
    assert configuration.load_layout("coco") == "coco"
    path.write_text("[a, b]")
    with pytest.raises(ValueError, match=r"layout\.yaml holds no layout, which is a mapping"):
        configuration.load_layout(str(path))


def test_a_file_s_old_names_become_those_of_today() -> None:
    config = OmegaConf.create({"channels": [4, 8], "widths": [1], "model": {"channels": [2], "strides": [1]}})
    old = {"channels": "widths", "model.channels": "model.widths", "model.gone": "model.here"}
    assert configuration.modernised(config, old) == {"channels": "widths", "model.channels": "model.widths"}
    assert config == {"widths": [4, 8], "model": {"widths": [2], "strides": [1]}}
    config = OmegaConf.create({"channels": [4, 8], "model": {"channels": "${channels}"}})
    assert configuration.modernised(config, old).keys() == {"channels", "model.channels"}
    assert config == {"widths": [4, 8], "model": {"widths": [4, 8]}}
    config = OmegaConf.create({"format": None})
    assert configuration.modernised(config, {"format": "input_format"}) == {"format": "input_format"}
    assert config == {"input_format": None}
    config = OmegaConf.create({"channels": [4, 8], "widths": [1]})
    assert configuration.modernised(config, old, {"widths": "[1]"}) == {"channels": "widths"}
    assert config == {"widths": [1]}  # as typed


def test_the_groups_of_a_command_are_those_of_its_file() -> None:
    assert configuration.groups_of("train") == ["preprocessing", "optimizer", "scheduler", "data", "experiment"]
    assert configuration.groups_of("check") == configuration.groups_of("train")
    assert configuration.groups_of("prepare") == []
