"""A page of pictures of a data set: lengths, classes, missing joints, jumps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stgcn_torch.data.check.sets import counts
from stgcn_torch.data.check.survey import JUMP, Survey, steps_of

MOST = 40  # class names that an axis has room for
SHOWN = 3  # clips


def page(survey: Survey, names: Sequence[str], families: Sequence[str]) -> Figure:
    """Frames against the window, clips per class, missing joints, and the clips that jump farthest.

    Args:
        survey: What was measured.
        names: The classes as the picture shows them,
        families: and the fonts that have their characters.
    """
    K, V = len(names), len(survey.body.joints)
    figure = Figure(figsize=(13, max(7.5, 3.2 + 0.18 * max(V, min(K, MOST)))), layout="constrained")
    (frames, classes), (steps, missing) = figure.subplots(2, 2)
    _frames(frames, survey)
    _classes(classes, survey, {"labels": names, "parse_math": False, "fontfamily": list(families)})
    _missing(missing, survey)
    _steps(steps, survey)
    return figure


def _frames(axes: Axes, survey: Survey) -> None:
    window = survey.preprocessing.kept_frames
    held = [survey.rows[part.name]["frames"] for part in survey.parts]
    edges = np.histogram_bin_edges(np.concatenate([*held, [window]]), bins=40).tolist()
    axes.hist(held, edges, stacked=True, label=[part.name for part in survey.parts])
    axes.axvline(window, color="black", linestyle="--", label=f"window {window}")
    axes.set(title="frames of a clip", xlabel="frames", ylabel="clips")
    axes.legend(frameon=False)


def _classes(axes: Axes, survey: Survey, shown: dict[str, Any]) -> None:
    held = counts(survey)
    rows = np.arange(len(survey.classes))
    left = np.zeros(len(rows))
    for name, clips in held.items():
        axes.barh(rows, clips, left=left, label=name)
        left += clips
    step = max(1, -(-len(rows) // MOST))
    axes.set_yticks(rows[::step], fontsize=8, **shown | {"labels": shown["labels"][::step]})
    axes.invert_yaxis()
    axes.set(title="clips of a class", xlabel="clips")
    axes.legend(frameon=False)


def _missing(axes: Axes, survey: Survey) -> None:
    share = survey.all("missing").sum(axis=0) / max(int(survey.all("present").sum()), 1)
    center = survey.preprocessing.center_joint(survey.body)
    axes.barh(np.arange(len(share)), share, color=["C3" if v == center else "C0" for v in range(len(share))])
    axes.set_yticks(np.arange(len(share)), survey.body.joints, fontsize=8)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, max(0.01, share.max() * 1.05))
    axes.set(
        title=f"frames without a joint{'' if center is None else ' (red: the centre)'}",
        xlabel="of the frames with a person",
    )


def _steps(axes: Axes, survey: Survey) -> None:
    order = np.lexsort((survey.all("fastest"), survey.all("cuts")))[::-1][:SHOWN]  # cuts first
    clips = [(part, index) for part in survey.parts for index in part.indices]
    for i in order.tolist():
        part, index = clips[i]
        frames, steps = steps_of(np.asarray(part.clips[index]), survey.preprocessing.channels)
        axes.plot(frames, steps, linewidth=1, label=f"{part.file}[{index}]")
    axes.axhline(JUMP, color="black", linestyle="--", label="a jump, if 8 times the usual step")
    axes.set(title="the clips whose body jumps most", xlabel="frame", ylabel="step, body sizes per frame")
    axes.legend(frameon=False, fontsize=8)
