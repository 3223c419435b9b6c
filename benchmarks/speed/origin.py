"""Where results come from: the command, the code, the day and the recorded clip."""

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def origin(arguments: Sequence[str], clip: str | None) -> dict[str, Any]:
    """What the results say of it, as JSON has it.

    Args:
        arguments: Of the command; of paths the file's name is kept.
        clip: Of a recorded clip, the path.
    """
    commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    return {
        "arguments": [Path(argument).name if "/" in argument else argument for argument in arguments],
        "commit": commit,
        "changed": None if commit is None else bool(changed),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "clip": clip and {"name": Path(clip).name, "sha256": hashlib.sha256(Path(clip).read_bytes()).hexdigest()},
    }


def git(*arguments: str) -> str | None:
    """What git says of this folder; None where there is no git, or no repository of this project's own."""
    if not (ROOT / ".git").exists():
        return None
    try:
        told = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()
