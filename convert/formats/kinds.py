"""What a path holds, looked at once: contents say of which kind it is, as names and suffixes promise what they like."""

import re
from functools import cached_property
from pathlib import Path

import numpy as np

from convert.pickle.errors import ConvertError, UnreadableError, about
from convert.pickle.files import contents

START = 1 << 16  # bytes that are looked at
ENOUGH = 4096  # bytes; of fewer, the entropy says nothing
NOISE = 7.9  # bits a byte: what is encrypted or compressed has 7.99, float32 weights have about 7.4

MAX_FILES = 10_000  # of a folder

TORCH = ("zip archive", "torch pickles")

# Kinds that are read here, and how they begin.
KINDS = {
    "zip archive": rb"PK[\x03\x05]",  # torch's since 1.6
    "torch pickles": rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.",  # torch's before: a number, then four more pickles
    "pickle": (
        rb"\x80[\0-\x0f]"  # protocol 2 and later say so
        rb"|\([dltcSIFLVUX(\]}]|[\]}][q.(]|c[\w.]+\n[\w.]+\n"  # 0 and 1 begin with a dict, list, tuple or name
    ),
    "tensors": rb"\0{4}.{4}\0{4}",  # version 0, and how many levels of detail, of which no one has 2**32
    "program": rb"\n[\x80-\xff]{0,4}[\0-\x7f]\x08\0\x10",  # a block: its length, its index 0, its parent
    "PIR program": rb'\s*\{\s*"base_code"',  # that of Paddle 3, in JSON
    "safetensors": rb".{4}\0{4}\{",  # the header's length, the header
}

# Kinds that are not, how they begin, and what to say of them.
OTHERS = {
    rb"version https://git-lfs": "is a Git LFS pointer in the file's place: 'git lfs pull' fetches the file",
    rb"(?:\xef\xbb\xbf)?\s*<(?i:!doctype|html|head|\?xml)": "is a web page, saved in the file's place",
    rb".{257}ustar": "is a tar archive: unpack it first",
    rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|Rar!": "is compressed: unpack it first",
    rb"\x93NUMPY": "is a NumPy array (.npy), not a file of Paddle",
    rb"\x89HDF": "is an HDF5 file, not a file of Paddle",
    rb"\0{24}": "begins with zeros: its download broke off, or the disk was full",
}


class File:
    """A file that can be read here.

    Args:
        path: Where it lies.

    Attributes:
        kind: What it is, a key of ``KINDS``.

    Raises:
        UnreadableError: It is something else; the message says which file, and what it is in plain words.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with about(path):
            if path.is_dir():
                raise UnreadableError("is a folder, where a file belongs")
            with path.open("rb") as file:
                self.kind = kind(file.read(START))

    @cached_property
    def data(self) -> memoryview:
        """Its bytes, mapped."""
        return contents(self.path)

    @cached_property
    def folder(self) -> "Folder":
        """The folder that it lies in."""
        return Folder(self.path.parent, self)


class Folder:
    """A folder, whose files are opened when they are asked for, and once.

    Args:
        path: Where it lies.
        files: Those of its files that are open already.

    Attributes:
        kind: "folder".
    """

    kind = "folder"

    def __init__(self, path: Path, *files: File) -> None:
        self.path = path
        self._files: dict[str, File | Exception] = {file.path.name: file for file in files}

    @cached_property
    def names(self) -> list[str]:
        """Names of what is in it, but for what desktops and file systems hide there."""
        return sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))

    def __getitem__(self, name: str) -> File:
        """The file of this name; errors as those of ``File``."""
        if name not in self._files:
            try:
                self._files[name] = File(self.path / name)
            except (ConvertError, OSError) as problem:
                self._files[name] = problem
        file = self._files[name]
        if isinstance(file, Exception):
            raise file
        return file

    def get(self, name: str, *kinds: str) -> File | None:
        """The file of this name, if there is one and it is of one of these kinds."""
        try:
            file = self[name] if name in self._files or (self.path / name).is_file() else None
        except (ConvertError, OSError):
            return None
        return file if file and file.kind in kinds else None

    def of_kind(self, *kinds: str) -> list[File]:
        """Its files of these kinds, whatever they are called; none of a folder too large."""
        names = self.names if len(self.names) <= MAX_FILES else []
        return [file for name in names if (file := self.get(name, *kinds))]


def opened(path: str | Path) -> File | Folder:
    """What lies at a path; errors as those of ``File``."""
    path = existing(path)
    return Folder(path) if path.is_dir() else File(path)


def existing(path: str | Path) -> Path:
    """The path; where nothing is at it, the ``.pdiparams`` of which it is the prefix that Paddle's functions take."""
    holder = Path(f"{path}.pdiparams")
    return holder if not Path(path).exists() and holder.is_file() else Path(path)


def kind(data: bytes | memoryview) -> str:
    """The kind of a file that can be read here, a key of ``KINDS``.

    Args:
        data: The file's contents, of which only the start is looked at.

    Raises:
        UnreadableError: It is something else; the message says what, in plain words.
    """
    start = bytes(data[:START])
    if not start:
        raise UnreadableError("is empty")
    for pattern, words in OTHERS.items():
        if re.match(pattern, start, re.DOTALL):
            raise UnreadableError(words)
    for name, pattern in KINDS.items():
        if re.match(pattern, start, re.DOTALL):
            return name
    if len(start) >= ENOUGH and entropy(start) > NOISE:
        raise UnreadableError("looks like noise: is it encrypted?")
    what = "text, not weights" if re.fullmatch(rb"[\t\n\r\x20-\x7e]+", start) else "of no kind known here"
    raise UnreadableError(f"is {what}: it begins with {ascii(start[:8])[2:-1]}")


def entropy(data: bytes) -> float:
    """How much a byte says that the others do not, 0 to 8 bits."""
    counts = np.bincount(np.frombuffer(data, np.uint8))
    shares = counts[counts > 0] / len(data)
    return float(-(shares * np.log2(shares)).sum())
