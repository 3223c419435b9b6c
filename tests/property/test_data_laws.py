"""Laws of the data that hold whatever the clip: found by search rather than by example."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from stgcn_torch.data.arrays import open_npy
from stgcn_torch.data.batch.augmentation import Augmentation, augment
from stgcn_torch.data.batch.crops import live_length, random_crop
from stgcn_torch.data.batch.streams import bone, motion
from stgcn_torch.data.preprocessing.steps import (
    CHOICES,
    PREPROCESSINGS,
    STREAMS,
    Preprocessing,
    live_frames,
    preprocess,
    without_nan,
)
from stgcn_torch.data.splits import folds
from stgcn_torch.skeleton import LAYOUTS, Skeleton

searched = settings(max_examples=150, deadline=None, derandomize=True, database=None)

BODY = Skeleton(
    "chain", tuple(f"j{v}" for v in range(9)), tuple((v, v + 1) for v in range(8)), center=8, pairs=((0, 1),)
)
FIXED = PREPROCESSINGS["fixed"]
ATOL = 1e-6  # float32 rounding of values up to 4; measured: 2.4e-7

# Halves up to 2 with any sign and many zeros: sums and differences are exact, so that equal means equal.
halves = st.integers(-4, 4).map(lambda value: value / 2)
rough = st.one_of(halves, st.floats(-1e3, 1e3), st.just(float("nan")))
windows = st.integers(1, 8)


def clips(values: st.SearchStrategy[float], dtype: str = "f8") -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.just(3), st.integers(1, 12), st.just(len(BODY.joints)), st.integers(1, 2))
    fill = st.just(0.0)
    frames = shapes.flatmap(lambda shape: arrays_of.arrays(dtype, shape, elements=values, fill=fill))
    tails = st.integers(0, 8)
    return st.tuples(frames, tails).map(lambda pair: np.pad(pair[0], ((0, 0), (0, pair[1]), (0, 0), (0, 0))))


def shown(clip: np.ndarray, window: int, extra: int) -> np.ndarray:
    """AutoPadding in other words, sampling from 0 to ``extra`` past the last frame; IndexError where it dies of one."""
    sums = [np.sum(clip[:, t]) for t in range(clip.shape[1])]
    positive = [t for t, total in enumerate(sums) if total > 0]
    T = positive[-1] + 1 if positive else clip.shape[1]
    if window < T:
        return clip[:, np.linspace(0, T - 1 + extra, window).astype(np.int64)]
    if window == T:
        return clip[:, :T]
    padded = np.zeros((len(clip), window, *clip.shape[2:]))
    padded[:, :T] = clip[:, :T]
    return padded


@searched
@given(clips(rough), windows, st.sampled_from(["f4", "f8"]))
def test_paddlevideo_is_the_original_to_the_bit_or_refuses_where_it_dies(
    clip: np.ndarray, window: int, dtype: str
) -> None:
    clip = clip.astype(dtype)
    paddlevideo = replace(PREPROCESSINGS["paddlevideo"], window=window)
    try:
        padded = shown(clip, window, extra=1)
    except IndexError:
        with pytest.raises(ValueError, match=r"^sampling=to_length needs a frame of padding"):
            preprocess(clip, paddlevideo, BODY)
        return
    expected = (padded - padded[:, :, 8:9])[:2].astype(np.float32)
    assert preprocess(clip, paddlevideo, BODY).tobytes() == expected.tobytes()


@searched
@given(clips(rough), windows, st.sampled_from(["f4", "f8"]))
def test_article_is_the_original_to_the_bit(clip: np.ndarray, window: int, dtype: str) -> None:
    clip = clip.astype(dtype)
    expected = shown(clip.astype(np.float32)[:2], window, extra=0).astype(np.float32)
    made = preprocess(clip, replace(PREPROCESSINGS["article"], window=window), BODY)
    assert made.tobytes() == expected.tobytes()


@searched
@given(clips(rough), windows, st.sampled_from(CHOICES["center_of"]), st.booleans())
def test_fixed_gives_finite_values_of_the_window_and_nothing_from_nothing(
    clip: np.ndarray, window: int, center_of: str, random_pad: bool
) -> None:
    option = replace(FIXED, window=window, center_of=center_of, nan="missing", random_pad=random_pad)
    made = preprocess(clip, option, BODY, np.random.default_rng(0))
    assert made.shape == (2, window, *clip.shape[2:])
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.count_nonzero(made.any(axis=(0, 2, 3))) <= live_frames(without_nan(clip))


@searched
@given(clips(halves), windows)
def test_fixed_leaves_undetected_joints_at_zero_and_the_centre_at_the_origin(clip: np.ndarray, window: int) -> None:
    clip *= clip[2] > 0  # undetected joints are zero, as every reader leaves them
    option = replace(FIXED, window=window)
    made = preprocess(clip, option, BODY)
    scores = preprocess(clip, replace(option, keep=("score",), center=None), BODY)[0]
    assert not made[:, scores == 0].any()
    assert not made[:, :, 8].any()


@searched
@given(clips(halves), windows, st.tuples(halves, halves), st.sampled_from(CHOICES["center_of"]))
def test_where_the_skater_stands_changes_nothing(
    clip: np.ndarray, window: int, place: tuple[float, float], center_of: str
) -> None:
    clip[2, :, 8] = np.abs(clip[2]).max(axis=1)  # the centre is detected wherever a joint is
    clip *= clip[2] > 0
    moved = clip.copy()
    moved[:2] += np.reshape(place, (2, 1, 1, 1)) * (clip[2] > 0)
    option = replace(FIXED, window=window, center_of=center_of)
    np.testing.assert_allclose(preprocess(moved, option, BODY), preprocess(clip, option, BODY), rtol=0, atol=ATOL)


@searched
@given(clips(halves), windows, st.sampled_from([0.25, 2.0, 8.0]))
def test_fixed_does_not_depend_on_the_unit(clip: np.ndarray, window: int, unit: float) -> None:
    scale = np.reshape([unit, unit, 1], (3, 1, 1, 1))
    option = replace(FIXED, window=window)
    np.testing.assert_allclose(
        preprocess(clip * scale, option, BODY), unit * preprocess(clip, option, BODY), rtol=0, atol=unit * ATOL
    )


@searched
@given(clips(halves), st.integers(0, 8))
def test_more_padding_changes_nothing(clip: np.ndarray, tail: int) -> None:
    longer = np.pad(clip, ((0, 0), (0, tail), (0, 0), (0, 0)))
    for window in (3, 9):
        option = replace(FIXED, window=window)
        np.testing.assert_array_equal(preprocess(longer, option, BODY), preprocess(clip, option, BODY))


@searched
@given(clips(halves), windows)
def test_people_may_be_reordered(clip: np.ndarray, window: int) -> None:
    option = replace(FIXED, window=window)
    turned = preprocess(clip[..., ::-1], option, BODY)
    np.testing.assert_array_equal(turned, preprocess(clip, option, BODY)[..., ::-1])


channels = st.lists(st.sampled_from("xyzs"), min_size=1, unique=True)


@searched
@given(
    channels.flatmap(lambda names: st.tuples(st.just(names), st.lists(st.sampled_from(names), min_size=1))),
    st.fixed_dictionaries({name: st.sampled_from(choices) for name, choices in CHOICES.items()}),
    st.lists(st.sampled_from(STREAMS), min_size=1),
    st.integers(1, 10_000),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 24), st.just("layout"), st.text()),
)
def test_plain_values_give_any_preprocessing_back(
    names: tuple[list[str], list[str]],
    choices: dict[str, str],
    streams: list[str],
    window: int,
    random_pad: bool,
    center: str | int | None,
) -> None:
    given_values = Preprocessing(
        window,
        tuple(names[0]),
        tuple(names[1]),
        streams=tuple(streams),
        random_pad=random_pad,
        center=center,
        **choices,
    )
    assert Preprocessing.of(given_values.plain) == given_values


@searched
@given(st.sampled_from(sorted(LAYOUTS)), clips(halves, "f4"))
def test_bones_and_motion_add_up(layout: str, clip: np.ndarray) -> None:
    body = LAYOUTS[layout]
    x = torch.from_numpy(clip)[None][:, :, :, [v % len(BODY.joints) for v in range(len(body.joints))]]
    back = torch.zeros_like(x)
    for v in range(len(body.joints)):
        joint = v
        while joint != body.center:
            back[:, :, :, v] += bone(x, body.parents)[:, :, :, joint]
            joint = body.parents[joint]
    assert torch.equal(back, x - x[:, :, :, body.center : body.center + 1])
    empty = ~(x != 0).any(dim=1).any(dim=2)
    assert not motion(x)[:, :, :-1].movedim(1, -1).movedim(2, -1)[empty[:, 1:].movedim(1, 1)].any()


batches = st.lists(st.integers(0, 40), min_size=1, max_size=6)


@searched
@given(batches, st.integers(1, 45), st.floats(0.05, 1), st.booleans(), st.integers(0, 2**32))
def test_chosen_frames_are_live_sorted_and_padded_at_the_end(
    live: list[int], window: int, crop: float, jitter: bool, seed: int
) -> None:
    frame = torch.arange(1.0, 41).expand(len(live), 40)
    x = (frame * (frame <= torch.tensor(live)[:, None]))[:, None, :, None, None]
    assert live_length(x).tolist() == [max(length, 1) for length in live]
    torch.manual_seed(seed)
    for frames, length in zip(random_crop(x, window, crop, jitter)[:, 0, :, 0, 0].tolist(), live, strict=True):
        kept = [int(value) for value in frames if value]
        assert len(frames) == window
        assert frames[: len(kept)] == sorted(kept)
        assert not kept or 1 <= kept[0] <= kept[-1] <= length


angles = st.floats(0, 180)


@searched
@given(clips(halves, "f4"), angles, angles, st.floats(0, 1), st.integers(0, 2**32))
def test_augmentation_keeps_zeros_and_proportions(
    clip: np.ndarray, rotation: float, tilt: float, scale: float, seed: int
) -> None:
    x = torch.from_numpy(clip)[None]
    torch.manual_seed(seed)
    changed = augment(
        x,
        Augmentation(rotation=rotation, tilt=tilt, scale=scale),
        window=x.shape[2],
        channels=("x", "y", "z"),
        mirror=BODY.mirror,
    )
    undetected = ~(x != 0).any(dim=1)
    assert not changed.movedim(1, -1)[undetected].any()
    before, after = ((y[:, :, :, :, None] - y[:, :, :, None]).norm(dim=1).flatten() for y in (x, changed))
    if before.any():
        factor = (after.sum() / before.sum()).item()
        assert 1 - scale - ATOL <= factor <= 1 + scale + ATOL
        torch.testing.assert_close(after, factor * before, rtol=1e-5, atol=2e-5)  # measured: 3e-6


@searched
@given(
    arrays_of.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4)), st.integers(2, 9), st.integers(0, 99)
)
def test_folds_hold_out_every_clip_once_and_share_every_class(labels: np.ndarray, count: int, seed: int) -> None:
    masks = [folds(labels, count, fold, seed) for fold in range(count)]
    assert (np.sum(masks, axis=0) == 1).all()
    sizes = [np.bincount(labels[mask], minlength=5) for mask in masks]
    assert (np.ptp(sizes, axis=0) <= 1).all()


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An array file with a few bytes of its header replaced, removed or added, its length put right."""
    header = bytearray(HEADER)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(header)))
        with_ = draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"9" * 30, b"-", b"(", b"None", b"'O'", b"L", b"["]))
        )
        header[at : at + draw(st.integers(0, 3))] = with_
    padded = bytes(header).ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + bytes(24)


@settings(searched, max_examples=400)
@given(st.one_of(st.binary(max_size=64), damaged()))
def test_any_bytes_are_an_array_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npy"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's own, of headers that Python 2 or a stranger wrote
        try:
            assert isinstance(open_npy(path), np.ndarray)
        except ValueError as error:
            if not re.fullmatch(r".*any\.npy cannot be read: .+", str(error)):
                raise
