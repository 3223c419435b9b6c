"""The report of a preprocessing agrees with its effect on the clip."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.account import STREAMS, account
from stgcn_torch.data.preprocessing.steps import STREAMS as KNOWN
from stgcn_torch.data.preprocessing.steps import Preprocessing, preprocess
from tests.walkers import BODY, T, walkers

HIP = BODY.joints[BODY.center]


def clip() -> np.ndarray:
    """40 frames of 46 that show a body."""
    return walkers(1)[0]


def report(change: np.ndarray, **options: Any) -> list[str]:
    return list(account(change, Preprocessing(**options), BODY))


def test_a_clip_that_is_padded_and_centred() -> None:
    assert report(clip(), window=64) == [
        "40 frames up to the last live one of 46: padded with zeros to 64",
        f"{HIP} moved to the origin in every frame, and with it every detected joint",
        "score dropped",
        "the network sees x, y of the joints",
    ]


def test_a_clip_that_is_sampled_as_in_the_article() -> None:
    settings = {"window": 16, "select": "before", "length": "positive_sum", "sampling": "to_length", "center": None}
    assert report(clip(), **settings, streams=("bone", "joint_motion")) == [
        "score dropped",
        "40 frames up to the last live one of 46, the last whose values sum to more than zero: "
        "16 of them taken, evenly from the first to one past the last",
        "no joint moved to the origin",
        "the network sees x, y of their bones, each joint minus its parent; "
        "their motion, each value in the next frame minus now",
    ]


def test_a_clip_as_long_as_the_window() -> None:
    whole = clip()[:, :T]
    assert report(whole, window=T)[0] == "40 frames: as many as the window has"


@pytest.mark.parametrize("center_of", ["frame", "clip"])
@pytest.mark.parametrize("centring", ["detected", "every_joint"])
def test_which_joints_move_with_the_centre(center_of: str, centring: str) -> None:
    line = report(clip(), window=64, center=3, center_of=center_of, centring=centring)[1]
    assert line.startswith(BODY.joints[3])
    assert ("undetected ones too" in line) == (centring == "every_joint")
    assert ("the path of the body is kept" in line) == (center_of == "clip")


def test_padding_that_moves_with_the_first_frame_s_centre_is_no_longer_zero() -> None:
    settings = {"window": 64, "center": 3, "center_of": "clip", "centring": "every_joint"}
    assert preprocess(clip(), Preprocessing(**settings), BODY)[:, -1].any()
    assert report(clip(), **settings)[0].endswith(f"padded with zeros to 64, which then move with {BODY.joints[3]}")
    assert not preprocess(clip(), Preprocessing(**settings | {"center_of": "frame"}), BODY)[:, -1].any()


def test_how_many_joints_have_no_numbers() -> None:
    broken = clip()
    broken[0, 3, 4:6], broken[2, 9, 1] = np.nan, np.inf
    assert report(broken, window=64, nan="missing")[0] == "3 joints with NaN or infinite values taken for undetected"
    assert len(report(clip(), window=64, nan="missing")) == 4


@pytest.mark.parametrize(
    ("options", "lines", "live"),
    [
        ({"teleports": "drop"}, ["1 frame dropped in which a body is far from where it is just before and after"], 39),
        (
            {"teleports": "missing"},
            ["1 body taken for undetected, far from where it is just before and after"],
            40,
        ),
        ({"gaps": "drop"}, ["2 frames without anybody dropped"], 38),
        ({"gaps": "interpolate"}, ["34 undetected joints put on a straight line between where they are around"], 40),
        (
            {"teleports": "missing", "gaps": "drop"},
            [
                "1 body taken for undetected, far from where it is just before and after",
                "3 frames without anybody dropped",
            ],
            37,
        ),
        (
            {"teleports": "drop", "gaps": "interpolate"},
            [
                "1 frame dropped in which a body is far from where it is just before and after",
                "34 undetected joints put on a straight line between where they are around",
            ],
            39,
        ),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_is_repaired_is_counted(options: dict[str, str], lines: list[str], live: int) -> None:
    broken = clip()
    broken[:2, 20] += 7
    broken[:, 10:12] = 0
    text = report(broken, window=64, **options)
    assert text[: len(lines)] == lines
    assert text[len(lines)].startswith(f"{live} frames")
    processed = preprocess(broken, Preprocessing(window=64, center=None, **options), BODY)  # type: ignore[arg-type]
    assert np.flatnonzero(processed.any(axis=(0, 2, 3)))[-1] == live - 1


def test_every_stream_has_words() -> None:
    assert set(STREAMS) == set(KNOWN)
