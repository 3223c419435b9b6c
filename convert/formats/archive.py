"""Zip archives as torch writes them: one folder of uncompressed, aligned records that can be mapped."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable

from convert.formats.kinds import File
from convert.pickle.errors import UnreadableError
from convert.pickle.literals import Reader

ALIGNMENT = 64  # bytes; torch begins each record at a multiple of it
HEADER = 30  # bytes before a record's name
ENCRYPTED = 1  # flag
# Errors that zipfile is known to raise for a damaged directory.
ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, ArithmeticError, EOFError, OSError, ValueError, struct.error)


def archive(records: Iterable[tuple[str, bytes]]) -> bytes:
    """The bytes of a zip archive of named records; the same records give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name, payload in records:
            entry = zipfile.ZipInfo(f"archive/{name}")  # dated 1980, the default
            entry.extra = _padding(file.tell() + HEADER + len(entry.filename))
            zipped.writestr(entry, payload)
    return file.getvalue()


def _padding(start: int) -> bytes:
    """An extra field that no reader uses, long enough to align the record after it."""
    length = -(start + 4) % ALIGNMENT
    return b"FB" + struct.pack("<H", length) + bytes(length)


class Records:
    """The records of a torch archive by name.

    Raises:
        UnreadableError: The archive is damaged, or not one folder of records.
    """

    def __init__(self, file: File) -> None:
        self.data = file.data
        try:
            with zipfile.ZipFile(file.path) as zipped:
                entries = [entry for entry in zipped.infolist() if not entry.filename.endswith("/")]
        except ZIP_ERRORS:
            raise UnreadableError("is a zip archive that is damaged or ends too soon") from None
        self.entries = {entry.filename.partition("/")[2]: entry for entry in entries}
        if len(self.entries) < len(entries) or len({entry.filename.partition("/")[0] for entry in entries}) != 1:
            raise UnreadableError("is a zip archive, but no checkpoint of torch")

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __getitem__(self, name: str) -> memoryview:
        """A record as a view of the file; UnreadableError if missing, encrypted, compressed or damaged."""
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
        if entry.CRC and zlib.crc32(payload) != entry.CRC:  # torch writes 0 if checksums are turned off
            raise UnreadableError(f"is damaged in {name!r:.100}")
        return payload
