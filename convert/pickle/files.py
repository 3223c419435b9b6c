"""Files as memory."""

import mmap
from pathlib import Path

from convert.pickle.errors import UnreadableError


def contents(path: str | Path) -> memoryview:
    """A file's bytes, mapped: what is not looked at is never read. UnreadableError if there are none."""
    if Path(path).is_dir():
        raise UnreadableError("is a folder, where a file belongs")
    with Path(path).open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # there is nothing to map
            raise UnreadableError("is empty") from None
