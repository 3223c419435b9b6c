"""Animations as files: GIF with few colours by Pillow, MP4 by ffmpeg."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from rich.progress import track

from stgcn_torch.files import written_whole

SUFFIXES = (".gif", ".mp4")
DPI = 100
COLOURS = 24  # size of a GIF's palette: the theme's colours and their shades towards the background
FASTEST = 25.0  # pictures per second; a GIF has rates of 20, 25, 33.3 and 50 and nothing between
MOST = 160  # pictures of a clip, unless the rate would be below SLOWEST
SLOWEST = 8.0  # pictures per second


@dataclass(frozen=True)
class Rate:
    """Playing speed of a clip.

    Attributes:
        fps: Frames per second of the recording.
        speed: Factor of the recorded speed.
    """

    fps: float = 30.0
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not self.fps > 0 or not self.speed > 0:
            raise ValueError(f"fps and speed must be above 0, got {self.fps} and {self.speed}")

    def per_second(self, frames: int) -> float:
        """Pictures per second for a number of frames: one a frame, unless that is too fast or too many."""
        rate = self.fps * self.speed
        return min(rate, FASTEST, max(MOST * rate / max(frames, 1), SLOWEST))

    def pictures(self, frames: int) -> list[int]:
        """The frame of each picture."""
        step = self.fps * self.speed / self.per_second(frames)  # at least 1
        count = math.ceil(frames / step - 1e-6)  # 1e-6 less, as rounding could add a frame after the last
        return [int(i * step) for i in range(count)]


class PaletteWriter(AbstractMovieWriter):
    """A GIF whose pictures share one palette."""

    def setup(self, fig: Figure, outfile: str | Path, dpi: float | None = None) -> None:
        """Begin a file."""
        super().setup(fig, outfile, dpi)
        fig.dpi = self.dpi
        self.canvas = FigureCanvasAgg(fig)
        self.pictures: list[Image.Image] = []

    def grab_frame(self, **savefig_kwargs: object) -> None:
        """Add the figure in its present state as the next picture."""
        self.canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(self.canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        self.pictures.append(Image.fromarray(pixels).convert("RGB"))

    def finish(self) -> None:
        """Write the file."""
        palette = Image.new("P", (1, 1))
        palette.putpalette(_palette(self.pictures[:: max(1, len(self.pictures) // 8)]).ravel().tolist())
        first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in self.pictures)
        duration = 10 * max(2, round(100 / self.fps))  # milliseconds; GIF counts hundredths of a second
        first.save(self.outfile, save_all=True, append_images=rest, duration=duration, loop=0, optimize=True)


def _palette(pictures: Sequence[Image.Image]) -> Int[np.ndarray, "_ 3"]:
    """The most frequent colours, only one of each group of similar ones."""
    pixels = np.concatenate([np.asarray(picture).reshape(-1, 3) for picture in pictures])
    colours, count = np.unique(pixels, axis=0, return_counts=True)
    colours = colours[np.argsort(-count, kind="stable")]
    _, first = np.unique(colours // 16, axis=0, return_index=True)
    return colours[np.sort(first)[:COLOURS]]


def check_moving(path: str | Path) -> None:
    """Raise ValueError if no animation with this suffix can be written here."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ValueError(f"{path} must end in {' or '.join(SUFFIXES)}")
    if suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise ValueError(f"{path} needs ffmpeg, and there is none on the PATH; a .gif needs nothing")


def write_moving(
    figure: Figure, show: Callable[[int], None], frames: Sequence[int], path: str | Path, per_second: float
) -> None:
    """Write an animation of a figure.

    Args:
        figure: The figure.
        show: Function that updates the figure to a frame.
        frames: The frame of each picture.
        path: ``.gif`` or ``.mp4``; appears whole or not at all.
        per_second: Pictures per second; a GIF rounds their time to hundredths of a second.

    Raises:
        ValueError: The file has another suffix, there are no frames, or ffmpeg for MP4 is missing.
    """
    check_moving(path)
    if not frames:
        raise ValueError(f"{path} would show nothing: the clip has no live frame")
    writer = PaletteWriter(per_second) if Path(path).suffix == ".gif" else FFMpegWriter(per_second)  # type: ignore[arg-type]  # it takes fractions
    with written_whole(path) as temporary, writer.saving(figure, str(temporary), DPI):
        for t in track(frames, f"drawing {Path(path).name}", disable=not sys.stderr.isatty()):
            show(t)
            writer.grab_frame()
