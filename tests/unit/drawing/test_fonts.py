"""stgcn_torch/drawing/fonts.py; its use in figures is tested in test_report.py and test_style.py."""

import pytest
from matplotlib.font_manager import FontEntry, findfont, fontManager

from stgcn_torch.drawing import fonts
from stgcn_torch.drawing.fonts import drawable, without_font

NOBODYS = "\U0010fffd"
WATCH = "\N{WATCH}"  # in no DejaVu Sans, but in a font that matplotlib brings


def test_a_name_without_font_is_its_number_and_can_be_told() -> None:
    names = ["Axel", f"knee {NOBODYS}", "右膝" + NOBODYS, "tab\tbed"]
    assert drawable(names)[0] == ["Axel", "1 (no font)", "2 (no font)", "tab bed"]
    assert without_font(names) == names[1:3]


def test_a_long_name_loses_its_end() -> None:
    assert drawable(["a" * 25, "b" * 24])[0] == ["a" * 23 + "…", "b" * 24]


def test_the_usual_font_is_enough_for_what_it_has() -> None:
    assert drawable(["MidHip"])[1] == ["sans-serif"]


def test_a_font_that_is_gone_has_no_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = [FontEntry("/none.ttf", "Gone", "normal", "normal", 400, "normal", "scalable")]
    monkeypatch.setattr(fontManager, "ttflist", gone + fontManager.ttflist)
    assert "Gone" not in drawable([WATCH])[1]


@pytest.mark.parametrize("found", [True, False])
def test_a_font_is_found_that_is_newer_than_the_list_of_matplotlib(
    found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (family,) = set(drawable([WATCH])[1]) - {"sans-serif"}
    path = findfont(family)
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.name == "DejaVu Sans"])
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: ["/none.ttf", path] if found else [])
    fonts._add_new_fonts.cache_clear()
    try:
        assert drawable([WATCH])[0] == [WATCH if found else "0 (no font)"]
    finally:
        fonts._add_new_fonts.cache_clear()
