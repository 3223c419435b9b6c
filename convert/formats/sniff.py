"""What a file is, told by its contents: names and suffixes promise what they do not hold."""

import re

import numpy as np

from convert.pickle.errors import UnreadableError

START = 1 << 16  # bytes that are looked at
ENOUGH = 4096  # bytes; of fewer, the entropy says nothing
NOISE = 7.9  # bits a byte: what is encrypted or compressed has 7.99, float32 weights have about 7.4

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch's files began before they were zip archives

# Kinds that are read here, and how they begin.
KINDS = {
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
    rb"PK\x03\x04.{26}[^\0]{0,200}data\.pkl": "is a checkpoint of torch, not of Paddle",
    rb"PK[\x03\x05]": "is a zip archive: unpack it first",
    rb".{257}ustar": "is a tar archive: unpack it first",
    rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|Rar!": "is compressed: unpack it first",
    rb"\x93NUMPY": "is a NumPy array (.npy), not a file of Paddle",
    rb"\x89HDF": "is an HDF5 file, not a file of Paddle",
    rb"\0{24}": "begins with zeros: its download broke off, or the disk was full",
}


def kind(data: memoryview) -> str:
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
