"""Every frame of a window is one of the clip's, or padding."""

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.window import take_frames, window_frames


def test_a_shorter_clip_is_padded_at_its_end() -> None:
    np.testing.assert_array_equal(window_frames(3, 9, 5), [0, 1, 2, -1, -1])


def test_a_clip_as_long_as_the_window_is_taken_as_it_is() -> None:
    np.testing.assert_array_equal(window_frames(4, 9, 4, rng=np.random.default_rng(0)), range(4))


def test_a_longer_clip_is_sampled_to_its_last_frame_or_one_past_it() -> None:
    np.testing.assert_array_equal(window_frames(9, 10, 3), [0, 4, 8])
    np.testing.assert_array_equal(window_frames(9, 10, 3, "to_length"), [0, 4, 9])


def test_there_must_be_a_frame_past_the_last_to_sample() -> None:
    with pytest.raises(ValueError, match="to_length needs a frame of padding after the clip, got 9 live frames of 9"):
        window_frames(9, 9, 3, "to_length")


@pytest.mark.parametrize("seed", range(5))
def test_random_padding_keeps_the_frames_in_a_row(seed: int) -> None:
    frames = window_frames(3, 9, 8, rng=np.random.default_rng(seed))
    live = np.flatnonzero(frames >= 0)
    np.testing.assert_array_equal(np.diff(live), 1)
    np.testing.assert_array_equal(frames[live], range(3))


def test_random_sampling_takes_distinct_frames() -> None:
    frames = window_frames(9, 9, 8, rng=np.random.default_rng(0))
    assert len({*frames.tolist()}) == 8
    assert set(frames.tolist()) < set(range(9))


def test_frames_are_taken_by_their_numbers_and_padding_is_zeros() -> None:
    clip = np.arange(1, 13, dtype=np.float32).reshape(1, 6, 2, 1)
    taken = take_frames(clip, np.array([-1, 4, 0, -1]))
    np.testing.assert_array_equal(taken[0, :, :, 0], [[0, 0], [9, 10], [1, 2], [0, 0]])
    assert taken.dtype == np.float64
    assert take_frames(clip, np.array([4, 0])).dtype == np.float32
