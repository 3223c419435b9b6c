"""``python -m stgcn_torch.train``: train, validate, test the best checkpoint, and leave a report."""

import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from stgcn_torch.callbacks import FirstCheckpoint, History
from stgcn_torch.checkpoint import WholeFileCheckpointIO, read_checkpoint, take_weights
from stgcn_torch.commands import command, load_layout, plain
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing import Preprocessing
from stgcn_torch.data.skating import write_skating_set
from stgcn_torch.files import written_whole
from stgcn_torch.lit import LitSTGCN
from stgcn_torch.report import one_line, summarize, write_report
from stgcn_torch.skeleton import skeleton

log = logging.getLogger(__name__)


def make_data(config: DictConfig, layout: str | dict[str, Any]) -> SkeletonData:
    """The data module that a configuration describes; writes the synthetic set first if that is asked for."""
    options = plain(config.data)
    channels = options.pop("channels") or _lines(Path(options["root"]) / "channels.txt")
    skating = options.pop("skating", None)
    if skating:
        write_skating_set(options["root"], **skating)
    preprocessing = Preprocessing.of(plain(config.preprocessing) | {"channels": channels})
    return SkeletonData(
        preprocessing=preprocessing,
        body=skeleton(layout),
        train_window=config.augmentation.frames,
        seed=config.seed,
        **options,
    )


def make_module(config: DictConfig, layout: str | dict[str, Any], data: SkeletonData) -> LitSTGCN:
    """The Lightning module that a configuration describes, for this data."""
    return LitSTGCN(
        model={"num_classes": data.num_classes, "in_channels": data.preprocessing.in_channels, "layout": layout}
        | plain(config.model),
        preprocessing=data.preprocessing.plain,
        classes=data.classes,
        optimizer=plain(config.optimizer),
        scheduler=plain(config.scheduler),
        augmentation=plain(config.augmentation),
        label_smoothing=config.label_smoothing,
        seed=config.seed,
    )


def make_trainer(config: DictConfig, run: Path, history: History, validates: bool) -> pl.Trainer:
    """Lightning's trainer, with checkpoints and logs in the run's folder."""
    checkpoints = run / "checkpoints"
    callbacks: list[Callback] = [history, FirstCheckpoint(checkpoints / "last.ckpt")]
    if config.ema:
        callbacks.append(EMAWeightAveraging(decay=config.ema))
    if validates:
        callbacks.append(
            ModelCheckpoint(
                checkpoints,
                filename="best",
                monitor=config.monitor,
                mode="min" if config.monitor.endswith("loss") else "max",
                enable_version_counter=False,
                save_on_train_epoch_end=True,
            )
        )
        if config.patience:
            mode = "min" if config.monitor.endswith("loss") else "max"
            callbacks.append(EarlyStopping(config.monitor, patience=config.patience, mode=mode))
    callbacks.append(
        ModelCheckpoint(checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    )
    if config.progress_bar:
        callbacks.append(RichProgressBar())
    return pl.Trainer(
        default_root_dir=run,
        callbacks=callbacks,
        logger=TensorBoardLogger(run, name="tensorboard", version="", default_hp_metric=False),
        plugins=[WholeFileCheckpointIO()],
        enable_progress_bar=config.progress_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **plain(config.trainer),
    )


def train(config: DictConfig, run: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Train as configured, in the folder of the run; returns the results of its last evaluation."""
    pl.seed_everything(config.seed, verbose=False)
    layout = load_layout(config.layout)
    data = make_data(config, layout)
    module = make_module(config, layout, data)
    if config.init_from:
        left = take_weights(module, read_checkpoint(config.init_from).state)
        log.info("weights from %s%s", config.init_from, f", but not {', '.join(left)}" if left else "")
    if config.ckpt_path:
        check_resumes(config.ckpt_path, module)
    with written_whole(run / "config.yaml") as temporary:
        OmegaConf.save(config, temporary, resolve=True)
    history = History(run / "metrics.csv")
    trainer = make_trainer(config, run, history, validates="val" in data.datasets)
    _introduce(data, module, trainer)
    _fit(trainer, module, data, config.ckpt_path, _resume_line(run, overrides))
    results = evaluate_best(trainer, module, data, run)
    write_report(run / "report", results, history.rows)
    return results


def _introduce(data: SkeletonData, module: LitSTGCN, trainer: pl.Trainer) -> None:
    sizes = ", ".join(f"{len(data.datasets[name])} {name}" for name in ("train", "val", "test") if name in data.datasets)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    log.info(
        "%s: %s clips, %d classes, window %d, joints %s; ST-GCN with %s parameters on %s",
        data.root,
        sizes,
        len(data.classes),
        data.preprocessing.window,
        data.body.name,
        f"{parameters:,}",
        type(trainer.accelerator).__name__.removesuffix("Accelerator"),
    )


def _resume_line(run: Path, overrides: Sequence[str]) -> str:
    kept = [override for override in overrides if not override.startswith(("ckpt_path=", "init_from="))]
    words = [*kept, f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}"]
    return f"python -m stgcn_torch.train {shlex.join(words)}"


def _fit(trainer: pl.Trainer, module: LitSTGCN, data: SkeletonData, checkpoint: str | None, resume: str) -> None:
    """Train; an interruption leaves the last epoch's checkpoint and says how to go on."""
    try:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except (SystemExit, SIGTERMException) as interruption:
        # Lightning turns Ctrl-C into SystemExit once its loops are left.
        print(f"\nstopped in epoch {trainer.current_epoch + 1}; to go on:\n  {resume}", file=sys.stderr)
        sys.exit(143 if isinstance(interruption, SIGTERMException) else 130)


def evaluate_best(trainer: pl.Trainer, module: LitSTGCN, data: SkeletonData, run: Path) -> dict[str, Any]:
    """Evaluate the best checkpoint (the last one if nothing validated) on the test, or else on the validation split."""
    best = run / "checkpoints" / "best.ckpt"
    chosen = best if "val" in data.datasets and best.is_file() else run / "checkpoints" / "last.ckpt"
    module.load_state_dict(read_checkpoint(chosen).state)
    split = next((name for name in ("test", "val") if name in data.datasets), None)
    if split is None:
        raise ValueError("trained, but nothing was held out to evaluate on; see data.val and data.test")
    tester = pl.Trainer(
        accelerator=trainer.accelerator,
        devices=1,
        precision=trainer.precision,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=run,
    )
    loader = data.test_dataloader() if split == "test" else data.val_dataloader()
    evaluate = tester.test if split == "test" else tester.validate
    metrics = evaluate(module, loader, verbose=False, weights_only=True)
    results = summarize(split, metrics[0], module.confusion.numpy(), data.classes)
    return results | {"checkpoint": str(chosen.relative_to(run)), "epochs": trainer.current_epoch}


def check_resumes(path: str, module: LitSTGCN) -> None:
    """Raise ValueError if the checkpoint to resume from is of another network or of other preprocessing."""
    held = read_checkpoint(path)
    if held.preprocessing is None:
        raise ValueError(f"{path} holds weights only and cannot be resumed; init_from={path} starts from them")
    now = {"preprocessing": module.preprocessing.plain, "model": dict(module.hparams["model"])}
    then = {"preprocessing": held.preprocessing.plain, "model": held.model}
    differing = [
        f"{part}.{key} is {now[part].get(key)!r}, was {then[part].get(key)!r}"
        for part in now
        for key in sorted(now[part] | then[part])
        if now[part].get(key) != then[part].get(key)
    ]
    if differing:
        raise ValueError(f"{path} cannot be resumed with another configuration: {'; '.join(differing)}")


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; it names the channels, or data.channels=[x,y,score] does")
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


@command("train")
def main(config: DictConfig) -> float:
    """Train as the composed configuration says."""
    run = Path(HydraConfig.get().runtime.output_dir)
    results = train(config, run, HydraConfig.get().overrides.task)
    shown = run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run
    print(f"{one_line(results)}\ncheckpoint {shown / results['checkpoint']}\nreport     {shown / 'report'}")
    return float(results["top1"])


if __name__ == "__main__":
    main()
