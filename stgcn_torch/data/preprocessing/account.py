"""Report of a preprocessing's effect on one clip: a line in words and numbers for each step that changed anything."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from stgcn_torch.data.preprocessing.cleaning import is_finite
from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing, cleaned, detected, live_frames, without_nan
from stgcn_torch.skeleton import Skeleton

STREAMS = {
    "joint": "the joints",
    "bone": "their bones, each joint minus its parent",
    "joint_motion": "their motion, each value in the next frame minus now",
    "bone_motion": "the motion of their bones",
}

LAST = {"to_last": "the last", "to_length": "one past the last"}


def account(clip: Clip, preprocessing: Preprocessing, body: Skeleton) -> Iterator[str]:
    """The effects of ``preprocess`` on the clip, a line each in their order, and the streams that are computed.

    Args:
        clip: As for ``preprocess``.
        preprocessing: The steps.
        body: The layout of the joints.
    """
    if preprocessing.nan == "missing" and not is_finite(clip).all():
        broken = np.count_nonzero(~is_finite(clip).all(axis=0))
        yield f"{_counted(broken, 'joint')} with NaN or infinite values taken for undetected"
        clip = without_nan(clip)
    yield from _cleaning(clip, preprocessing)
    clip, _ = cleaned(clip, preprocessing)
    dropped = [channel for channel in preprocessing.channels if channel not in preprocessing.keep]
    if preprocessing.select == "before":
        clip = clip[[preprocessing.channels.index(channel) for channel in preprocessing.keep]].astype(np.float32)
        if dropped:
            yield f"{' and '.join(dropped)} dropped"
    yield _window(clip, preprocessing, body)
    yield _centring(preprocessing, body)
    if dropped and preprocessing.select == "after":
        yield f"{' and '.join(dropped)} dropped"
    streams = "; ".join(STREAMS[stream] for stream in preprocessing.streams)
    yield f"the network sees {', '.join(preprocessing.keep)} of {streams}"


def _cleaning(clip: Clip, preprocessing: Preprocessing) -> Iterator[str]:
    visible, channels = detected(clip, preprocessing.channels), preprocessing.channels
    if preprocessing.teleports != "keep":
        clip, numbers = cleaned(clip, replace(preprocessing, gaps="keep"))
        if preprocessing.teleports == "drop":
            strays = _counted(np.count_nonzero(numbers == 0), "frame")
            yield f"{strays} dropped in which a body is far from where it is just before and after"
        else:
            count = np.count_nonzero((visible & ~detected(clip, channels)).any(axis=1))
            bodies = _counted(count, "body", "bodies")
            yield f"{bodies} taken for undetected, far from where it is just before and after"
    if preprocessing.gaps == "interpolate":
        filled = cleaned(clip, replace(preprocessing, teleports="keep"))[0]
        count = np.count_nonzero(detected(filled, channels) & ~detected(clip, channels))
        yield f"{_counted(count, 'undetected joint')} put on a straight line between where they are around"
    elif preprocessing.gaps == "drop":
        numbers = cleaned(clip, replace(preprocessing, teleports="keep"))[1]
        yield f"{_counted(np.count_nonzero(numbers == 0), 'frame')} without anybody dropped"


def _window(clip: Clip, preprocessing: Preprocessing, body: Skeleton) -> str:
    live, T, window = live_frames(clip, preprocessing.length), clip.shape[1], preprocessing.kept_frames
    text = f"{live} frames" if live == T else f"{live} frames up to the last live one of {T}"
    if preprocessing.length == "positive_sum":
        text += ", the last whose values sum to more than zero"
    if live < window:
        padding_moves = (preprocessing.centring, preprocessing.center_of) == ("every_joint", "clip")
        joint = preprocessing.center_joint(body) if padding_moves else None
        motion = "" if joint is None else f", which then move with {body.joints[joint]}"
        return f"{text}: padded with zeros to {window}{motion}"
    if live == window:
        return f"{text}: as many as the window has"
    return f"{text}: {window} of them taken, evenly from the first to {LAST[preprocessing.sampling]}"


def _centring(preprocessing: Preprocessing, body: Skeleton) -> str:
    joint = preprocessing.center_joint(body)
    if joint is None:
        return "no joint moved to the origin"
    name = body.joints[joint]
    others = "every joint, undetected ones too" if preprocessing.centring == "every_joint" else "every detected joint"
    if preprocessing.center_of == "clip":
        return f"{name} of the first frame moved to the origin, and with it {others}; the path of the body is kept"
    return f"{name} moved to the origin in every frame, and with it {others}"


def _counted(count: int | np.integer[Any], singular: str, plural: str | None = None) -> str:
    return f"{count} {singular if count == 1 else plural or singular + 's'}"
