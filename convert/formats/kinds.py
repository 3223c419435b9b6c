"""Kinds of files, recognised by their contents, never by name or suffix."""

import re
from functools import cached_property
from pathlib import Path

import numpy as np

from convert.pickle.errors import ConvertError, UnreadableError, about
from convert.pickle.files import contents

START = 1 << 16  # bytes that are looked at
ENTROPY_SAMPLE = 4096  # bytes; the entropy of fewer says nothing
NOISE_ENTROPY = 7.9  # bits a byte: encrypted or compressed data have 7.99, float32 weights about 7.4

MAX_FILES = 10_000  # of a folder

TORCH = ("zip archive", "torch pickles")

# Kinds that can be read here, and the pattern of their first bytes.
KINDS = {
    "zip archive": rb"PK[\x03\x05]",  # torch's since 1.6
    "torch pickles": rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.",  # torch before 1.6: magic number, four pickles
    "pickle": (
        rb"\x80[\0-\x0f]"  # protocol 2 and later begin with their version
        rb"|\([dltcSIFLVUX(\]}]|[\]}][q.(]|c[\w.]+\n[\w.]+\n"  # 0 and 1 begin with a dict, list, tuple or name
    ),
    "tensors": rb"\0{4}.{4}\0{4}",  # version 0, and the number of levels of detail, below 2**32
    "program": rb"\n[\x80-\xff]{0,4}[\0-\x7f]\x08\0\x10",  # a block: its length, its index 0, its parent
    "PIR program": rb'\s*\{\s*"base_code"',  # of Paddle 3, in JSON
    "safetensors": rb".{4}\0{4}\{",  # the header's length, the header
}

# Kinds that cannot be read here: the pattern of their first bytes, and the error's words.
UNREADABLE_KINDS = {
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

    Attributes:
        kind: A key of ``KINDS``.

    Raises:
        UnreadableError: The file is of no such kind; the message names the file and says in plain words what it is.
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
        """The file's bytes, mapped."""
        return contents(self.path)

    @cached_property
    def folder(self) -> "Folder":
        """The folder that contains the file."""
        return Folder(self.path.parent, self)


class Folder:
    """A folder; each of its files is opened on first use, and once.

    Args:
        path: The folder's path.
        files: Files of the folder that are open already.

    Attributes:
        kind: "folder".
    """

    kind = "folder"

    def __init__(self, path: Path, *files: File) -> None:
        self.path = path
        self._files: dict[str, File | Exception] = {file.path.name: file for file in files}

    @cached_property
    def names(self) -> list[str]:
        """Names of the folder's entries, without hidden ones."""
        return sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))

    def __getitem__(self, name: str) -> File:
        """The file of this name; raises as ``File`` does."""
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
        """The file of this name if it exists and is of one of these kinds, else None."""
        try:
            file = self[name] if name in self._files or (self.path / name).is_file() else None
        except (ConvertError, OSError):
            return None
        return file if file and file.kind in kinds else None

    def of_kind(self, *kinds: str) -> list[File]:
        """The folder's files of these kinds; none if the folder has more than ``MAX_FILES`` entries."""
        names = self.names if len(self.names) <= MAX_FILES else []
        return [file for name in names if (file := self.get(name, *kinds))]


def open_path(path: str | Path) -> File | Folder:
    """The file or folder at a path; raises as ``File`` does."""
    path = existing_path(path)
    return Folder(path) if path.is_dir() else File(path)


def existing_path(path: str | Path) -> Path:
    """The path, with ``.pdiparams`` added if it is the prefix of an inference model, as in Paddle's functions."""
    parameters = Path(f"{path}.pdiparams")
    return parameters if not Path(path).exists() and parameters.is_file() else Path(path)


def kind(data: bytes | memoryview) -> str:
    """The kind of a file, a key of ``KINDS``.

    Args:
        data: The file's contents; only the first ``START`` bytes are looked at.

    Raises:
        UnreadableError: The file is of no such kind; the message says in plain words what it is.
    """
    start = bytes(data[:START])
    if not start:
        raise UnreadableError("is empty")
    for pattern, words in UNREADABLE_KINDS.items():
        if re.match(pattern, start, re.DOTALL):
            raise UnreadableError(words)
    for name, pattern in KINDS.items():
        if re.match(pattern, start, re.DOTALL):
            return name
    if len(start) >= ENTROPY_SAMPLE and entropy(start) > NOISE_ENTROPY:
        raise UnreadableError("looks like noise: is it encrypted?")
    guess = "text, not weights" if re.fullmatch(rb"[\t\n\r\x20-\x7e]+", start) else "of no kind known here"
    raise UnreadableError(f"is {guess}: it begins with {ascii(start[:8])[2:-1]}")


def entropy(data: bytes) -> float:
    """Shannon entropy of the bytes' distribution, 0 to 8 bits a byte."""
    counts = np.bincount(np.frombuffer(data, np.uint8))
    shares = counts[counts > 0] / len(data)
    return float(-(shares * np.log2(shares)).sum())
