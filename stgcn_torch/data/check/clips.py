"""Findings about the content of clips: broken values, gaps, missing joints, jumps, units."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from stgcn_torch.data.check.finding import Finding
from stgcn_torch.data.check.survey import Survey

HOLES: Final = 0.02  # share of frames; an estimator with occasional misses stays below
STRAYS: Final = 0.02  # share of frames
UNCENTRED: Final = 0.10  # share of frames; below it, a centre interpolated from its neighbours is near the truth
GAP: Final = 8.0  # ratio of neighbouring sizes in sorted order; sizes in one unit differ gradually
UNITS: Final = (  # upper limit of body sizes in each unit: the diagonal of an adult is 1 to 2.5 m
    (1.6, "shares of the image, a body scaled to 1, or a small one in metres"),
    (4.0, "metres"),
    (30.0, "no usual unit"),
    (400.0, "pixels or centimetres"),
    (np.inf, "pixels or millimetres"),
)


def unit(size: float) -> str:
    """The likely unit of coordinates in which a body has this size."""
    return next(name for limit, name in UNITS if size <= limit)


def broken(survey: Survey) -> Iterator[Finding]:
    """NaN and infinite values, and clips without a joint."""
    bad, empty = survey.all("bad"), survey.all("present") == 0
    rules = survey.preprocessing
    if bad.any():
        severity, remedy = ("error", "preprocessing.nan=missing") if rules.nan == "refuse" else ("note", "")
        text = f"{np.count_nonzero(bad)} clips have NaN or infinite values, {bad.sum()} in all"
        yield survey.finding(severity, "nan", text, bad > 0, remedy)
    if empty.any():
        severity, remedy = ("error", "preprocessing.empty=keep") if rules.empty == "refuse" else ("note", "")
        text = f"{np.count_nonzero(empty)} clips are empty: no joint is ever there"
        yield survey.finding(severity, "empty", text, empty, remedy)


def gaps(survey: Survey) -> Iterator[Finding]:
    """Frames without anybody in the middle of clips."""
    holes, frames = survey.all("holes"), survey.all("frames")
    if holes.any():
        share = holes.sum() / frames.sum()
        text = f"{holes.sum()} frames of {np.count_nonzero(holes)} clips are empty before the clip ends ({share:.1%})"
        remedy = "" if survey.preprocessing.gaps != "keep" else "preprocessing.gaps=interpolate"
        severity = "warning" if share > HOLES and remedy else "note"
        yield survey.finding(severity, "gaps", text, holes > 0, remedy, holes.sum())


def joints(survey: Survey) -> Iterator[Finding]:
    """Joints that no clip has."""
    names, present, missing = survey.body.joints, survey.all("present").sum(), survey.all("missing").sum(axis=0)
    absent = tuple(name for name, count in zip(names, missing, strict=True) if count == present > 0)
    if absent:
        text = f"{len(absent)} of {len(names)} joints are in no clip"
        yield Finding("warning", "joints", text, len(absent), absent)


def centre(survey: Survey) -> Iterator[Finding]:
    """Frames and people without the joint that clips are centred on."""
    rules = survey.preprocessing
    joint = rules.center_joint(survey.body)
    if joint is None:
        return
    name, missing, headless = survey.body.joints[joint], survey.all("missing")[:, joint], survey.all("headless")
    remedy = "preprocessing.centring=detected" if rules.centring == "every_joint" else ""
    if not remedy and rules.absent_center == "interpolate":
        remedy = "preprocessing.absent_center=visible"
    if missing.any():
        share = missing.sum() / survey.all("present").sum()
        text = (
            f"{missing.sum()} frames of {np.count_nonzero(missing)} clips lack the centre {name} ({share:.1%} of all)"
        )
        bad = remedy and (share > UNCENTRED or rules.centring == "every_joint")
        yield survey.finding("warning" if bad else "note", "centre", text, missing > 0, remedy, missing.sum())
    if headless.any() and remedy:
        text = f"{headless.sum()} clips have a person who never shows the centre {name}, and is not centred"
        yield survey.finding("warning", "uncentred", text, headless, remedy)


def teleports(survey: Survey) -> Iterator[Finding]:
    """Bodies that jump much farther than they can move: camera cuts, and false detections that last a few frames."""
    cuts, strays = survey.all("cuts"), survey.all("strays")
    if cuts.any():
        text = f"{cuts.sum()} jumps to another place in {np.count_nonzero(cuts)} clips: camera cuts, or another person"
        yield survey.finding("warning", "cuts", text, cuts > 0, count=cuts.sum())
    if strays.any():
        share = strays.sum() / survey.all("frames").sum()
        text = f"{strays.sum()} frames of {np.count_nonzero(strays)} clips show the body far from where it is before "
        text += f"and after ({share:.1%})"
        remedy = "" if survey.preprocessing.teleports != "keep" else "preprocessing.teleports=missing"
        severity = "warning" if share > STRAYS and remedy else "note"
        yield survey.finding(severity, "strays", text, strays > 0, remedy, strays.sum())


def scale(survey: Survey) -> Iterator[Finding]:
    """Units that differ between clips, or are unusual."""
    sizes = survey.all("size")
    known = np.sort(sizes[sizes > 0])
    ratios = known[1:] / known[:-1]
    if ratios.max(initial=0) > GAP:
        k = int(ratios.argmax())
        small, large = (sizes > 0) & (sizes <= known[k]), sizes > known[k]
        odd = small if small.sum() < large.sum() else large
        text = f"{odd.sum()} clips have another scale: bodies of {np.median(sizes[odd]):.3g}, elsewhere of "
        text += f"{np.median(sizes[(sizes > 0) & ~odd]):.3g}"
        yield survey.finding("warning", "scales", text, odd)
    elif known.size and (size := float(np.median(known))) > UNITS[1][0]:
        text = f"bodies have a size of {size:.4g}, which looks like {unit(size)}, not metres or shares of the image"
        remedy = f"python -m stgcn_torch.prepare ... unit={10.0 ** -round(np.log10(size)):g}"
        yield survey.finding("warning", "units", text, sizes > 0, remedy)


def channels(survey: Survey) -> Iterator[Finding]:
    """Constant channels of the network's input, and scores outside [0, 1]."""
    live, lows, highs = survey.all("present") > 0, survey.all("low"), survey.all("high")
    for i, channel in enumerate(survey.preprocessing.channels if live.any() else ()):
        low, high = lows[live, i].min(), highs[live, i].max()
        odd = (highs[:, i] > 1) | (lows[:, i] < 0)
        if low == high and channel in survey.preprocessing.keep:
            yield Finding("warning", "constant", f"channel {channel} is {low:g} throughout")
        elif channel == "score" and odd.any():
            text = f"scores of {odd.sum()} clips are not in [0, 1]; they are {low:.3g} to {high:.3g}"
            yield survey.finding("warning", "score", text, odd, "data.channels=[...] in the order of the file")


CHECKS: Final = (broken, gaps, joints, centre, teleports, scale, channels)
