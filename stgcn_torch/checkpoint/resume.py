"""Check that a resumed run repeats the configuration of its checkpoint."""

import inspect
from collections.abc import Mapping
from typing import Any

from stgcn_torch.checkpoint.reader import read_checkpoint
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN

SCALE = "training_clips.scale"  # a sum, whose last digit may differ between machines


def check_resumes(path: str, module: LitSTGCN, repeated: Mapping[str, Any]) -> None:
    """Raise ValueError if the checkpoint to resume from was trained with other settings than this module and recipe.

    A checkpoint of a run stores all settings. One written by ``convert`` stores only those known from its source file,
    without a seed, and numbers the classes; only stored settings are compared.
    """
    checkpoint = read_checkpoint(path)
    hparams = checkpoint.hyperparameters or {}
    if "optimizer" not in hparams:
        raise ValueError(f"{path} holds weights only and cannot be resumed; init_from={path} starts from them")
    before, now = _flat({key: value for key, value in hparams.items() if key != "assumed"}), _flat(module.hparams)
    if checkpoint.recipe is not None:  # the first releases stored no recipe
        before, now = before | _flat(checkpoint.recipe), now | _flat(repeated)
    if checkpoint.clips is None:  # as in checkpoints of before 2026-12
        now = {key: value for key, value in now.items() if not key.startswith("training_clips")}
    keys = before.keys() | now.keys() if "seed" in hparams else before.keys() - {"classes"}
    arguments = inspect.signature(STGCN).parameters.values()  # a file may lack a newer one
    defaults = {f"model.{argument.name}": argument.default for argument in arguments} | {"augmentation.about": "origin"}
    before, now = ({**each, SCALE: None} for each in (before, now))
    before, now = ({key: values.get(key, defaults.get(key)) for key in keys} for values in (before, now))
    differing = [
        f"{key} is {now[key]!r:.80}, was {before[key]!r:.80}" for key in sorted(keys) if now[key] != before[key]
    ]
    if differing:
        raise ValueError(
            f"{path} cannot be resumed with another configuration ({'; '.join(differing)}); "
            f"repeat the overrides of its run, or start a new one with init_from={path}"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested plain values under dotted names; tuples and lists count as the same."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat
