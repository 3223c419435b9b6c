"""Why a file is not converted: it is not safe, cannot be read, or does not fit."""

from collections.abc import Iterator
from contextlib import contextmanager


class ConvertError(ValueError):
    """A file was refused; the message says which and why."""


class UnsafeError(ConvertError):
    """The file asks for something that no weight file needs, and that could run code if it were granted."""


class UnreadableError(ConvertError):
    """The file is truncated, damaged, of another kind, or larger in some way than any real one."""


class MismatchError(ConvertError):
    """The file was read, but its tensors are not those of the network."""


@contextmanager
def about(source: object) -> Iterator[None]:
    """Say in an error that comes out of the block what it is about, a path for instance."""
    try:
        yield
    except ConvertError as problem:
        raise type(problem)(f"{source}: {problem}") from None
