"""Files as memory, and files that appear whole or not at all."""

import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from convert.errors import UnreadableError


def contents(path: str | Path) -> memoryview:
    """A file's bytes, mapped: what is not looked at is never read. UnreadableError if there are none."""
    if Path(path).is_dir():
        raise UnreadableError("is a folder, where a file belongs")
    with Path(path).open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # there is nothing to map
            raise UnreadableError("is empty") from None


def write_whole(path: str | Path, parts: Iterable[bytes]) -> None:
    """Write a file; if that breaks off, what stood at its path is as it was.

    ``stgcn_torch.files`` does the same; the reader stands without that package.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(handle)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp gives it to its owner alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
