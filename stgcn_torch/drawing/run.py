"""Figures of a run's results: curves, confusion, accuracy by class, and misclassified clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stgcn_torch.drawing.clip import Film, draw_strip, person_legend, ratio_of
from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.drawing.report import confusion_figure, curves_figure, wilson_interval
from stgcn_torch.drawing.style import Theme
from stgcn_torch.prediction.sliding import ClipSequence
from stgcn_torch.skeleton import Skeleton

WORST = 4  # cells of the confusion matrix with an example clip
FRAMES = 8  # frames of an example clip


@dataclass(frozen=True)
class History:
    """Metrics of the training.

    Attributes:
        rows: One per epoch, as in ``metrics.csv``.
    """

    rows: Sequence[Mapping[str, float]]
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Results:
    """Counts of an evaluation.

    Attributes:
        split: ``test`` or ``val``.
        classes: Names of the classes.
        confusion: ``confusion[i, j]`` clips of class i were taken for class j.
    """

    split: str
    classes: Sequence[str]
    confusion: Int[np.ndarray, "K K"]

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> "Results":
        """From the content of ``results.json``."""
        return cls(results["split"], list(results["classes"]), np.array(results["confusion"], dtype=int))

    @property
    def words(self) -> Sequence[str]:
        """Text from the user, for the choice of fonts."""
        return self.classes


@dataclass(frozen=True)
class Answers:
    """The clips of a split, with a network's class probabilities.

    Attributes:
        clips: As recorded.
        numbers: Indices in ``clips`` of the split's clips.
        labels: Their classes.
        probabilities: Class probabilities of each of them.
        classes: Names of the classes.
        channels: Names of a clip's channels.
        body: The layout.
    """

    clips: ClipSequence
    numbers: Int[np.ndarray, " N"]
    labels: Int[np.ndarray, " N"]
    probabilities: Float[np.ndarray, "N K"]
    classes: Sequence[str]
    channels: Sequence[str]
    body: Skeleton

    @property
    def words(self) -> Sequence[str]:
        """Text from the user, for the choice of fonts."""
        return self.classes

    @property
    def confusion(self) -> Int[np.ndarray, "K K"]:
        """``confusion[i, j]`` clips of class i were taken for class j."""
        counts = np.zeros((len(self.classes),) * 2, dtype=int)
        np.add.at(counts, (self.labels, self.probabilities.argmax(axis=1)), 1)
        return counts

    def surest(self, true: int, predicted: int) -> int:
        """Index in the split of the clip of class ``true`` that was predicted with the highest probability."""
        cell = (self.labels == true) & (self.probabilities.argmax(axis=1) == predicted)
        return int(np.argmax(np.where(cell, self.probabilities[:, predicted], -1)))


def worst_cells(confusion: Int[np.ndarray, "K K"], most: int = WORST) -> list[tuple[int, int]]:
    """The largest non-empty cells off the diagonal, in falling order: (true class, predicted class)."""
    errors = confusion * ~np.eye(len(confusion), dtype=bool)
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    return [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, errors.shape), strict=True) if errors[i, j]]


def history_figure(history: History, theme: Theme) -> Figure:  # noqa: ARG001  # Theme.worn sets the theme
    """Learning curves, as in the run's report."""
    return curves_figure(history.rows)


def matrix_figure(results: Results, theme: Theme) -> Figure:
    """The confusion matrix, as in the run's report."""
    return confusion_figure(results.confusion, results.classes, theme.fade(theme.left))


def accuracy_figure(results: Results, theme: Theme) -> Figure:
    """Accuracy of each class in falling order, with its 95 % Wilson interval and number of clips."""
    counts = results.confusion.sum(axis=1)
    correct = np.diag(results.confusion)
    names = drawable(results.classes)[0]
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda k: (-correct[k] / counts[k], -counts[k], k))
    figure = Figure(figsize=(7, 1.1 + 0.3 * max(len(order), 2)), layout="constrained")
    axes = figure.subplots()
    for y, k in enumerate(order):
        share = correct[k] / counts[k]
        low, high = wilson_interval(int(correct[k]), int(counts[k]))
        axes.barh(y, share, color=theme.left, alpha=0.75, height=0.72)
        axes.errorbar(share, y, xerr=[[share - low], [high - share]], color=theme.text, capsize=3, linewidth=1.1)
        axes.text(
            1.02, y, f"{correct[k]} of {counts[k]}", va="center", fontsize=8, transform=axes.get_yaxis_transform()
        )
    axes.set_yticks(range(len(order)), [names[k] for k in order])
    axes.set(xlim=(0, 1), ylim=(len(order) - 0.4, -0.6), xlabel="share of the class's clips that were recognised")
    mean = correct.sum() / max(counts.sum(), 1)
    axes.axvline(mean, color=theme.right, linewidth=1.2, linestyle="--", zorder=0)
    axes.set_title(
        f"accuracy by class, {results.split} clips (lines: 95 % interval; dashed: all clips, {mean:.3f})", fontsize=10
    )
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def confused_figure(answers: Answers, theme: Theme) -> Figure:
    """The worst cells of the confusion matrix, each with the clip of the highest probability."""
    confusion = answers.confusion
    cells = worst_cells(confusion)
    names = drawable(answers.classes)[0]
    figure = Figure(figsize=(9.6, 0.3 + 2.05 * max(len(cells), 1)), layout="constrained")
    if not cells:
        figure.text(0.5, 0.5, "no clip was taken for another class", ha="center", va="center")
        return figure
    entries: dict[object, Line2D] = {}  # legend entries by label, as clips may show one person or several
    parts = figure.subfigures(len(cells), 1, squeeze=False)[:, 0].tolist()
    for part, (i, j) in zip(parts, cells, strict=True):
        n = answers.surest(i, j)
        p = answers.probabilities[n]
        film = Film(np.asarray(answers.clips[int(answers.numbers[n])]), answers.channels, answers.body, frames=FRAMES)
        draw_strip(part.subplots(1, FRAMES).tolist(), film, theme, float(np.clip(ratio_of(film), 0.72, 1.2)))
        part.suptitle(
            f"{names[i]}, taken for {names[j]} with {p[j]:.2f} (its own class: {p[i]:.2f}); "
            f"so were {confusion[i, j]} of {confusion[i].sum()}; clip {answers.numbers[n]}",
            fontsize=10, x=0.01, ha="left",
        )  # fmt: skip
        entries |= {entry.get_label(): entry for entry in person_legend(film, theme)}
    if entries:
        figure.legend(handles=[*entries.values()], loc="outside lower center", ncols=len(entries), fontsize=8)
    return figure
