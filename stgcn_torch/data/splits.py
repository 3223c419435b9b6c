"""Rules that hold out clips: the article's rule, stratified folds, or whole groups such as one skater."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

Mask = Bool[np.ndarray, " N"]
Rules = Mapping[str, Mapping[str, Any]]
Units = np.ndarray[Any, Any]  # a value per clip
UNITS = "units"  # among the values of groups: which clips stay together
RULES = {  # rule to its options
    "every": ("step", "offset"),
    "folds": ("folds", "fold", "seed", "together"),
    "groups": ("column", "value"),
    "file": ("clips", "labels"),
}


def every(N: int, step: int = 7, offset: int = 1) -> Mask:
    """Every ``step``-th clip from ``offset`` on; 7 and 1 are the article's validation."""
    if not (step > 1 and 0 <= offset < step):
        raise ValueError(f"rule every needs a step above 1 and an offset below it, got {step} and {offset}")
    return np.asarray(np.arange(N) % step == offset)


def folds(
    labels: Int[np.ndarray, " N"], folds: int = 5, fold: int = 0, seed: int = 0, units: Units | None = None
) -> Mask:
    """One of several disjoint folds, in each of which every class has its share of clips, to within one.

    Args:
        labels: One per clip.
        folds: Number of folds.
        fold: The one that is held out.
        seed: Of the random assignment.
        units: Clips with the same value stay in one fold, such as those of a recording; shares are as equal as that
            allows.
    """
    if not (folds > 1 and 0 <= fold < folds):
        raise ValueError(f"rule folds needs at least 2 folds and a fold below their number, got {folds} and {fold}")
    rng = np.random.default_rng(seed)
    if units is not None:
        return np.asarray(folds_of_units(labels, units, folds, rng) == fold)
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # classes one after the other, shuffled within
    held_out = np.zeros(len(labels), dtype=bool)
    held_out[order[fold::folds]] = True
    return held_out


def folds_of_units(
    labels: Int[np.ndarray, " N"], units: Units, folds: int, rng: np.random.Generator
) -> Int[np.ndarray, " N"]:
    """The fold of each clip: units, the largest first, each go where fewest clips of their classes are so far."""
    _, unit_of = np.unique(units, return_inverse=True)
    clips = np.zeros((unit_of.max() + 1, labels.max() + 1), np.int64)  # of each class in each unit
    np.add.at(clips, (unit_of, labels), 1)
    order = rng.permutation(len(clips))
    order = order[np.argsort(-clips[order].sum(axis=1), kind="stable")]
    held, fold_of = np.zeros((folds, clips.shape[1]), np.int64), np.zeros(len(clips), np.int64)
    for unit in order:
        crowded = held @ clips[unit] * (len(labels) + 1) + held.sum(axis=1)  # of equal ones, the smallest fold
        fold_of[unit] = np.argmin(crowded)
        held[fold_of[unit]] += clips[unit]
    return np.asarray(fold_of[unit_of])


def groups(values: np.ndarray[Any, Any], *held_out: str) -> Mask:
    """All clips of one group, or of several."""
    for group in held_out:
        if group not in values:
            raise ValueError(f"no clip is of group {group!r}; choose one of {', '.join(sorted(set(values)))}")
    return np.asarray(np.isin(values, held_out))


def on_both_sides(members: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """For each split but ``train``, the groups that have clips in ``train`` too; none where all clips are of one group.

    Args:
        members: The group of each clip of a split, "" where it is not known.
    """
    known = {name: set(groups) - {""} for name, groups in members.items()}
    if len(set().union(*known.values())) < 2:
        return {}
    shared = {name: sorted(groups & known["train"]) for name, groups in known.items() if name != "train"}
    return {name: groups for name, groups in shared.items() if groups}


def held_out(rule: Mapping[str, Any], labels: Int[np.ndarray, " N"], group_values: Mapping[str, Any]) -> Mask:
    """The clips that a rule holds out of the training clips.

    Args:
        rule: ``rule`` (every, folds or groups) and its options, named in ``RULES``. Options of other rules are
            ignored: a configuration that changes the rule still has the options of the former one.
        labels: One per clip.
        group_values: For each column that a rule names, the group of each clip; under ``UNITS`` what stays together.

    Raises:
        ValueError: The rule is unknown, or an option is unknown, missing or outside its range.
    """
    name = rule.get("rule")
    if name not in RULES or name == "file":
        raise ValueError(f"rule {name!r} is unknown; choose one of {', '.join(RULES)}")
    unknown = sorted(set(rule) - {"rule"}.union(*RULES.values()))
    if unknown:
        raise ValueError(f"rule {name} has no option {', '.join(unknown)}; it has {', '.join(RULES[name])}")
    options = {key: rule[key] for key in RULES[name] if key in rule}
    try:
        if name == "every":
            return every(len(labels), **options)
        if name == "folds":
            units = group_values.get(UNITS) if options.pop("together", False) else None
            return folds(labels, **options, units=units)
        value = options["value"]
        several = isinstance(value, Sequence) and not isinstance(value, str)
        return groups(group_values[options["column"]], *map(str, value if several else [value]))
    except (TypeError, KeyError) as error:
        raise ValueError(f"rule {name} cannot be made of {options}: {error}") from None


def divided(
    rules: Rules, labels: Int[np.ndarray, " N"], group_values: Mapping[str, Any]
) -> dict[str, Int[np.ndarray, " n"]]:
    """Indices of the clips of each split, taken out in the order of the rules; the rest is ``train``.

    Args:
        rules: Rule of each split (see ``held_out``); a split with separate files takes no training clips.
        labels: One per clip.
        group_values: For each column that a rule names, the group of each clip.

    Raises:
        ValueError: As in ``held_out``.
    """
    rest = np.arange(len(labels))
    parts = {}
    for name, rule in rules.items():
        if rule.get("rule") == "file":
            continue
        mask = held_out(rule, labels[rest], {column: values[rest] for column, values in group_values.items()})
        parts[name], rest = rest[mask], rest[~mask]
    return parts | {"train": rest}
