"""stgcn_torch/drawing/style.py."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.drawing.style import THEMES, Theme, save

READABLE = 4.5  # the contrast that WCAG asks of text

each_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def grey(colour: str) -> float:
    return float(np.dot([0.299, 0.587, 0.114], to_rgb(colour)))


def drawn(theme: Theme, words: str = "MidHip") -> Figure:
    with theme.worn([words]):
        figure = Figure(figsize=(2, 1))
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1])
        axes.set_title(words)
    return figure


@each_theme
def test_text_can_be_read_and_muted_things_do_not_vie_with_it(theme: Theme) -> None:
    assert contrast(theme.text, theme.background) > READABLE
    assert contrast(theme.muted, theme.background) < contrast(theme.text, theme.background) / 3


@each_theme
def test_left_and_right_and_the_first_categories_differ_in_grey(theme: Theme) -> None:
    assert abs(grey(theme.left) - grey(theme.right)) > 0.1
    assert abs(grey(theme.categories[0]) - grey(theme.categories[1])) > 0.1
    assert len(set(theme.categories)) == len(theme.categories)


@each_theme
def test_below_and_above_the_middle_differ_in_grey(theme: Theme) -> None:
    below, middle, above = (grey(mpl.colors.to_hex(theme.around(x))) for x in (0.0, 0.5, 1.0))
    assert above - below > 0.2
    assert abs(middle - grey(theme.background)) < min(abs(end - grey(theme.background)) for end in (below, above))


@each_theme
def test_figures_look_as_the_theme_says_and_nothing_else_does(theme: Theme) -> None:
    before = dict(mpl.rcParams)
    figure = drawn(theme)
    assert mpl.colors.to_hex(figure.get_facecolor()) == theme.background
    assert figure.axes[0].title.get_color() == theme.text
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_figure_makes_the_same_file(form: str, tmp_path: Path) -> None:
    for name in "ab":
        with THEMES["light"].worn():
            save(drawn(THEMES["light"]), tmp_path / f"{name}.{form}")
    assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()


@each_theme
def test_a_saved_picture_has_the_background(theme: Theme, tmp_path: Path) -> None:
    with theme.worn():
        save(drawn(theme), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        corner = picture.convert("RGB").getpixel((0, 0))
    assert corner == tuple(round(255 * c) for c in to_rgb(theme.background))


@pytest.mark.parametrize("word", ["$a_{b$", "左膝", "колено", "\U0001f9b5 leg"])
def test_no_word_becomes_a_box_or_a_formula(word: str, tmp_path: Path) -> None:
    (shown,), _ = drawable([word])  # a number, where no font has its characters
    save(drawn(THEMES["light"], shown), tmp_path / "word.png")  # a missing glyph is a warning, and so an error


def test_a_figure_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        save(drawn(THEMES["light"]), tmp_path / "file" / "a.png")
