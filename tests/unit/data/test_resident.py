"""Resident clips are served as a loader serves them."""

from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.data.resident import ResidentLoader, fits
from tests.unit.data.test_module import data_of, numbers, root, served

__all__ = ["root"]  # the fixture


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [7, 10])
def test_the_same_batches_in_the_same_order(root: Path, batch_size: int, drop_last: bool) -> None:
    data = data_of(root, batch_size=batch_size, drop_last=drop_last, seed=3)
    resident = data_of(root, batch_size=batch_size, drop_last=drop_last, seed=3, resident=True)
    loader = resident.train_dataloader()
    assert isinstance(loader, ResidentLoader)
    for epoch in (0, 4):
        loader.sampler.set_epoch(epoch)
        expected = data.train_dataloader()
        expected.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        batches = list(loader)
        assert len(batches) == len(loader) == len(expected)
        for (clips, labels), (others, other_labels) in zip(batches, expected, strict=True):
            assert torch.equal(clips, others)
            assert torch.equal(labels, other_labels)


def test_clips_are_moved_once(root: Path) -> None:
    data = data_of(root, resident=True)
    first, second = data.train_dataloader(), data.train_dataloader()
    assert first is second


def test_a_run_that_overfits_has_a_loader_whose_order_can_be_taken(root: Path) -> None:
    data = data_of(root, resident=True)
    data.trainer = Mock(overfit_batches=2, world_size=1, global_rank=0)
    data.trainer.fit_loop.epoch_progress.current.processed = 0
    data.trainer.strategy.root_device = torch.device("cpu")
    assert not isinstance(data.train_dataloader(), ResidentLoader)


def test_every_epoch_has_its_order(root: Path) -> None:
    assert served(data_of(root, resident=True), 1) != served(data_of(root, resident=True), 2)
    assert sorted(served(data_of(root, resident=True), 1)) == sorted(numbers(data_of(root).train_dataloader()))


def test_clips_that_every_epoch_draws_anew_cannot_stay(root: Path) -> None:
    anew = Preprocessing(window=3, random_pad=True)
    with pytest.raises(ValueError, match="random_pad changes them every epoch"):
        data_of(root, anew, resident=True).train_dataloader()
    assert not fits(data_of(root, anew).datasets["train"], torch.device("cuda"))


def test_nothing_is_resident_without_a_gpu(root: Path) -> None:
    assert not fits(data_of(root).datasets["train"], torch.device("cpu"))
    assert not isinstance(data_of(root).train_dataloader(), ResidentLoader)


def test_it_depends_on_the_free_memory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = data_of(root).datasets["train"]
    for free, enough in ((5 * dataset.nbytes, True), (3 * dataset.nbytes, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", Mock(return_value=(free, 10 * free)))
        assert fits(dataset, torch.device("cuda")) == enough
