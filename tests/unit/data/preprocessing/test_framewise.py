"""A recording preprocessed in parts equals the recording preprocessed whole."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.data.preprocessing.framewise import PART, LiveFrames, LongClip, refuse_more_than_frames
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing, preprocess
from stgcn_torch.skeleton import skeleton

BODY = skeleton({"joints": ["a", "b", "c"], "bones": [["b", "a"], ["c", "a"]], "center": "a"})
LENGTHS = [1, PART - 1, PART, PART + 1, 2 * PART + 40]


def recording(T: int, seed: int = 0, M: int = 2) -> np.ndarray[Any, Any]:
    """Frames with gaps: of joints, of the centre for long, and of the second person at the start; 7 of padding."""
    rng = np.random.default_rng(seed)
    clip = rng.normal(size=(3, T + 7, 3, M)).astype(np.float32)
    clip[2] = rng.uniform(0.1, 1, clip.shape[1:])
    clip *= rng.random(clip.shape[1:]) < 0.7
    clip[:, T // 3 : T // 2, 0] = 0
    clip[:, : T // 4, :, 1:] = 0
    clip[:, T - 1] = 1
    clip[:, T:] = 0
    return clip


def joined(clip: np.ndarray[Any, Any], preprocessing: Preprocessing) -> np.ndarray[Any, Any]:
    return np.concatenate([*LongClip(clip, preprocessing, BODY).parts()], axis=1)


choices = st.fixed_dictionaries(
    {
        "select": st.sampled_from(["before", "after"]),
        "center": st.sampled_from(["layout", "b", None]),
        "centring": st.sampled_from(["detected", "every_joint"]),
        "absent_center": st.sampled_from(["interpolate", "visible"]),
        "keep": st.sampled_from([("x", "y"), ("score", "x")]),
    }
)


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(choices, st.sampled_from(LENGTHS), st.integers(0, 9))
def test_the_parts_are_those_of_the_whole_to_the_bit(options: dict[str, Any], T: int, seed: int) -> None:
    preprocessing, clip = Preprocessing(**options), recording(T, seed)
    expected = preprocess(clip, replace(preprocessing, window=T), BODY)
    assert np.array_equal(joined(clip, preprocessing), expected)


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(choices, st.integers(1, 40), st.integers(0, 9))
def test_a_live_frame_is_the_last_of_the_clip_so_far_to_the_bit(options: dict[str, Any], T: int, seed: int) -> None:
    """Gaps of the centre and of people among them."""
    preprocessing, clip = Preprocessing(**options), recording(T, seed)
    live = LiveFrames(preprocessing, BODY)
    for t in range(T):
        frame = live.push(clip[:, t])
        so_far = preprocess(clip[:, : t + 1], replace(preprocessing, window=t + 1, empty="keep"), BODY)
        assert np.array_equal(frame, so_far[:, t])
    live.reset()
    assert np.array_equal(live.push(clip[:, 0]), LiveFrames(preprocessing, BODY).push(clip[:, 0]))


def test_in_a_gap_the_centre_stays_where_it_was_seen_until_it_is_seen_again() -> None:
    clip = np.ones((3, 4, 3, 1), np.float32)
    clip[0, :, 0, 0] = [10, 0, 0, 16]  # x of the centre; of b and c it is 1
    clip[2, 1:3, 0] = clip[1, 1:3, 0] = 0
    live = LiveFrames(Preprocessing(), BODY)
    assert [float(live.push(clip[:, t])[0, 1, 0]) for t in range(4)] == [-9, -9, -9, -15]
    assert joined(clip, Preprocessing())[0, :, 1, 0].tolist() == [-9, -11, -13, -15], "a recording knows what follows"


def test_live_frames_that_do_not_fit_are_refused() -> None:
    live = LiveFrames(Preprocessing(), BODY)
    with pytest.raises(ValueError, match=r"\(C, V, M\), C=3 \(x, y, score\) and V=3, got \(2, 3, 1\)"):
        live.push(np.zeros((2, 3, 1)))
    with pytest.raises(ValueError, match="the recording has NaN or infinite values"):
        live.push(np.full((3, 3, 1), np.nan))
    with pytest.raises(ValueError, match=r"preprocessing\.gaps=drop"):
        LiveFrames(Preprocessing(gaps="drop"), BODY)


def test_joints_of_nan_are_missing_where_that_is_asked_for() -> None:
    clip = recording(400)
    clip[0, 300:320, 1] = np.nan
    clip[:, 403:] = np.inf  # no end of the recording
    preprocessing = Preprocessing(nan="missing")
    assert np.array_equal(joined(clip, preprocessing), preprocess(clip, replace(preprocessing, window=400), BODY))


def test_nan_is_refused_with_its_frame() -> None:
    clip = recording(400)
    clip[0, 300, 1] = np.nan
    with pytest.raises(ValueError, match="clip 3 has NaN or infinite values, as in frame 300;"):
        list(LongClip(clip, Preprocessing(), BODY, "clip 3").parts())


def test_a_recording_of_nobody_has_no_parts() -> None:
    assert list(LongClip(np.zeros((3, 300, 3, 1)), Preprocessing(), BODY).parts()) == []


@pytest.mark.parametrize("name", sorted(PREPROCESSINGS))
def test_the_named_preprocessings_work_frame_by_frame(name: str) -> None:
    refuse_more_than_frames(PREPROCESSINGS[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"center_of": "clip"}, r"preprocessing.center_of=clip \(allowed: frame\)"),
        ({"teleports": "drop", "gaps": "drop"}, r"teleports=drop \(allowed: keep\); preprocessing.gaps=drop"),
        ({"frames": 500}, r"preprocessing.frames=500 \(allowed: null\)"),
        ({"crops": 3, "crop": 0.9}, r"crops=3 \(allowed: 1\); preprocessing.crop=0.9 \(allowed: 1.0\)"),
        ({"streams": ("bone", "bone_motion")}, r"streams=\['bone', 'bone_motion'\] \(allowed: joint, bone\)"),
    ],
)
def test_steps_that_need_more_than_a_frame_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        refuse_more_than_frames(Preprocessing(**options))
    assert "\n" not in str(refusal.value)


def test_where_nothing_is_centred_no_centre_is_refused() -> None:
    refuse_more_than_frames(Preprocessing(center=None, center_of="clip"))
