"""Which words a picture can show, and in which fonts: names may be in any script."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, get_font

LONGEST = 24  # characters of a name in a picture


def drawable(names: Sequence[str], longest: int = LONGEST) -> tuple[list[str], list[str]]:
    """Names as a picture can show them, and the font families that have their characters.

    A name that no installed font can draw becomes its number.

    Args:
        names: Of classes or joints.
        longest: Characters of a name, of which a longer one loses its end.
    """
    words = [" ".join(name.split()) for name in names]
    words = [word if len(word) <= longest else f"{word[: longest - 1]}…" for word in words]
    families, missing = _families(words)
    return [f"{i} (no font)" if missing & {*word} else word for i, word in enumerate(words)], families


def without_font(names: Sequence[str]) -> list[str]:
    """Those of the names that no installed font can draw."""
    _, missing = _families([" ".join(name.split()) for name in names])
    return [name for name in names if missing & {*name}]


def _families(words: Sequence[str]) -> tuple[list[str], set[str]]:
    """Families that together have the characters of words, the usual one first, and the characters that none has."""
    families = list(FontProperties().get_family())
    missing = {*"".join(words)} - _characters(findfont(FontProperties()))
    for look_again in (False, True):
        if missing and look_again:
            _add_new_fonts()
        for font in fontManager.ttflist if missing else ():
            if (font.style, font.weight) != ("normal", 400) or font.name.startswith("Last Resort"):  # has but boxes
                continue
            if found := missing & _characters(font.fname):
                families.append(font.name)
                missing -= found
    return families, missing


@cache
def _characters(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except OSError:  # a font that was removed after matplotlib listed it
        return frozenset()


@cache
def _add_new_fonts() -> None:
    """Tell matplotlib of fonts that were installed after it last listed them, which it does once and for all."""
    known = {font.fname for font in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            with suppress(OSError, RuntimeError, ValueError):  # one that it cannot read, such as of bitmaps
                fontManager.addfont(path)
