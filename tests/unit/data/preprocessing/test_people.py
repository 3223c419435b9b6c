"""A clip gets the person slots of the training: absent people are added, the first who are there are taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgcn_torch.data.preprocessing.people import crowded, in_slots, present


def clip(there: list[bool]) -> np.ndarray:
    """Person m has the value m + 1 in every frame, or is absent."""
    values = np.array([m + 1.0 if is_there else 0.0 for m, is_there in enumerate(there)])
    return np.broadcast_to(values, (2, 3, 4, len(there))).copy()


@given(there=st.lists(st.booleans(), min_size=1, max_size=5), slots=st.none() | st.integers(1, 5))
def test_the_first_who_are_there_are_taken_in_their_order(there: list[bool], slots: int | None) -> None:
    placed = in_slots(clip(there), slots)
    assert placed.shape[3] == (slots or len(there))
    expected = [m + 1.0 for m, is_there in enumerate(there) if is_there][: placed.shape[3]]
    assert [value for value in placed[0, 0, 0].tolist() if value] == expected
    assert crowded(clip(there), slots) == (slots is not None and sum(there) > slots)
    assert present(placed) == np.flatnonzero(placed[0, 0, 0]).tolist()


@pytest.mark.parametrize("slots", [None, 2])
def test_a_clip_that_fits_is_left_as_it_is(slots: int | None) -> None:
    given = clip([False, True])
    assert in_slots(given, slots) is given


def test_a_part_of_a_clip_keeps_the_people_of_the_whole() -> None:
    part = clip([True, False, True])
    assert in_slots(part, 1, [2])[0, 0, 0].tolist() == [3.0]
