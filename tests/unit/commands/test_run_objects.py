"""The device of a run is said, and is never one that no run was tried on unless it is asked for."""

import platform
from collections.abc import Iterator

import pytest
import torch
from lightning_fabric.accelerators import mps as fabric
from pytorch_lightning.accelerators import CPUAccelerator, MPSAccelerator

from stgcn_torch.commands.run_objects import quiet_trainer, trainer_on


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that has Apple's GPU, as far as Lightning can see."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    fabric.MPSAccelerator.is_available.cache_clear()  # type: ignore[attr-defined]
    yield
    fabric.MPSAccelerator.is_available.cache_clear()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("apple")
@pytest.mark.filterwarnings("ignore:.*GPU available but not used")  # as commands do
@pytest.mark.parametrize("options", [{}, {"devices": 2, "strategy": "ddp_spawn"}], ids=["one process", "two"])
def test_auto_is_the_cpu_where_there_is_apples_gpu(
    options: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = trainer_on("auto", logger=False, enable_checkpointing=False, **options)
    assert isinstance(trainer.accelerator, CPUAccelerator)
    assert capsys.readouterr().err.splitlines() == ["using the CPU: Apple's GPU is untested, accelerator=mps takes it"]
    quiet_trainer(trainer.accelerator)  # which evaluates what that one trained
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("apple")
def test_apples_gpu_is_taken_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = trainer_on("mps", logger=False, enable_checkpointing=False)
    assert isinstance(trainer.accelerator, MPSAccelerator)
    assert "which is untested" in capsys.readouterr().err


@pytest.mark.usefixtures("apple")
@pytest.mark.parametrize("accelerator", ["mps", "gpu"])
def test_apples_gpu_has_no_float64(accelerator: str) -> None:
    with pytest.raises(ValueError, match=r"^Apple's GPU has no float64, got precision 64-true"):
        quiet_trainer(accelerator, "64-true")


@pytest.mark.skipif(torch.cuda.is_available(), reason="auto takes the GPU that is here")
def test_elsewhere_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(quiet_trainer().accelerator, CPUAccelerator)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("accelerator", ["gpu", "cuda"])
def test_a_gpu_that_is_not_there_is_one_line(accelerator: str) -> None:
    with pytest.raises(ValueError, match=rf"^accelerator must be auto or cpu, as .+ finds no GPU; got {accelerator}$"):
        quiet_trainer(accelerator)
