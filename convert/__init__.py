"""PaddlePaddle's weight files, read without Paddle and without running what they contain."""

from convert.errors import ConvertError, MismatchError, UnreadableError, UnsafeError
from convert.keys import convert_state_dict
from convert.pdparams import read_pdparams, write_pdopt, write_pdparams
from convert.static import read_static
from convert.unpickle import unpickle

__all__ = [
    "ConvertError",
    "MismatchError",
    "UnreadableError",
    "UnsafeError",
    "convert_state_dict",
    "read_pdparams",
    "read_static",
    "unpickle",
    "write_pdopt",
    "write_pdparams",
]
