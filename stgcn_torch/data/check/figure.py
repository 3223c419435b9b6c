"""A page of pictures of a data set: lengths, classes, missing joints, jumps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from stgcn_torch.data.check.sets import counts
from stgcn_torch.data.check.survey import Survey, steps_of
from stgcn_torch.data.preprocessing.teleports import JUMP, UNUSUAL

MOST = 40  # largest number of class names on an axis
SHOWN = 3  # clips in the plot of steps


def page(survey: Survey, names: Sequence[str], families: Sequence[str]) -> Figure:
    """Frames against the window, clips per class, missing joints, and the clips that jump farthest.

    Args:
        survey: The measured data set.
        names: The classes as the figure writes them.
        families: Fonts that have the characters of these names.
    """
    K, V = len(names), len(survey.body.joints)
    figure = Figure(figsize=(13, max(7.5, 3.2 + 0.18 * max(V, min(K, MOST)))), layout="constrained")
    (frames, classes), (steps, missing) = figure.subplots(2, 2)
    _frames(frames, survey)
    _classes(classes, survey, names, families)
    _missing(missing, survey)
    _steps(steps, survey)
    return figure


def _frames(axes: Axes, survey: Survey) -> None:
    window = survey.preprocessing.kept_frames
    lengths = [survey.rows[part.name]["frames"] for part in survey.parts]
    edges = np.histogram_bin_edges(np.concatenate([*lengths, [window]]), bins=40).tolist()
    axes.hist(lengths, edges, stacked=True, label=[part.name for part in survey.parts])
    axes.axvline(window, color="black", linestyle="--", label=f"{survey.limit} {window}")
    axes.set(title="frames of a clip", xlabel="frames", ylabel="clips")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _classes(axes: Axes, survey: Survey, names: Sequence[str], families: Sequence[str]) -> None:
    rows, left = np.arange(len(names)), np.zeros(len(names))
    for clips in counts(survey).values():
        axes.barh(rows, clips, left=left)
        left += clips
    step = max(1, -(-len(rows) // MOST))
    style: dict[str, Any] = {"fontsize": 8, "parse_math": False, "fontfamily": list(families)}
    axes.set_yticks(rows[::step], list(names)[::step], **style)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(title="clips of a class (colours as on the left)", xlabel="clips")


def _missing(axes: Axes, survey: Survey) -> None:
    share = survey.all("missing").sum(axis=0) / max(int(survey.all("present").sum()), 1)
    center = survey.preprocessing.center_joint(survey.body)
    rows = np.arange(len(share))
    axes.barh(rows, share, color=["C3" if v == center else "C0" for v in rows])
    axes.set_yticks(rows, survey.body.joints, fontsize=8)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, max(0.01, share.max() * 1.05))
    if not share.any():
        axes.text(0.5, 0.5, "no joint is ever missing", ha="center", va="center", transform=axes.transAxes)
    title = "frames without a joint" if center is None else "frames without a joint (red: the centre)"
    axes.set(title=title, xlabel="of the frames with a person")


def _steps(axes: Axes, survey: Survey) -> None:
    clips = [(part, index) for part in survey.parts for index in part.indices]
    highest = JUMP
    for i in np.lexsort((survey.all("fastest"), survey.all("cuts")))[::-1][:SHOWN].tolist():  # cuts first
        part, index = clips[i]
        frames, steps = steps_of(np.asarray(part.clips[index]), survey.preprocessing.channels)
        axes.plot(frames, steps, linewidth=1, label=f"{part.file}[{index}]")
        highest = max(highest, steps.max(initial=0))
    axes.axhline(JUMP, color="black", linestyle="--", label=f"a jump, if {UNUSUAL:.0f} times the usual step")
    axes.set(title="the clips whose body jumps most", xlabel="frame", ylabel="step, body sizes per frame")
    axes.set_ylim(0, 1.35 * highest)  # room for the legend
    axes.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
