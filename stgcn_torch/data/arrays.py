"""Arrays of clips on disk in PaddleVideo's format: (N, C, T, V, M) in ``.npy``, labels in ``.npy`` or ``.pkl``.

Arrays are memory-mapped and never read whole; a clip is validated at its first reading.
"""

import csv
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from convert.pickle.unpickle import unpickle
from stgcn_torch.data.preprocessing.cleaning import is_finite
from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing
from stgcn_torch.skeleton import Skeleton

AXES = ("N", "C", "T", "V", "M")
Clips = Float[np.ndarray, "N C T V M"]
Labels = Int[np.ndarray, " N"]
UNIT_COLUMNS = {"group": "subjects", "source": "recordings"}  # of manifest.csv: clips of one belong together
# Exceptions that NumPy raises for a damaged header.
DAMAGED = (ValueError, TypeError, OverflowError, EOFError, OSError, MemoryError, RecursionError, tokenize.TokenError)


def open_npy(path: str | Path) -> np.ndarray[Any, Any]:
    """A memory-mapped array; nothing is read yet.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no ``.npy`` array of numbers, or shorter than its header says.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with np.errstate(over="ignore"):  # a damaged header may name a size beyond int64
            return np.lib.format.open_memmap(path, mode="r")
    except DAMAGED as error:
        reason = str(error).split("\n")[0]
        if "mmap length" in reason:
            reason = f"it is truncated at {path.stat().st_size} bytes"
        elif "magic string is not" in reason or "Python objects" in reason:
            reason = "it is no .npy array of numbers"
        raise ValueError(f"{path} cannot be read: {reason}") from None


def open_clips(path: str | Path, channels: Sequence[str], body: Skeleton, *, single: bool = False) -> Clips:
    """A memory-mapped array of clips (N, C, T, V, M) of the given channels and layout.

    Args:
        path: The ``.npy`` file.
        channels: Names of a clip's channels, in order.
        body: The layout of the joints.
        single: Accept one clip (C, T, V, M) or (C, T, V) too, as an array of one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no numbers with the five axes in this order; the message names the wrong axis.
    """
    array = open_npy(path)
    expected = {"C": len(channels), "V": len(body.joints)}
    if single and array.ndim in (3, 4):
        array = array[None] if array.ndim == 4 else array[None, ..., None]
    if array.ndim != 5:
        raise ValueError(f"{path} must have the 5 axes (N, C, T, V, M), got shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path} must hold numbers, got {array.dtype}")
    sizes = dict(zip(AXES, array.shape, strict=True))
    if 0 in array.shape:
        raise ValueError(f"{path} is empty: shape {array.shape}")
    problems = []
    for axis, size in expected.items():
        if sizes[axis] == size:
            continue
        content = f"{len(channels)} channels {', '.join(channels)}" if axis == "C" else f"{size} joints of {body.name}"
        candidates = [i for i, length in enumerate(array.shape) if length == size]
        hint = f"; axis {' or '.join(map(str, candidates))} has {size}" if candidates else ""
        problems.append(f"axis {AXES.index(axis)} ({axis}) should have the {content}, got {sizes[axis]}{hint}")
    if problems:
        raise ValueError(f"{path} has shape {array.shape} for (N, C, T, V, M): {'; '.join(problems)}")
    return array


def validate_clip(clip: Clip, index: int, preprocessing: Preprocessing) -> None:
    """Raise ValueError if a clip is empty or has NaN or infinite values, and the preprocessing refuses such clips."""
    wrong = ~is_finite(clip)
    if preprocessing.nan == "refuse" and wrong.any():
        c, t, v, m = (int(axis[0]) for axis in np.nonzero(wrong))
        raise ValueError(
            f"clip {index} has {int(wrong.sum())} NaN or infinite values, the first at channel {c}, frame {t}, "
            f"joint {v}, person {m}; preprocessing.nan=missing treats such joints as undetected"
        )
    if preprocessing.empty == "refuse" and not clip[~wrong].any():
        raise ValueError(f"clip {index} is empty: all values are zero; preprocessing.empty=keep takes it as it is")


def read_labels(path: str | Path, count: int, num_classes: int | None = None) -> Labels:
    """Class indices, one per clip, from ``.npy`` or from PaddleVideo's ``.pkl`` of (names, labels).

    Args:
        path: ``.npy`` or pickle; a pickle is read as data, without running code.
        count: Number of clips.
        num_classes: Upper bound of the labels, exclusive; None for no bound.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The labels are not ``count`` whole numbers from 0 up to ``num_classes``, or the pickle is unsafe.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}, which says the class of each clip; none trains without")
    if path.suffix in (".pkl", ".pickle"):
        pair = unpickle(path.read_bytes(), source=str(path))
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError(f"{path} must hold a pair (names, labels), got {type(pair).__name__}")
        try:
            labels = np.asarray(pair[1])
        except ValueError:
            raise ValueError(f"{path} must hold one label per name, got lists of several lengths") from None
    else:
        labels = np.asarray(open_npy(path))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise ValueError(f"{path} must hold {count} labels, one per clip, got shape {labels.shape}")
    if labels.dtype.kind not in "iuf":
        raise ValueError(f"{path} must hold whole numbers, got {labels.dtype} such as {labels[0]!r}")
    unfit = labels[(labels != np.round(labels)) | (np.abs(labels.astype(float)) > 2**53)]
    if unfit.size:
        raise ValueError(f"{path} must hold whole numbers, got {unfit[0]}")
    labels = labels.astype(np.int64)
    outside = np.flatnonzero((labels < 0) | (labels >= (num_classes or np.inf)))
    if outside.size:
        above = "" if num_classes is None else f" and below {num_classes}"
        raise ValueError(
            f"{path}: labels must be at least 0{above}, got {labels[outside[0]]} for clip {outside[0]} "
            f"({outside.size} such)"
        )
    return labels


def read_lines(path: str | Path) -> list[str]:
    """Non-blank lines of a UTF-8 file, with or without a byte order mark; an empty list if there is no such file.

    Raises:
        ValueError: The file is not UTF-8.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} must be UTF-8, got byte {error.object[error.start]:#04x} in line {line}") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def read_units(path: str | Path, count: int, least: int) -> tuple[np.ndarray[Any, Any] | None, str]:
    """Which clips belong together, since they are of one subject or of one recording, by a ``manifest.csv``.

    Args:
        path: The file, which may be missing.
        count: Number of clips.
        least: Fewest units that are of use.

    Returns:
        The number of each clip's unit, by the columns ``group`` and ``source`` together or, if those make too few
        units, by one of them; None if every clip is of its own or the file does not say. And a sentence if there are
        too few units; else nothing.
    """
    columns = {column: values for column in UNIT_COLUMNS if (values := known_groups(path, column, count)) is not None}
    said = ""
    for names in dict.fromkeys((tuple(columns), *((column,) for column in columns))):
        units = joined([columns[column] for column in names], count)
        number = len(np.unique(units))
        if number == count:
            continue
        if number >= least:
            return units, said
        things = [UNIT_COLUMNS[column] for column in names]
        few = f"{number} {things[0]} are" if len(names) == 1 else f"{' and '.join(things)} make {number} of all clips,"
        said = said or f"{few} too few for {least} folds: clips of one are in several"
    return None, said


def joined(columns: Sequence[np.ndarray[Any, Any]], count: int) -> Int[np.ndarray, " N"]:
    """Numbers of the smallest units such that clips that share a value of any column, but not "", are of one unit."""
    units = np.arange(count)
    numbers = [_numbered(values) for values in columns]
    while True:
        before = units
        for number in numbers:
            first = np.full(count, count)
            np.minimum.at(first, number, units)
            units = first[number]
        units = units[units]  # those of the first clip of each: chains are short
        if np.array_equal(units, before):
            return units


def _numbered(values: np.ndarray[Any, Any]) -> Int[np.ndarray, " N"]:
    """The same number, below N, for the same value; "" is like no other."""
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(value or i, len(numbers)) for i, value in enumerate(values.tolist())])


def known_groups(path: Path | str, column: str, count: int) -> np.ndarray[Any, Any] | None:
    """A column that has values; None if there is no such file, column or value, or it is a manifest of another form."""
    try:
        values = read_groups(path, column, count)
    except (ValueError, FileNotFoundError):
        return None
    values = np.where(values == ".", "", values)  # as prepare wrote it before 2026-12
    return values if (values != "").any() else None


def read_groups(path: str | Path, column: str, count: int) -> np.ndarray[Any, Any]:
    """One column of a ``manifest.csv`` that has a row per clip, as strings.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file has no such column, or another number of rows than ``count``.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; held-out groups need it")
    with path.open(newline="", encoding="utf-8-sig", errors="backslashreplace") as file:
        rows = list(csv.DictReader(file))
    if rows and column not in rows[0]:
        raise ValueError(f"{path} has no column {column!r}; choose one of {', '.join(rows[0])}")
    if len(rows) != count:
        raise ValueError(f"{path} must have {count} rows, one per clip, got {len(rows)}")
    return np.array([row[column] for row in rows])
