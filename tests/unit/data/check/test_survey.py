"""Measurements of one clip: broken values, gaps, joints, jumps, size and content."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.check.survey import digest, measure, record_type, steps_of

XYS = ("x", "y", "score")
V, T = 9, 40


def walk() -> np.ndarray:
    """A clip (3, 40, 9, 1) of a body of size 0.5 that moves 0.01 a frame, with 6 frames of padding."""
    places = np.random.default_rng(0).uniform(-1, 1, (2, V))
    places[:, 0], places[:, 1] = (-0.15, -0.2), (0.15, 0.2)  # the corners of its box
    places[:, 2:] *= 0.14
    clip = np.zeros((3, T + 6, V, 1))
    clip[:2, :T, :, 0] = places[:, None] + 0.01 * np.arange(T)[None, :, None] + 0.3
    clip[2, :T] = 0.8
    return clip


def measured(clip: np.ndarray, channels: tuple[str, ...] = XYS, center: int = 3) -> Any:
    row = np.zeros(1, record_type(len(channels), clip.shape[2]))
    measure(clip, channels, center, row[0])
    return row[0]


def test_a_clean_clip_has_nothing() -> None:
    row = measured(walk())
    assert (row["frames"], row["present"]) == (T, T)
    for fault in ("bad", "holes", "headless", "cuts", "strays"):
        assert not row[fault]
    assert not row["missing"].any()
    assert row["size"] == pytest.approx(0.5)
    assert row["fastest"] == pytest.approx(0.01 * 2**0.5 / 0.5)
    assert row["low"][2] == row["high"][2] == 0.8


def test_counts_values_that_are_no_numbers() -> None:
    clip = walk()
    clip[0, 3, 2], clip[1, 5, 4] = np.nan, np.inf
    row = measured(clip)
    assert row["bad"] == 2
    assert row["missing"].tolist() == [0, 0, 1, 0, 1, 0, 0, 0, 0]  # such a joint is not there
    assert np.isfinite(row["high"]).all()


def test_an_empty_clip_has_no_frames_and_no_digest() -> None:
    row = measured(np.zeros((3, 8, V, 1)))
    assert (row["frames"], row["present"], row["size"], row["digest"]) == (0, 0, 0, b"")


def test_counts_empty_frames_in_the_middle_and_not_the_padding() -> None:
    clip = walk()
    clip[:, 10:13] = 0
    row = measured(clip)
    assert (row["holes"], row["frames"], row["present"]) == (3, T, T - 3)
    assert not row["missing"].any()  # of a person who is not there nothing is missing


@pytest.mark.parametrize("channels", [XYS, ("x", "y", "depth")])
def test_counts_frames_without_a_joint(channels: tuple[str, ...]) -> None:
    clip = walk()
    clip[:, 4:9, 3] = 0
    row = measured(clip, channels)
    assert row["missing"].tolist() == [0, 0, 0, 5, 0, 0, 0, 0, 0]
    assert not row["headless"]


def test_a_person_who_never_shows_the_centre_is_told_from_one_who_is_absent() -> None:
    absent = np.concatenate([walk(), np.zeros_like(walk())], axis=3)
    assert not measured(absent)["headless"]
    second = np.concatenate([walk(), walk()], axis=3)
    second[:, :, 3, 1] = 0
    assert measured(second)["headless"]


def test_a_camera_cut_is_told_from_a_false_detection() -> None:
    clip = walk()
    clip[:2, 20:T] += 2
    row = measured(clip)
    assert (row["cuts"], row["strays"]) == (1, 0)
    assert row["fastest"] == pytest.approx((2.01 * 2**0.5) / 0.5)
    clip[:2, 22:T] -= 2
    row = measured(clip)
    assert (row["cuts"], row["strays"]) == (0, 2)


def test_steps_are_told_with_the_frame_they_lead_to() -> None:
    clip = walk()
    clip[:2, 20:T] += 2
    frames, steps = steps_of(clip, XYS)
    assert frames[int(steps.argmax())] == 20
    assert steps.max() == pytest.approx(measured(clip)["fastest"])


def test_the_same_frames_have_the_same_digest_whatever_their_padding_and_type() -> None:
    clip = walk()
    longer = np.pad(clip, ((0, 0), (2, 9), (0, 0), (0, 0))).astype("f4")
    assert digest(clip) == digest(longer)
    other = clip.copy()
    other[0, 7, 2] += 0.001
    assert digest(clip) != digest(other)
    assert digest(clip) != digest(clip.transpose(0, 2, 1, 3))
