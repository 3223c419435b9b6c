"""Findings as text: errors first, and a last line that says whether to go on."""

import pytest

from stgcn_torch.data.check.finding import SEVERITIES, Finding, as_text, hopeless

NOTE = Finding("note", "gaps", "3 frames are empty", 3, ("a.npy[1]",))
ERROR = Finding(
    "error", "nan", "7 clips have NaN", 7, tuple(f"a.npy[{i}]" for i in range(7)), "preprocessing.nan=missing"
)


def test_errors_come_first_each_with_its_places_and_what_to_type() -> None:
    assert as_text([NOTE, ERROR]).splitlines() == [
        "error    7 clips have NaN",
        "           a.npy[0], a.npy[1], a.npy[2], a.npy[3], a.npy[4], ...",
        "           try preprocessing.nan=missing",
        "note     3 frames are empty",
        "           a.npy[1]",
        "stop: 1 errors, 0 warnings, 1 notes",
    ]


def test_nothing_found_is_one_line() -> None:
    assert as_text([]) == "go on: 0 errors, 0 warnings, 0 notes"


@pytest.mark.parametrize("severity", SEVERITIES)
def test_only_an_error_is_hopeless(severity: str) -> None:
    assert hopeless([NOTE, Finding(severity, "x", "y")]) == (severity == "error")
