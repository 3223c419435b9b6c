"""PaddlePaddle's weight files, read without Paddle and without running what they contain."""

import sys

from convert.formats.pdparams import read_pdparams, write_pdopt, write_pdparams
from convert.formats.static import read_static
from convert.network.keys import convert_state_dict
from convert.pickle.errors import ConvertError, MismatchError, UnreadableError, UnsafeError
from convert.pickle.unpickle import unpickle

# The module's old path, as if it had been imported before the function of its name.
sys.modules["convert.unpickle"] = sys.modules["convert.pickle.unpickle"]

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
