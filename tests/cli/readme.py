"""What the README says to type, and how its tests type it: in this process, in a folder of their own."""

import contextlib
import io
import os
import re
import runpy
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from hydra.core.global_hydra import GlobalHydra

from convert.cli import main as convert
from tests.cli.commands import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", TEXT, re.MULTILINE))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def table(text: str) -> dict[str, str]:
    """The rows of "I have ... | I type ...": what one has, and the whole cell beside it."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    assert all(len(row) == 2 for row in rows), f"README.md: a row of the table has not two cells: {rows}"
    return {have.strip(): cell.strip() for have, cell in rows[2:]}


TABLE = table(SECTIONS["I have ... → I type ..."])


def blocks(section: str, language: str = "") -> list[str]:
    """The blocks of code of a section, those of commands by default."""
    return [code for tongue, code in FENCE.findall(SECTIONS[section]) if tongue == language]


def line_of(cell: str) -> str:
    """The command that a cell of the table begins with."""
    told = re.match(r"`(python -m stgcn_torch\.\w+[^`]*)`", cell)
    assert told, f"README.md: a cell must begin with a command that can be typed as it stands, got {cell!r}"
    assert "..." not in told[1], f"README.md: {told[1]!r} leaves out what is to be typed"
    return told[1]


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    out: str
    err: str


def typed(line: str, *more: str, folder: Path, code: int = 0) -> Said:
    """Runs a command of the README in a folder, with further arguments; fails on another exit code.

    A module is run as ``python -m`` runs it, but for the seconds that a process takes to import torch.
    """
    program, *arguments = shlex.split(line)
    out, err = io.StringIO(), io.StringIO()
    ended = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))  # which Lightning and Hydra add to
        patch.chdir(folder)
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.callback(GlobalHydra.instance().clear)
        try:
            if program == "convert-pdparams":
                convert([*arguments, *more])
            else:
                assert (program, arguments[0]) == ("python", "-m"), f"no command of this project: {line}"
                package, _, verb = arguments[1].partition(".")
                patch.setattr(sys, "argv", [verb, *arguments[2:], *more])
                runpy.run_path(str(ROOT / package / f"{verb}.py"), run_name="__main__")
        except SystemExit as end:
            ended = int(end.code or 0)
    assert ended == code, f"{line} {' '.join(more)}\nexit code {ended}\n{out.getvalue()}\n{err.getvalue()}"
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return Said(out.getvalue(), err.getvalue())
