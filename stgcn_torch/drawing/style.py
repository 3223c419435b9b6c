"""The light and dark themes of figures, and writing figures to files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.files import written_whole

FORMATS = ("png", "svg")
DPI = 110  # of a PNG


@dataclass(frozen=True)
class Theme:
    """Colours of a figure, in matplotlib's notation.

    Attributes:
        name: ``light`` or ``dark``.
        background: Of the page.
        text: Of text and axes.
        muted: Of secondary elements: leader lines, grids, bones behind arrows.
        left: Of a body's left side (the person's own); sides differ by their markers too.
        right: Of a body's right side.
        middle: Of joints without a side.
        categories: Distinct for colour-blind readers (after Okabe and Ito's palette), the first two in grey too.
        quantity: Name of a perceptually uniform colour map with its low end near the background.
        diverging: Three colours, below, at and above the middle, which is near the background; in greyscale the one
            above is lighter than the one below.
    """

    name: str
    background: str
    text: str
    muted: str
    left: str
    right: str
    middle: str
    categories: tuple[str, ...]
    quantity: str
    diverging: tuple[str, str, str]

    def fade(self, colour: str) -> Colormap:
        """Colour map from the background to a colour."""
        return LinearSegmentedColormap.from_list("fade", [self.background, colour])

    @property
    def around(self) -> Colormap:
        """Diverging colour map, for quantities on both sides of a middle."""
        return LinearSegmentedColormap.from_list("around", self.diverging)

    @contextmanager
    def worn(self, words: Sequence[str] = ()) -> Iterator[None]:
        """Context manager: new figures have this theme, and fonts for these words in any script."""
        with mpl.rc_context(self._settings | {"font.family": drawable(words)[1]}):
            yield

    @property
    def _settings(self) -> Any:
        keys = ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color")
        return {
            **dict.fromkeys(keys, self.text),
            **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), self.background),
            "grid.color": self.muted,
            "legend.labelcolor": self.text,
            "legend.frameon": False,
            **dict.fromkeys(("figure.constrained_layout.h_pad", "figure.constrained_layout.w_pad"), 0.08),
            "axes.prop_cycle": cycler(color=self.categories),
            "image.cmap": self.quantity,
            "text.parse_math": False,  # a name may contain a dollar sign
            "svg.hashsalt": "stgcn-torch",  # equal figures give equal files
        }


THEMES = {
    "light": Theme(
        "light",
        background="#ffffff",
        text="#1f2328",
        muted="#b8bec6",
        left="#0072b2",
        right="#d55e00",
        middle="#57606a",
        categories=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"),
        quantity="viridis_r",
        diverging=("#08519c", "#d3d7dc", "#e8820c"),
    ),
    "dark": Theme(
        "dark",
        background="#0d1117",
        text="#e6edf3",
        muted="#4d5560",
        left="#4aa3df",
        right="#f0b429",
        middle="#adb5bf",
        categories=("#4aa3df", "#f0b429", "#2bc59b", "#dd9fc2", "#f0e442", "#9fd3f5", "#ffffff"),
        quantity="viridis",
        diverging=("#3285d8", "#454d57", "#ffb454"),
    ),
}


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of the suffix, ``.png`` or ``.svg``; the file appears whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    form = Path(path).suffix[1:]
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format=form, metadata={"Date": None} if form == "svg" else None)
