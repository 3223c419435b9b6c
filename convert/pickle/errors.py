"""Errors for files that cannot be converted: unsafe, unreadable, or not fitting."""

from collections.abc import Iterator
from contextlib import contextmanager


class ConvertError(ValueError):
    """A file was refused; the message names the file and the reason."""


class UnsafeError(ConvertError):
    """The file asks for an operation that no weight file needs and that could run code."""


class UnreadableError(ConvertError):
    """The file is truncated, damaged, of another kind, or beyond a limit that no real file reaches."""


class MismatchError(ConvertError):
    """The file was read, but its tensors are not those of the network."""


@contextmanager
def about(source: object) -> Iterator[None]:
    """Prefix errors raised in the block with their source, a path for instance."""
    try:
        yield
    except ConvertError as problem:
        raise type(problem)(f"{source}: {problem}") from None
