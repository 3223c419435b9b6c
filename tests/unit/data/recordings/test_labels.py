"""Labels are numbers or names, as most of a file's are; an odd one is told of, and no other is lost."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.recordings.labels import labels_of, number_of
from stgcn_torch.data.recordings.recording import Label


def test_numbers_of_any_form_are_numbers() -> None:
    assert labels_of([0, "1", 2.0, np.int8(3), np.str_("4"), None, -1]) == [
        *(Label(str(k), k) for k in range(5)),
        None,
        None,
    ]


def test_numbers_have_the_names_that_the_file_lists() -> None:
    assert labels_of([1, 0, 2], ["fall", "walk\x1b"]) == [Label("walk\\x1b", 1), Label("fall", 0), Label("2", 2)]


def test_names_are_classes_also_where_some_look_like_numbers() -> None:
    assert labels_of(["walk", " fall\n", "3"]) == [Label("walk"), Label("fall"), Label("3")]


@pytest.mark.parametrize("odd", [True, 2.5, [1], "walk", np.nan, {}])
def test_an_odd_one_is_told_of(odd: Any) -> None:
    first, problem, last = labels_of([1, odd, 2])
    assert (first, last) == (Label("1", 1), Label("2", 2))
    assert str(problem).startswith("its label must be a whole number, as others' are, got ")


def test_a_name_that_is_none_is_told_of() -> None:
    assert labels_of(["walk", "fall", [1], ""])[2:] == [
        "its label must be a name, got [1]",
        "its label must be a name, got ''",
    ]


@pytest.mark.parametrize(("value", "number"), [(10**400, 10**400), ("1e3", 1000), ("nan", None), (np.bool_(1), None)])
def test_a_number_is_whole(value: Any, number: int | None) -> None:
    assert number_of(value) == number
