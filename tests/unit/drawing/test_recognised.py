"""stgcn_torch/drawing/recognised.py."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from stgcn_torch.drawing.clip import Film
from stgcn_torch.drawing.moving import Rate
from stgcn_torch.drawing.pose import standing
from stgcn_torch.drawing.recognised import Bars, Recognition, Recognitions, write_recognitions
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.skeleton import LAYOUTS

DARK = THEMES["dark"]
CLASSES = ("Axel", "Lutz", "Salchow", "Flip", "Loop")


def recognition(T: int, *probabilities: list[float]) -> Recognition:
    """A person who walks to the right for T frames; each row of probabilities lasts equally long."""
    pose = standing(LAYOUTS["fsd10"])[None] + 1 + np.linspace(0, 1, T)[:, None, None] * (1, 0)
    clip = np.moveaxis(pose, -1, 0)[..., None]
    rows = np.array(probabilities)[np.linspace(0, len(probabilities) - 1e-9, T).astype(int)]
    return Recognition(Film(clip, "xy", LAYOUTS["fsd10"]), CLASSES, rows)


CHANGED = recognition(
    10,
    [0.00, 0.70, 0.20, 0.05, 0.05],
    [0.00, 0.80, 0.10, 0.05, 0.05],
    [0.02, 0.00, 0.01, 0.95, 0.02],
    [0.02, 0.00, 0.01, 0.95, 0.02],
    [0.90, 0.00, 0.05, 0.05, 0.00],
)


def test_the_answer_comes_first_and_then_what_was_said_longest() -> None:
    bars = Bars(Figure().subplots(), CHANGED, DARK)
    assert [CLASSES[k] for k in bars.classes] == ["Axel", "Flip", "Lutz"]


@pytest.mark.parametrize(("t", "best"), [(0, "Lutz"), (5, "Flip"), (9, "Axel")])
def test_bars_are_as_long_as_the_class_is_likely_and_the_likeliest_has_colour(t: int, best: str) -> None:
    bars = Bars(Figure().subplots(), CHANGED, DARK)
    bars.show(t)
    for k, bar, text in zip(bars.classes, bars.bars, bars.texts, strict=True):
        assert bar.get_width() == CHANGED.probabilities[t, k]
        assert text.get_text() == f"{CHANGED.probabilities[t, k]:.2f}"
        assert (to_hex(bar.get_facecolor()) == DARK.categories[1]) == (CLASSES[k] == best)


def test_fewer_classes_than_bars_are_all_shown() -> None:
    one = Recognition(CHANGED.film, CLASSES[:2], CHANGED.probabilities[:, :2])
    assert sorted(Bars(Figure().subplots(), one, DARK).classes) == [0, 1]


def test_the_longest_clip_is_played_to_its_end_and_the_last_picture_stays(tmp_path: Path) -> None:
    recognitions = Recognitions([CHANGED, recognition(4, [1.0, 0, 0, 0, 0])], Rate(10))
    with DARK.worn(recognitions.words):
        write_recognitions(recognitions, tmp_path / "two.gif", DARK)
    with Image.open(tmp_path / "two.gif") as gif:
        shown = [picture.info["duration"] for picture in ImageSequence.Iterator(gif)]
        assert gif.width == pytest.approx(2 * 230, abs=1)
    assert sum(shown) == 10 * 100 + 1500
    assert len(shown) == 10  # those that stand still are one
    assert shown[-1] == 1600
