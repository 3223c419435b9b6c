"""Declarations, configuration files and the code's own tables name the same things."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError

from stgcn_torch.commands.configuration import CONF, composition_of, groups_of
from stgcn_torch.data.batch.augmentation import Augmentation as AugmentationSwitches
from stgcn_torch.data.formats import FORMATS
from stgcn_torch.data.preprocessing.steps import CHOICES, PREPROCESSINGS, STREAMS
from stgcn_torch.data.splits import RULES
from stgcn_torch.drawing.style import FORMATS as FIGURE_FORMATS
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.graph import STRATEGIES
from stgcn_torch.kernels import AGGREGATORS
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.checking import check
from stgcn_torch.options.clips import RULES as DECLARED_RULES
from stgcn_torch.options.clips import Format, Preprocessing, Rule
from stgcn_torch.options.command_line import read
from stgcn_torch.options.declaration import Declared, Options, declared, is_literal, variants
from stgcn_torch.options.pictures import Figure, Visualize
from stgcn_torch.options.questions import Export
from stgcn_torch.options.training import Augmentation, Model
from stgcn_torch.prediction.exported import OUTPUTS
from stgcn_torch.tasks.visualize import SUBJECTS

GROUPS = ("optimizer", "scheduler", "data", "experiment")
NEEDED = ["ckpt_path=a.ckpt", "input=a.npy", "out=b", "data.root=c", "layout=fsd10"]


@cache
def defaults_of(name: str) -> dict[str, Any]:
    """A command's configuration without overrides."""
    return composition_of(name)[0]


def composed(name: str, *overrides: str) -> dict[str, Any]:
    """A command's configuration, with what must be given."""
    given = [each for each in NEEDED if at(defaults_of(name), each.partition("=")[0]) != ()]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose(name, [*given, *overrides]), resolve=True)  # type: ignore[return-value]


def at(config: Any, name: str) -> Any:
    """The value at a dotted name; () where there is none."""
    for part in name.split("."):
        config = config.get(part, ()) if isinstance(config, Mapping) else ()
    return config


def leaves(config: Mapping[str, Any], options: Mapping[str, Declared], prefix: str = "") -> Iterator[str]:
    """Names of the options that a configuration has."""
    for key, value in config.items():
        name = prefix + key
        if name in options and not any(each.startswith(f"{name}.") for each in options):
            yield name
        elif isinstance(value, Mapping):
            yield from leaves(value, options, f"{name}.")
        else:
            yield name


def options_of(name: str) -> dict[str, Declared]:
    return {each.name: each for each in declared(COMMANDS[name].options)}


@pytest.mark.parametrize("name", COMMANDS)
def test_configuration_files_have_no_option_that_is_not_declared(name: str) -> None:
    """In any of their groups; and every value in them is one that the declaration allows."""
    choices: list[tuple[str, ...]] = [()]
    if name in ("train", "check"):
        choices = [(f"{group}={path.stem}",) for group in GROUPS for path in (CONF / group).glob("*.yaml")]
        choices += [*product(["optimizer=adamw", "optimizer=sgd"], ["scheduler=constant", "scheduler=multistep"])]
    if name == "evaluate":
        choices = [(f"data={path.stem}",) for path in (CONF / "data").glob("*.yaml")]
    choices += [(f"preprocessing={each}",) for each in PREPROCESSINGS if name != "prepare"]
    options = options_of(name)
    for choice in choices:
        config = composed(name, *choice)
        known = {*options, *(each.rpartition(".")[0] for each in options)}
        assert {*leaves(config, options)} - known == set()
        check(COMMANDS[name], config, {})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_declared_option_stands_in_a_configuration_file(name: str) -> None:
    """Unless it says that it may be left out."""
    options = options_of(name)
    found: set[str] = set()
    for group in (CONF / "optimizer", CONF / "scheduler") if name in ("train", "check") else [CONF]:
        for choice in [[f"{group.name}={path.stem}"] for path in group.glob("*.yaml")] if group != CONF else [[]]:
            found |= {*leaves(composed(name, *choice), options)}
    if name != "prepare":
        found |= {*leaves(composed(name, "preprocessing=fixed"), options)}
    groups = {each.rpartition(".")[0] for each in found}
    lacking = {each for each, option in options.items() if option.field.is_required()} - found - groups
    assert {each for each in lacking if not each.startswith(("data.val.", "data.test."))} == set()


def fits(option: Declared, typed: str) -> bool:
    """Whether a value as Hydra reads it is of an option's type."""
    value = OverridesParser.create().parse_override(f"a={typed}").value()
    value = str(value) if is_literal(option.annotation) else value
    try:
        TypeAdapter(option.annotation, config=Options.model_config).validate_python(value)
    except ValidationError:
        return False
    return True


def rule_of(name: str) -> list[str]:
    """What must be typed beside an option of a rule that holds out clips."""
    group, _, option = name.rpartition(".")
    if group not in ("data.val", "data.test") or option == "rule":
        return []
    rule = next(rule for rule, options in RULES.items() if option in options)
    others = {"column": "value=a", "value": "column=a", "step": "offset=0", "fold": "folds=9"}
    return [f"{group}.rule={rule}", *(f"{group}.{others[option]}" for _ in [0] if option in others)]


def taken(name: str, *words: str) -> bool:
    """Whether a command takes words as they are typed, beside what must be given."""
    given = [each for each in NEEDED if at(defaults_of(name), each.partition("=")[0]) != ()]
    line = read([*given, *words], COMMANDS[name], groups_of(name))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose(name, line.given), resolve=True)
    try:
        check(COMMANDS[name], config, line.typed)  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_an_option_is_taken(name: str) -> None:
    """As help prints it, beside the defaults; of another optimizer or schedule with that."""
    for option in options_of(name).values():
        if (example := option.text("example")) and not option.name.startswith(("optimizer.betas", "scheduler.miles")):
            several = {"widths": "model.strides=[1,1,1]", "model.strides": "widths=[4,4,4]"}.get(option.name)
            if several is None and not (name == "predict" and option.name == "weights"):
                named = option.name.startswith("preprocessing.") and name not in ("train", "check")
                assert named or taken(name, f"{option.name}={example}"), option.name


VALUES = ["3", "1", "0.5", "true", "x", "[1]", "[a]", "00:00:10:00", "norm", "warn", "simple", "folds", "2", "body"]


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_an_option_that_files_leave_out_is_given_like_any_other(name: str) -> None:
    """Without Hydra's two pluses, which work too."""
    options = options_of(name)
    for option in options.values():
        is_group = any(each.startswith(f"{option.name}.") for each in options)
        of_a_variant = option.name.startswith(("optimizer.", "preprocessing."))
        if option.field.is_required() or option.text("hidden") or is_group or of_a_variant:
            continue
        value = next((value for value in VALUES if fits(option, value)), None)
        assert value is not None, option.name
        words = rule_of(option.name)
        assert taken(name, f"{option.name}={value}", *words), option.name
        assert taken(name, f"++{option.name}={value}", *words), option.name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_sentence(name: str) -> None:
    for option in options_of(name).values():
        sentence = option.field.description or ""
        if option.text("hidden"):
            continue
        assert sentence.endswith("."), option.name
        assert len(sentence) < 130, option.name
        assert option.group, option.name


def test_old_names_are_no_names_of_today() -> None:
    for name, entry in COMMANDS.items():
        options = options_of(name)
        assert {*entry.old.values()} <= options.keys()
        assert not {*entry.old} & options.keys()


def choices_of(options: type, name: str) -> set[object]:
    """The choices that a field declares."""
    annotation = options.model_fields[name].annotation  # type: ignore[attr-defined]
    return {choice for part in variants(annotation) for choice in get_args(part)}


def test_choices_are_those_of_the_code() -> None:
    assert {*get_args(Format)} == FORMATS.keys()
    assert [*get_args(Figure)] == [*SUBJECTS]
    assert choices_of(Model, "strategy") == choices_of(Visualize, "strategy") == {*STRATEGIES}
    assert choices_of(Model, "aggregation") == {*AGGREGATORS}
    assert choices_of(Rule, "rule") == RULES.keys()
    assert choices_of(Visualize, "theme") == {*THEMES, "both"}
    assert choices_of(Visualize, "figure_format") == {*FIGURE_FORMATS}
    assert choices_of(Export, "output") == {*OUTPUTS}
    for name, choices in CHOICES.items():
        assert choices_of(Preprocessing, name) == {*choices}, name
    (streams,) = get_args(Preprocessing.model_fields["streams"].annotation)
    assert {*get_args(streams)} == {*STREAMS}
    assert Augmentation.model_fields.keys() == vars(AugmentationSwitches()).keys()
    assert Preprocessing.model_fields.keys() == PREPROCESSINGS["fixed"].plain.keys()


def test_every_rule_s_options_are_declared() -> None:
    assert {name: {*options} for name, options in DECLARED_RULES.items()} == {
        name: {*options} for name, options in RULES.items()
    }
    assert {*Rule.model_fields} == {"rule", *(option for options in RULES.values() for option in options)}


def test_the_catalogue_is_of_the_commands_that_there_are() -> None:
    folder = Path(__file__).parents[3] / "stgcn_torch"
    assert {path.stem for path in (folder / "tasks").glob("[a-z]*.py")} == {*COMMANDS}
    assert all((folder / f"{name}.py").is_file() and (CONF / f"{name}.yaml").is_file() for name in COMMANDS)
