"""Going on where Paddle stopped: its weights and optimizer state through the converter, then one more step in each."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from convert import read_pdparams
from convert.formats.pdparams import NAMES
from convert.network.keys import convert_state_dict
from convert.network.network import find_network
from convert.network.optimizer import find_momentum, progress
from convert.outputs.lightning import write_ckpt
from convert.outputs.writer import write
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.training.lit import LitSTGCN
from tests.parity import reference
from tests.parity.page import Measured
from tests.parity.pairs import arrays
from tests.parity.reference import paddle

pytestmark = pytest.mark.paddle
LR, T_MAX, EPOCHS = 0.05, 60, 3
CLASSES, CLIPS, FRAMES = 30, 4, 16
LOSS, PARAMETERS = 1e-5, 1e-4
PREPROCESSING = replace(PREPROCESSINGS["article"], window=FRAMES)


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Clips and labels, a batch an epoch, others in every one."""
    rng = np.random.default_rng(7)
    while True:
        yield rng.normal(size=(CLIPS, 2, FRAMES, 25, 1)).astype(np.float32), rng.integers(0, CLASSES, CLIPS)


class Paddles:
    """A run of the article's training in Paddle, of one batch an epoch; its rate may be another schedule or number."""

    def __init__(self, schedule: Any = None) -> None:
        paddle.seed(0)
        self.network = reference.STGCN(CLASSES)
        self.schedule = schedule or paddle.optimizer.lr.CosineAnnealingDecay(LR, T_max=T_MAX)
        decay = paddle.regularizer.L2Decay(1e-4)
        self.optimizer = paddle.optimizer.Momentum(self.schedule, 0.9, self.network.parameters(), weight_decay=decay)

    def epoch(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Loss of a step."""
        logits = self.network(paddle.to_tensor(x))
        loss = paddle.nn.functional.cross_entropy(logits, paddle.to_tensor(labels[:, None]))
        loss.backward()
        self.optimizer.step()
        self.optimizer.clear_grad()
        if not isinstance(self.schedule, float):
            self.schedule.step()
        return float(loss)

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Its files."""
        weights, optimizer = folder / "model.pdparams", folder / "model.pdopt"
        paddle.save(self.network.state_dict(), str(weights))
        paddle.save(self.optimizer.state_dict(), str(optimizer))
        return weights, optimizer

    def load(self, weights: Path) -> None:
        """Go on from files."""
        optimizer = paddle.load(str(weights.with_suffix(".pdopt")))
        self.network.set_state_dict(paddle.load(str(weights)))
        self.optimizer.set_state_dict(optimizer)


@pytest.fixture
def begun() -> tuple[Paddles, tuple[np.ndarray, np.ndarray]]:
    """A run after its first epochs, and the batch of the next."""
    run, data = Paddles(), batches()
    for _ in range(EPOCHS):
        run.epoch(*next(data))
    return run, next(data)


def next_epoch(checkpoint: Path, x: np.ndarray, labels: np.ndarray) -> tuple[LitSTGCN, torch.optim.Optimizer, float]:
    """The module and its optimizer after the next epoch of Lightning, and its loss."""
    module = LitSTGCN.load_from_checkpoint(checkpoint)
    trainer = pl.Trainer(
        max_epochs=EPOCHS + 1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batch = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(labels)), batch_size=CLIPS)
    trainer.fit(module, batch, ckpt_path=str(checkpoint), weights_only=True)
    assert (trainer.current_epoch, trainer.global_step) == (EPOCHS + 1, 1)
    return module, trainer.optimizers[0], float(trainer.callback_metrics["train/loss"])


@pytest.mark.filterwarnings("ignore:.*(validation_step|many workers).*")
def test_the_next_step_is_paddle_s(
    begun: tuple[Paddles, tuple[np.ndarray, np.ndarray]], tmp_path: Path, measured: Measured
) -> None:
    run, batch = begun
    weights, optimizer = run.save(tmp_path)
    network = find_network(read_pdparams(weights))
    momentum = find_momentum(read_pdparams(optimizer), network)
    write_ckpt(network, PREPROCESSING, tmp_path / "converted.ckpt", momentum)
    assert progress(momentum)[0] == EPOCHS
    expected = run.epoch(*batch)
    module, ours, loss = next_epoch(tmp_path / "converted.ckpt", *batch)
    assert ours.param_groups[0]["lr"] == run.schedule()  # of the epoch after, to the last bit
    what = f"the next step after {EPOCHS} of Paddle's at lr {LR}, float32, absolute"
    measured(f"loss, {what}", abs(loss - expected), LOSS)
    theirs = convert_state_dict(arrays(run.network))
    errors = [np.abs(theirs[name] - value.detach().numpy()).max() for name, value in module.named_parameters()]
    measured(f"parameters, {what}", float(max(errors)), PARAMETERS)


def test_momentum_is_found_without_names(begun: tuple[Paddles, tuple[np.ndarray, np.ndarray]], tmp_path: Path) -> None:
    weights, optimizer = (read_pdparams(path) for path in begun[0].save(tmp_path))
    by_name = find_momentum(optimizer, find_network(weights))
    del weights[NAMES], optimizer[NAMES]
    by_order = find_momentum(optimizer, find_network(weights))
    assert list(by_name.velocities) == list(by_order.velocities)
    assert all(np.array_equal(by_name.velocities[name], value) for name, value in by_order.velocities.items())
    assert all(value.any() for value in by_name.velocities.values())


def warming() -> Any:
    """A cosine that starts with a linear rise, over more epochs than are run."""
    rate = paddle.optimizer.lr
    return rate.LinearWarmup(rate.CosineAnnealingDecay(LR, T_max=T_MAX), EPOCHS + 1, 0.0, LR)


@pytest.mark.filterwarnings("ignore:There are some unused values in state_dict")  # Paddle's, of its own warmup
@pytest.mark.parametrize("schedule", [warming, lambda: LR], ids=["warmup", "constant"])
def test_paddle_goes_on_from_files_written_again(schedule: Any, tmp_path: Path) -> None:
    """Whatever schedule it had, or none: the step is the one that it would have taken itself."""
    data = batches()
    with paddle.utils.unique_name.guard():
        run = Paddles(schedule())
        for _ in range(EPOCHS):
            run.epoch(*next(data))
    weights, optimizer = run.save(tmp_path)
    network = find_network(read_pdparams(weights))
    momentum = find_momentum(read_pdparams(optimizer), network)
    write(network, tmp_path / "again.pdparams", momentum=momentum)
    batch = next(data)
    with paddle.utils.unique_name.guard():  # names count from 0, as in a process of its own
        again = Paddles(schedule())
        again.load(tmp_path / "again.pdparams")
        assert again.epoch(*batch) == run.epoch(*batch)
    assert again.optimizer.get_lr() == run.optimizer.get_lr()
    ours, theirs = arrays(again.network), arrays(run.network)
    assert [name for name in theirs if not np.array_equal(ours[name], theirs[name])] == []
