"""Report of a run: results as JSON, learning curves and confusion matrix as figures."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.files import written_whole

Z95 = 1.959964  # standard normal quantile of 97.5 %


def wilson_interval(correct: float, count: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a proportion."""
    share = correct / count
    centre = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    return min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)  # rounding keeps the share inside


def summarize(
    split: str, metrics: Mapping[str, float], confusion: Int[np.ndarray, "K K"], classes: Sequence[str]
) -> dict[str, Any]:
    """The results of one evaluated split as plain values.

    Args:
        split: ``test`` or ``val``.
        metrics: top1, top5, mean_class and loss in [0, 1], as fractions, under ``<split>/<name>``.
        confusion: ``confusion[i, j]`` clips of class i were taken for class j.
        classes: Names of the classes.
    """
    count, correct = int(confusion.sum()), int(np.trace(confusion))
    per_class = np.divide(np.diag(confusion), np.maximum(confusion.sum(axis=1), 1))
    return {
        "split": split,
        "clips": count,
        "top1": correct / count,
        "top1_95": list(wilson_interval(correct, count)),
        **{name: float(metrics[f"{split}/{name}"]) for name in ("top5", "mean_class", "loss")},
        "classes": {
            name: {"clips": int(row.sum()), "accuracy": float(share) if row.sum() else None}
            for name, row, share in zip(classes, confusion, per_class, strict=True)
        },
        "confusion": confusion.tolist(),
    }


def one_line(results: Mapping[str, Any]) -> str:
    """The results as one line of text."""
    if "top1" not in results:
        return f"trained {results['epochs']} epochs; nothing was held out to evaluate on"
    low, high = results["top1_95"]
    return (
        f"{results['split']}: top-1 {results['top1']:.4f} (95 % {low:.4f} to {high:.4f}), top-5 {results['top5']:.4f}, "
        f"mean-class {results['mean_class']:.4f}, {results['clips']} clips"
    )


def write_report(folder: str | Path, results: Mapping[str, Any], rows: Sequence[Mapping[str, float]] = ()) -> None:
    """Write ``results.json``, ``confusion.png`` if clips were evaluated, ``curves.png`` if there is a history."""
    folder = Path(folder)
    with written_whole(folder / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    figures = {}
    if "confusion" in results:
        figures["confusion.png"] = confusion_figure(np.array(results["confusion"]), list(results["classes"]))
    if rows:
        figures["curves.png"] = curves_figure(rows)
    for name, figure in figures.items():
        with written_whole(folder / name) as temporary:
            figure.savefig(temporary, dpi=150, format="png")


def curves_figure(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Loss, accuracy and learning rate over the epochs."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    panels = {
        "loss": ["train/loss", "val/loss"],
        "accuracy": ["val/top1", "val/top5", "val/mean_class"],
        "learning rate": ["lr"],
    }
    for axes, (title, names) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        axes.set(title=title, xlabel="epoch")
        for name in names:
            points = [(row["epoch"] + 1, row[name]) for row in rows if name in row]
            if points:
                style = "--" if name == "val/mean_class" else "-"  # it often lies on top-1
                axes.plot(*zip(*points, strict=True), style, label=name, marker="." if len(points) < 3 else None)
        if axes.lines:
            axes.legend(frameon=False)
        if title == "accuracy":
            axes.set_ylim(0, 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    return figure


def confusion_figure(
    confusion: Int[np.ndarray, "K K"], classes: Sequence[str], colours: str | Colormap = "Blues"
) -> Figure:
    """The confusion matrix, each row as shares of its class, with counts for up to 30 classes.

    Args:
        confusion: ``confusion[i, j]`` clips of class i were taken for class j.
        classes: Names of the classes.
        colours: Colour map of the shares from 0 to 1.
    """
    K = len(classes)
    names, families = drawable(classes)
    longest = max(map(len, names))
    side = float(np.clip(0.45 * K + 2, 4, 14)) + 0.15 * max(longest - 12, 0)
    figure = Figure(figsize=(side, side * 0.92), layout="constrained")
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
    ticks = range(0, K, max(1, K // 40))
    style: dict[str, Any] = {"labels": [names[i] for i in ticks], "parse_math": False, "fontfamily": families}
    axes.set_xticks(ticks, rotation=90 if K > 6 or longest > 4 else 0, **style)
    axes.set_yticks(ticks, **style)
    axes.set(xlabel="predicted", ylabel="true", title=f"{int(np.trace(confusion))} of {int(confusion.sum())} correct")
    if K <= 30:
        for i, j in zip(*np.nonzero(confusion), strict=True):
            light = np.dot(image.to_rgba(shares[i, j])[:3], (0.2126, 0.7152, 0.0722)) > 0.5
            colour = "black" if light else "white"
            axes.text(j, i, str(confusion[i, j]), ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    return figure
