"""Callbacks of a run: history, first checkpoint, recipe, and the Triton kernels."""

import csv
import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from stgcn_torch.files import written_whole
from stgcn_torch.integrity import not_finite
from stgcn_torch.training.fused import FusedNetwork, failure, hindrance
from stgcn_torch.training.lit import LitSTGCN

log = logging.getLogger(__name__)


class History(Callback):
    """One row per epoch in ``metrics.csv``, a line in the log, and state for resumed runs to continue the file.

    Lightning's CSVLogger deletes the rows that an earlier part of the run wrote into the same folder.

    Args:
        path: Path of ``metrics.csv``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, float]] = []
        self.lr = float("nan")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Store the learning rate of the epoch, as the schedule steps before the epoch's end."""
        self.lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Append a row for the epoch."""
        row = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "lr": self.lr,
        }
        row |= {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows = [old for old in self.rows if old["epoch"] < row["epoch"]] + [row]
        if trainer.is_global_zero:
            self.write()
            metrics = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in ("epoch", "step"))
            log.info("epoch %d/%s  %s", row["epoch"] + 1, trainer.max_epochs, metrics)

    def write(self) -> None:
        """Write all rows."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with written_whole(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows of a checkpoint."""
        self.rows = list(state_dict["rows"])


class Divergence(Callback):
    """Ends a training whose loss or weights are no longer finite, before anything of that epoch is saved."""

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the weights before they are asked."""
        if not trainer.sanity_checking:
            self.check(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at losses and weights; checkpoints are written after it."""
        self.check(trainer, pl_module)

    @staticmethod
    def check(trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Raise ValueError if a loss or a weight is not finite; every process decides alike."""
        losses = [name for name, value in trainer.callback_metrics.items() if name.endswith("loss")]
        spoilt = [name for name in losses if not torch.isfinite(trainer.callback_metrics[name]).all()]
        spoilt += not_finite({name: tensor.detach() for name, tensor in module.state_dict().items()})
        if spoilt:
            raise ValueError(
                f"training diverged in epoch {trainer.current_epoch + 1}: {spoilt[0]} is not finite; checkpoints are "
                "those of the epochs before; a lower optimizer.lr or trainer.gradient_clip_val may help"
            )


class FirstCheckpoint(Callback):
    """Saves a checkpoint before the first step, so that an interrupted first epoch can be resumed like any other.

    Args:
        path: Path of the checkpoint.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, unless the run was resumed from a checkpoint."""
        if trainer.ckpt_path is None:
            trainer.save_checkpoint(self.path, weights_only=False)  # with the state of the run, not only the weights


class Recipe(Callback):
    """Saves in every checkpoint the values that a resumed run must repeat, besides the module's hyperparameters.

    Args:
        values: Plain values.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def state_dict(self) -> dict[str, Any]:
        """The values."""
        return self.values


class FusedTraining(Callback):
    """Trains through the Triton kernels on a GPU if bfloat16 is asked for (see ``fused``).

    Args:
        required: True to raise an error if the kernels cannot be used; None to log the reason and train without them.
    """

    def __init__(self, required: bool | None = None) -> None:
        self.required = required

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the batches of this run go through the kernels, if they can."""
        assert isinstance(pl_module, LitSTGCN)
        on_gpu = pl_module.device.type == "cuda"
        reason = self._hindrance(trainer, pl_module)
        if reason and self.required:
            raise ValueError(f"fused=true cannot be: {reason}")
        if reason:
            if on_gpu and trainer.is_global_zero:
                log.info("without the fused kernels: %s", reason)
            return
        self.benchmark = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
        captured = trainer.world_size == 1 and trainer.accumulate_grad_batches == 1
        pl_module.fused = FusedNetwork(pl_module.backbone, pl_module.head, captured=captured)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Free the memory of the CUDA graph."""
        assert isinstance(pl_module, LitSTGCN)
        if pl_module.fused is not None:
            pl_module.fused, torch.backends.cudnn.benchmark = None, self.benchmark

    @staticmethod
    def _hindrance(trainer: pl.Trainer, module: LitSTGCN) -> str | None:
        if module.device.type != "cuda":
            return f"the kernels need a GPU, this run is on the {module.device.type}"
        if trainer.precision != "bf16-mixed":
            return f"the kernels are for trainer.precision=bf16-mixed, it is {trainer.precision}"
        return hindrance(module.backbone) or failure(module.backbone, module.head)
