"""Bytes and encodings of text files as strangers have them: gzipped, with a byte order mark, of Windows."""

import codecs
import gzip
import zlib
from pathlib import Path

UNPACKED = 1 << 30  # largest size of an unpacked file, bytes
MARKS = {  # byte order marks; those of UTF-32 begin with those of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def start_of(path: Path, size: int) -> bytes:
    """The first bytes of a text file, as UTF-8; errors as of ``bytes_of``."""
    start = bytes_of(path, size)
    return start.decode(encoding_of(start), "ignore").encode("utf-8", "ignore")


def bytes_of(path: Path, size: int = -1) -> bytes:
    """What a file holds, unpacked if its name ends with ``.gz``, or so many of the first bytes.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is damaged, or more than ``UNPACKED`` when it is unpacked.
    """
    if path.suffix.lower() != ".gz":
        with path.open("rb") as file:
            return file.read(size)
    try:
        with gzip.open(path) as packed:
            content = packed.read(UNPACKED + 1 if size < 0 else size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"it is no gzip file: {error}") from None
    if len(content) > UNPACKED:
        raise ValueError(f"it unpacks to more than {UNPACKED >> 20} MiB")
    return content


def encoding_of(content: bytes) -> str:
    """The encoding that a byte order mark tells, else UTF-8."""
    return next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8-sig")
