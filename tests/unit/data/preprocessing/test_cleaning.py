"""A repaired clip is the clip before it was damaged, and a sound one stays as it is."""

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.cleaning import LONGEST, bridged, missing, stray_frames, without_frames
from stgcn_torch.data.preprocessing.steps import Preprocessing, cleaned
from tests.walkers import T, walkers

CLIP = walkers(1)[0]
SEEN = CLIP[2] > 0


def test_strays_are_found_for_each_person() -> None:
    clip = np.concatenate([CLIP, CLIP], axis=3)
    clip[:2, 20:22, :, 1] += 3
    stray = stray_frames(clip[:2], clip[2] > 0)
    assert np.argwhere(stray).tolist() == [[20, 1], [21, 1]]


def test_a_missing_person_is_zero_and_the_other_stays() -> None:
    clip = np.concatenate([CLIP, CLIP], axis=3)
    stray = np.zeros((clip.shape[1], 2), bool)
    stray[20, 1] = True
    result = missing(clip, stray)
    assert not result[:, 20, :, 1].any()
    result[:, 20, :, 1] = clip[:, 20, :, 1]
    np.testing.assert_array_equal(result, clip)
    assert missing(clip.astype("f4"), stray).dtype == np.float32


def test_dropped_frames_make_the_clip_shorter_and_its_padding_longer() -> None:
    dropped = np.zeros(CLIP.shape[1], bool)
    dropped[[3, 30]] = True
    result = without_frames(CLIP, dropped)
    assert result.shape == CLIP.shape
    np.testing.assert_array_equal(result[:, : T - 2], np.delete(CLIP[:, :T], [3, 30], axis=1))
    assert not result[:, T - 2 :].any()


@pytest.mark.parametrize("length", [1, LONGEST])
def test_a_gap_of_a_steady_body_is_bridged_as_it_was(length: int) -> None:
    clip, mask = CLIP.copy(), SEEN.copy()
    clip[:, 9 : 9 + length, 4:7] = 0
    mask[9 : 9 + length, 4:7] = False
    np.testing.assert_allclose(bridged(clip, mask), CLIP, atol=1e-12)


def test_a_long_gap_and_the_ends_stay_open() -> None:
    clip, mask = CLIP.copy(), SEEN.copy()
    for frames in (slice(2), slice(9, 10 + LONGEST), slice(T - 3, None)):
        clip[:, frames, 4], mask[frames, 4] = 0, False
    np.testing.assert_array_equal(bridged(clip, mask), clip)


def test_a_clip_without_gaps_is_itself_and_left_alone() -> None:
    np.testing.assert_array_equal(bridged(CLIP, SEEN), CLIP)
    assert bridged(CLIP, SEEN) is not CLIP


def test_a_frame_is_dropped_if_anybody_strays_in_it() -> None:
    clip = np.concatenate([CLIP, CLIP], axis=3)
    clip[:2, 20:22, :, 1] += 3
    cleaned_clip, numbers = cleaned(clip, Preprocessing(teleports="drop"))
    np.testing.assert_array_equal(cleaned_clip[:, : T - 2], np.delete(clip[:, :T], [20, 21], axis=1))
    assert 21 not in numbers
    assert 22 not in numbers
