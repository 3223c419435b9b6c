"""The networks that ``ckpt_path=`` names, for the commands that ask them."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig

from stgcn_torch.checkpoint.clip_evidence import contradiction
from stgcn_torch.commands.configuration import given_preprocessing, plain
from stgcn_torch.prediction.ensemble import Ensemble, load_ensemble


def networks(config: DictConfig, command: str) -> tuple[Ensemble, list[str]]:
    """The networks of a configuration, and what is odd about the preprocessing that it gives them.

    Args:
        config: ``ckpt_path``, a path or several, with ``strides``, ``preprocessing`` and, of several, ``weights``.
        command: Who says on stderr what is odd.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, or several do not go together.
    """
    paths, options = plain(config.ckpt_path), given_preprocessing(config)
    weights = plain(config.weights) if "weights" in config else None
    ensemble = load_ensemble(paths if isinstance(paths, list) else [paths], weights, options, plain(config.strides))
    odd = odd_centring(ensemble, options)
    warn(command, [line for module in ensemble.modules for line in module.assumed])
    warn(command, odd)
    return ensemble, odd


def odd_centring(ensemble: Ensemble, options: Mapping[str, Any]) -> list[str]:
    """A line for each network whose weights a preprocessing that is given contradicts."""
    if not options.keys() - {"nan", "empty"}:  # its own is right, even where clips were centred before
        return []
    contradictions = [
        contradiction(module.state_dict(), module.preprocessing, module.body) for module in ensemble.modules
    ]
    return [line for line in contradictions if line]


def warn(command: str, lines: Iterable[str]) -> None:
    """Say on stderr what is odd."""
    for line in lines:
        print(f"{command}: {line}", file=sys.stderr)
