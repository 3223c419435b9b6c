"""Animation of clips side by side, with class probabilities from the frames so far under each."""

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

WIDTH, HEIGHT = 2.3, 3.3  # size of a clip with its bars, inches
BARS = 3  # classes under a clip
STILL = 1.5  # duration of the last picture, seconds


@dataclass(frozen=True)
class Recognition:
    """A clip, and a network's class probabilities from its beginnings.

    Attributes:
        film: The clip.
        classes: Names of the classes.
        probabilities: ``probabilities[t]`` of all classes from frames 0 to t, for each live frame t.
    """

    film: Film
    classes: Sequence[str]
    probabilities: Float[np.ndarray, "T K"]


@dataclass(frozen=True)
class Recognitions:
    """Clips to play side by side.

    Attributes:
        clips: From left to right.
        rate: Playing speed.
    """

    clips: Sequence[Recognition]
    rate: Rate

    @property
    def words(self) -> Sequence[str]:
        """Text from the user, for the choice of fonts."""
        return [name for clip in self.clips for name in clip.classes]


class Bars:
    """Probability bars of the final answer, and of the classes that were the most likely in most other frames.

    The most likely class at each moment has a colour.

    Args:
        axes: Axes to draw on.
        recognition: The clip.
        theme: The colours.
    """

    def __init__(self, axes: Axes, recognition: Recognition, theme: Theme) -> None:
        self.probabilities, self.theme = recognition.probabilities, theme
        K = len(recognition.classes)
        best = np.bincount(self.probabilities.argmax(axis=1), minlength=K) / len(self.probabilities)
        answer = np.arange(K) == self.probabilities[-1].argmax()
        self.classes = np.argsort(-(2 * answer + best + self.probabilities.mean(axis=0)), kind="stable")[:BARS]
        names = drawable(recognition.classes)[0]
        rows = range(len(self.classes))
        axes.barh(rows, 1, height=0.28, color=theme.muted, alpha=0.35)
        self.bars = axes.barh(rows, 0, height=0.28)
        self.texts = [axes.text(1, y - 0.22, "", fontsize=8, ha="right", va="bottom") for y in rows]
        self.names = [
            axes.text(0, y - 0.22, names[k], fontsize=8, va="bottom") for y, k in zip(rows, self.classes, strict=True)
        ]
        axes.set(xlim=(0, 1), ylim=(BARS - 0.7, -0.75))
        axes.set_axis_off()

    def show(self, t: int) -> None:
        """Show the probabilities from frames 0 to t."""
        now = self.probabilities[t]
        for k, bar, text, name in zip(self.classes, self.bars, self.texts, self.names, strict=True):
            best = now[k] == now.max()
            bar.set_width(now[k])
            bar.set_color(self.theme.categories[1] if best else self.theme.middle)
            text.set_text(f"{now[k]:.2f}")
            for word in (text, name):
                word.set_color(self.theme.text if best else self.theme.middle)


def write_recognitions(recognitions: Recognitions, path: str | Path, theme: Theme) -> None:
    """Write an animation of clips side by side, each to its end; errors as in ``write_moving``."""
    count = len(recognitions.clips)
    figure = Figure(figsize=(WIDTH * count, HEIGHT), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(2, count, squeeze=False, height_ratios=(2.2, 1))
    parts = [
        (len(clip.probabilities) - 1, Stage(stage, clip.film, theme), Bars(bars, clip, theme))
        for clip, stage, bars in zip(recognitions.clips, *panels, strict=True)
    ]

    def show(t: int) -> None:
        for last, stage, bars in parts:
            stage.show(min(t, last))
            bars.show(min(t, last))

    figure.supxlabel("probability of each class, of the frames so far", fontsize=8, color=theme.middle)
    longest = max(last for last, *_ in parts) + 1
    per_second = recognitions.rate.per_second(longest)
    frames = recognitions.rate.pictures(longest) + [longest - 1] * round(STILL * per_second)
    write_moving(figure, show, frames, path, per_second)
