"""PaddlePaddle's weight files, read without Paddle and without running what they contain."""

from convert.errors import MismatchError, UnreadableError, UnsafeError
from convert.unpickle import unpickle

__all__ = ["MismatchError", "UnreadableError", "UnsafeError", "unpickle"]
