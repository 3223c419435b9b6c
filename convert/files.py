"""Files as memory, and files that appear whole or not at all."""

import mmap
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from convert.errors import UnreadableError
from stgcn_torch import files


def existing(path: str | Path) -> Path:
    """The path; where nothing is at it, the ``.pdiparams`` of which it is the prefix that Paddle's functions take."""
    holder = Path(f"{path}.pdiparams")
    return holder if not Path(path).exists() and holder.is_file() else Path(path)


def contents(path: str | Path) -> memoryview:
    """A file's bytes, mapped: what is not looked at is never read. UnreadableError if there are none."""
    if Path(path).is_dir():
        raise UnreadableError("is a folder, where a file belongs")
    with Path(path).open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # there is nothing to map
            raise UnreadableError("is empty") from None


def resolved(path: Path) -> Path:
    """Where a path leads, links followed; OSError if they lead in a circle."""
    try:
        return path.resolve()
    except RuntimeError:  # what Python 3.11 says of it
        raise OSError(f"{path} is a link that leads to itself") from None


def check_writable(path: Path) -> None:
    """Raise OSError if no file can be written there; its folder is made."""
    resolved(path).parent.mkdir(parents=True, exist_ok=True)
    files.check_writable(resolved(path))


def write_whole(path: str | Path, parts: Iterable[bytes]) -> None:
    """Write a file; if that breaks off, what stood at its path is as it was. A link stays, and its file is written."""
    write_together({Path(path): parts})


def write_together(contents: Mapping[Path, Iterable[bytes]]) -> None:
    """Write several files, none of which appears before all are on the disk."""
    with ExitStack() as written:
        for path, parts in contents.items():
            temporary = written.enter_context(files.written_whole(resolved(path)))
            with temporary.open("wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
