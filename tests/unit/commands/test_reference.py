"""The page of all options is that of the declarations."""

import subprocess
import sys
from pathlib import Path

import pytest

from stgcn_torch.commands.reference import main, reference
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.help import visible

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    """Else ``python -m stgcn_torch.commands.reference > docs/options.md``."""
    run = subprocess.run(
        [sys.executable, "-m", "stgcn_torch.commands.reference"], cwd=ROOT, capture_output=True, check=True
    )
    assert run.stdout.decode("utf-8") == (ROOT / "docs" / "options.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_row(name: str) -> None:
    page = reference(name)
    for option in visible(COMMANDS[name].options):
        assert f"| `{option.name}" in page, option.name


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["reference", "trane"])
    with pytest.raises(SystemExit, match=r"^reference: trane is no command; choose of train, "):
        main()
