"""What a preprocessing did to one clip, in words and numbers: a line for each part that did anything."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing, cleaned, detected, live_frames, without_nan
from stgcn_torch.skeleton import Skeleton

STREAMS = {
    "joint": "the joints",
    "bone": "their bones, each joint minus its parent",
    "joint_motion": "their motion, each value in the next frame minus now",
    "bone_motion": "the motion of their bones",
}

LAST = {"to_last": "the last", "to_length": "one past the last"}


def account(clip: Clip, made: Preprocessing, body: Skeleton) -> Iterator[str]:
    """What ``preprocess`` does to the clip, line by line in its order, and which streams are computed.

    Args:
        clip: As for ``preprocess``.
        made: What is done to it.
        body: The layout of the joints.
    """
    if made.nan == "missing" and not np.isfinite(clip).all():
        wrong = np.count_nonzero(~np.isfinite(clip).all(axis=0))
        yield f"{_many(wrong, 'joint')} with NaN or infinite values taken for undetected"
        clip = without_nan(clip)
    yield from _cleaning(clip, made)
    clip, _ = cleaned(clip, made)
    dropped = [channel for channel in made.channels if channel not in made.keep]
    if made.select == "before":
        clip = clip[[made.channels.index(channel) for channel in made.keep]].astype(np.float32)
        if dropped:
            yield f"{' and '.join(dropped)} dropped"
    yield _window(clip, made, body)
    yield _centring(made, body)
    if dropped and made.select == "after":
        yield f"{' and '.join(dropped)} dropped"
    yield f"the network sees {', '.join(made.keep)} of {'; '.join(STREAMS[stream] for stream in made.streams)}"


def _cleaning(clip: Clip, made: Preprocessing) -> Iterator[str]:
    before, channels = detected(clip, made.channels), made.channels
    if made.teleports != "keep":
        clip, numbers = cleaned(clip, replace(made, gaps="keep"))
        if made.teleports == "drop":
            strays = _many(np.count_nonzero(numbers == 0), "frame")
            yield f"{strays} dropped in which a body is far from where it is just before and after"
        else:
            lost = np.count_nonzero((before & ~detected(clip, channels)).any(axis=1))
            yield f"{_many(lost, 'body', 'bodies')} taken for undetected, far from where it is just before and after"
    if made.gaps == "interpolate":
        filled = cleaned(clip, replace(made, teleports="keep"))[0]
        count = np.count_nonzero(detected(filled, channels) & ~detected(clip, channels))
        yield f"{_many(count, 'undetected joint')} put on a straight line between where they are around"
    elif made.gaps == "drop":
        numbers = cleaned(clip, replace(made, teleports="keep"))[1]
        yield f"{_many(np.count_nonzero(numbers == 0), 'frame')} without anybody dropped"


def _window(clip: Clip, made: Preprocessing, body: Skeleton) -> str:
    live, T, window = live_frames(clip, made.length), clip.shape[1], made.kept_frames
    told = f"{live} frames" if live == T else f"{live} frames up to the last live one of {T}"
    if made.length == "positive_sum":
        told += ", the last whose values sum to more than zero"
    if live < window:
        joint = made.center_joint(body) if (made.centring, made.center_of) == ("every_joint", "clip") else None
        moved = "" if joint is None else f", which then move with {body.joints[joint]}"
        return f"{told}: padded with zeros to {window}{moved}"
    if live == window:
        return f"{told}: as many as the window has"
    return f"{told}: {window} of them taken, evenly from the first to {LAST[made.sampling]}"


def _centring(made: Preprocessing, body: Skeleton) -> str:
    joint = made.center_joint(body)
    if joint is None:
        return "no joint moved to the origin"
    name = body.joints[joint]
    others = "every joint, undetected ones too" if made.centring == "every_joint" else "every detected joint"
    if made.center_of == "clip":
        return f"{name} of the first frame moved to the origin, and with it {others}; the path of the body is kept"
    return f"{name} moved to the origin in every frame, and with it {others}"


def _many(count: int | np.integer[Any], one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
