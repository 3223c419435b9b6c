"""The composed configuration: its resolvers and named preprocessings, and its parts as plain values."""

import os
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationToMissingValueError

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.yaml_files import load_yaml

CONF = Path(__file__).resolve().parents[2] / "conf"


def groups_of(name: str) -> list[str]:
    """Names of the groups that a command's configuration is composed of, such as optimizer."""
    defaults = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))["defaults"]
    groups = [key for part in defaults if isinstance(part, dict) for key in part if not key.startswith("override ")]
    files = [part for part in defaults if isinstance(part, str) and part in COMMANDS]
    return [*groups, *(group for file in files for group in groups_of(file))]


def composition_of(name: str, presets: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """A command's configuration as plain values, and the names of each of its groups, that which holds first.

    Args:
        name: Name of the command.
        presets: Names that groups are given, such as ``optimizer=adamw``; else those of the files hold.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(name, [*presets], return_hydra_config=True)
        chosen = config.hydra.runtime.choices
        loader = GlobalHydra.instance().config_loader()
        choices = {key: ["null" if chosen.get(key) is None else chosen[key]] for key in groups_of(name)}
        choices = {key: [*first, *loader.get_group_options(key)] for key, first in choices.items()}
        with open_dict(config):
            del config["hydra"]
        return values_of(config), choices


def values_of(config: DictConfig) -> dict[str, Any]:
    """A configuration as plain values; what is made of something that must be given stays as it is written."""
    while True:
        try:
            return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
        except InterpolationToMissingValueError as error:
            place = str(error.full_key)
            written = OmegaConf.to_container(config)
            for part in place.split("."):
                written = written[part]  # type: ignore[index,call-overload]
            OmegaConf.update(config, place, str(written).replace("${", r"\${"))


def modernised(config: DictConfig, old: Mapping[str, str], typed: Container[str] = ()) -> dict[str, str]:
    """Give options that a file calls by an old name today's, in place; returns those that were.

    Args:
        config: Composed of files and a command line.
        old: Today's name of each old one.
        typed: Options on the command line, which has the last word.
    """
    nothing = object()
    renamed = {}
    values = {before: OmegaConf.select(config, before, default=nothing) for before in old}  # before any is taken away
    for before, now in old.items():
        if (value := values[before]) is nothing:
            continue
        with open_dict(config):
            if now not in typed:
                OmegaConf.update(config, now, value, merge=False)
            parent, _, key = before.rpartition(".")
            del (OmegaConf.select(config, parent) if parent else config)[key]
        renamed[before] = now
    return renamed


def plain(config: Any) -> Any:
    """A part of a configuration as plain values, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def load_layout(layout: Any) -> str | dict[str, Any]:
    """A layout's name, a mapping, or the mapping in a YAML file whose path is given.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or holds no mapping.
    """
    layout = name = plain(layout)
    if isinstance(layout, str) and layout.endswith((".yaml", ".yml")):
        layout = load_yaml(layout)
        if not isinstance(layout, dict):
            raise ValueError(f"{name} holds no layout, which is a mapping with joints, bones and center")
    return layout  # type: ignore[no-any-return]


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
    if "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun, whose processes share a store; the id itself may be "none"
        from torch.distributed.rendezvous import rendezvous  # here, as help needs no torch

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
