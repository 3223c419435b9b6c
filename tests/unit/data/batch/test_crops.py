"""Laws of the frames that are chosen: live, in order, none twice counted, the whole clip when nothing is asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from stgcn_torch.data.batch.crops import even_crops, live_length, random_crop
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, preprocess
from stgcn_torch.skeleton import Skeleton

BODY = Skeleton("five", ("Left", "Hip", "Right", "Head", "Foot"), ((0, 1), (2, 1), (3, 1), (4, 1)), 1, ((0, 2),))


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def numbered(*live: int, t: int) -> Tensor:
    """Clips whose values are the number of the frame, from 1, and zero from ``live`` on."""
    frame = torch.arange(1.0, t + 1).expand(len(live), t).clone()
    frame[frame > torch.tensor(live)[:, None]] = 0
    return frame[:, None, :, None, None].expand(-1, 2, -1, 5, 1).clone()


def frames_of(x: Tensor) -> Tensor:
    return x[:, 0, :, 0, 0].long()


def test_live_length_counts_to_the_last_frame_that_is_not_zero() -> None:
    x = numbered(1, 5, 12, 0, t=12)
    x[1, :, 2] = 0  # a hole inside
    assert live_length(x).tolist() == [1, 5, 12, 1]


@pytest.mark.parametrize("jitter", [False, True])
@pytest.mark.parametrize("crop", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("window", [1, 5, 30, 60])
def test_chosen_frames_are_live_and_in_order(window: int, crop: float, jitter: bool) -> None:
    live = (1, 2, 5, 29, 30, 31, 40, 59, 0)
    for seed in range(20):
        torch.manual_seed(seed)
        chosen = frames_of(random_crop(numbered(*live, t=60), window, crop, jitter))
        assert chosen.shape == (len(live), window)
        for frames, length in zip(chosen.tolist(), live, strict=True):
            kept = [frame for frame in frames if frame]
            assert kept == sorted(kept)
            assert frames[len(kept) :] == [0] * (window - len(kept))  # zeros only at the end
            assert all(1 <= frame <= length for frame in kept)
            assert len(kept) >= min(window, int(np.ceil(0.999 * crop * length)))


@pytest.mark.parametrize("crop", [0.3, 1.0])
def test_a_short_clip_is_padded_not_stretched(crop: float) -> None:
    for length, frames in zip((4, 9), frames_of(random_crop(numbered(4, 9, t=60), 10, crop, True)), strict=True):
        kept = frames[frames > 0].tolist()
        assert kept == list(range(kept[0], kept[0] + len(kept)))
        assert kept[-1] <= length
        if crop == 1.0:
            assert len(kept) == length


@pytest.mark.parametrize("window", [1, 2, 8, 50, 100, 350])
def test_whole_clips_without_jitter_are_sampled_evenly_to_the_last_frame(window: int) -> None:
    live = [*range(window + 1, window + 130), 5 * window]
    chosen = frames_of(random_crop(numbered(*live, t=5 * window + 130), window))
    for frames, length in zip(chosen, live, strict=True):
        even = [k * (length - 1) // max(window - 1, 1) for k in range(window)]
        assert (frames - 1).tolist() == even


def test_choosing_all_frames_evenly_is_what_preprocessing_does() -> None:
    kept = replace(PREPROCESSINGS["fixed"], channels=("x", "y"), center=None, window=60)
    for live in (20, 37, 59):
        clip = numbered(live, t=60)[0].numpy()
        chosen = random_crop(torch.from_numpy(preprocess(clip, kept, BODY))[None], 14)
        np.testing.assert_array_equal(chosen[0].numpy(), preprocess(clip, replace(kept, window=14), BODY))


def test_jitter_takes_one_frame_of_each_segment() -> None:
    seen = set()
    for seed in range(50):
        torch.manual_seed(seed)
        frames = frames_of(random_crop(numbered(40, t=40), 10, jitter=True))[0] - 1
        assert (frames // 4).tolist() == list(range(10))
        seen |= set(frames.tolist())
    assert seen == set(range(40))


def test_jitter_never_takes_the_frame_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for the generator's largest number, which float32 rounds up when a frame's index is added."""
    largest = 1 - 2.0**-24
    monkeypatch.setattr(torch, "rand", lambda *shape, device=None: torch.full(shape, largest, device=device))
    assert (frames_of(random_crop(numbered(800, 999, t=1000), 350, jitter=True)) > 0).all()


def test_a_crop_is_one_run_of_frames_anywhere_in_the_clip() -> None:
    starts, lengths = set(), set()
    for seed in range(300):
        torch.manual_seed(seed)
        frames = frames_of(random_crop(numbered(10, t=20), 10, crop=0.5))[0]
        frames = frames[frames > 0]
        assert (frames.diff() == 1).all()
        starts.add(int(frames[0]))
        lengths.add(len(frames))
    assert starts == set(range(1, 6))
    assert lengths == set(range(6, 11))  # ceil of 5 < fraction * 10 <= 10


def test_even_crops_lie_from_the_first_frame_to_the_last() -> None:
    crops = [frames_of(crop)[0].tolist() for crop in even_crops(numbered(20, t=24), 10, count=3, crop=0.5)]
    assert crops == [list(range(1, 11)), list(range(6, 16)), list(range(11, 21))]


def test_a_single_crop_lies_in_the_middle() -> None:
    (crop,) = even_crops(numbered(20, t=20), 10, crop=0.5)
    assert frames_of(crop)[0].tolist() == list(range(6, 16))


def test_the_window_itself_is_its_only_crop() -> None:
    x = numbered(7, t=10)
    (crop,) = even_crops(x, 10)
    assert crop is x


def test_even_crops_draw_nothing() -> None:
    before = torch.get_rng_state()
    even_crops(numbered(20, 3, t=24), 10, count=3, crop=0.5)
    assert torch.equal(torch.get_rng_state(), before)
