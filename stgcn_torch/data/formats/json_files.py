"""Reader of detectors' JSON, with every error as one line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.formats.text_files import bytes_of, encoding_of


def load_json(path: Path) -> Any:
    """The object in a JSON file: UTF-8, or UTF-16 or 32 with a byte order mark; gzipped if its name ends so.

    Raises:
        ValueError: The file is truncated, no JSON, nested too deeply, or too large when it is unpacked.
    """
    content = bytes_of(path)
    try:
        return json.loads(content.decode(encoding_of(content)))
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
    """A list of numbers, float32; those that are not finite are of joints that are missing.

    Args:
        values: The value in the file.
        allowed: Allowed lengths, each with the name of its format.

    Raises:
        ValueError: The value is no list of numbers, or of another length.
    """
    if not isinstance(values, list):
        raise ValueError(f"it has {str(values)[:40]} where a list of numbers belongs")
    values = [_of_text(value) if isinstance(value, str) else value for value in values]
    strays = [value for value in values if isinstance(value, bool) or not isinstance(value, int | float)]
    if strays:
        raise ValueError(f"it has {strays[0]!r:.40} where a number belongs")
    if len(values) not in allowed:
        kinds = " or ".join(f"{size} ({name})" for size, name in allowed.items())
        raise ValueError(f"it has {len(values)} numbers for a person, must be {kinds}")
    with np.errstate(over="ignore"):
        return np.array([_float(value) for value in values], np.float32)


def _of_text(value: str) -> float | str:
    """A number that a program wrote as text; other text as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond any float
        return np.inf


def detected(pose: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """A pose of x, y and score with zeros for joints whose score is 0 or below, or of which a value is not finite."""
    fine = np.isfinite(pose).all(axis=1) & (pose[:, 2] > 0)
    return np.where(fine[:, None], pose, pose.dtype.type(0))
