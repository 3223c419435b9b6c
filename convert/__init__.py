"""PaddlePaddle's weight files, read without Paddle and without running what they contain."""

from convert.formats.pdparams import read_pdparams, write_pdopt, write_pdparams
from convert.formats.static import read_static
from convert.network.keys import convert_state_dict
from convert.pickle.errors import ConvertError, MismatchError, UnreadableError, UnsafeError
from convert.pickle.unpickle import unpickle

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
