"""From a composed configuration to the objects of a run: data, module, trainer."""

import os
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.accelerators import MPSAccelerator
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar, WeightAveraging
from pytorch_lightning.loggers import TensorBoardLogger
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stgcn_torch.checkpoint.writer import WholeFileCheckpointIO
from stgcn_torch.commands.configuration import plain
from stgcn_torch.data.arrays import read_lines
from stgcn_torch.data.batch.augmentation import Augmentation
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing.mirroring import check_mirror, needed_image
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.data.skating import write_skating_set
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.skeleton import Skeleton
from stgcn_torch.training.callbacks import Divergence, FirstCheckpoint, FusedTraining, History, Recipe
from stgcn_torch.training.lit import LitSTGCN

PLACE = ("root", "num_workers", "eval_batch_size", "resident")  # of the data: how they are read, not what is learned


def make_data(config: DictConfig, body: Skeleton, module: LitSTGCN | None = None) -> SkeletonData:
    """The data module that a configuration describes; writes the synthetic set first if that is asked for.

    Args:
        config: Its ``data``, and for training ``preprocessing``, for evaluation ``split``.
        body: The layout of the joints.
        module: A checkpoint's, for evaluation: its preprocessing, and of the data the evaluated split alone.
    """
    options, channels = data_options(config)
    if module is None:
        preprocessing = Preprocessing.of(plain(config.preprocessing) | {"channels": channels})
        augmentation = Augmentation.of(augmentation_of(config))
        check_mirror(augmentation.mirror, body)
        if augmentation.about == "body":
            options["image"] = needed_image(preprocessing, body, augmentation.mirror, augmentation.mirrored)
    else:
        preprocessing = module.preprocessing
        if list(preprocessing.channels) != channels:
            wanted = ", ".join(preprocessing.channels)
            raise ValueError(f"the checkpoint wants channels {wanted}, got {', '.join(channels)}")
        options["only"] = config.split or ("test" if options["test"] else "val")
        options["classes"], options["slots"] = module.classes, module.slots
    return SkeletonData(preprocessing=preprocessing, body=body, seed=config.seed, **options)


def data_options(config: DictConfig) -> tuple[dict[str, Any], list[str]]:
    """What ``config.data`` says, and the channels of its clips; writes the synthetic set first if that is asked for."""
    options = plain(config.data)
    channels = options.pop("channels") or _lines(Path(options["root"]) / "channels.txt")
    skating = options.pop("skating", None)
    if skating:
        write_skating_set(options["root"], **skating)
    return options, channels


PROCESSES = 4  # largest number on a core


def augmentation_of(config: DictConfig) -> dict[str, Any]:
    """The augmentation of a configuration; what an old run's does not say is as it was then."""
    return {"about": "origin"} | plain(config.augmentation)  # type: ignore[no-any-return]


def make_module(
    config: DictConfig, layout: str | dict[str, Any], data: SkeletonData, clips: TrainingClips | None = None
) -> LitSTGCN:
    """The Lightning module that a configuration describes, for this data, and facts about its training clips."""
    options = plain(config.model)
    options["channels"] = options.pop("widths")
    return LitSTGCN(
        model={"num_classes": data.num_classes, "in_channels": data.preprocessing.in_channels, "layout": layout}
        | options,
        preprocessing=data.preprocessing.plain,
        classes=data.classes,
        optimizer=plain(config.optimizer),
        scheduler=plain(config.scheduler),
        augmentation=augmentation_of(config),
        label_smoothing=config.label_smoothing,
        seed=config.seed,
        training_clips=clips.plain if clips else None,
    )


def recipe(config: DictConfig) -> dict[str, Any]:
    """What a resumed run must repeat, beside the module's hyperparameters, as plain values under their overrides."""
    return {
        "data": {name: value for name, value in plain(config.data).items() if name not in PLACE},
        "ema": config.ema,
        "trainer": {name: config.trainer.get(name) for name in ("accumulate_grad_batches", "gradient_clip_val")},
    }


def make_trainer(config: DictConfig, run: Path, history: History, validates: bool) -> pl.Trainer:
    """Lightning's trainer, with checkpoints and logs in the run's folder.

    Raises:
        ValueError: So many processes are asked for that the machine would come to a standstill.
    """
    devices, cores = config.trainer.devices, os.cpu_count() or 1
    if isinstance(devices, int) and devices > PROCESSES * cores and not torch.cuda.is_available():
        raise ValueError(f"trainer.devices={devices} is as many processes, too many for {cores} cores")
    checkpoints = run / "checkpoints"
    best = "min" if config.monitor.endswith("loss") else "max"
    callbacks: list[Callback] = [
        Divergence(),
        history,
        Recipe(recipe(config)),
        FirstCheckpoint(checkpoints / "last.ckpt"),
    ]
    if config.fused is not False:
        callbacks.append(FusedTraining(True if config.fused is True else None))
    if config.ema:
        # Not EMAWeightAveraging, whose sum of two products drifts where nothing changes: A, by 1.5e-4 in 20,000 steps.
        callbacks.append(WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(config.ema)))  # type: ignore[no-untyped-call]
    if validates:
        callbacks.append(
            ModelCheckpoint(
                checkpoints,
                filename="best",
                monitor=config.monitor,
                mode=best,
                enable_version_counter=False,
                save_on_train_epoch_end=True,
            )
        )
        if config.patience:
            callbacks.append(EarlyStopping(config.monitor, patience=config.patience, mode=best))
    callbacks.append(
        ModelCheckpoint(checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    )
    if config.progress_bar:
        callbacks.append(RichProgressBar())
    options = plain(config.trainer)
    logs = options.pop("logger", True)
    return trainer_on(
        **options,
        default_root_dir=run,
        callbacks=callbacks,
        logger=TensorBoardLogger(run, name="tensorboard", version="", default_hp_metric=False) if logs else False,
        plugins=[WholeFileCheckpointIO()],
        enable_progress_bar=config.progress_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the data module deals the clips out itself
    )


def trainer_on(accelerator: Any = "auto", precision: Any = "32-true", **options: Any) -> pl.Trainer:
    """Lightning's trainer, for which ``auto`` is never Apple's GPU; says so where there is one.

    Apple's GPU has no float64, which folding and streaming compute in, and no run on one has been seen.

    Raises:
        ValueError: A GPU is asked for and there is none, or float64 of Apple's.
    """
    if accelerator in ("gpu", "cuda") and not (torch.cuda.is_available() or MPSAccelerator.is_available()):
        raise ValueError(
            f"accelerator must be auto or cpu, as torch {torch.__version__} finds no GPU; got {accelerator}"
        )
    if MPSAccelerator.is_available() and accelerator in ("auto", "mps", "gpu"):
        if accelerator == "auto":
            accelerator = "cpu"
            print("using the CPU: Apple's GPU is untested, accelerator=mps takes it", file=sys.stderr)
        elif str(precision).startswith("64"):
            raise ValueError(f"Apple's GPU has no float64, got precision {precision}; accelerator=cpu has")
        else:
            print("using Apple's GPU, which is untested: compare with accelerator=cpu", file=sys.stderr)
    return pl.Trainer(accelerator=accelerator, precision=precision, **options)


def quiet_trainer(accelerator: Any = "auto", precision: Any = "32-true") -> pl.Trainer:
    """A trainer of one device that only runs, and writes nothing."""
    return trainer_on(
        accelerator=accelerator,
        devices=1,
        precision=precision,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; it names the channels, or 'data.channels=[x,y,score]' does")
    return read_lines(path)
