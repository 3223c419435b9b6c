"""Every YAML composes, and says what it is named for."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

import stgcn_torch.commands.configuration  # noqa: F401  registers the preprocessings
from stgcn_torch.data.batch.augmentation import Augmentation
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.model import STGCN

CONF = Path(__file__).resolve().parents[2] / "conf"
ROOT = "data.root=folder"


def composed(name: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, list(overrides))


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


GROUPED = [f"{group}={name}" for group in ("experiment", "optimizer", "scheduler", "data") for name in options(group)]


@pytest.mark.parametrize("choice", GROUPED)
def test_training_composes(choice: str) -> None:
    config = composed("train", choice, ROOT, "layout=fsd10")
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    made = Preprocessing.of({**config.preprocessing, "channels": config.data.channels or ["x", "y", "z", "score"]})
    Augmentation.of(config.augmentation)
    network: Any = OmegaConf.to_container(config.model, resolve=True)
    network["channels"] = network.pop("widths")
    assert STGCN(4, made.in_channels, **network) is not None


VERBS = ["train", "evaluate", "predict", "explain", "prepare", "check", "export", "visualize"]


@pytest.mark.parametrize("name", VERBS)
def test_every_command_has_a_configuration(name: str) -> None:
    assert composed(name)


@pytest.mark.parametrize("choice", GROUPED)
def test_check_takes_what_train_takes(choice: str) -> None:
    given = [choice, ROOT, "layout=fsd10"]
    train, check = (OmegaConf.to_container(composed(name, *given)) for name in ("train", "check"))
    assert isinstance(train, dict)
    assert check == train | {"out": None}


@pytest.mark.parametrize("name", sorted(PREPROCESSINGS))
def test_a_named_preprocessing_is_that_of_the_code(name: str) -> None:
    config = composed("train", f"preprocessing={name}", "data=fsd10", ROOT)
    assert Preprocessing.of(OmegaConf.to_container(config.preprocessing)) == PREPROCESSINGS[name]


def test_the_command_line_has_the_last_word() -> None:
    config = composed("train", "experiment=article", ROOT, "preprocessing.window=7", "epochs=3")
    assert (config.preprocessing.window, config.trainer.max_epochs, config.scheduler.t_max) == (7, 3, 60)


def test_the_competition_s_files_are_arrays_with_names_of_their_own() -> None:
    fsd10, arrays = (composed("train", f"data={name}", ROOT).data for name in ("fsd10", "arrays"))
    own = {name for name in arrays if fsd10[name] != arrays[name]}
    assert own == {"channels", "clips", "labels", "num_classes"}


def test_article_is_the_articles_recipe() -> None:
    config = composed("train", "experiment=article", ROOT)
    made = config.preprocessing
    assert (made.window, made.center, list(made.keep), made.select) == (1000, None, ["x", "y"], "before")
    assert (config.optimizer.lr, config.optimizer.momentum, config.optimizer.nesterov) == (0.05, 0.9, False)
    assert config.optimizer.weight_decay == 1e-4
    assert (config.scheduler.name, config.scheduler.t_max, config.trainer.max_epochs) == ("cosine", 60, 100)
    assert (config.data.batch_size, config.data.drop_last) == (64, True)
    assert (config.data.val.rule, config.data.val.step, config.data.val.offset) == ("every", 7, 1)
    assert config.model.initialization == "paddle"
    assert config.augmentation == OmegaConf.create(vars(Augmentation()))


def test_paddlevideo_fsd_is_its_yaml() -> None:
    config = composed("train", "experiment=paddlevideo_fsd", ROOT)
    assert (config.preprocessing.window, config.preprocessing.center, config.epochs) == (350, 8, 90)
    assert (config.scheduler.t_max, config.data.val, config.model.initialization) == (90, None, "paddlevideo")


def test_paddlevideo_ntu_is_its_yaml() -> None:
    config = composed("train", "experiment=paddlevideo_ntu_xsub", ROOT)
    assert (config.optimizer.lr, config.optimizer.nesterov, config.model.dropout) == (0.1, True, 0.5)
    assert (list(config.scheduler.milestones), config.scheduler.gamma, config.epochs) == ([30, 40], 0.1, 50)
    assert (config.preprocessing.window, config.preprocessing.center, config.data.batch_size) == (300, None, 16)
