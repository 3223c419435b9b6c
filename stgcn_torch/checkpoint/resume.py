"""What a resumed run must repeat of the run that it goes on with."""

import inspect
from collections.abc import Mapping
from typing import Any

from stgcn_torch.checkpoint.reader import read_checkpoint
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN


def check_resumes(path: str, module: LitSTGCN, repeated: Mapping[str, Any]) -> None:
    """Raise ValueError if the checkpoint to resume from was not trained as this module would be by this recipe.

    A run's own says everything. One that ``convert`` wrote says only what its file knew, no seed for one, and numbers
    its classes: what it does not say cannot differ.
    """
    then = read_checkpoint(path)
    said = then.hyperparameters or {}
    if "optimizer" not in said:
        raise ValueError(f"{path} holds weights only and cannot be resumed; init_from={path} starts from them")
    before, now = _flat(said), _flat(module.hparams)
    if then.recipe is not None:  # checkpoints had none at first
        before, now = before | _flat(then.recipe), now | _flat(repeated)
    told = before.keys() | now.keys() if "seed" in said else before.keys() - {"classes"}
    network = inspect.signature(STGCN).parameters.values()  # a file may be older than an argument
    usual = {f"model.{argument.name}": argument.default for argument in network}
    before, now = ({key: values.get(key, usual.get(key)) for key in told} for values in (before, now))
    differing = [f"{key} is {now[key]!r}, was {before[key]!r}" for key in sorted(told) if now[key] != before[key]]
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
