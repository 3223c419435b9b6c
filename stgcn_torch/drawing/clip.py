"""A clip as a strip of frames and as an animation: GIF, and MP4 with ffmpeg."""

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

WIDTH, HEIGHT = 11.0, 1.8  # width of a strip and height of a frame, inches
SIDE = 3.0  # side of an animation, inches
TRAIL = 1.0  # length of a trail, seconds


@dataclass(frozen=True)
class Film:
    """A clip with options for drawing it.

    Attributes:
        clip: As recorded; zeros where a joint is undetected.
        channels: Names of the clip's channels: x, y, possibly z and score.
        body: The layout.
        title: Title above the figure.
        frames: Number of frames in the strip.
        rate: Rate of the animation.
        angle: Rotation of the viewpoint around the people, degrees (3-D only).
        trail: Joint with a trail in the animation.
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
        """Text from the user, for the choice of fonts."""
        return [self.title, *self.body.joints]

    @cached_property
    def points(self) -> Points:
        """The joints projected to the image plane, up to the last live frame, without absent people."""
        view = view_of(self.clip, self.channels, self.body)
        points = view.points(self.clip[:, : live_frames(self.clip)], self.channels, self.angle)
        return points[:, :, np.isfinite(points).any(axis=(0, 1, 3))]


def occupied_frames(points: Points) -> np.ndarray:
    """Indices of the frames that show somebody."""
    return np.flatnonzero(np.isfinite(points).any(axis=(1, 2, 3)))


def camera_path(points: Points, smooth: int = 1) -> Float[np.ndarray, " T"]:
    """The horizontal centre of the people in each frame, which the camera follows.

    Args:
        points: Joints in the image plane.
        smooth: Frames of a moving average.
    """
    x = points[..., 0].transpose(0, 2, 1)
    visible = np.isfinite(x).any(axis=2)
    frames = occupied_frames(points)
    if not len(frames):
        return np.zeros(len(points))
    middle = np.full(visible.shape, np.nan)
    middle[visible] = np.nanmedian(x[visible], axis=1)
    centre = np.interp(np.arange(len(points)), frames, np.nanmean(middle[frames], axis=1))
    return np.asarray(uniform_filter1d(centre, smooth, mode="nearest"))


class People:
    """People on a figure's axes, in one frame of a clip at a time.

    The sides of a single person have the theme's colours; several people have one colour each.

    Args:
        axes: Axes to draw on.
        points: Joints in the image plane, all frames.
        body: The layout.
        theme: The colours.
        width: Width of a bone, in points.
    """

    def __init__(self, axes: Axes, points: Points, body: Skeleton, theme: Theme, width: float = 1.6) -> None:
        self.points = points
        side = np.array(sides(body))[[child for child, _ in body.bones]]
        bones = np.array(body.bones)
        self.lines: list[tuple[Line2D, int, np.ndarray]] = []
        for m in range(points.shape[2]):
            groups = {theme.categories[m % len(theme.categories)]: bones}
            if points.shape[2] == 1:
                groups = {getattr(theme, name): bones[side == name] for name in ("middle", "left", "right")}
            for colour, members in groups.items():
                style: dict[str, Any] = {"linewidth": width, "markersize": 1.6 * width, "solid_capstyle": "round"}
                (line,) = axes.plot([], [], "o-", color=colour, markeredgewidth=0, gid="person", **style)
                self.lines.append((line, m, members))

    def show(self, t: int) -> None:
        """Show frame t."""
        for line, m, bones in self.lines:
            ends = self.points[t, bones, m]  # (bones, 2, xy)
            breaks = np.full((len(ends), 1, 2), np.nan)  # which end the line after each bone
            line.set_data(*np.concatenate([ends, breaks], axis=1).reshape(-1, 2).T)


def person_legend(film: Film, theme: Theme) -> list[Line2D]:
    """Legend entries for the colours of sides or of people."""
    people = film.points.shape[2]
    if people > 1:
        words = {f"person {m}": theme.categories[m % len(theme.categories)] for m in range(people)}
    else:
        words = {"left": theme.left, "right": theme.right} if film.body.pairs else {}
    return [Line2D([], [], color=colour, linewidth=2.2, label=word) for word, colour in words.items()]


def film_figure(film: Film, theme: Theme) -> Figure:
    """A clip as a strip of evenly spaced frames that show somebody, in one row or several."""
    count = len(evenly(occupied_frames(film.points), film.frames))
    ratio = ratio_of(film)
    rows = max(1, -(-count // int(WIDTH / HEIGHT / ratio)))
    columns = max(1, -(-count // rows))
    size = (max(columns * ratio * HEIGHT, 3), rows * (HEIGHT + 0.2) + 0.6)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0))
    draw_strip(figure.subplots(rows, columns, squeeze=False).ravel().tolist(), film, theme, ratio)
    if entries := person_legend(film, theme):
        figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), fontsize=8)
    figure.suptitle(drawable([film.title], int(13 * size[0]))[0][0], fontsize=10)
    return figure


def evenly(frames: np.ndarray, count: int) -> list[int]:
    """``count`` evenly spaced ones of the frames, with the first and the last, or all if there are fewer."""
    if not len(frames):
        return []
    return [int(t) for t in frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))]]


def ratio_of(film: Film) -> float:
    """Aspect ratio, width by height, of a panel that holds the people in every frame."""
    points = film.points
    (left, right), (bottom, top) = reach(points - _across(camera_path(points)))
    return float(np.clip((right - left) / (top - bottom), 0.45, 3))


def draw_strip(panels: Sequence[Axes], film: Film, theme: Theme, ratio: float) -> None:
    """Draw evenly spaced frames of a clip that show somebody, one a panel; surplus panels become empty.

    Each panel is centred on the people horizontally. The vertical limits are the same in all panels, so that a jump is
    visible.

    Args:
        panels: Axes of the frames, in order.
        film: The clip; ``film.frames`` is at most the number of panels.
        theme: The colours.
        ratio: Width by height of a panel; limits grow to it.
    """
    points = film.points
    chosen = evenly(occupied_frames(points), film.frames)
    centre = camera_path(points)
    (left, right), (bottom, top) = reach((points - _across(centre))[chosen])
    wider = max(0.0, ratio * (top - bottom) - (right - left)) / 2
    higher = max(0.0, (right - left) / ratio - (top - bottom))  # added above, so that the ice stays at the bottom
    for axes, t in zip(panels, chosen, strict=False):
        People(axes, points, film.body, theme).show(t)
        axes.set(xlim=centre[t] + np.array([left - wider, right + wider]), ylim=(bottom, top + higher), aspect="equal")
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"frame {t}", fontsize=8, labelpad=2)
        axes.spines[:].set_color(theme.muted)
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()


def _across(centre: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T 1 1 2"]:
    return np.stack([centre, 0 * centre], axis=1)[:, None, None]


class Stage:
    """Axes that show a film frame by frame and follow its people horizontally.

    Faint vertical lines at fixed coordinates show the motion.

    Args:
        axes: Their limits become square.
        film: The clip.
        theme: The colours.
    """

    def __init__(self, axes: Axes, film: Film, theme: Theme) -> None:
        self.axes, self.points = axes, film.points
        self.centre = camera_path(self.points, max(1, round(film.rate.fps / 2)))
        (self.left, self.right), height = limits(self.points - _across(self.centre))
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
        self.axes.set_xlim(self.centre[t] + self.left, self.centre[t] + self.right)


def write_clip(film: Film, path: str | Path, theme: Theme) -> None:
    """Write a clip's live frames as an animation, ``.gif`` or ``.mp4``.

    Raises:
        ValueError: The file has another suffix, the clip is empty, or ffmpeg for MP4 is missing.
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
