"""Training in two processes: the steps of one that sees both halves, one folder, one report, and it resumes."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader

from stgcn_torch.commands.run_objects import make_data, make_module
from stgcn_torch.data.dataset import as_is
from stgcn_torch.data.module import EpochSampler, SkeletonData
from stgcn_torch.skeleton import skeleton
from tests.cli.commands import Command

TOLERANCE = 1e-6  # after 12 steps, of the largest value of each tensor, float32; measured: 0
TWO = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu"]
HALVES = ["data.batch_size=8", "data.val.folds=7"]


class Halves:
    """The batches of two processes by turns: the first's, the second's, the first's next."""

    def __init__(self, data: SkeletonData) -> None:
        self.sampler = self  # where Lightning looks for set_epoch
        self.ranks = [EpochSampler(data.datasets["train"], 2, rank, data.seed, data.drop_last) for rank in (0, 1)]
        self.size = data.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning as each epoch starts."""
        for sampler in self.ranks:
            sampler.set_epoch(epoch)

    def __iter__(self) -> Iterator[list[int]]:
        for both in zip(*(BatchSampler(sampler, self.size, drop_last=False) for sampler in self.ranks), strict=True):
            yield from both

    def __len__(self) -> int:
        return 2 * len(BatchSampler(self.ranks[0], self.size, drop_last=False))


class FirstHalfCounts(Callback):
    """Lets only the first process's halves move the running statistics, as DDP keeps those of rank 0."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """Every second half belongs to the other process."""
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.momentum = 0.0 if batch_idx % 2 else 0.1


def in_one_process(config: Any) -> dict[str, Tensor]:
    """The tensors after the same recipe in one process, which accumulates the gradients of both halves."""
    pl.seed_everything(config.seed, verbose=False)
    data = make_data(config, skeleton(config.layout))
    module = make_module(config, config.layout, data)
    loader = DataLoader(data.datasets["train"], batch_sampler=Halves(data), collate_fn=as_is)  # type: ignore[arg-type]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=config.trainer.max_epochs,
        accumulate_grad_batches=2,
        callbacks=[FirstHalfCounts()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, loader)
    assert trainer.global_step == 12
    return module.state_dict()


def tensors(checkpoint: Path) -> dict[str, Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def difference(one: dict[str, Tensor], other: dict[str, Tensor], names: list[str]) -> float:
    return max(float((one[name] - other[name]).abs().max() / other[name].abs().max().clamp(min=1e-3)) for name in names)


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.filterwarnings("ignore:.*The number of training batches.*")
@pytest.mark.filterwarnings("ignore:You defined a .validation_step. but have no")
def test_two_processes_step_as_one_that_accumulates_both_halves(
    command: Command, tiny: list[str], tmp_path: Path
) -> None:
    said = command("train", *tiny, *HALVES, *TWO).stdout
    for once in ("test: top-1", "epoch 1/2", "epoch 2/2", "train, ", "checkpoint ", "report "):
        assert said.count(once) == 1, said
    (run,) = (tmp_path / "outputs").glob("*/*")
    two = tensors(run / "checkpoints" / "last.ckpt")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as each of the two has on two cores: another number sums in another order
    try:
        one = in_one_process(OmegaConf.load(run / "config.yaml"))
    finally:
        torch.set_num_threads(threads)
    assert two.keys() == one.keys()
    statistics = [name for name in two if "running" in name]
    learned = [name for name in two if name not in statistics and not name.endswith("num_batches_tracked")]
    assert difference(two, one, learned) < TOLERANCE
    assert difference(two, one, statistics) < TOLERANCE


def test_a_run_of_two_processes_resumes_to_the_same_bits(command: Command, tiny: list[str], tmp_path: Path) -> None:
    given = [*tiny, *HALVES, *TWO, "model.dropout=0.2", "augmentation.mirror=0.5"]
    command("train", *given, "hydra.run.dir=alone")
    command("train", *given, "hydra.run.dir=run", "trainer.max_epochs=1")
    said = command("train", *given, "ckpt_path=run/checkpoints/last.ckpt").stdout
    assert said.count("test: top-1") == 1
    alone, resumed = (tensors(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("alone", "run"))
    assert [name for name in alone if not torch.equal(alone[name], resumed[name])] == []
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "run"]
