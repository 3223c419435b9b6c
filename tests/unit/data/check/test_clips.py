"""Each fault planted in a clip is found at its place, and no other fault."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.check import findings
from stgcn_torch.data.check.clips import unit
from tests.walkers import BODY, CENTER, Change, T, survey_of

C = BODY.center


def assigned(where: Any, value: float) -> Change:
    def change(clips: np.ndarray) -> None:
        clips[where] = value

    return change


def scaled(where: Any, factor: float) -> Change:
    def change(clips: np.ndarray) -> None:
        clips[where] *= factor

    return change


def moved(which: int | slice, frames: slice) -> Change:
    def change(clips: np.ndarray) -> None:
        clips[which, :2, frames] += 3

    return change


FAULTS = [
    pytest.param(assigned((7, 1, 3, 2), np.nan), ("error", "nan", 1, "train.npy[7]"), id="NaN"),
    pytest.param(assigned((7, 0, 3, 2), np.inf), ("error", "nan", 1, "train.npy[7]"), id="inf"),
    pytest.param(assigned((5,), 0), ("error", "empty", 1, "train.npy[5]"), id="empty clip"),
    pytest.param(assigned((4, slice(None), slice(9, 12)), 0), ("note", "gaps", 3, "train.npy[4]"), id="gap"),
    pytest.param(
        assigned((slice(None), slice(None), slice(9, 12)), 0), ("warning", "gaps", 60, "train.npy[0]"), id="many gaps"
    ),
    pytest.param(assigned((3, slice(None), slice(9, 12), C), 0), ("note", "centre", 3, "train.npy[3]"), id="centre"),
    pytest.param(
        assigned((slice(None), slice(None), slice(9, 18), C), 0),
        ("warning", "centre", 180, "train.npy[0]"),
        id="centre often",
    ),
    pytest.param(moved(6, slice(20, T)), ("warning", "cuts", 1, "train.npy[6]"), id="cut"),
    pytest.param(moved(6, slice(20, 22)), ("note", "strays", 2, "train.npy[6]"), id="stray"),
    pytest.param(scaled((2, slice(2)), 1000), ("warning", "scales", 1, "train.npy[2]"), id="another unit"),
    pytest.param(scaled((2, slice(2)), 0.01), ("warning", "scales", 1, "train.npy[2]"), id="another unit below"),
    pytest.param(scaled((slice(None), 2), 100), ("warning", "score", 20, "train.npy[0]"), id="percent"),
]


def test_nothing_is_found_in_a_clean_set() -> None:
    assert findings(survey_of()) == []


@pytest.mark.parametrize(("change", "expected"), FAULTS)
def test_a_fault_is_found(change: Change, expected: tuple[str, str, int, str]) -> None:
    (finding,) = findings(survey_of(change))
    assert (finding.severity, finding.name, finding.count, finding.where[0]) == expected
    assert str(finding.count) in finding.what


@pytest.mark.parametrize(
    ("change", "rule", "name"),
    [(assigned((7, 1, 3, 2), np.nan), {"nan": "missing"}, "nan"), (assigned((5,), 0), {"empty": "keep"}, "empty")],
)
def test_what_the_preprocessing_allows_is_a_note(change: Change, rule: dict[str, str], name: str) -> None:
    (finding,) = findings(survey_of(change, **rule))
    assert (finding.severity, finding.name, finding.remedy) == ("note", name, "")
    (refused,) = findings(survey_of(change))
    assert refused.remedy == "preprocessing." + "=".join(*rule.items())


def test_a_person_who_never_shows_the_centre_is_found() -> None:
    gone = assigned((8, slice(None), slice(None), C), 0)
    centre, never = findings(survey_of(gone))
    assert (centre.name, centre.severity, centre.count) == ("centre", "note", T)
    assert (never.name, never.severity, never.where) == ("uncentred", "warning", ("train.npy[8]",))
    assert never.remedy == "preprocessing.absent_center=visible"
    assert CENTER in never.what
    (left,) = findings(survey_of(gone, absent_center="visible"))
    assert (left.name, left.severity) == ("centre", "note")


def test_a_missing_centre_counts_for_more_where_it_moves_every_joint() -> None:
    change = assigned((3, slice(None), slice(9, 12), C), 0)
    (finding,) = findings(survey_of(change, centring="every_joint"))
    assert (finding.severity, finding.remedy) == ("warning", "preprocessing.centring=detected")
    assert findings(survey_of(change, center=None)) == []


@pytest.mark.parametrize(
    ("change", "name", "remedy"),
    [
        (assigned((slice(None), slice(None), slice(9, 12)), 0), "gaps", {"gaps": "interpolate"}),
        (moved(slice(None), slice(20, 22)), "strays", {"teleports": "missing"}),
    ],
)
def test_what_the_preprocessing_repairs_is_a_note(change: Change, name: str, remedy: dict[str, str]) -> None:
    (finding,) = findings(survey_of(change))
    assert (finding.severity, finding.name) == ("warning", name)
    assert finding.remedy == "preprocessing." + "=".join(*remedy.items())
    (left,) = findings(survey_of(change, **remedy))
    assert (left.severity, left.name, left.remedy) == ("note", name, "")


def test_a_joint_that_no_clip_has_is_found() -> None:
    gone = assigned((slice(None), slice(None), slice(None), 3), 0)
    (finding,) = findings(survey_of(gone, test=gone))
    assert (finding.name, finding.where) == ("joints", ("LEar",))


@pytest.mark.parametrize(("factor", "remedy"), [(10, "unit=0.1"), (400, "unit=0.01"), (4000, "unit=0.001")])
def test_an_unusual_unit_is_found_where_all_clips_have_it(factor: float, remedy: str) -> None:
    every = scaled((slice(None), slice(2)), factor)
    (finding,) = findings(survey_of(every, test=every))
    assert (finding.severity, finding.name) == ("warning", "units")
    assert finding.remedy.endswith(remedy)


def test_a_channel_that_says_nothing_is_found() -> None:
    flat = assigned((slice(None), 1, slice(T)), 0.5)
    (finding,) = findings(survey_of(flat, test=flat))
    assert (finding.name, finding.what) == ("constant", "channel y is 0.5 throughout")


@pytest.mark.parametrize(
    ("size", "name"),
    [(0.5, "shares of the image"), (1.8, "metres"), (180, "pixels or centimetres"), (1800, "pixels or millimetres")],
)
def test_sizes_look_like_units(size: float, name: str) -> None:
    assert unit(size).startswith(name)
