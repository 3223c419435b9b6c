"""Clips side by side as they are played, and under each what the network says of as much as has been seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stgcn_torch.drawing.clip import Film, Stage
from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.drawing.moving import Rate, write_moving
from stgcn_torch.drawing.style import Theme

WIDTH, HEIGHT = 2.3, 3.3  # of a clip with its bars, inches
BARS = 3  # classes under a clip
STILL = 1.5  # seconds that the last picture stays


@dataclass(frozen=True)
class Recognition:
    """A clip, and what a network says of its beginnings.

    Attributes:
        film: The clip.
        classes: Names of the classes.
        probabilities: ``probabilities[t]`` of all classes when frames 0 to t have been seen, for its live frames.
    """

    film: Film
    classes: Sequence[str]
    probabilities: Float[np.ndarray, "T K"]


@dataclass(frozen=True)
class Recognitions:
    """What is played side by side.

    Attributes:
        clips: From left to right.
        rate: How fast.
    """

    clips: Sequence[Recognition]
    rate: Rate

    @property
    def words(self) -> Sequence[str]:
        """What figures write in a script of the user's."""
        return [name for one in self.clips for name in one.classes]


class Bars:
    """The answer and the classes that a clip was taken for most of the time before, as bars that grow and shrink.

    The class that is the most likely of all has colour.

    Args:
        axes: Where.
        one: The clip.
        theme: The colours.
    """

    def __init__(self, axes: Axes, one: Recognition, theme: Theme) -> None:
        self.said, self.theme = one.probabilities, theme
        K = len(one.classes)
        best = np.bincount(self.said.argmax(axis=1), minlength=K) / len(self.said)
        answer = np.arange(K) == self.said[-1].argmax()
        self.shown = np.argsort(-(2 * answer + best + self.said.mean(axis=0)), kind="stable")[:BARS]
        names = drawable(one.classes)[0]
        rows = range(len(self.shown))
        axes.barh(rows, 1, height=0.28, color=theme.muted, alpha=0.35)
        self.bars = axes.barh(rows, 0, height=0.28)
        self.texts = [axes.text(1, y - 0.22, "", fontsize=8, ha="right", va="bottom") for y in rows]
        self.names = [
            axes.text(0, y - 0.22, names[k], fontsize=8, va="bottom") for y, k in zip(rows, self.shown, strict=True)
        ]
        axes.set(xlim=(0, 1), ylim=(BARS - 0.7, -0.75))
        axes.set_axis_off()

    def show(self, t: int) -> None:
        """Show what is said when frame t has been seen."""
        said = self.said[t]
        for k, bar, text, name in zip(self.shown, self.bars, self.texts, self.names, strict=True):
            best = said[k] == said.max()
            bar.set_width(said[k])
            bar.set_color(self.theme.categories[1] if best else self.theme.middle)
            text.set_text(f"{said[k]:.2f}")
            for word in (text, name):
                word.set_color(self.theme.text if best else self.theme.middle)


def write_recognitions(given: Recognitions, path: str | Path, theme: Theme) -> None:
    """Play clips side by side, each to its end; errors as in ``write_moving``."""
    count = len(given.clips)
    figure = Figure(figsize=(WIDTH * count, HEIGHT), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(2, count, squeeze=False, height_ratios=(2.2, 1))
    parts = [
        (len(one.probabilities) - 1, Stage(stage, one.film, theme), Bars(bars, one, theme))
        for one, stage, bars in zip(given.clips, *panels, strict=True)
    ]

    def show(t: int) -> None:
        for last, stage, bars in parts:
            stage.show(min(t, last))
            bars.show(min(t, last))

    figure.supxlabel("probability of each class, of the frames so far", fontsize=8, color=theme.middle)
    longest = max(last for last, *_ in parts) + 1
    per_second = given.rate.per_second(longest)
    frames = given.rate.pictures(longest) + [longest - 1] * round(STILL * per_second)
    write_moving(figure, show, frames, path, per_second)
