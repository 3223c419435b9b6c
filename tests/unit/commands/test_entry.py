"""The folder of a run: of its own, and the same for all its processes; and output that any terminal takes."""

import io
import sys
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from stgcn_torch.commands import entry as commands


@pytest.fixture(autouse=True)
def started_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """By no launcher, and a second goes by from one process's look at the clock to the next's."""
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS", "SLURM_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    times = (datetime(2026, 1, 2, 23, 59, 59) + timedelta(seconds=i) for i in count())
    monkeypatch.setattr(commands, "datetime", SimpleNamespace(now=lambda: next(times)))


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


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "gbk"])
def test_a_terminal_of_few_characters_is_shown_all_names(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding=encoding))
    commands.write_any_character()
    print("阿克塞尔跳 • ÿ", flush=True)
    shown = held.getvalue().decode(encoding)
    assert shown.encode("ascii", "backslashreplace").decode() == r"\u963f\u514b\u585e\u5c14\u8df3 \u2022 \xff" + "\n"
