"""Which clips are asked for, and what each is called."""

from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.commands.input_source import Place
from stgcn_torch.tasks.explain import LARGE, indices, oversized, title


@pytest.mark.parametrize(("given", "asked"), [(2, [2]), ([0], [0]), ([4, 1], [4, 1])])
def test_one_clip_or_several_in_their_order(given: int | list[int], asked: list[int]) -> None:
    assert indices(given, 5) == asked


@pytest.mark.parametrize("given", [5, [0, 5]])
def test_a_clip_that_is_not_there_is_refused(given: int | list[int]) -> None:
    with pytest.raises(ValueError, match="is none of the 5 clips, which are numbered from 0 to 4"):
        indices(given, 5)


def test_a_page_too_large_for_a_phone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(bytes(LARGE))
    assert oversized(str(path)) == []
    path.write_bytes(bytes(LARGE + 1))
    assert oversized(str(path)) == [f"{path} has 2.0 MB; fewer clips or a smaller top_k= take less"]


@pytest.mark.parametrize(
    ("place", "people", "said"),
    [
        (Place(3, end=20), 1, "clips.npy, clip 3, frames 0 to 14"),
        (Place(3, end=20), 2, "clips.npy, clip 3, 2 people, frames 0 to 14"),
        (Place(0, "video", "1", 4, 24), 1, "video, person 1, frames 4 to 18"),
        (Place(0, "video", "", 0, 20), 2, "video, 2 people, frames 0 to 14"),
    ],
)
def test_a_title_says_what_who_and_when(place: Place, people: int, said: str) -> None:
    clip = np.zeros((3, 20, 25, 3))
    clip[:, :15, :, :people] = 1
    assert title("folder/clips.npy", place, clip) == said
