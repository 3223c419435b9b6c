"""Reader of detectors' JSON, with every error as one line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def load_json(path: Path) -> Any:
    """The object in a JSON file, with or without a byte order mark.

    Raises:
        ValueError: The file is truncated, no JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        raise ValueError(f"it is no JSON: {reason}") from None


def part(parent: Any, key: str, kind: type) -> Any:
    """The value of a key in a JSON object; ValueError if there is no value of the type."""
    value = parent.get(key) if isinstance(parent, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"it has no {key!r} that is a {kind.__name__}")
    return value


def numbers(values: Any, allowed: Mapping[int, str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A list of finite numbers, float32.

    Args:
        values: The value in the file.
        allowed: Allowed lengths, each with the name of its format.

    Raises:
        ValueError: The value is no list of finite numbers, or of another length.
    """
    if not isinstance(values, list):
        raise ValueError(f"it has {str(values)[:40]} where a list of numbers belongs")
    strays = [value for value in values if isinstance(value, bool) or not isinstance(value, int | float)]
    if strays:
        raise ValueError(f"it has {strays[0]!r:.40} where a number belongs")
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
