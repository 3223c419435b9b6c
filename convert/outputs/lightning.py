"""A converted network as a checkpoint of this project's training, which goes on from it as from its own."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from convert.network.network import Network
from convert.network.optimizer import Momentum, progress
from convert.network.recipes import Recipe, find_recipe
from convert.pickle.errors import MismatchError
from stgcn_torch.checkpoint.writer import WholeFileCheckpointIO
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.training.lit import LitSTGCN


def write_ckpt(
    network: Network,
    preprocessing: Preprocessing,
    path: str | Path,
    momentum: Momentum | None = None,
    recipe: Recipe | None = None,
) -> None:
    """Write a checkpoint that ``LitSTGCN.load_from_checkpoint`` takes and, with momentum, ``train ckpt_path=`` too.

    It says what the network's file says and nothing else: of augmentation, seed or dropout there is no word in it, and
    the classes are called by their numbers. It counts epochs; steps it counts from 0, as Paddle's files do not say how
    many an epoch had.

    Args:
        network: What ``find_network`` gives.
        preprocessing: What was done to the clips that it was trained with.
        path: Where to; the file appears whole or not at all.
        momentum: The state of its optimizer; None for weights that nothing goes on from.
        recipe: What the momentum belongs to; None to find it.

    Raises:
        MismatchError: The preprocessing has other channels than the network, or the momentum belongs to no known
            recipe.
    """
    if preprocessing.in_channels != network.model["in_channels"]:
        wanted, given = network.model["in_channels"], preprocessing.in_channels
        raise MismatchError(f"the network takes {wanted} channels, the preprocessing gives {given}")
    said: dict[str, Any] = {
        "model": network.model,
        "preprocessing": preprocessing.plain,
        "classes": list(network.classes or map(str, range(network.model["num_classes"]))),
    }
    if momentum is not None:
        said |= recipe or find_recipe(momentum)
    module = LitSTGCN(**said)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in network.state.items()})
    for name in module.hparams.keys() - said.keys():  # the defaults of what is not known
        del module.hparams[name]
    with _quiet():
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, plugins=[WholeFileCheckpointIO()]
        )
        trainer.strategy.connect(module)
        if momentum is not None:
            module.trainer = trainer
            _take(momentum, module, trainer)
        trainer.save_checkpoint(path, weights_only=momentum is None)


def _take(momentum: Momentum, module: LitSTGCN, trainer: pl.Trainer) -> None:
    """Bring the trainer's optimizer, schedule and count of epochs to where they are after the last of Paddle's."""
    trainer.strategy.setup_optimizers(trainer)
    (optimizer,) = trainer.optimizers
    for name, parameter in module.named_parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.from_numpy(momentum.velocities[name])
    if momentum.schedule is None:  # a constant rate, which the optimizer has from its recipe
        return
    (schedule,) = trainer.lr_scheduler_configs
    epoch, lr = progress(momentum)
    optimizer.param_groups[0]["lr"] = lr
    schedule.scheduler.load_state_dict({"last_epoch": epoch, "_step_count": epoch + 1, "_last_lr": [lr]})
    trainer.fit_loop.epoch_progress.increment_by(epoch)


@contextmanager
def _quiet() -> Iterator[None]:
    """What Lightning says of devices that a trainer has or leaves alone is of no interest when nothing is trained."""
    log = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
