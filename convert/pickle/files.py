"""Files mapped into memory."""

import mmap
from pathlib import Path

from convert.pickle.errors import UnreadableError


def contents(path: str | Path) -> memoryview:
    """A file's bytes, mapped: unused parts are never read. UnreadableError if the file is empty or a folder."""
    if Path(path).is_dir():
        raise UnreadableError("is a folder, where a file belongs")
    with Path(path).open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # raised by mmap for an empty file
            raise UnreadableError("is empty") from None
