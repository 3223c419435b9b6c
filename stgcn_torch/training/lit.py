"""The Lightning module: network, loss, metrics and optimizer, with all hyperparameters in its checkpoints."""

import inspect
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, SequentialLR
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from stgcn_torch.data.batch.augmentation import Augmentation, augment
from stgcn_torch.data.batch.crops import even_crops
from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.mirroring import check_mirror
from stgcn_torch.data.preprocessing.steps import Preprocessing, refuse_unknown
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.integrity import CARD, DIGEST, check_digest, check_finite, check_records, digest
from stgcn_torch.model import STGCN, with_absent_people
from stgcn_torch.skeleton import skeleton
from stgcn_torch.training.fused import FusedNetwork

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
NO_SLOTS = "does not say how many people its training clips had room for; each clip's own number is taken"
SCHEDULER_OPTIONS = ("name", "interval", "warmup", "t_max", "eta_min", "milestones", "gamma")


class LitSTGCN(pl.LightningModule):
    """ST-GCN with its loss, metrics and optimizer.

    All arguments are plain values: Lightning stores them, and a checkpoint then loads with ``weights_only=True`` from
    the file alone.

    Args:
        model: Arguments of ``STGCN``; ``in_channels`` follows from the preprocessing if left out.
        preprocessing: ``Preprocessing`` as plain values.
        classes: Class names, in the order of the logits.
        optimizer: ``name`` (sgd or adamw) and the arguments of torch's optimizer. Weight decay is coupled and applies
            to every parameter, as in Paddle.
        scheduler: ``name`` (cosine, multistep or constant), ``interval`` (epoch or step), ``warmup`` (epochs of linear
            rise), and ``t_max`` (epochs) and ``eta_min``, or ``milestones`` (epochs) and ``gamma``.
        augmentation: ``Augmentation`` as plain values.
        label_smoothing: In [0, 1].
        seed: Seed of augmentation and dropout, combined with epoch, batch and rank.
        training_clips: ``TrainingClips`` as plain values; None if unknown.
    """

    def __init__(
        self,
        model: dict[str, Any],
        preprocessing: dict[str, Any],
        classes: Sequence[str],
        optimizer: dict[str, Any] | None = None,
        scheduler: dict[str, Any] | None = None,
        augmentation: dict[str, Any] | None = None,
        label_smoothing: float = 0.0,
        seed: int = 0,
        training_clips: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be in [0, 1], got {label_smoothing}")
        self.save_hyperparameters()
        self.preprocessing = Preprocessing.of(preprocessing)
        self.augmentation = Augmentation.of(augmentation or {})
        self.training_clips = TrainingClips.of(training_clips) if training_clips else None
        self.assumed: tuple[str, ...] = ()  # sentences on what a file did not say
        self.split = self.training_clips.split if self.training_clips else None  # the rules that held clips out
        self.classes = tuple(classes)
        self.body = skeleton(model.get("layout", "fsd10"))
        refuse_unknown("model", model, inspect.signature(STGCN).parameters)
        network = STGCN(**{"in_channels": self.preprocessing.in_channels} | model)
        self.backbone, self.head = network.backbone, network.head
        self.fused: FusedNetwork | None = None  # replaces backbone and head in training on a GPU
        K = len(self.classes)
        self.val_metrics, self.test_metrics, self.eval_loss = _metrics(K), _metrics(K), MeanMetric()

    @property
    def slots(self) -> int | None:
        """People in the clips that the network was trained on; None if unknown."""
        return self.training_clips.slots if self.training_clips else None

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed clips (N, C, T, V, M) to logits (N, num_classes).

        For several crops, the result is the logarithm of their mean probabilities. Absent people are added to clips
        with fewer than in training; ValueError for clips with more.
        """
        x = with_absent_people(x, self.slots)
        crops = even_crops(x, self.preprocessing.window, self.preprocessing.crops, self.preprocessing.crop)
        views = [self.logits(crop) for crop in crops]
        if len(views) == 1:
            return views[0]
        return torch.stack(views).float().log_softmax(dim=2).logsumexp(dim=0) - math.log(len(views))

    def logits(self, x: Tensor) -> Tensor:
        """Joints of one window (N, C, T, V, M) to logits (N, num_classes)."""
        x = stack_streams(x, self.preprocessing.streams, self.body.parents)
        if self.training and self.fused is not None:
            return self.fused(x)
        logits: Tensor = self.head(self.backbone(x))
        return logits

    def on_fit_start(self) -> None:
        """Refuse to train on what would be torn."""
        check_mirror(self.augmentation.mirror, self.body)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of an augmented batch."""
        clips, labels = batch
        # One seed per step, so that a resumed run draws the same numbers as an uninterrupted one.
        entropy = (self.hparams["seed"], self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        logits = self.logits(self._augment(clips))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.hparams["label_smoothing"])
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(labels), sync_dist=True)
        return loss

    def _augment(self, clips: Tensor) -> Tensor:
        images = None  # of mirrored recordings: their people follow those of the clips
        if self.slots is not None and clips.shape[-1] == 2 * self.slots:
            clips, images = clips[..., : self.slots], clips[..., self.slots :]
        center = self.preprocessing.center_joint(self.body)
        with torch.autocast(clips.device.type, enabled=False):  # positions keep their full precision
            return augment(
                clips,
                self.augmentation,
                images=images,
                window=self.preprocessing.window,
                channels=self.preprocessing.keep,
                mirror=self.body.mirror,
                center=center,
                about_body=center is None and self.augmentation.about == "body",
                center_of=self.preprocessing.center_of,
            )

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Update the metrics with a validation batch."""
        self._count(self.val_metrics, batch)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Update the metrics with a test batch."""
        self._count(self.test_metrics, batch)

    def _count(self, metrics: MetricCollection, batch: tuple[Tensor, Tensor]) -> None:
        clips, labels = batch
        logits = self(clips).float()
        self.eval_loss.update(F.cross_entropy(logits, labels), len(labels))
        metrics.update(logits, labels)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation split."""
        self._log_metrics("val", self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the metrics of the whole test split; stores its confusion matrix in ``confusion``."""
        self._log_metrics("test", self.test_metrics)

    def _log_metrics(self, split: str, metrics: MetricCollection) -> None:
        values = metrics.compute()
        self.confusion: Tensor = values["confusion"].cpu()
        self.log(f"{split}/loss", self.eval_loss.compute())
        self.log(f"{split}/top1", values["top1"], prog_bar=True)
        self.log(f"{split}/top5", values["top5"])
        self.log(f"{split}/mean_class", mean_class_accuracy(self.confusion))
        metrics.reset()
        self.eval_loss.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the digest of the tensors, averaged ones as they are saved."""
        checkpoint[CARD] = {DIGEST: digest(checkpoint["state_dict"])}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Raise ValueError if tensors differ from their digest or are not finite; a rounded graph is made exact."""
        state = checkpoint["state_dict"]
        check_digest(state, checkpoint.get(CARD, {}).get(DIGEST))
        check_finite(state)
        if "backbone.A" in state and state["backbone.A"].dtype in (torch.float16, torch.bfloat16):
            state["backbone.A"] = self.backbone.A.detach().clone()

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> "LitSTGCN":
        """Lightning's, after the checksums of the file's records are compared; warns if the person slots are unknown.

        Raises:
            ValueError: The file is damaged.
        """
        if isinstance(checkpoint_path, str | Path) and Path(checkpoint_path).is_file():
            check_records(Path(checkpoint_path))
        module: LitSTGCN = super().load_from_checkpoint(checkpoint_path, *args, **kwargs)
        if module.slots is None:
            warnings.warn(f"{checkpoint_path} {NO_SLOTS}", stacklevel=2)
        return module

    def configure_optimizers(self) -> Any:
        """Optimizer and schedule from the hyperparameters."""
        options = dict(self.hparams["optimizer"] or {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4})
        name = options.pop("name")
        if name not in OPTIMIZERS:
            raise ValueError(f"optimizer {name!r} is unknown; choose one of {', '.join(sorted(OPTIMIZERS))}")
        refuse_unknown("optimizer", options, inspect.signature(OPTIMIZERS[name]).parameters)
        optimizer = OPTIMIZERS[name](self.parameters(), **options)
        schedule = self.hparams["scheduler"]
        if not schedule or schedule["name"] == "constant":
            return optimizer
        interval = schedule.get("interval", "epoch")
        steps = self._steps_per_epoch() if interval == "step" else 1
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": make_schedule(optimizer, schedule, steps), "interval": interval},
        }

    def _steps_per_epoch(self) -> int:
        # Not Lightning's estimated_stepping_batches: it starts the loader's workers, and as a resumed run does not
        # know its epoch yet, they would use the order of epoch 0.
        batches = len(self.trainer.datamodule.train_dataloader())  # type: ignore[attr-defined]
        limit = self.trainer.limit_train_batches
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * (1.0 if limit is None else limit))
        return max(math.ceil(batches / self.trainer.accumulate_grad_batches), 1)


class DecimalMultiStepLR(MultiStepLR):
    """A multi-step schedule with rates rounded to 15 digits: a tenth of 0.1 is 0.01, not 0.010000000000000002.

    PaddleVideo's recipes list their rates as decimal numbers.
    """

    def get_lr(self) -> list[Any]:
        """The rate of each parameter group."""
        rates = super().get_lr()
        return [float(f"{rate:.15g}") for rate in rates] if self.last_epoch in self.milestones else rates


def make_schedule(optimizer: torch.optim.Optimizer, schedule: dict[str, Any], steps: int = 1) -> LRScheduler:
    """A learning-rate schedule from plain values (see ``LitSTGCN``), with ``steps`` steps per epoch.

    Raises:
        ValueError: The name or an option is unknown.
    """
    name = schedule["name"]
    refuse_unknown("scheduler", schedule, SCHEDULER_OPTIONS)
    warmup = round(schedule.get("warmup", 0) * steps)
    main: LRScheduler
    if name == "cosine":
        t_max = max(round(schedule["t_max"] * steps) - warmup, 1)
        main = CosineAnnealingLR(optimizer, T_max=t_max, eta_min=schedule.get("eta_min", 0.0))
    elif name == "multistep":
        milestones = [round(epoch * steps) - warmup for epoch in schedule["milestones"]]
        main = DecimalMultiStepLR(optimizer, milestones, gamma=schedule.get("gamma", 0.1))
    else:
        raise ValueError(f"scheduler {name!r} is unknown; choose cosine, multistep or constant")
    if not warmup:
        return main
    rise = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    return SequentialLR(optimizer, [rise, main], milestones=[warmup])


def mean_class_accuracy(confusion: Tensor) -> Tensor:
    """Mean over classes of the share of clips recognised; classes without clips do not count.

    Args:
        confusion: ``confusion[i, j]`` is the number of clips of class i classified as class j.
    """
    clips = confusion.sum(dim=1)
    return (confusion.diagonal()[clips > 0] / clips[clips > 0]).mean()


def _metrics(num_classes: int) -> MetricCollection:
    return MetricCollection(
        {
            "top1": MulticlassAccuracy(num_classes, average="micro"),
            "top5": MulticlassAccuracy(num_classes, average="micro", top_k=min(5, num_classes)),
            "confusion": MulticlassConfusionMatrix(num_classes),
        }
    )
