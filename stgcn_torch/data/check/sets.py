"""Findings about the set as a whole: classes, splits and clips that they share, and the window."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from jaxtyping import Int

from stgcn_torch.data.arrays import UNIT_COLUMNS
from stgcn_torch.data.check.finding import Finding
from stgcn_torch.data.check.survey import Survey
from stgcn_torch.data.splits import on_both_sides

IMBALANCE: Final = 10.0  # ratio of clips in the largest and smallest class; the skating competition's set has 6.7
LEAK: Final = 0.01  # share of a held-out split that is in training too
FOLDS: Final = 5  # those of splits.folds
SQUEEZE: Final = 6.0  # ratio of the median length of clips to the window, or the inverse


def counts(survey: Survey) -> dict[str, Int[np.ndarray, " K"]]:
    """Clips per class of every split."""
    return {part.name: np.bincount(part.labels, minlength=len(survey.classes)) for part in survey.parts}


def _of_classes(severity: str, name: str, text: str, classes: np.ndarray[Any, Any], remedy: str = "") -> list[Finding]:
    """A finding about these classes, their number filled into the text; an empty list for no classes."""
    count = len(classes)
    return [Finding(severity, name, text.format(count), count, tuple(classes), remedy)] if count else []


def trained_classes(survey: Survey) -> Iterator[Finding]:
    """Classes without training clips, or with far fewer than others."""
    names, train = np.array(survey.classes, dtype=object), counts(survey)["train"]
    trained = train > 0
    if np.count_nonzero(trained) == 1:
        text = "all training clips are of one class: nothing to tell apart"
        yield from _of_classes("error", "one class", text, names[trained])
    elif trained.any():
        yield from _of_classes("warning", "untrained classes", "{} classes have no training clip", names[~trained])
        times = train.max() / train[trained].min()
        if times > IMBALANCE:
            rare = names[trained & (train * IMBALANCE < train.max())]
            text = f"the largest class has {times:.0f} times the training clips of the smallest; {{}} are that rare"
            yield from _of_classes("warning", "imbalance", text, rare, "monitor=val/mean_class")


def held_out_classes(survey: Survey) -> Iterator[Finding]:
    """Splits without clips, and classes that are missing in a split or in training only."""
    names, sizes = np.array(survey.classes, dtype=object), counts(survey)
    for name, clips in sizes.items():
        if not clips.any():
            remedy = "" if name == "train" else f"data.{name}=null"
            yield Finding("error", "no clips", f"no clips are left for {name}", 1, (), remedy)
        elif name != "train":
            unseen, lacking = names[(clips > 0) & (sizes["train"] == 0)], names[(clips == 0) & (sizes["train"] > 0)]
            text = f"{name} has {{}} classes that no training clip has"
            yield from _of_classes("error", "unseen classes", text, unseen)
            text = f"{name} lacks {{}} of {len(names)} classes; its metrics do not speak of them"
            yield from _of_classes("warning", "missing classes", text, lacking)


def copies(survey: Survey) -> Iterator[Finding]:
    """The same clip in training and in another split, under two labels, or repeated in training."""
    digests = survey.all("digest")
    live = digests != b""
    labels = np.concatenate([part.labels for part in survey.parts])
    splits = np.repeat([part.name for part in survey.parts], [len(part.indices) for part in survey.parts])
    _, first, same = np.unique(digests, return_index=True, return_inverse=True)
    train = splits == "train"
    leaked = live & ~train & np.isin(same, same[train])
    for name in ("val", "test"):
        if (both := leaked & (splits == name)).any():
            share = both.sum() / np.count_nonzero(splits == name)
            text = f"{both.sum()} clips of {name} ({share:.1%}) are training clips too, known by heart"
            yield survey.finding("error" if share > LEAK else "warning", "leaked clips", text, both)
    contradictory = np.isin(same, same[live & (labels != labels[first][same])])
    if contradictory.any():
        text = f"{contradictory.sum()} clips are the same as one of another class"
        yield survey.finding("warning", "contradictions", text, contradictory)
    repeated = live & train & ~contradictory & (np.bincount(same[train], minlength=len(first))[same] > 1)
    if repeated.any():
        yield survey.finding("note", "copies", f"{repeated.sum()} training clips are there more than once", repeated)


def groups(survey: Survey) -> Iterator[Finding]:
    """Groups, such as a skater or a recording, with clips in training and in another split.

    A rule that holds out groups of another kind, such as a camera, means to: they are warnings then.
    """
    for part in survey.parts:
        if part.said:
            yield Finding("warning", "units", f"{part.name}: {part.said}")
    rules = {part.name: part.rule for part in survey.parts}
    for column in {column: None for part in survey.parts for column in part.groups}:
        members = {part.name: part.groups[column].tolist() for part in survey.parts if column in part.groups}
        things = UNIT_COLUMNS.get(column, f"groups by {column}")
        for name, both in on_both_sides(members).items():
            text = f"{len(both)} {things} of manifest.csv are in train and in {name}; its scores do not speak of others"
            many = column in UNIT_COLUMNS and len(set().union(*members.values())) >= FOLDS
            folds = many and not rules[name].get("together")
            rule = "rule: folds, together: true" if folds else f"rule: groups, column: {column}, value: {both[0]}"
            remedy = f"'data.{name}={{{rule}}}'"
            severity = "warning" if rules[name].get("column", column) != column else "error"
            yield Finding(severity, f"leaked {things.split()[0]}", text, len(both), tuple(both), remedy)


def window(survey: Survey) -> Iterator[Finding]:
    """A window that does not fit the lengths of the clips, and clips for which PaddleVideo's sampling fails."""
    frames, window = survey.all("frames"), survey.preprocessing.kept_frames
    if not frames.any():
        return
    middle = float(np.median(frames[frames > 0]))
    if max(middle / window, window / middle) > SQUEEZE:
        text = f"the middle clip has {middle:.0f} frames, and preprocessing.{survey.limit} is {window}: "
        text += "it sees few of them" if middle > window else "most of it is padding"
        suggestion = int(np.ceil(np.percentile(frames, 90) / 10) * 10)
        yield Finding("warning", "window", text, remedy=f"preprocessing.{survey.limit}={suggestion}")
    longest = np.repeat([part.clips.shape[2] for part in survey.parts], [len(part.indices) for part in survey.parts])
    full = (frames == longest) & (frames > window)
    if survey.preprocessing.sampling == "to_length" and full.any():
        text = f"{full.sum()} clips fill the array, and sampling=to_length needs a frame of padding behind them"
        yield survey.finding("error", "sampling", text, full, "preprocessing.sampling=to_last")


def summary(survey: Survey) -> dict[str, Any]:
    """Numbers of the set as plain values: clips, classes, frames, the window, the size of bodies, missing joints."""
    frames, window, sizes = survey.all("frames"), survey.preprocessing.kept_frames, survey.all("size")
    quarters = np.percentile(frames, (0, 25, 50, 75, 100)).tolist() if frames.size else [0.0] * 5
    missing = survey.all("missing").sum(axis=0) / max(int(survey.all("present").sum()), 1)
    return {
        "clips": {part.name: len(part.indices) for part in survey.parts},
        "classes": {name: dict(zip(survey.classes, of.tolist(), strict=True)) for name, of in counts(survey).items()},
        "frames": dict(zip(("least", "quarter", "median", "three_quarters", "most"), quarters, strict=True)),
        "window": {
            "option": f"preprocessing.{survey.limit}",
            "frames": window,
            "cut": int(np.count_nonzero(frames > window)),
            "padded": int(np.count_nonzero(frames < window)),
            "unseen": float((frames - window).clip(0).sum() / max(frames.sum(), 1)),
        },
        "size": float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else None,
        "missing": dict(zip(survey.body.joints, missing.tolist(), strict=True)),
    }


CHECKS: Final = (held_out_classes, trained_classes, copies, groups, window)
