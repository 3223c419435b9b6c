"""Laws of the splits: which clips are held out, that nothing is lost, and that classes keep their share."""

import pickle
from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.splits import UNITS, divided, every, folds, groups, held_out

LABELS = np.random.default_rng(0).choice(7, 230, p=np.arange(1, 8) / 28)


def test_every_seventh_clip_from_the_second_is_the_articles_validation() -> None:
    mask = every(2922, 7, 1)
    assert (int((~mask).sum()), int(mask.sum())) == (2504, 418)
    assert np.flatnonzero(mask).tolist() == [i for i in range(2922) if i % 7 == 1]


def test_the_articles_rule_is_the_default() -> None:
    np.testing.assert_array_equal(every(2922), every(2922, 7, 1))


def test_offsets_share_the_clips_between_them() -> None:
    assert (np.sum([every(100, 6, offset) for offset in range(6)], axis=0) == 1).all()


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_folds_hold_out_every_clip_once(count: int) -> None:
    assert (np.sum([folds(LABELS, count, fold) for fold in range(count)], axis=0) == 1).all()


@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(3))
def test_every_class_has_its_share_in_every_fold_to_within_one(count: int, seed: int) -> None:
    sizes = [np.bincount(LABELS[folds(LABELS, count, fold, seed)], minlength=7) for fold in range(count)]
    assert (np.ptp(sizes, axis=0) <= 1).all()
    assert np.ptp(np.sum(sizes, axis=1)) <= 1


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    np.testing.assert_array_equal(folds(LABELS, 5, 2, seed=1), folds(LABELS, 5, 2, seed=1))
    assert (folds(LABELS, 5, 2, seed=1) != folds(LABELS, 5, 2, seed=2)).any()


def test_folds_do_not_draw_from_the_global_generator() -> None:
    state = pickle.dumps(np.random.get_state())  # noqa: NPY002
    first = folds(LABELS, 5, 2)
    assert pickle.dumps(np.random.get_state()) == state  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    np.testing.assert_array_equal(folds(LABELS, 5, 2), first)


def test_a_group_is_held_out_whole() -> None:
    skaters = np.array(["b", "a", "b", "c"])
    assert groups(skaters, "b").tolist() == [True, False, True, False]
    several = {"rule": "groups", "column": "group", "value": ["b", skaters[1]]}
    assert held_out(several, np.arange(4), {"group": skaters}).tolist() == np.isin(skaters, ["b", skaters[1]]).tolist()


def test_rules_are_called_by_name() -> None:
    N = len(LABELS)
    skaters = np.arange(N).astype(str)
    np.testing.assert_array_equal(held_out({"rule": "every", "step": 4, "offset": 3}, LABELS, {}), every(N, 4, 3))
    rule: dict[str, Any] = {"rule": "folds", "folds": 4, "fold": 1, "seed": 9}
    np.testing.assert_array_equal(held_out(rule, LABELS, {}), folds(LABELS, 4, 1, 9))
    rule = {"rule": "groups", "column": "skater", "value": 12}
    assert np.flatnonzero(held_out(rule, LABELS, {"skater": skaters})).tolist() == [12]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rule": "random"}, r"^rule 'random' is unknown; choose one of every, folds, groups, file$"),
        ({"rule": None}, r"^rule None is unknown; choose one of every, folds, groups, file$"),
        ({}, r"^rule None is unknown; choose one of every, folds, groups, file$"),
        ({"rule": "every", "step": 1, "offset": 0}, r"^rule every needs a step above 1 .*, got 1 and 0$"),
        ({"rule": "every", "step": 0}, r"^rule every needs a step above 1 .*, got 0 and 1$"),
        ({"rule": "every", "step": 7, "offset": 7}, r"^rule every needs .* an offset below it, got 7 and 7$"),
        ({"rule": "every", "step": 7, "offset": -1}, r"^rule every needs .* an offset below it, got 7 and -1$"),
        ({"rule": "every", "step": "seven"}, r"^rule every cannot be made of .*'seven'.*$"),
        ({"rule": "every", "stride": 7}, r"^rule every has no option stride; it has step, offset$"),
        ({"rule": "folds", "folds": 1}, r"^rule folds needs at least 2 folds .*, got 1 and 0$"),
        ({"rule": "folds", "folds": 5, "fold": 5}, r"^rule folds needs .* a fold below their number, got 5 and 5$"),
        ({"rule": "folds", "folds": 5, "fold": -1}, r"^rule folds needs .*, got 5 and -1$"),
        ({"rule": "folds", "k": 5}, r"^rule folds has no option k; it has folds, fold, seed, together$"),
        ({"rule": "groups", "column": "skater"}, r"^rule groups cannot be made of .*: 'value'$"),
        ({"rule": "groups", "value": "a"}, r"^rule groups cannot be made of .*: 'column'$"),
        ({"rule": "groups", "column": "skater", "value": "d"}, r"^no clip is of group 'd'; choose one of a, b, c$"),
    ],
    ids=str,
)
def test_refuses_a_rule_that_it_does_not_know(rule: dict[str, Any], message: str) -> None:
    skaters = np.array(["b", "a", "c"])
    with pytest.raises(ValueError, match=message):
        held_out(rule, np.zeros(3, int), {"skater": skaters})


def test_options_of_other_rules_may_stand_beside() -> None:
    """As they do in a configuration that changes the rule alone."""
    mask = held_out({"rule": "every", "step": 3, "offset": 0, "folds": 5, "value": None}, np.zeros(6, int), {})
    assert mask.tolist() == [True, False, False, True, False, False]


def test_every_clip_is_in_one_split_and_the_rest_trains() -> None:
    """The test is held out first, validation of what it leaves: clips 0 and 1 go to b, then every second of 2..7."""
    rules = {
        "test": {"rule": "groups", "column": "group", "value": "b"},
        "own": {"rule": "file", "clips": "c.npy", "labels": "l.npy"},
        "val": {"rule": "every", "step": 2, "offset": 1},
    }
    parts = divided(rules, np.zeros(8, dtype=int), {"group": np.array(list("bbaaaaaa"))})
    assert {name: indices.tolist() for name, indices in parts.items()} == {
        "test": [0, 1],
        "val": [3, 5, 7],
        "train": [2, 4, 6],
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [2, 5])
def test_units_stay_together_and_classes_keep_their_share(count: int, seed: int) -> None:
    """Of 60 recordings with 1 to 6 clips of one class or of several."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(60), rng.integers(1, 7, 60))
    labels = np.where(rng.random(len(units)) < 0.7, rng.integers(0, 4, 60)[units], rng.integers(0, 4, len(units)))
    masks = [folds(labels, count, fold, seed, units) for fold in range(count)]
    assert (np.sum(masks, axis=0) == 1).all()
    for mask in masks:
        assert not {*units[mask]} & {*units[~mask]}
    sizes = np.array([np.bincount(labels[mask], minlength=4) for mask in masks])
    assert (np.abs(sizes - sizes.mean(axis=0)) <= 6).all()  # clips of the largest unit
    rule = {"rule": "folds", "folds": count, "fold": 0, "seed": seed}
    together = held_out(rule | {"together": True}, labels, {UNITS: units})
    assert np.array_equal(together, masks[0])
    apart = folds(labels, count, 0, seed)
    assert np.array_equal(held_out(rule, labels, {UNITS: units}), apart)
    assert np.array_equal(held_out(rule | {"together": True}, labels, {}), apart)


def test_units_of_one_clip_share_classes_as_single_clips_do() -> None:
    sizes = [np.bincount(LABELS[folds(LABELS, 5, fold, 0, np.arange(230))], minlength=7) for fold in range(5)]
    assert (np.ptp(sizes, axis=0) <= 1).all()
