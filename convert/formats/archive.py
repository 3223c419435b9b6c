"""Zip archives as torch writes them: one folder of records, none compressed, each where it can be mapped."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable

from convert.formats.kinds import File
from convert.pickle.errors import UnreadableError
from convert.pickle.literals import Reader

ALIGNMENT = 64  # bytes; where a record begins in the file, as torch has it
HEADER = 30  # bytes before a record's name
ENCRYPTED = 1  # flag
# What zipfile is known to raise for a damaged directory.
DAMAGED = (zipfile.BadZipFile, NotImplementedError, ArithmeticError, EOFError, OSError, ValueError, struct.error)


def archive(records: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip archive of records by name, the same whenever it is made."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name, payload in records:
            entry = zipfile.ZipInfo(f"archive/{name}")  # of 1980, its default
            entry.extra = _padding(file.tell() + HEADER + len(entry.filename))
            zipped.writestr(entry, payload)
    return file.getvalue()


def _padding(start: int) -> bytes:
    """A field that nobody reads, so long that what follows it is aligned."""
    length = -(start + 4) % ALIGNMENT
    return b"FB" + struct.pack("<H", length) + bytes(length)


class Records:
    """The records of an archive.

    Args:
        file: The archive.

    Raises:
        UnreadableError: It is damaged, or not one folder of records.
    """

    def __init__(self, file: File) -> None:
        self.data = file.data
        try:
            with zipfile.ZipFile(file.path) as zipped:
                entries = [entry for entry in zipped.infolist() if not entry.filename.endswith("/")]
        except DAMAGED:
            raise UnreadableError("is a zip archive that is damaged or ends too soon") from None
        self.entries = {entry.filename.partition("/")[2]: entry for entry in entries}
        if len(self.entries) < len(entries) or len({entry.filename.partition("/")[0] for entry in entries}) != 1:
            raise UnreadableError("is a zip archive, but no checkpoint of torch")

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __getitem__(self, name: str) -> memoryview:
        """A record where it lies in the file; UnreadableError if it is missing, packed or not what was written."""
        if name not in self.entries:
            raise UnreadableError(f"is a zip archive without {name!r:.100}, no checkpoint of torch: unpack it first")
        entry = self.entries[name]
        if entry.flag_bits & ENCRYPTED or entry.compress_type != zipfile.ZIP_STORED:
            raise UnreadableError("is a zip archive that is encrypted or compressed, as torch writes none")
        file = Reader(self.data)
        file.take(max(0, entry.header_offset))
        lengths = struct.unpack("<HH", file.take(HEADER)[-4:])  # of the name and the padding
        file.take(sum(lengths))
        payload = file.take(entry.file_size)
        if entry.CRC and zlib.crc32(payload) != entry.CRC:  # 0 where torch was told not to compute it
            raise UnreadableError(f"is damaged in {name!r:.100}")
        return payload
