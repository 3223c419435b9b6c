"""The device of a run is said, and is never one that no run was tried on unless it is asked for."""

import platform
from collections.abc import Iterator

import pytest
import torch
from lightning_fabric.accelerators import mps as fabric
from pytorch_lightning.accelerators import CPUAccelerator, MPSAccelerator

from stgcn_torch.commands.composition import quiet_trainer, trainer_on


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
    assert capsys.readouterr().err.splitlines() == [
        "training and evaluation are on the CPU: no run on Apple's GPU has been tried"
    ]
    quiet_trainer(trainer.accelerator)  # which evaluates what that one trained
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("apple")
def test_apples_gpu_is_taken_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = trainer_on("mps", logger=False, enable_checkpointing=False)
    assert isinstance(trainer.accelerator, MPSAccelerator)
    assert "no run has been tried on" in capsys.readouterr().err


@pytest.mark.usefixtures("apple")
@pytest.mark.parametrize("accelerator", ["mps", "gpu"])
def test_apples_gpu_has_no_float64(accelerator: str) -> None:
    with pytest.raises(ValueError, match=r"^precision 64-true is not to be had on Apple's GPU"):
        quiet_trainer(accelerator, "64-true")


@pytest.mark.skipif(torch.cuda.is_available(), reason="auto takes the GPU that is here")
def test_elsewhere_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(quiet_trainer().accelerator, CPUAccelerator)
    assert capsys.readouterr().err == ""
