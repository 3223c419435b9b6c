"""The kernels are used where possible; otherwise the reason is logged or raised."""

import logging
from typing import Any
from unittest.mock import Mock, PropertyMock

import pytest
import torch

from stgcn_torch.training.callbacks import FusedTraining
from stgcn_torch.training.fused import FusedNetwork
from stgcn_torch.training.lit import LitSTGCN

pytest.importorskip("triton", reason="Triton is not installed")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> LitSTGCN:
    """A small module that reports a GPU as its device."""
    monkeypatch.setattr(LitSTGCN, "device", PropertyMock(return_value=torch.device("cuda")))
    model = {"num_classes": 3, "channels": [4], "strides": [1]}
    return LitSTGCN(model, {"window": 8}, ["a", "b", "c"])


def trainer(**options: Any) -> Mock:
    """A trainer with the attributes that the callback reads."""
    usual = {"precision": "bf16-mixed", "world_size": 1, "accumulate_grad_batches": 1, "is_global_zero": True}
    return Mock(**usual | options)


@pytest.mark.parametrize(
    ("options", "captured"), [({}, True), ({"world_size": 2}, False), ({"accumulate_grad_batches": 2}, False)], ids=str
)
def test_batches_are_replayed_where_no_gradients_gather(
    module: LitSTGCN, options: dict[str, int], captured: bool
) -> None:
    callback = FusedTraining()
    callback.on_train_start(trainer(**options), module)
    assert isinstance(module.fused, FusedNetwork)
    assert module.fused.captured == captured
    callback.on_train_end(trainer(), module)
    assert module.fused is None


def test_another_precision_is_told_of_once_or_refused(module: LitSTGCN, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    FusedTraining().on_train_start(trainer(precision="32-true"), module)
    assert module.fused is None
    assert caplog.messages == [
        "without the fused kernels: the kernels are for trainer.precision=bf16-mixed, it is 32-true"
    ]
    with pytest.raises(ValueError, match=r"fused=true cannot be: the kernels are for trainer\.precision=bf16-mixed"):
        FusedTraining(True).on_train_start(trainer(precision="32-true"), module)


def test_a_cpu_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    module = LitSTGCN({"num_classes": 3, "channels": [4], "strides": [1]}, {"window": 8}, ["a", "b", "c"])
    FusedTraining().on_train_start(trainer(), module)
    assert module.fused is None
    assert not caplog.messages
    with pytest.raises(ValueError, match=r"the kernels need a GPU, this run is on the cpu$"):
        FusedTraining(True).on_train_start(trainer(), module)
