"""Trees are changed part by part."""

import gc
import weakref

import numpy as np

from convert.pickle.tree import mapped


def test_what_is_changed_is_let_go_of_at_once() -> None:
    """Arrays are views of a mapped file, which Windows replaces only if no view is left."""
    array = np.ones(3)
    alive = weakref.ref(array)
    gc.disable()
    try:
        mapped({"a": [array], "b": (array,)}, lambda part: 0 if part is array else part)
        del array
        assert alive() is None
    finally:
        gc.enable()
