"""How figures look, light and dark, and how they become files."""

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
    """Colours of a figure, as matplotlib takes them.

    Attributes:
        name: ``light`` or ``dark``.
        background: Of the page.
        text: Of words and axes.
        muted: Of what must not draw the eye: leader lines, grids, bones behind arrows.
        left: Of the left side of a body, as its owner says it,
        right: and of the right side; each is drawn with a marker of its own too.
        middle: Of joints that have no side.
        categories: Told apart by the colour-blind (after Okabe and Ito's palette), the first two in grey too.
        quantity: Name of a perceptually uniform colour map whose low end is near the background.
        diverging: Three colours, below, at and above the middle, which is near the background; in grey what is above
            is lighter than what is below.
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
        """The colours from the background to this one."""
        return LinearSegmentedColormap.from_list("fade", [self.background, colour])

    @property
    def around(self) -> Colormap:
        """The colour map of quantities that lie on both sides of a middle."""
        return LinearSegmentedColormap.from_list("around", self.diverging)

    @contextmanager
    def worn(self, words: Sequence[str] = ()) -> Iterator[None]:
        """Within the block new figures look so, and fonts are there for these words, in whatever script."""
        with mpl.rc_context(self._settings | {"font.family": drawable(words)[1]}):
            yield

    @property
    def _settings(self) -> Any:
        places = ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color")
        return {
            **dict.fromkeys(places, self.text),
            **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), self.background),
            "grid.color": self.muted,
            "legend.labelcolor": self.text,
            "legend.frameon": False,
            **dict.fromkeys(("figure.constrained_layout.h_pad", "figure.constrained_layout.w_pad"), 0.08),
            "axes.prop_cycle": cycler(color=self.categories),
            "image.cmap": self.quantity,
            "text.parse_math": False,  # a name may hold a dollar
            "svg.hashsalt": "stgcn-torch",  # the same figure makes the same file
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
    """Write a figure as its suffix says, ``.png`` or ``.svg``; the file appears whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    form = Path(path).suffix[1:]
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format=form, metadata={"Date": None} if form == "svg" else None)
