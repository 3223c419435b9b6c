"""How the tests run a command: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIPS = {"train": 96, "test": 32}

Command = Callable[..., subprocess.CompletedProcess[str]]


def arguments(verb: str, *overrides: str) -> list[str]:
    return [sys.executable, "-m", f"stgcn_torch.{verb}", *overrides]


def environment() -> dict[str, str]:
    """One thread, so that runs can be compared bit for bit, and this clone's code."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
