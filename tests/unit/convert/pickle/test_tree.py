"""What a file held, changed part by part."""

import gc
import weakref

import numpy as np

from convert.pickle.tree import mapped


def test_what_is_changed_is_let_go_of_at_once() -> None:
    """Arrays lie in a mapped file, which Windows replaces only when nothing looks at it any more."""
    array = np.ones(3)
    alive = weakref.ref(array)
    gc.disable()
    try:
        mapped({"a": [array], "b": (array,)}, lambda part: 0 if part is array else part)
        del array
        assert alive() is None
    finally:
        gc.enable()
