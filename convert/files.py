"""Files as memory, and files that appear whole or not at all."""

import mmap
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from convert.errors import UnreadableError


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
    folder = resolved(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_whole(path: str | Path, parts: Iterable[bytes]) -> None:
    """Write a file; if that breaks off, what stood at its path is as it was. A link stays, and its file is written.

    ``stgcn_torch.files`` does the same; the reader stands without that package.
    """
    write_together({Path(path): parts})


def write_together(files: Mapping[Path, Iterable[bytes]]) -> None:
    """Write several files, none of which appears before all are written."""
    written: dict[Path, Path] = {}
    try:
        for path, parts in files.items():
            place = resolved(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
            written[place] = Path(name)
            _fill(handle, parts)
        for place, temporary in written.items():
            temporary.chmod(0o666 & ~_umask())  # mkstemp gives it to its owner alone
            temporary.replace(place)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def _fill(handle: int, parts: Iterable[bytes]) -> None:
    with os.fdopen(handle, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
