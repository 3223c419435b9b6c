"""Writing of a converted network as a checkpoint that this project's training can resume from."""

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
    """Write a checkpoint for ``LitSTGCN.load_from_checkpoint`` and, with momentum, for ``train ckpt_path=``.

    Its hyperparameters hold only values known from the network's file: no augmentation or seed. Classes without names
    are numbered. The epoch count is the file's; the step count is 0, as Paddle's files do not store steps per epoch.

    Args:
        network: The network from ``find_network``.
        preprocessing: Preprocessing of the training clips.
        path: The output file, which appears whole or not at all.
        momentum: State of the network's optimizer; None if training shall not resume from the file.
        recipe: Optimizer and scheduler of the momentum; None to find them by ``find_recipe``.

    Raises:
        MismatchError: The preprocessing has other channels than the network, or the momentum belongs to no known
            recipe.
    """
    if preprocessing.in_channels != network.model["in_channels"]:
        network_channels, clip_channels = network.model["in_channels"], preprocessing.in_channels
        raise MismatchError(f"the network takes {network_channels} channels, the preprocessing gives {clip_channels}")
    hyper_parameters: dict[str, Any] = {
        "model": network.model,
        "preprocessing": preprocessing.plain,
        "classes": list(network.classes or map(str, range(network.model["num_classes"]))),
    }
    if network.training_clips:
        hyper_parameters["training_clips"] = dict(network.training_clips)
    if momentum is not None:
        hyper_parameters |= recipe or find_recipe(momentum)
    module = LitSTGCN(**hyper_parameters)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in network.state.items()})
    for name in module.hparams.keys() - hyper_parameters.keys():  # defaults of unknown hyperparameters
        del module.hparams[name]
    if network.assumed:
        module.hparams["assumed"] = list(network.assumed)
    with _quiet():
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, plugins=[WholeFileCheckpointIO()]
        )
        trainer.strategy.connect(module)
        if momentum is not None:
            module.trainer = trainer
            _restore(momentum, module, trainer)
        trainer.save_checkpoint(path, weights_only=momentum is None)


def _restore(momentum: Momentum, module: LitSTGCN, trainer: pl.Trainer) -> None:
    """Set the trainer's optimizer, schedule and epoch count to their state after Paddle's last epoch."""
    trainer.strategy.setup_optimizers(trainer)
    (optimizer,) = trainer.optimizers
    for name, parameter in module.named_parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.from_numpy(momentum.velocities[name])
    if momentum.schedule is None:  # a constant rate, set by the recipe
        return
    (schedule,) = trainer.lr_scheduler_configs
    epoch, lr = progress(momentum)
    optimizer.param_groups[0]["lr"] = lr
    schedule.scheduler.load_state_dict({"last_epoch": epoch, "_step_count": epoch + 1, "_last_lr": [lr]})
    trainer.fit_loop.epoch_progress.increment_by(epoch)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence device messages; this trainer only writes a file."""
    log = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
