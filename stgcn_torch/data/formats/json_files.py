"""JSON as detectors write it, read so that whatever is wrong with a file is one line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def load_json(path: Path) -> Any:
    """The object in a JSON file, with or without a byte order mark.

    Raises:
        ValueError: It is truncated, no JSON, or nests too deeply.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        raise ValueError(f"it is no JSON: {reason}") from None


def part(held: Any, key: str, kind: type) -> Any:
    """A value of an object, of a type; ValueError says which it lacks."""
    value = held.get(key) if isinstance(held, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"it has no {key!r} that is a {kind.__name__}")
    return value


def numbers(values: Any, allowed: Mapping[int, str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A list of finite numbers, float32.

    Args:
        values: What the file has.
        allowed: How many there may be, and what that many are called.

    Raises:
        ValueError: They are none, or another count.
    """
    if not isinstance(values, list):
        raise ValueError(f"it has {str(values)[:40]} where a list of numbers belongs")
    other = [value for value in values if isinstance(value, bool) or not isinstance(value, int | float)]
    if other:
        raise ValueError(f"it has {other[0]!r:.40} where a number belongs")
    if len(values) not in allowed:
        kinds = " or ".join(f"{size} ({name})" for size, name in allowed.items())
        raise ValueError(f"it has {len(values)} numbers for a person, must be {kinds}")
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, np.float32)
    except OverflowError:  # a whole number beyond any float
        array = np.array([np.inf], np.float32)
    if not np.isfinite(array).all():
        raise ValueError("it has NaN or infinite values")
    return array
