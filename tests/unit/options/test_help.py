"""Help fits the terminal, names every option, and loads no torch."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stgcn_torch.commands.configuration import composition_of
from stgcn_torch.options.catalogue import COMMANDS, PRESETS
from stgcn_torch.options.declaration import choices, declared
from stgcn_torch.options.help import folded, help_text, topics_of, typed

ROOT = Path(__file__).parents[3]


def shown(name: str, *topics: str, presets: Sequence[str] = ()) -> str:
    return help_text(name, topics, *composition_of(name, presets))


@pytest.mark.parametrize("columns", ["80", "60"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_the_terminal_and_names_every_option(
    name: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = shown(name).splitlines()
    for line in lines:
        assert len(line) <= int(columns) or " " not in line.strip(), line
    heads = [line.strip().partition("=")[0].partition("  ")[0] for line in lines]
    heads += [head.replace("data.val.", "data.test.") for head in heads]  # which has the same options
    for option in declared(COMMANDS[name].options):
        assert (option.name in heads) == (not option.text("hidden")), option.name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_three_examples_and_says_what_must_be_given(name: str) -> None:
    text = shown(name)
    assert text.startswith(COMMANDS[name].summary[:40])
    assert len(COMMANDS[name].examples) == 3
    whole = re.sub(r" \\\n *", " ", text)  # as a shell reads it
    assert all(f"python -m stgcn_torch.{name} {line}".rstrip() in whole for line in COMMANDS[name].examples)
    defaults, _ = composition_of(name)
    for option, value in defaults.items():
        assert (f"\n  {option}  (" in text and "required" in text) or value != "???", option


def test_help_on_a_topic_is_of_that_topic() -> None:
    text = shown("train", "optimizer.lr")
    assert text.splitlines()[0] == "The optimizer (optimizer.NAME)"
    assert "optimizer.lr=0.1" in text
    assert "momentum" not in text
    assert {"scheduler.t_max", "scheduler.gamma"} <= {*shown("train", "scheduler").replace("=", " ").split()}
    assert shown("train", "experiment").splitlines()[1].strip().startswith("experiment=null")
    both = shown("train", "epochs", "hydra.run.dir")
    assert "epochs=26" in both
    assert "the folder of hydra.run.dir=FOLDER" in both
    with pytest.raises(ValueError, match=r"^lr is no option; the nearest: optimizer.lr$"):
        shown("train", "lr")


def test_when_help_is_wanted() -> None:
    assert topics_of(["--help"]) == topics_of(["-h"]) == topics_of(["ckpt_path=a", "--help"]) == []
    assert topics_of(["--config-dir", "my", "--help"]) == []
    assert topics_of(["--help", "slide", "stream."]) == topics_of(["slide", "-h", "stream"]) == ["slide", "stream"]
    assert topics_of(["help"]) is topics_of([]) is None


def test_help_is_of_the_presets_beside_it() -> None:
    assert "optimizer.betas" in shown("train", "optimizer", presets=["optimizer=adamw"])
    assert "optimizer.lr=0.001" in shown("train", "optimizer.lr", presets=["optimizer=adamw"])
    assert "optimizer.lr=0.1" in shown("train", "optimizer.lr")
    assert "layout=${data.root}/layout.yaml" in shown("train", "layout", presets=["data=arrays"])
    assert "data.root  (path; required)" in shown("train", "data.root", presets=["data=arrays"])


@pytest.mark.parametrize("name", COMMANDS)
def test_meanings_are_of_the_choices_that_there_are(name: str) -> None:
    """All of them, and help on an option tells each, where help on all has its sentence alone."""
    for option in declared(COMMANDS[name].options):
        if option.meanings and not option.text("hidden"):
            assert [*option.meanings] == [word for word in choices(option.annotation) if word != "null"], option.name
            for choice, meaning in option.meanings.items():
                assert f"{choice}: {meaning[:20]}" in shown(name, option.name)
                assert meaning[:30] not in shown(name)
    for key, names in composition_of(name)[1].items():
        assert {*PRESETS[key].meanings} >= {*names} - {"null"}


def test_a_command_line_is_broken_between_its_words() -> None:
    assert folded("python a 'b c' dd", 14, " \\") == ["  python a \\", "      'b c' \\", "      dd"]


def test_values_are_shown_as_they_are_typed() -> None:
    assert typed([1, None, "a"]) == "[1,null,a]"
    assert typed({"rule": "folds", "folds": 8, "x": True}) == "{rule: folds, folds: 8, x: true}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_no_torch(name: str) -> None:
    source = f"""
import sys
sys.argv = ["{name}", "--help"]
from stgcn_torch.{name} import main
main()
heavy = [name for name in ("torch", "pytorch_lightning", "matplotlib", "scipy") if name in sys.modules]
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
    run = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "Examples" in run.stdout
