"""``python -m stgcn_torch.evaluate``: the metrics of a checkpoint on a held-out split."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from stgcn_torch.commands.clip_scale import other_origin
from stgcn_torch.commands.input_source import origin_of, tracked
from stgcn_torch.commands.networks import networks, warn
from stgcn_torch.commands.run_objects import make_data, quiet_trainer
from stgcn_torch.data.fingerprints import Fingerprints
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.splits import RULES
from stgcn_torch.drawing.report import one_line, summarize, write_report
from stgcn_torch.inference.exact import for_inference
from stgcn_torch.prediction.ensemble import OVERFLOW
from stgcn_torch.training.lit import LitSTGCN


def evaluate(module: LitSTGCN, data: SkeletonData, split: str | None, trainer: pl.Trainer) -> dict[str, object]:
    """The results of one split as plain values (see ``report.summarize``).

    Args:
        module: Left as it is; a copy that is made for inference answers.
        data: Where the split comes from.
        split: ``test`` or ``val``; None for the test if there is one.
        trainer: What runs it.

    Raises:
        ValueError: The data hold out no such split.
    """
    split = split or ("test" if "test" in data.datasets else "val")
    if split not in data.datasets or split == "train":
        held_out = ", ".join(name for name in data.datasets if name != "train")
        raise ValueError(f"there is no {split} split to evaluate on; the data hold out {held_out or 'nothing'}")
    run = trainer.test if split == "test" else trainer.validate
    loader = data.test_dataloader() if split == "test" else data.val_dataloader()
    fast = for_inference(module)
    metrics = run(fast, loader, verbose=False, weights_only=True)
    if not math.isfinite(metrics[0][f"{split}/loss"]):
        raise ValueError(f"answers for clips of {split} are not finite; {OVERFLOW}")
    return summarize(split, metrics[0], fast.confusion.numpy(), module.classes)


def take_split(config: DictConfig, module: LitSTGCN, overrides: Sequence[str]) -> list[str]:
    """Put the split of the checkpoint's run into a configuration whose user gave none; returns a line about it.

    Files that the run held out must lie in ``data.root``; where they do not, the configuration's own split holds.
    """
    split = module.split
    if split is None or any(re.match(r"[+~]*data\.(val|test)\b", override) for override in overrides):
        return []
    root = Path(config.data.root)
    files = [rule["clips"] for rule in split.values() if rule.get("rule") == "file"]
    if missing := [name for name in files if not (root / name).is_file()]:
        return [f"the run held out {missing[0]}, which {root} does not have: its clips are split as data.val says"]
    with open_dict(config):
        for name in ("val", "test"):
            config.data[name] = split.get(name)
    told = "; ".join(f"{name} {_words(rule)}" for name, rule in split.items()) or "nothing"
    return [f"the split of the checkpoint's run: {told}; data.val= and data.test= overrule"]


def _words(rule: Mapping[str, Any]) -> str:
    options = {key: rule[key] for key in RULES.get(rule.get("rule", ""), ()) if rule.get(key) is not None}
    words = ", ".join(f"{key}={str(value).lower() if value is True else value}" for key, value in options.items())
    return f"{rule.get('rule')} ({words})"


def unlike_training(data: SkeletonData, module: LitSTGCN) -> list[str]:
    """Lines on what the evaluated clips are, unlike those of the training: their people, unit and size."""
    (split,) = data.datasets
    if module.training_clips is None:
        return []
    told = {key: value for key, value in origin_of(data.root).items() if key in ("people", "unit")}
    return other_origin(module.training_clips, **told, scale=_prints(data, split).scale)


def _prints(data: SkeletonData, split: str) -> Fingerprints:
    return data.fingerprints_of(split, partial(tracked, doing="looking at the clips"))


def leave_out_seen(data: SkeletonData, module: LitSTGCN) -> list[str]:
    """Take clips out of the evaluated split that the network was trained on; returns a line about them.

    Raises:
        ValueError: No clip remains.
    """
    clips = module.training_clips
    if clips is None or not clips.hashes:
        return []
    (split,) = data.datasets
    seen = clips.seen(_prints(data, split).hashes)
    if not seen.any():
        return []
    dataset = data.datasets[split]
    numbers = ", ".join(map(str, dataset.indices[seen][:5].tolist())) + (", ..." if seen.sum() > 5 else "")
    if seen.all():
        raise ValueError(
            f"the network was trained on each of the {len(seen)} clips of {split}; allow_seen=true scores them"
        )
    data.datasets[split] = dataset.of(np.flatnonzero(~seen))
    return [
        f"{seen.sum()} of {len(seen)} clips of {split} are left out, as the network was trained on them (clips "
        f"{numbers}); allow_seen=true scores them"
    ]


def run(config: DictConfig) -> None:
    """Evaluate as the composed configuration says."""
    (module,) = networks(config, "evaluate")[0].modules
    for line in take_split(config, module, HydraConfig.get().overrides.task):
        print(line)
    data = make_data(config, module.body, module)
    if data.num_classes != len(module.classes):
        raise ValueError(f"{config.ckpt_path} has {len(module.classes)} classes, the data have {data.num_classes}")
    numbers = [str(i) for i in range(len(module.classes))]
    if numbers not in (data.classes, list(module.classes)) and data.classes != list(module.classes):
        raise ValueError(
            f"{config.ckpt_path} knows the classes {', '.join(module.classes)}; "
            f"those of {data.root} are {', '.join(data.classes)}"
        )
    warn("evaluate", unlike_training(data, module))
    if not config.allow_seen:
        warn("evaluate", leave_out_seen(data, module))
    results = evaluate(module, data, config.split, quiet_trainer(config.accelerator, config.precision))
    print(one_line(results))
    if config.out:
        write_report(config.out, results)
        print(f"report {config.out}")
