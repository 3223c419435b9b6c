"""Windows cover a clip, and a timeline gives each frame the mean answer of its windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.prediction.sliding import Piece, Pieces, near, timeline, window_starts

sizes = st.integers(1, 60)


@settings(deadline=None, derandomize=True, database=None)
@given(T=sizes, length=sizes, stride=sizes)
def test_windows_cover_every_frame_where_their_stride_allows(T: int, length: int, stride: int) -> None:
    starts = window_starts(T, length, stride)
    covered = {frame for start in starts for frame in range(start, min(start + length, T))}
    assert starts == sorted(set(starts))
    assert (0 in covered, T - 1 in covered, max(covered)) == (True, True, T - 1)
    if stride <= length:
        assert covered == set(range(T))
    assert all(start + length <= T for start in starts) or starts == [0]


def test_pieces_are_cut_out_of_their_clips_and_as_wide_as_the_widest() -> None:
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(2, 9, 4, 1)), rng.normal(size=(2, 5, 4, 2))]
    pieces = Pieces(clips, [Piece(0, 3, 7), Piece(1, 0, 5)])
    assert (len(pieces), pieces.shape) == (2, (2, 2, 5, 4, 2))
    np.testing.assert_array_equal(pieces[0][..., :1], clips[0][:, 3:7])
    assert not pieces[0][..., 1:].any()
    np.testing.assert_array_equal(pieces[1], clips[1])


def test_overlapping_windows_vote_on_each_frame() -> None:
    """Windows 0-3, 2-5, 4-7 answer a, b, b: of frames 2 and 3 each goes to the window whose middle is nearer."""
    a, b = [0.75, 0.25], [0.25, 0.75]
    first, second = timeline([0, 2, 4], 4, np.array([a, b, b]), np.ones(8, bool))
    assert (first.start, first.end, second.start, second.end) == (0, 3, 3, 8)
    # Weights in a window of 4: sin of 1/8, 3/8, 5/8 and 7/8 of a half turn; frame 2 is the third of one, first of next.
    near, far = np.sin(np.pi * 3 / 8), np.sin(np.pi / 8)
    third = (0.75 * near + 0.25 * far) / (near + far)
    assert first.probabilities.tolist() == pytest.approx([(0.75 * 2 + third) / 3, (0.25 * 2 + 1 - third) / 3])
    fourth = 1 - third
    assert second.probabilities.tolist() == pytest.approx([(fourth + 4 * 0.25) / 5, (1 - fourth + 4 * 0.75) / 5])


def test_frames_without_a_window_belong_to_no_segment() -> None:
    segments = timeline([0, 6], 2, np.array([[1.0, 0.0], [1.0, 0.0]]), np.ones(8, bool))
    assert [(segment.start, segment.end) for segment in segments] == [(0, 2), (6, 8)]


def test_frames_with_nobody_near_belong_to_no_segment() -> None:
    """A gap in detection of less than half a window does not divide it."""
    there = np.ones(40, bool)
    there[10:13] = there[20:30] = False
    segments = timeline([0, 16, 24], 16, np.array([[1.0, 0.0]] * 3), there)
    assert [(segment.start, segment.end) for segment in segments] == [(0, 24), (26, 40)]


@settings(deadline=None, derandomize=True, database=None)
@given(there=st.lists(st.booleans(), max_size=20), reach=st.integers(0, 25))
def test_near_is_within_reach(there: list[bool], reach: int) -> None:
    expected = [any(there[max(0, t - reach) : t + reach + 1]) for t in range(len(there))]
    assert near(np.array(there, bool), reach).tolist() == expected


def test_one_short_window_is_one_segment() -> None:
    (segment,) = timeline([0], 10, np.array([[0.25, 0.75]]), np.ones(3, bool))
    assert (segment.start, segment.end, segment.probabilities.tolist()) == (0, 3, [0.25, 0.75])
    assert timeline([], 10, np.zeros((0, 2)), np.ones(0, bool)) == []
