"""A clip as a strip of frames, and as people who move: GIF, and MP4 where there is ffmpeg."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator
from scipy.ndimage import uniform_filter1d

from stgcn_torch.data.preprocessing.steps import Clip, live_frames
from stgcn_torch.drawing.body import sides
from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.drawing.moving import Rate, write_moving
from stgcn_torch.drawing.style import Theme
from stgcn_torch.drawing.view import Points, limits, reach, view_of
from stgcn_torch.skeleton import Skeleton

WIDTH, HEIGHT = 11.0, 1.8  # of a film strip and of a frame in it, inches
SIDE = 3.0  # of an animation, inches
TRAIL = 1.0  # seconds


@dataclass(frozen=True)
class Film:
    """A clip, and how it is shown.

    Attributes:
        clip: As recorded; zeros where a joint is undetected.
        channels: What its rows are: x, y, possibly z and score.
        body: The layout.
        title: What stands above it.
        frames: Of the strip.
        rate: Of the animation.
        angle: Degrees that the viewer walks around the people, in 3-D.
        trail: Joint that leaves a trail behind in the animation.
    """

    clip: Clip
    channels: Sequence[str]
    body: Skeleton
    title: str = ""
    frames: int = 8
    rate: Rate = field(default_factory=Rate)
    angle: float = 0.0
    trail: str | None = None

    @property
    def words(self) -> Sequence[str]:
        """What figures write in a script of the user's."""
        return [self.title, *self.body.joints]

    @cached_property
    def points(self) -> Points:
        """The people who are ever there, in the picture, up to the last live frame."""
        view = view_of(self.clip, self.channels, self.body)
        points = view.points(self.clip[:, : live_frames(self.clip)], self.channels, self.angle)
        return points[:, :, np.isfinite(points).any(axis=(0, 1, 3))]


def there(points: Points) -> np.ndarray:
    """Frames that show somebody."""
    return np.flatnonzero(np.isfinite(points).any(axis=(1, 2, 3)))


def path(points: Points, smooth: int = 1) -> Float[np.ndarray, " T"]:
    """Where the middle of the people is from left to right, frame by frame: the camera that follows them.

    Args:
        points: Joints in the picture.
        smooth: Frames around each that the path is the mean of.
    """
    x = points[..., 0].transpose(0, 2, 1)
    here = np.isfinite(x).any(axis=2)
    frames = there(points)
    if not len(frames):
        return np.zeros(len(points))
    middle = np.full(here.shape, np.nan)
    middle[here] = np.nanmedian(x[here], axis=1)
    walked = np.interp(np.arange(len(points)), frames, np.nanmean(middle[frames], axis=1))
    return np.asarray(uniform_filter1d(walked, smooth, mode="nearest"))


class People:
    """People on a figure's axes, in one frame of a clip at a time.

    One person's sides have the theme's colours, several people have one each.

    Args:
        axes: Where they are drawn.
        points: Their joints, all frames.
        body: The layout.
        theme: The colours.
        width: Of a bone, in points.
    """

    def __init__(self, axes: Axes, points: Points, body: Skeleton, theme: Theme, width: float = 1.6) -> None:
        self.points = points
        side = np.array(sides(body))[[child for child, _ in body.bones]]
        bones = np.array(body.bones)
        self.lines: list[tuple[Line2D, int, np.ndarray]] = []
        for m in range(points.shape[2]):
            alike = {theme.categories[m % len(theme.categories)]: bones}
            if points.shape[2] == 1:
                alike = {getattr(theme, name): bones[side == name] for name in ("middle", "left", "right")}
            for colour, some in alike.items():
                style: dict[str, Any] = {"linewidth": width, "markersize": 1.6 * width, "solid_capstyle": "round"}
                (line,) = axes.plot([], [], "o-", color=colour, markeredgewidth=0, gid="person", **style)
                self.lines.append((line, m, some))

    def show(self, t: int) -> None:
        """Put them where they are in frame t."""
        for line, m, bones in self.lines:
            ends = self.points[t, bones, m]  # (bones, 2, xy)
            apart = np.full((len(ends), 1, 2), np.nan)  # so that bones are not joined to each other
            line.set_data(*np.concatenate([ends, apart], axis=1).reshape(-1, 2).T)


def who(film: Film, theme: Theme) -> list[Line2D]:
    """Entries of a legend: which colour is which side of a person, or which person."""
    people = film.points.shape[2]
    if people > 1:
        words = {f"person {m}": theme.categories[m % len(theme.categories)] for m in range(people)}
    else:
        words = {"left": theme.left, "right": theme.right} if film.body.pairs else {}
    return [Line2D([], [], color=colour, linewidth=2.2, label=word) for word, colour in words.items()]


def film_figure(film: Film, theme: Theme) -> Figure:
    """A clip as a strip of evenly spaced frames that show somebody, in one row or several."""
    count = len(evenly(there(film.points), film.frames))
    ratio = ratio_of(film)
    rows = max(1, -(-count // int(WIDTH / HEIGHT / ratio)))
    columns = max(1, -(-count // rows))
    size = (max(columns * ratio * HEIGHT, 3), rows * (HEIGHT + 0.2) + 0.6)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0))
    draw_strip(figure.subplots(rows, columns, squeeze=False).ravel().tolist(), film, theme, ratio)
    if entries := who(film, theme):
        figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), fontsize=8)
    figure.suptitle(drawable([film.title], int(13 * size[0]))[0][0], fontsize=10)
    return figure


def evenly(frames: np.ndarray, count: int) -> list[int]:
    """So many of these frames, the first and the last among them, or all if there are fewer."""
    if not len(frames):
        return []
    return [int(t) for t in frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))]]


def ratio_of(film: Film) -> float:
    """Width by height of a panel that holds the people of a clip at any time."""
    points = film.points
    (left, right), (bottom, top) = reach(points - _across(path(points)))
    return float(np.clip((right - left) / (top - bottom), 0.45, 3))


def draw_strip(panels: Sequence[Axes], film: Film, theme: Theme, ratio: float) -> None:
    """Draw evenly spaced frames of a clip that show somebody, one a panel; panels that are left over become empty.

    Each keeps the middle of the people in its middle from left to right. Up and down nothing moves with them, so that
    a jump is seen.

    Args:
        panels: Where, in order.
        film: The clip; its ``frames`` are at most as many as the panels.
        theme: The colours.
        ratio: Width by height of a panel; it is made to hold the people.
    """
    points = film.points
    picked = evenly(there(points), film.frames)
    walked = path(points)
    (left, right), (bottom, top) = reach((points - _across(walked))[picked])
    wider = max(0.0, ratio * (top - bottom) - (right - left)) / 2
    higher = max(0.0, (right - left) / ratio - (top - bottom))  # above: the ice stays below
    for axes, t in zip(panels, picked, strict=False):
        People(axes, points, film.body, theme).show(t)
        axes.set(xlim=walked[t] + np.array([left - wider, right + wider]), ylim=(bottom, top + higher), aspect="equal")
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"frame {t}", fontsize=8, labelpad=2)
        axes.spines[:].set_color(theme.muted)
    for axes in panels[len(picked) :]:
        axes.set_axis_off()


def _across(walked: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T 1 1 2"]:
    return np.stack([walked, 0 * walked], axis=1)[:, None, None]


class Stage:
    """Axes that show a film frame by frame and follow its people from left to right.

    Faint upright lines stand still in the clip's coordinates, so that the way they go is seen.

    Args:
        axes: Become square.
        film: What is shown.
        theme: The colours.
    """

    def __init__(self, axes: Axes, film: Film, theme: Theme) -> None:
        self.axes, self.points = axes, film.points
        self.walked = path(self.points, max(1, round(film.rate.fps / 2)))
        (self.left, self.right), height = limits(self.points - _across(self.walked))
        axes.set(ylim=height, aspect="equal", yticks=[])
        axes.xaxis.set_major_locator(MultipleLocator((self.right - self.left) / 3))
        axes.tick_params(length=0, labelbottom=False)
        axes.grid(axis="x", linewidth=0.6, alpha=0.5)
        axes.spines[:].set_visible(False)
        axes.set_axisbelow(True)
        self.tail = round(TRAIL * film.rate.fps)
        self.joint = None if film.trail is None else film.body.index(film.trail)
        (self.trail,) = axes.plot([], [], color=theme.muted, linewidth=1.2, gid="trail")
        self.people = People(axes, self.points, film.body, theme, width=2)

    def show(self, t: int) -> None:
        """Show frame t."""
        self.people.show(t)
        if self.joint is not None:
            self.trail.set_data(*self.points[max(0, t - self.tail) : t + 1, self.joint, 0].T)
        self.axes.set_xlim(self.walked[t] + self.left, self.walked[t] + self.right)


def write_clip(film: Film, path: str | Path, theme: Theme) -> None:
    """Write a clip's live frames as a moving picture, ``.gif`` or ``.mp4``.

    Raises:
        ValueError: The file has another suffix, the clip is empty, or MP4 is asked for and there is no ffmpeg.
    """
    figure = Figure(figsize=(SIDE, SIDE + 0.3), layout="constrained")
    axes = figure.subplots()
    stage = Stage(axes, film, theme)
    axes.set_title(drawable([film.title], int(14 * SIDE))[0][0], fontsize=9)
    number = axes.text(0.02, 0.02, "", transform=axes.transAxes, fontsize=8)

    def show(t: int) -> None:
        stage.show(t)
        number.set_text(f"frame {t}")

    T = len(stage.points)
    write_moving(figure, show, film.rate.pictures(T), path, film.rate.per_second(T))
