"""Help fits the terminal, names every option, and loads no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from stgcn_torch.commands.configuration import composition_of
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.declaration import declared
from stgcn_torch.options.help import help_text, topic_of, typed

ROOT = Path(__file__).parents[3]


def shown(name: str, topic: str = "") -> str:
    return help_text(name, topic, *composition_of(name))


@pytest.mark.parametrize("columns", ["80", "60"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_the_terminal_and_names_every_option(
    name: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = shown(name).splitlines()
    for line in lines:
        assert len(line) <= int(columns) or "python -m" in line or " " not in line.strip(), line
    heads = [line.strip().partition("=")[0].partition("  ")[0] for line in lines]
    heads += [head.replace("data.val.", "data.test.") for head in heads]  # which has the same options
    for option in declared(COMMANDS[name].options):
        assert (option.name in heads) == (not option.text("hidden")), option.name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_three_examples_and_says_what_must_be_given(name: str) -> None:
    text = shown(name)
    assert text.startswith(COMMANDS[name].summary[:40])
    assert len(COMMANDS[name].examples) == 3
    assert all(f"python -m stgcn_torch.{name} {line}".rstrip() in text for line in COMMANDS[name].examples)
    defaults, _ = composition_of(name)
    for option, value in defaults.items():
        assert (f"\n  {option}  (" in text and "required" in text) or value != "???", option


def test_help_on_a_topic_is_of_that_topic() -> None:
    text = shown("train", "optimizer.lr")
    assert text.splitlines()[0] == "The optimizer (optimizer.NAME)"
    assert "optimizer.lr=0.1" in text
    assert "momentum" not in text
    assert {"scheduler.t_max", "scheduler.gamma"} <= {*shown("train", "scheduler").replace("=", " ").split()}
    assert shown("train", "experiment").splitlines()[:2] == ["Presets", "  experiment=null"]
    with pytest.raises(ValueError, match=r"^lr is no option; the nearest: optimizer.lr$"):
        shown("train", "lr")


def test_when_help_is_wanted() -> None:
    assert topic_of(["--help"]) == topic_of(["-h"]) == topic_of(["ckpt_path=a", "--help"]) == ""
    assert topic_of(["--config-dir", "my", "--help"]) == ""
    assert topic_of(["--help", "slide"]) == topic_of(["slide", "-h"]) == "slide"
    assert topic_of(["help"]) is topic_of([]) is None


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
