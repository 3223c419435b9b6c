"""Fonts for names in any script, and names that no font can draw."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, get_font

LONGEST = 24  # characters of a name in a picture


def drawable(names: Sequence[str], longest: int = LONGEST) -> tuple[list[str], list[str]]:
    """Names in drawable characters, and the font families that have these characters.

    A name that no installed font can draw becomes its number.

    Args:
        names: Names of classes or joints.
        longest: Largest length of a name in characters; longer names lose their end.
    """
    words = [" ".join(name.split()) for name in names]
    words = [word if len(word) <= longest else f"{word[: longest - 1]}…" for word in words]
    families, missing = _families(words)
    return [f"{i} (no font)" if missing & {*word} else word for i, word in enumerate(words)], families


def without_font(names: Sequence[str]) -> list[str]:
    """The names that no installed font can draw."""
    _, missing = _families([" ".join(name.split()) for name in names])
    return [name for name in names if missing & {*name}]


def _families(words: Sequence[str]) -> tuple[list[str], set[str]]:
    """Families that together have the words' characters, the default one first, and characters without a font."""
    families = list(FontProperties().get_family())
    missing = {*"".join(words)} - _characters(findfont(FontProperties()))
    for look_again in (False, True):
        if missing and look_again:
            _add_new_fonts()
        for font in fontManager.ttflist if missing else ():
            if (font.style, font.weight) != ("normal", 400) or font.name.startswith("Last Resort"):  # it has only boxes
                continue
            if characters := missing & _characters(font.fname):
                families.append(font.name)
                missing -= characters
    return families, missing


@cache
def _characters(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except OSError:  # a font that was removed after matplotlib listed it
        return frozenset()


@cache
def _add_new_fonts() -> None:
    """Register fonts that were installed after matplotlib cached its list."""
    known = {font.fname for font in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            with suppress(OSError, RuntimeError, ValueError):  # unreadable fonts, such as bitmaps
                fontManager.addfont(path)
