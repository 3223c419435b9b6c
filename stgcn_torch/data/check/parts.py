"""The splits of a data set as ``train`` reads them, or findings about the files that prevent it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from stgcn_torch.data.arrays import (
    AXES,
    UNIT_COLUMNS,
    Clips,
    Labels,
    known_groups,
    open_clips,
    open_npy,
    read_groups,
    read_labels,
    read_units,
)
from stgcn_torch.data.check.finding import Finding
from stgcn_torch.data.splits import UNITS, divided
from stgcn_torch.skeleton import LAYOUTS, Skeleton


@dataclass(frozen=True)
class Part:
    """One split.

    Attributes:
        name: train, val or test.
        file: Name of the file of clips.
        clips: All clips of the file, memory-mapped.
        indices: The split's clips in it.
        labels: One per index.
        rule: The rule that held it out; empty for train.
        said: Why clips of one subject or recording could not be kept together; empty if they could, or need not be.
        groups: For each column of the manifest that says what belongs together, such as the skater, one per index.
    """

    name: str
    file: str
    clips: Clips
    indices: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]
    groups: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""


def open_parts(
    root: str | Path, options: Mapping[str, Any], channels: Sequence[str], body: Skeleton, classes: int | None
) -> tuple[list[Part], list[Finding]]:
    """The splits of a folder, train first; no splits if there are findings.

    Args:
        root: The folder.
        options: ``clips`` and ``labels`` name its training files; ``val`` and ``test`` are rules or None.
        channels: Names of a clip's channels.
        body: The layout of the joints.
        classes: Number of classes, an upper bound of the labels; None for no bound.

    Raises:
        FileNotFoundError: The folder or a named file is missing.
        ValueError: A rule is unknown, or a file is no array of numbers.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}")
    rules = {name: dict(options[name]) for name in ("test", "val") if options.get(name)}
    files = {"train": options} | {name: rule for name, rule in rules.items() if rule.get("rule") == "file"}
    findings: list[Finding] = []
    arrays: dict[str, tuple[Clips, Labels]] = {}
    for name, paths in files.items():
        if not paths.get("clips") or not paths.get("labels"):
            raise ValueError(f"rule file of {name} must name clips and labels, got {dict(paths)}")
        problems = axes(root / paths["clips"], channels, body)
        if not problems:
            array = open_clips(root / paths["clips"], channels, body)
            labels, problems = _labels(root / paths["labels"], len(array), classes)
            arrays[name] = array, labels
        findings += problems
    if findings:
        return [], findings
    array, labels = arrays.pop("train")
    groups = _groups(root / "manifest.csv", rules, len(array))
    least = max((rule.get("folds", 5) for rule in rules.values() if rule.get("together")), default=0)
    units, said = read_units(root / "manifest.csv", len(array), least) if least else (None, "")
    shares = divided(rules, labels, groups | ({} if units is None else {UNITS: units}))
    parts = [
        Part(
            name,
            options["clips"],
            array,
            rows,
            labels[rows],
            {key: values[rows] for key, values in groups.items()},
            rules.get(name, {}),
            said if rules.get(name, {}).get("together") else "",
        )
        for name, rows in shares.items()
    ]
    parts += [
        Part(name, rules[name]["clips"], array, np.arange(len(array)), labels)
        for name, (array, labels) in arrays.items()
    ]
    return sorted(parts, key=lambda part: ("train", "val", "test").index(part.name)), []


def axes(path: Path, channels: Sequence[str], body: Skeleton) -> list[Finding]:
    """A finding about a wrong shape of an array of clips, with the right order of axes as its remedy; else none."""
    shape = open_npy(path).shape
    try:
        open_clips(path, channels, body)
    except ValueError as error:
        order = axis_order(shape, len(channels), len(body.joints))
        others = [name for name, other in LAYOUTS.items() if len(other.joints) in shape[1:] and name != body.name]
        remedy = " or ".join(f"layout={name}" for name in others)
        if order:
            array = f"np.load('{path.as_posix()}').transpose{order}{'' if len(order) == 5 else '[..., None]'}"
            ordered = path.with_stem(f"{path.stem}_in_order").as_posix()
            remedy = f"python -c \"import numpy as np; np.save('{ordered}', {array})\""
        return [Finding("error", "axes", str(error), remedy=remedy)]
    return []


def axis_order(shape: tuple[int, ...], C: int, V: int) -> tuple[int, ...] | None:
    """The order of an array's axes that gives (N, C, T, V, M) or (N, C, T, V); None if none or several do.

    The axis of clips is always first; there are at most 5 people, and no more people than frames.
    """
    if len(shape) not in (4, 5):
        return None
    orders = []
    for order in permutations(range(1, len(shape))):
        sizes = dict(zip(AXES[1:], [shape[axis] for axis in order], strict=False))
        if (sizes["C"], sizes["V"]) == (C, V) and sizes.get("M", 1) <= min(5, sizes["T"]):
            orders.append((0, *order))
    return orders[0] if len(orders) == 1 else None


def _labels(path: Path, count: int, classes: int | None) -> tuple[Labels, list[Finding]]:
    try:
        return read_labels(path, count, classes), []
    except ValueError as error:
        return np.zeros(count, dtype=np.int64), [Finding("error", "labels", str(error))]


def _groups(path: Path, rules: Mapping[str, Mapping[str, Any]], count: int) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of the manifest that rules name, and those of subjects and recordings that there are."""
    columns = [rule["column"] for rule in rules.values() if rule.get("rule") == "groups" and "column" in rule]
    units = {column: values for column in UNIT_COLUMNS if (values := known_groups(path, column, count)) is not None}
    return units | {column: read_groups(path, column, count) for column in columns}
