"""``python -m stgcn_torch.train``: train, validate, test the best checkpoint, and leave a report."""

import logging
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.utilities.exceptions import SIGTERMException

from stgcn_torch.architecture import sizes
from stgcn_torch.checkpoint.clip_evidence import contradiction
from stgcn_torch.checkpoint.reader import Checkpoint, read_checkpoint, split_of
from stgcn_torch.checkpoint.resume import check_resumes
from stgcn_torch.checkpoint.weights import take_weights
from stgcn_torch.commands.clip_scale import other_origin
from stgcn_torch.commands.configuration import load_layout
from stgcn_torch.commands.input_source import tracked
from stgcn_torch.commands.run_objects import make_data, make_module, make_trainer, quiet_trainer, recipe
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.drawing.report import one_line, write_report
from stgcn_torch.files import written_whole
from stgcn_torch.skeleton import skeleton
from stgcn_torch.tasks.evaluate import evaluate
from stgcn_torch.training.callbacks import History
from stgcn_torch.training.lit import LitSTGCN

log = logging.getLogger(__name__)


def train(config: DictConfig, run: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Train as configured, in the folder of the run; returns the results of its last evaluation."""
    pl.seed_everything(config.seed, verbose=False)
    if config.ckpt_path:
        keep_what_was(config, read_checkpoint(config.ckpt_path))
    layout = load_layout(config.layout)
    data = make_data(config, skeleton(layout))
    clips = data.training_clips(partial(tracked, doing="looking at the training clips"))
    module = make_module(config, layout, data, clips)
    if config.init_from:
        for line in start_from(module, config.init_from, data):
            log.info("%s", line)
    if config.ckpt_path:
        check_resumes(config.ckpt_path, module, recipe(config))
    with written_whole(run / "config.yaml") as temporary:
        OmegaConf.save(config, temporary, resolve=True)
    history = History(run / "metrics.csv")
    trainer = make_trainer(config, run, history, validates="val" in data.datasets)
    if trainer.is_global_zero:
        _introduce(data, module, trainer)
    _fit(trainer, module, data, config.ckpt_path, _resume_line(run, overrides))
    if torch.distributed.is_initialized():  # one process evaluates, and counts every clip once
        torch.distributed.destroy_process_group()
    if not trainer.is_global_zero:
        sys.exit(0)
    results = evaluate_best(trainer, module, data, run)
    write_report(run / "report", results, history.rows)
    return results


def keep_what_was(config: DictConfig, checkpoint: Checkpoint) -> None:
    """Let a run that began before an option was there go on as it began: its folds, and what its clips turn about."""
    augmentation = (checkpoint.hyperparameters or {}).get("augmentation")
    if augmentation and "about" not in augmentation:
        config.augmentation.about = "origin"
    rules = split_of(checkpoint) or {}
    for name, before in rules.items():
        rule = config.data.get(name)
        if rule and rule.get("together") and before.get("rule") == rule.rule == "folds" and "together" not in before:
            log.info("data.%s: the folds are those of the run that goes on, of single clips", name)
            with open_dict(config):
                del rule["together"]


def start_from(module: LitSTGCN, path: str, data: SkeletonData) -> list[str]:
    """Copy a checkpoint's weights into a module; returns lines on what they are, and on what was left or differs.

    Args:
        module: Gets the weights.
        path: Of the checkpoint.
        data: What the module is trained on: clips that it holds out may be some that the weights were trained on.

    Raises:
        ValueError: The weights are another network's.
    """
    checkpoint = read_checkpoint(path)
    before, now = checkpoint.preprocessing, module.preprocessing
    # Numbers name no classes.
    named = checkpoint.classes is not None and list(checkpoint.classes) != [*map(str, range(len(checkpoint.classes)))]
    same = not named or checkpoint.classes == module.classes
    try:
        left = take_weights(module, checkpoint.state, head=same)
    except ValueError as error:
        raise ValueError(f"{path}: {error}{_architecture_of(checkpoint, module)}") from None
    without = f", but not {', '.join(left)}" if left else ""
    lines = [f"weights from {path}{without}"]
    if left and not same:
        lines.append(f"{path} was trained on other classes, such as {', '.join((checkpoint.classes or ())[:3])}")
    if before and (before.streams, before.keep) != (now.streams, now.keep):
        old, new = (f"{', '.join(each.streams)} of {', '.join(each.keep)}" for each in (before, now))
        lines.append(f"{path} was trained on {old}, and this network sees {new}: its weights mean something else here")
    if doubt := contradiction(checkpoint.state, now, module.body):
        lines.append(f"{path}: {doubt}")
    strides = list(module.backbone.strides)
    if checkpoint.classes is not None and list(checkpoint.model["strides"]) != strides:
        lines.append(f"{path} has the strides {_listed(checkpoint.model['strides'])}, this network {_listed(strides)}")
    if clips := checkpoint.clips:
        here = module.training_clips.plain if module.training_clips else {}
        lines += [f"{path}: {line}" for line in other_origin(clips, **here)]
        for split in data.datasets.keys() - {"train"} if clips.hashes else ():
            seen = int(clips.seen(data.fingerprints_of(split).hashes).sum())
            if seen:
                lines.append(f"{path} was trained on {seen} clips of {split}: scores on them do not speak of others")
    return lines


def _architecture_of(checkpoint: Checkpoint, module: LitSTGCN) -> str:
    """How the network of a checkpoint is asked for, if this one is another."""
    widths, strides = list(checkpoint.model["channels"]), list(checkpoint.model["strides"])
    if widths == sizes(module.state_dict())["channels"]:
        return ""
    return f"; widths=[{_listed(widths)}] model.strides=[{_listed(strides)}] has its blocks"


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def _introduce(data: SkeletonData, module: LitSTGCN, trainer: pl.Trainer) -> None:
    for note in data.notes:
        log.info("%s", note)
    splits = [name for name in ("train", "val", "test") if name in data.datasets]
    sizes = ", ".join(f"{len(data.datasets[name])} {name}" for name in splits)
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
    kept = [override for override in overrides if not override.lstrip("+").startswith(("ckpt_path=", "init_from="))]
    last = (run / "checkpoints" / "last.ckpt").as_posix()
    words = [*kept, f"ckpt_path={last}" if re.fullmatch(r"[\w./:-]+", last) else f"ckpt_path='{last}'"]
    return f"python -m stgcn_torch.train {(subprocess.list2cmdline if os.name == 'nt' else shlex.join)(words)}"


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
    results: dict[str, Any] = {"checkpoint": chosen.relative_to(run).as_posix(), "epochs": trainer.current_epoch}
    if data.datasets.keys() == {"train"}:
        return results
    module.load_state_dict(dict(read_checkpoint(chosen).state))
    data.trainer = None  # which dealt the clips out to its processes; one evaluates them all
    precision = trainer.precision if "true" in str(trainer.precision) else "32-true"  # as predict and evaluate do
    return evaluate(module, data, None, quiet_trainer(trainer.accelerator, precision)) | results


def run(config: DictConfig) -> float:
    """Train as the composed configuration says."""
    run = Path(HydraConfig.get().runtime.output_dir)
    results = train(config, run, HydraConfig.get().overrides.task)
    shown = run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run
    print(f"{one_line(results)}\ncheckpoint {shown / results['checkpoint']}\nreport     {shown / 'report'}")
    return float(results.get("top1", math.nan))
