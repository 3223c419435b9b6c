"""Laws of preprocessing: PaddleVideo's and the article's rules to the bit, and what ``fixed`` promises instead."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.steps import (
    PREPROCESSINGS,
    Preprocessing,
    absent_joint,
    live_frames,
    preprocess,
    traced,
)
from stgcn_torch.skeleton import LAYOUTS, Skeleton

BODY = Skeleton("chain", tuple(f"j{v}" for v in range(9)), tuple((v, v + 1) for v in range(8)), center=8)
HIP = 8
WINDOW = 16
PADDLEVIDEO = replace(PREPROCESSINGS["paddlevideo"], window=WINDOW)
ARTICLE = replace(PREPROCESSINGS["article"], window=WINDOW)
FIXED = replace(PREPROCESSINGS["fixed"], window=WINDOW)
FLOAT32_ATOL = 1e-6  # of coordinates below 2 that are rounded to float32 at the end; measured: 1.2e-7


def length_from_the_end(clip: np.ndarray) -> int:
    """AutoPadding.get_frame_num written anew: the frame after the last whose values sum to more than zero."""
    frame: int = clip.shape[1]
    while frame > 0:
        if np.sum(clip[:, frame - 1, :, :]) > 0:
            return frame
        frame -= 1
    length: int = clip.shape[1]
    return length


def auto_padding(clip: np.ndarray, window: int, stop_past_the_end: bool) -> np.ndarray:
    """AutoPadding written anew, with its IndexError."""
    T = length_from_the_end(clip)
    if window == T:
        return clip[:, 0:window]
    if window < T:
        stop = T if stop_past_the_end else T - 1
        return clip[:, np.linspace(0, stop, window).astype("int64")]
    tail = np.zeros((clip.shape[0], window - T, *clip.shape[2:]), "float64")
    return np.concatenate([clip[:, :T].astype("float64"), tail], axis=1)


def paddlevideo(clip: np.ndarray, window: int) -> np.ndarray:
    """AutoPadding on all channels, minus joint 8 on all channels, then x and y in float32."""
    padded = auto_padding(clip, window, stop_past_the_end=True)
    return np.asarray((padded - padded[:, :, 8:9, :])[:2], "float32")


def article(clip: np.ndarray, window: int) -> np.ndarray:
    """Everything to float32, the score away, AutoPadding that stops at the last frame, float32."""
    return auto_padding(clip.astype("float32")[:2], window, stop_past_the_end=False).astype("float32")


def clip_of(
    live: int, T: int, seed: int = 0, low: float = -0.5, high: float = 0.5, dtype: type[np.floating] = np.float64
) -> np.ndarray:
    """A clip as OpenPose gives it: signed coordinates, a score in [0, 1], some joints undetected, zeros at the end."""
    rng = np.random.default_rng(seed)
    clip = np.zeros((3, T, len(BODY.joints), 2))
    clip[:2, :live] = rng.uniform(low, high, (2, live, *clip.shape[2:]))
    clip[2, :live] = rng.uniform(0.1, 1, (live, *clip.shape[2:]))
    clip *= rng.uniform(size=clip.shape[1:]) > 0.2
    return clip.astype(dtype)


def with_nan(live: int, T: int, seed: int, dtype: type[np.floating]) -> np.ndarray:
    clip = clip_of(live, T, seed, dtype=dtype)
    clip[:, live - 2 : live] = np.nan
    clip[0, 1, 3, 0] = np.nan
    return clip


def cancelling(T: int, seed: int, dtype: type[np.floating]) -> np.ndarray:
    """Frames whose sums are zero but for rounding, so that the order of the sum decides their sign."""
    clip = clip_of(T, T, seed, dtype=dtype)
    clip[0, :, 0, 0] -= clip.sum(axis=(0, 2, 3))
    return clip


CLIPS: dict[str, Callable[[int, type[np.floating]], np.ndarray]] = {
    "short": lambda seed, dtype: clip_of(9, 40, seed, dtype=dtype),
    "short_without_tail": lambda seed, dtype: clip_of(9, 9, seed, dtype=dtype),
    "exact_length": lambda seed, dtype: clip_of(WINDOW, 40, seed, dtype=dtype),
    "exact_length_without_tail": lambda seed, dtype: clip_of(WINDOW, WINDOW, seed, dtype=dtype),
    "one_more_than_the_window": lambda seed, dtype: clip_of(WINDOW + 1, 40, seed, dtype=dtype),
    "long_with_empty_tail": lambda seed, dtype: clip_of(33, 40, seed, dtype=dtype),
    "negative": lambda seed, dtype: clip_of(12, 14, seed, low=-1, high=-0.8, dtype=dtype),
    "mostly_negative": lambda seed, dtype: clip_of(30, 40, seed, low=-0.9, dtype=dtype),
    "cancelling": lambda seed, dtype: cancelling(14, seed, dtype),
    "all_empty": lambda seed, dtype: clip_of(0, 11, seed, dtype=dtype),
    "nan": lambda seed, dtype: with_nan(12, 40, seed, dtype),
}
# Longer than the window, and live to the last frame by PaddleVideo's rule.
ENDLESS: dict[str, Callable[[], np.ndarray]] = {
    "long_without_tail": lambda: clip_of(40, 40),
    "never_positive": lambda: clip_of(40, 40, low=-3, high=-2),
    "all_empty": lambda: clip_of(0, 40),
    "all_nan": lambda: np.full((3, 40, len(BODY.joints), 2), np.nan),
}
every_clip = pytest.mark.parametrize("name", sorted(CLIPS))
every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def numbered(live: int, T: int) -> np.ndarray:
    """A clip whose values are the number of the frame, from 1."""
    clip = np.zeros((3, T, len(BODY.joints), 1))
    clip[:, :live] = np.arange(1, live + 1)[:, None, None]
    return clip


def frames_of(clip: np.ndarray) -> np.ndarray:
    return clip[0, :, 0, 0].astype(int)


@every_type
@every_clip
def test_paddlevideo_is_auto_padding_and_skeleton_norm_to_the_bit(name: str, dtype: type[np.floating]) -> None:
    for seed in range(5):
        clip = CLIPS[name](seed, dtype)
        assert preprocess(clip, PADDLEVIDEO, BODY).tobytes() == paddlevideo(clip, WINDOW).tobytes()


@every_type
@every_clip
def test_article_is_its_own_padding_to_the_bit(name: str, dtype: type[np.floating]) -> None:
    for seed in range(5):
        clip = CLIPS[name](seed, dtype)
        assert preprocess(clip, ARTICLE, BODY).tobytes() == article(clip, WINDOW).tobytes()


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_article_takes_clips_that_never_end(name: str) -> None:
    clip = ENDLESS[name]()
    assert preprocess(clip, ARTICLE, BODY).tobytes() == article(clip, WINDOW).tobytes()


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_paddlevideo_refuses_where_the_original_dies_of_an_index_error(name: str) -> None:
    clip = ENDLESS[name]()
    with pytest.raises(IndexError):
        paddlevideo(clip, WINDOW)
    with pytest.raises(
        ValueError, match=r"^sampling=to_length needs .* got 40 .*; use preprocessing\.sampling=to_last$"
    ):
        preprocess(clip, PADDLEVIDEO, BODY)


def test_the_windows_are_those_of_the_originals() -> None:
    clip = np.zeros((3, 1200, 25, 1))
    clip[:, :1100] = np.random.default_rng(0).uniform(0, 1, (3, 1100, 25, 1))
    for name, restated, window in (("paddlevideo", paddlevideo, 350), ("article", article, 1000)):
        result = preprocess(clip, PREPROCESSINGS[name], LAYOUTS["fsd10"])
        assert result.shape == (2, window, 25, 1)
        assert result.tobytes() == restated(clip, window).tobytes()


def test_article_sums_what_float32_holds() -> None:
    clip = np.zeros((3, 14, len(BODY.joints), 1))
    clip[:, :12] = 0.1
    clip[:2, 11] = 0
    clip[0, 11, :2, 0] = [-0.5, 0.5 + 1e-12]  # more than nothing, but not in float32
    result = preprocess(clip, ARTICLE, BODY)
    assert result[:, 10].all()
    assert not result[:, 11].any()
    assert result.tobytes() == article(clip, WINDOW).tobytes()


def test_article_cuts_live_frames_whose_coordinates_sum_to_less_than_zero() -> None:
    clip = clip_of(12, 14, low=0.1)
    clip[:2, 8:12] *= -1
    assert not preprocess(clip, ARTICLE, BODY)[:, 8:].any()
    assert preprocess(clip, FIXED, BODY)[:, 8:12].any()


@pytest.mark.parametrize("name", sorted(PREPROCESSINGS))
def test_the_clip_given_is_left_as_it_was(name: str) -> None:
    clip = clip_of(33, 40)
    before = clip.copy()
    preprocess(clip, replace(PREPROCESSINGS[name], window=WINDOW), BODY)
    np.testing.assert_array_equal(clip, before)


def test_random_padding_starts_anywhere_in_the_window() -> None:
    random = replace(FIXED, center=None, random_pad=True)
    starts = set()
    for seed in range(200):
        frames = frames_of(preprocess(numbered(12, 20), random, BODY, np.random.default_rng(seed)))
        start = int(np.argmax(frames == 1))
        np.testing.assert_array_equal(frames, np.pad(np.arange(1, 13), (start, WINDOW - 12 - start)))
        starts.add(start)
    assert starts == set(range(WINDOW - 12 + 1))


def test_random_sampling_takes_distinct_live_frames_out_of_order() -> None:
    random = replace(FIXED, center=None, random_pad=True)
    frames = frames_of(preprocess(numbered(33, 40), random, BODY, np.random.default_rng(0)))
    assert len(set(frames)) == WINDOW
    assert set(frames) <= set(range(1, 34))
    assert (np.diff(frames) < 0).any()


@pytest.mark.parametrize("live", [12, 33])
def test_randomness_is_the_generators_alone(live: int) -> None:
    random = replace(FIXED, random_pad=True)
    result = [preprocess(clip_of(live, 40), random, BODY, np.random.default_rng(seed)).tobytes() for seed in (1, 1, 2)]
    assert result[0] == result[1] != result[2]


@pytest.mark.parametrize("live", [12, 33])
def test_without_a_generator_nothing_is_random(live: int) -> None:
    result = preprocess(clip_of(live, 40), replace(FIXED, random_pad=True), BODY)
    np.testing.assert_array_equal(result, preprocess(clip_of(live, 40), FIXED, BODY))


def test_undetected_joints_stay_zero() -> None:
    clip = clip_of(12, 14)
    result = preprocess(clip, FIXED, BODY)
    undetected = clip[2, :12] == 0
    assert undetected.any()
    assert not result[:, :12][:, undetected].any()
    assert not result[:, 12:].any()


def test_the_centre_joint_is_at_the_origin() -> None:
    clip = clip_of(12, 14)
    assert clip[:, :, HIP].any()
    assert not preprocess(clip, FIXED, BODY)[:, :, HIP].any()


@pytest.mark.parametrize("center_of", ["frame", "clip"])
def test_centring_does_not_move_scores(center_of: str) -> None:
    clip = clip_of(WINDOW, WINDOW)
    result = preprocess(clip, replace(FIXED, keep=("score",), center_of=center_of), BODY)
    np.testing.assert_array_equal(result[0], clip[2].astype(np.float32))


def test_the_centre_is_interpolated_where_it_is_undetected() -> None:
    clip = np.zeros((3, 7, len(BODY.joints), 1))
    clip[0, :, 0], clip[2, :, 0] = 10, 1  # one joint that stands still at x = 10
    clip[0, [1, 5], HIP], clip[2, [1, 5], HIP] = [[2], [6]], 1  # the centre, seen twice
    result = preprocess(clip, replace(FIXED, window=7), BODY)
    np.testing.assert_array_equal(result[0, :, 0, 0], [8, 8, 7, 6, 5, 4, 4])


def test_an_absent_centre_may_be_the_mean_of_the_visible_joints() -> None:
    """Joints stand at x = 10 and x = 20; the centre shows at x = 2 once, and elsewhere 15 is in their middle."""
    clip = np.zeros((3, 4, len(BODY.joints), 2))
    clip[0, :, :2, 0], clip[2, :, :2, 0] = [10, 20], 1
    clip[0, 1, HIP, 0], clip[2, 1, HIP, 0] = 2, 1
    clip[:, 3] = 0  # nobody: as in the frame before
    result = preprocess(clip, replace(FIXED, window=4, absent_center="visible"), BODY)
    np.testing.assert_array_equal(result[0, :, 0, 0], [-5, 8, -5, 0])
    np.testing.assert_array_equal(result[0, :, 1, 0], [5, 18, 5, 0])
    assert not result[..., 1].any()  # a person who is never there


def damaged() -> tuple[np.ndarray, np.ndarray]:
    """A sound clip (3, 40, 9, 1) of a body that moves steadily, and the same with a stray frame and two empty ones."""
    clip = np.zeros((3, 40, len(BODY.joints), 1))
    clip[:2, :, :, 0] = np.random.default_rng(0).uniform(0.1, 1, (2, 1, len(BODY.joints)))
    clip[:2] += 0.01 * np.arange(40)[:, None, None]
    clip[2] = 0.9
    broken = clip.copy()
    broken[:2, 20] += 7
    broken[:, 10:12] = 0
    return clip, broken


def test_a_damaged_clip_is_repaired() -> None:
    clip, broken = damaged()
    option = replace(FIXED, window=40, center=None, keep=("x", "y", "score"))
    repaired = preprocess(broken, replace(option, teleports="missing", gaps="interpolate"), BODY)
    np.testing.assert_allclose(repaired, clip, atol=FLOAT32_ATOL)
    dropped = preprocess(broken, replace(option, teleports="drop", gaps="drop"), BODY)
    np.testing.assert_allclose(dropped[:, :37], np.delete(clip, [10, 11, 20], axis=1), atol=FLOAT32_ATOL)
    assert not dropped[:, 37:].any()
    np.testing.assert_array_equal(preprocess(broken, option, BODY), broken.astype("f4"))  # all off by default


def test_dropped_frames_are_missing_among_source_frames() -> None:
    option = replace(FIXED, window=40, center=None, teleports="drop", gaps="drop")
    np.testing.assert_array_equal(
        traced(damaged()[1], option, BODY)[1], [*np.delete(np.arange(40), [10, 11, 20]), -1, -1, -1]
    )


@pytest.mark.parametrize("live", [9, WINDOW, 40], ids=["padded", "whole", "sampled"])
@pytest.mark.parametrize("options", [{}, {"teleports": "drop", "gaps": "drop"}], ids=["kept", "dropped"])
@pytest.mark.parametrize("rules", [PADDLEVIDEO, ARTICLE, FIXED], ids=["paddlevideo", "article", "fixed"])
def test_each_frame_equals_its_source_frame(live: int, options: dict[str, str], rules: Preprocessing) -> None:
    clip = clip_of(live, 45)
    clip[:, [2, 5]] = 0
    processed, frames = traced(clip, replace(rules, center=None, **options), BODY)
    taken = np.where(frames < 0, 0, clip[:2, frames].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(processed, taken.astype(np.float32))
    assert len(frames) == WINDOW


def test_dropped_gaps_are_before_the_last_live_frame() -> None:
    clip = np.pad(damaged()[0], ((0, 0), (0, 9), (0, 0), (0, 0)))
    option = replace(FIXED, window=60)
    np.testing.assert_array_equal(preprocess(clip, replace(option, gaps="drop"), BODY), preprocess(clip, option, BODY))


@pytest.mark.parametrize("name", sorted(PREPROCESSINGS))
def test_a_checkpoint_from_before_a_switch_has_it_off(name: str) -> None:
    rules = PREPROCESSINGS[name]
    old = {key: value for key, value in rules.plain.items() if key not in ("absent_center", "teleports", "gaps")}
    assert Preprocessing.of(old) == rules
    assert (rules.absent_center, rules.teleports, rules.gaps) == ("interpolate", "keep", "keep")


def test_without_scores_a_joint_is_detected_where_it_is_not_zero() -> None:
    clip = clip_of(12, 14)
    unscored = replace(FIXED, channels=("x", "y"))
    np.testing.assert_array_equal(preprocess(clip[:2], unscored, BODY), preprocess(clip, FIXED, BODY))


@pytest.mark.parametrize("low", [-3.0, -0.5, 1.0])
def test_signs_do_not_shorten_a_clip(low: float) -> None:
    assert live_frames(clip_of(12, 14, low=low, high=low + 1)[:2]) == 12


@pytest.mark.parametrize("window", [1, 2, 7, 16, 50])
def test_long_clips_are_sampled_evenly_from_the_first_to_the_last_live_frame(window: int) -> None:
    for live in range(window + 1, 3 * window + 2):
        frames = frames_of(preprocess(numbered(live, live + 5), replace(FIXED, window=window, center=None), BODY))
        assert frames[0] == 1
        assert frames[-1] == (live if window > 1 else 1)
        assert np.ptp(np.diff(frames)) <= 1 if window > 1 else True


@pytest.mark.parametrize("center_of", ["frame", "clip"])
@pytest.mark.parametrize("live", [9, 16, 33])
def test_where_the_skater_stands_changes_nothing(live: int, center_of: str) -> None:
    clip = clip_of(live, 40)
    moved = clip.copy()
    moved[:2] += np.where(clip[2] > 0, np.reshape([0.75, -0.5], (2, 1, 1, 1)), 0)
    option = replace(FIXED, center_of=center_of)
    np.testing.assert_allclose(
        preprocess(moved, option, BODY), preprocess(clip, option, BODY), rtol=0, atol=FLOAT32_ATOL
    )


@pytest.mark.parametrize("centring", ["detected", "every_joint"])
def test_centring_a_clip_by_its_first_frame_keeps_the_path(centring: str) -> None:
    clip = clip_of(WINDOW, WINDOW)
    clip[2] = 1  # all detected
    result = preprocess(clip, replace(FIXED, center_of="clip", centring=centring), BODY)
    assert not result[:, 0, HIP].any()
    np.testing.assert_allclose(np.diff(result, axis=1), np.diff(clip[:2], axis=1), rtol=0, atol=FLOAT32_ATOL)


def test_a_joint_with_nan_is_missing_in_that_frame() -> None:
    clip = clip_of(12, 14)
    broken, cleared = clip.copy(), clip.copy()
    broken[0, 3, 2, 0], broken[1, 5, 4, 1], broken[2, 6, 7, 0] = np.nan, np.inf, -np.inf
    for frame, joint, person in ((3, 2, 0), (5, 4, 1), (6, 7, 0)):
        cleared[:, frame, joint, person] = 0
    result = preprocess(broken, replace(FIXED, nan="missing"), BODY)
    np.testing.assert_array_equal(result, preprocess(cleared, FIXED, BODY))


def test_frames_of_nan_alone_end_a_clip() -> None:
    clip = clip_of(9, 14)
    broken = clip.copy()
    broken[:, 9:] = np.nan
    result = preprocess(broken, replace(FIXED, nan="missing"), BODY)
    np.testing.assert_array_equal(result, preprocess(clip, FIXED, BODY))


def test_an_empty_clip_stays_empty() -> None:
    result = preprocess(clip_of(0, 40), FIXED, BODY)
    assert result.shape == (2, WINDOW, len(BODY.joints), 2)
    assert not result.any()


def test_channels_are_kept_in_the_order_asked_for() -> None:
    clip = clip_of(12, 14)
    in_order = preprocess(clip, replace(FIXED, keep=("x", "y", "score")), BODY)
    turned = preprocess(clip, replace(FIXED, keep=("score", "x")), BODY)
    np.testing.assert_array_equal(turned, in_order[[2, 0]])


@pytest.mark.parametrize(
    "shape", [(3, 14, 9), (2, 14, 9, 1), (3, 14, 8, 1), (14, 3, 9, 1)], ids=["rank", "channels", "joints", "order"]
)
def test_refuses_a_clip_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^a clip must be .*C=3 \(x, y, score\) and V=9 \(chain\), got \(.*\)$"):
        preprocess(np.zeros(shape), FIXED, BODY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": "sum"}, r"^preprocessing\.length 'sum' is unknown; choose nonzero or positive_sum$"),
        ({"sampling": "even"}, r"^preprocessing\.sampling 'even' is unknown; choose to_last or to_length$"),
        ({"select": 1}, r"^preprocessing\.select 1 is unknown; choose before or after$"),
        ({"centring": "all"}, r"^preprocessing\.centring 'all' is unknown; choose detected or every_joint$"),
        ({"center_of": "set"}, r"^preprocessing\.center_of 'set' is unknown; choose frame or clip$"),
        ({"nan": "zero"}, r"^preprocessing\.nan 'zero' is unknown; choose refuse or missing$"),
        ({"empty": "drop"}, r"^preprocessing\.empty 'drop' is unknown; choose refuse or keep$"),
        ({"streams": ["bones"]}, r"^preprocessing\.streams: 'bones' is unknown; choose from joint, bone, "),
        ({"keep": ["x", "z"]}, r"^preprocessing\.keep: 'z' is not among the channels x, y, score$"),
        ({"streams": []}, r"must not be empty$"),
        ({"keep": []}, r"must not be empty$"),
        ({"window": 0}, r"^preprocessing\.window must be a whole number of at least 1 frame, got 0$"),
        ({"window": "350"}, r"^preprocessing\.window must be a whole number of at least 1 frame, got '350'$"),
        ({"window": 35.5}, r"^preprocessing\.window must be a whole number of at least 1 frame, got 35\.5$"),
        ({"random_pad": "Fasle"}, r"^preprocessing\.random_pad must be true or false, got 'Fasle'$"),
        ({"windows": 350, "pad": 1}, r"^preprocessing has no option pad, windows; it has window, .*, empty$"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refuses_an_unknown_option(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing.of(options)


def test_names_every_wrong_option_at_once() -> None:
    with pytest.raises(ValueError, match=r"^.*$") as refused:
        Preprocessing.of({"window": -1, "length": "a", "nan": "b", "keep": ["z"], "streams": ["c"]})
    for name in ("window", "length", "nan", "keep", "streams"):
        assert f"preprocessing.{name}" in str(refused.value)


@pytest.mark.parametrize("center", ["Hip", 9, -1])
def test_refuses_a_centre_that_the_layout_has_not(center: str | int) -> None:
    with pytest.raises(ValueError, match=r"^layout 'chain' has no joint .*; choose an index below 9 or one of j0, "):
        preprocess(clip_of(9, 14), replace(FIXED, center=center), BODY)


@pytest.mark.parametrize(("center", "joint"), [("layout", 8), ("j3", 3), (5, 5), (None, None)])
def test_the_centre_may_be_a_name_or_an_index_or_the_layouts_or_none(
    center: str | int | None, joint: int | None
) -> None:
    assert replace(FIXED, center=center).center_joint(BODY) == joint


@pytest.mark.parametrize("name", sorted(PREPROCESSINGS))
def test_plain_values_give_the_same_preprocessing_back(name: str) -> None:
    preprocessing = replace(PREPROCESSINGS[name], keep=("y",), streams=("bone", "joint_motion"))
    assert Preprocessing.of(preprocessing.plain) == preprocessing
    assert all(isinstance(value, int | float | str | list | None) for value in preprocessing.plain.values())


def test_the_network_has_a_channel_for_each_kept_one_of_each_stream() -> None:
    assert replace(FIXED, keep=("x", "y", "score"), streams=("joint", "bone")).in_channels == 6


@pytest.mark.parametrize("live", [9, 40], ids=["padded", "sampled"])
@pytest.mark.parametrize(
    "rules",
    [PADDLEVIDEO, replace(PADDLEVIDEO, center_of="clip"), ARTICLE, FIXED],
    ids=["paddlevideo", "path kept", "article", "fixed"],
)
def test_an_undetected_joint_has_the_predicted_position(live: int, rules: Preprocessing) -> None:
    """Other joints keep their positions."""
    clip = np.abs(clip_of(live, 45))  # so that the article's clips are as long without the joint
    without = clip.copy()
    without[:, :, 3] = 0
    expected = preprocess(clip, rules, BODY)
    expected[:, :, 3] = absent_joint(clip, rules, BODY)
    np.testing.assert_allclose(preprocess(without, rules, BODY), expected, atol=FLOAT32_ATOL)  # measured: 3.0e-8
