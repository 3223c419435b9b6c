"""Joints are known by their names in any order; what no layout has is told."""

import random

import pytest

from stgcn_torch.data.recordings.named_joints import layout_of
from stgcn_torch.skeleton import LAYOUTS


def spelled(name: str) -> str:
    """As COCO's files spell joints: LBigToe is left_big_toe."""
    side = {"L": "left_", "R": "right_"}.get(name[0], "") if name[1:2].isupper() else ""
    rest = name[1:] if side else name
    return side + "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(rest))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("spelling", [str, spelled, str.upper])
def test_a_layout_is_known_by_its_names_in_any_order(layout: str, spelling: object) -> None:
    names = [spelling(name) for name in LAYOUTS[layout].joints]  # type: ignore[operator]
    random.Random(0).shuffle(names)
    assert layout_of(names) == (layout, "")


def test_a_part_of_a_layout_is_told() -> None:
    names = [spelled(name) for name in LAYOUTS["coco"].joints if "Ear" not in name]
    assert layout_of(names) == ("coco", "it has no LEar, REar of coco")


def test_what_no_layout_has_is_named() -> None:
    names = ["nose", "head_bottom", "head_top", *(spelled(name) for name in LAYOUTS["coco"].joints[3:])]
    layout, told = layout_of(names)
    assert layout is None
    assert told == "the joints head_bottom are not of body_25b, whose others it has"
    assert layout_of(["a", "b"])[0] is None
    assert layout_of(["nose", "NOSE"]) == (None, "it names joints twice")
