"""The wrapper of every entry point: Hydra around it, and an expected error as one line and exit code 1."""

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from stgcn_torch.data.preprocessing import PREPROCESSINGS

EXPECTED = (ValueError, OSError, HydraException, OmegaConfBaseException, MisconfigurationException)


def command(name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make a function of a composed configuration the command of this name.

    Its configuration is ``conf/<name>.yaml``. An error that a user's input causes ends it with ``<name>: <message>`` on
    stderr and exit code 1; anything else is a bug of this project and keeps its traceback.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        run = hydra.main(version_base="1.3", config_path="../conf", config_name=name)(task)

        @functools.wraps(task)
        def main() -> None:
            os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come here, not to Hydra's own printer
            quiet_known_warnings()
            try:
                run()
            except EXPECTED as error:
                print(f"{name}: {_in_one_line(error)}", file=sys.stderr)
                sys.exit(1)

        return main

    return decorate


def _in_one_line(error: BaseException) -> str:
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    lines = [line.strip() for cause in causes for line in str(cause).splitlines()]
    told = [line for line in lines if line and not line.startswith(("full_key:", "object_type=", "reference_type="))]
    return "; ".join(dict.fromkeys(told)) or type(error).__name__


def quiet_known_warnings() -> None:
    """Silence what Lightning says about choices that are deliberate here."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",  # clips are preprocessed once: workers would only copy them
        ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run goes on in its folder
        r".*isinstance\(treespec, LeafSpec\).*",
        ".*The number of training batches.*",
        ".*You defined a .validation_step. but have no.*",
    ):
        warnings.filterwarnings("ignore", message)


def plain(config: Any) -> Any:  # noqa: ANN401
    """A part of a configuration as plain values, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def load_layout(layout: Any) -> str | dict[str, Any]:  # noqa: ANN401
    """A layout's name, a mapping, or the mapping in a YAML file whose path is given.

    Raises:
        FileNotFoundError: There is no such file.
    """
    layout = plain(layout)
    if isinstance(layout, str) and layout.endswith((".yaml", ".yml")):
        if not Path(layout).is_file():
            raise FileNotFoundError(f"no file {layout}")
        layout = plain(OmegaConf.load(layout))
    if not isinstance(layout, str | dict):
        raise ValueError(f"layout must be a name, a mapping or a YAML file, got {layout!r}")
    return layout


def given_preprocessing(config: DictConfig) -> dict[str, Any]:
    """The parts of the preprocessing that a command line gives for a checkpoint: a named one, or single switches."""
    parts = plain(config.preprocessing)
    return {name: value for name, value in parts.items() if value is not None or name == "center"}


def _run_folder(checkpoint: str | None) -> str:
    """A new folder for a new run; a resumed run goes on in its own."""
    if checkpoint and Path(checkpoint).parent.name == "checkpoints":
        return str(Path(checkpoint).resolve().parent.parent)
    return f"outputs/{datetime.now():%Y-%m-%d/%H-%M-%S}"


OmegaConf.register_new_resolver("run_folder", _run_folder, replace=True, use_cache=True)
for _name, _preprocessing in PREPROCESSINGS.items():
    ConfigStore.instance().store(group="preprocessing", name=_name, node=_preprocessing.plain)
