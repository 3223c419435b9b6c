"""The wrapper of every entry point: Hydra around it, and an expected error as one line and exit code 1."""

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import hydra
import torch
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch.distributed.rendezvous import rendezvous

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS

# Paths, which Hydra takes for numbers or lists if they look so.
TEXT = ("input", "out", "skip", "data.root", "run", "root")
COUNTS = (
    *("slide", "top_k", "most_people", "min_frames", "batch_size", "max_hop", "dilation"),
    *("frames", "index"),
)
EXPECTED = (ValueError, OSError, HydraException, OmegaConfBaseException, MisconfigurationException)


def command(name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make a function of a composed configuration the command of this name.

    Its configuration is ``conf/<name>.yaml``. An error that a user's input causes ends it with ``<name>: <message>`` on
    stderr and exit code 1; anything else is a bug of this project and keeps its traceback.
    """

    def refuse(error: BaseException) -> NoReturn:
        print(f"{name}: {_in_one_line(error)}", file=sys.stderr)
        sys.exit(1)

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(task)
        def guarded(config: DictConfig) -> Any:
            try:
                check_types(config, name)
                return task(config)
            except EXPECTED as error:
                refuse(error)

        run = hydra.main(version_base="1.3", config_path="../conf", config_name=name)(guarded)

        def main() -> None:
            write_any_character()
            os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come here, not to Hydra's own printer
            quiet_known_warnings()
            try:
                run()
            except EXPECTED as error:
                refuse(error)
            except KeyboardInterrupt:
                print(f"{name}: interrupted", file=sys.stderr)
                sys.exit(130)

        return main

    return decorate


def write_any_character() -> None:
    """Let terminals and files that know fewer characters than names have show the others as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, OverrideParseException):
        hint = "values with spaces, commas, = and the like need quotes, as in 'input=\"my clips (1)\"'"
        return f"{error.override} cannot be read; {hint}"
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    lines = [line.strip() for cause in causes for line in str(cause).split("Config search path")[0].splitlines()]
    told = [line for line in lines if line and not line.startswith(("full_key:", "object_type=", "reference_type="))]
    return "; ".join(dict.fromkeys(told)).replace(":; ", ": ") or type(error).__name__


def check_types(config: DictConfig, name: str) -> None:
    """Raise ValueError for overrides of another type than the value that stands in the configuration files."""
    hydra_config = HydraConfig.get()
    groups = [given for given in hydra_config.overrides.task if given.split("=")[0] in hydra_config.runtime.choices]
    composed = GlobalHydra.instance().hydra.compose_config(name, groups, RunMode.RUN, from_shell=False)  # type: ignore[union-attr]
    problems = []
    for given in hydra_config.overrides.task:
        key = given.split("=")[0].lstrip("+~")
        stands, value = _value(composed, key), _value(config, key)
        if isinstance(stands, bool):
            if not isinstance(value, bool):
                problems.append(f"{key} must be true or false, got {value!r}")
        elif isinstance(stands, int | float) and (isinstance(value, bool) or not isinstance(value, int | float)):
            problems.append(f"{key} must be a number, got {value!r}")
        elif key in COUNTS and isinstance(value, float):
            problems.append(f"{key} must be a whole number, got {value!r}")
        elif key in TEXT and value is not None and not isinstance(value, str):
            quoted = f"'{key}=\"{given.partition('=')[2]}\"'"
            problems.append(f"{key} must be text, got {value!r}; quotes make it one: {quoted}")
    if problems:
        raise ValueError("; ".join(problems))


def _value(config: Any, key: str) -> Any:
    try:
        return OmegaConf.select(config, key)
    except OmegaConfBaseException:  # it is mandatory, or interpolates something that is
        return None


def quiet_known_warnings() -> None:
    """Silence what Lightning says about choices that are deliberate here."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",  # clips are preprocessed once: workers would only copy them
        ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run goes on in its folder
        ".*It is recommended to use .self.log.*sync_dist.*",  # torchmetrics has summed over devices
        r".*isinstance\(treespec, LeafSpec\).*",
        ".*The number of training batches.*",
        ".*GPU available but not used.*",  # Apple's: trainer_on says it
        ".*You defined a .validation_step. but have no.*",
        ".*Total length of `list` across ranks is zero.*",  # the loaders of a run that holds nothing out
    ):
        warnings.filterwarnings("ignore", message)


def plain(config: Any) -> Any:
    """A part of a configuration as plain values, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def load_layout(layout: Any) -> str | dict[str, Any]:
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
    """What a command line says of a checkpoint's preprocessing: a named one, or how to take bad clips."""
    parts = plain(config.preprocessing)
    if HydraConfig.get().runtime.choices.get("preprocessing") is None:
        parts = {name: parts[name] for name in ("nan", "empty")}
    return {name: value for name, value in parts.items() if value is not None or name == "center"}


def _run_folder(checkpoint: str | None) -> str:
    """A new folder for a new run, the same for all its processes; a resumed run goes on in its own."""
    if checkpoint and Path(checkpoint).parent.name == "checkpoints":
        return str(Path(checkpoint).resolve().parent.parent)
    folder = f"outputs/{datetime.now():%Y-%m-%d/%H-%M-%S}"
    if torch.distributed.is_torchelastic_launched():  # torchrun, whose processes share a store; its id may be "none"
        store, rank, _ = next(rendezvous("env://"))
        if rank == 0:
            store.set("run_folder", folder)
        return str(store.get("run_folder").decode())  # waits for it
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:  # srun, which has no store yet
        folder = f"outputs/slurm-{os.environ['SLURM_JOB_ID']}-{os.environ['SLURM_STEP_ID']}"
        restart = os.environ.get("SLURM_RESTART_COUNT")  # a requeued job keeps both numbers
        return f"{folder}-restart-{restart}" if restart else folder
    return folder


OmegaConf.register_new_resolver("run_folder", _run_folder, replace=True, use_cache=True)
for _name, _preprocessing in PREPROCESSINGS.items():
    ConfigStore.instance().store(group="preprocessing", name=_name, node=_preprocessing.plain)
