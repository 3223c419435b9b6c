"""stgcn_torch/drawing/moving.py."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from stgcn_torch.drawing.moving import Rate, write_moving


def write(path: Path, frames: list[int], per_second: float = 10) -> None:
    """A red bar that grows to the right on white."""
    figure = Figure(figsize=(1, 1), facecolor="#ffffff")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 10), ylim=(0, 1))
    (bar,) = axes.plot([], [], color="#c01010", linewidth=20)
    write_moving(figure, lambda t: bar.set_data([0, t], [0.5, 0.5]), frames, path, per_second)


def test_a_gif_has_a_picture_for_every_frame(tmp_path: Path) -> None:
    write(tmp_path / "bar.gif", [1, 4, 8])
    with Image.open(tmp_path / "bar.gif") as gif:
        red = [
            int((np.asarray(picture.convert("RGB"))[50, :, 1] < 128).sum()) for picture in ImageSequence.Iterator(gif)
        ]
    assert red == pytest.approx([10, 40, 80], abs=15)  # of 100 pixels; the ends of a line stick out
    assert red == sorted(red)


def test_a_gif_keeps_the_colours_and_never_stops(tmp_path: Path) -> None:
    write(tmp_path / "bar.gif", [1, 4, 8])
    with Image.open(tmp_path / "bar.gif") as gif:
        assert gif.info["loop"] == 0
        first = np.asarray(gif.convert("RGB"))
    assert first[5, 5].tolist() == [255, 255, 255]
    assert first[50, 2].tolist() == [0xC0, 0x10, 0x10]


@pytest.mark.parametrize(("per_second", "milliseconds"), [(25, 40), (10, 100), (16.8, 60), (100, 20)])
def test_a_gif_counts_hundredths_of_a_second(tmp_path: Path, per_second: float, milliseconds: int) -> None:
    """At least two hundredths: browsers replace one by ten."""
    write(tmp_path / "bar.gif", [1, 4], per_second)
    with Image.open(tmp_path / "bar.gif") as gif:
        assert gif.info["duration"] == milliseconds


def test_without_ffmpeg_an_mp4_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FFMpegWriter, "isAvailable", lambda: False)
    with pytest.raises(ValueError, match="needs ffmpeg, and there is none") as error:
        write(tmp_path / "bar.mp4", [1])
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="there is no ffmpeg")
def test_ffmpeg_writes_an_mp4(tmp_path: Path) -> None:
    write(tmp_path / "bar.mp4", [1, 4, 8], 16.8)
    assert (tmp_path / "bar.mp4").read_bytes()[4:8] == b"ftyp"


def test_other_files_and_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.gif or \.mp4"):
        write(tmp_path / "bar.avi", [1])
    with pytest.raises(ValueError, match="no live frame"):
        write(tmp_path / "bar.gif", [])
    assert not list(tmp_path.iterdir())


def test_a_slow_clip_is_shown_frame_by_frame() -> None:
    rate = Rate(fps=10, speed=2)
    assert rate.pictures(40) == list(range(40))
    assert rate.per_second(40) == 20


@pytest.mark.parametrize(("fps", "speed"), [(30, 1), (60, 1), (30, 0.5), (120, 2)])
@pytest.mark.parametrize("frames", [1, 50, 400, 5000])
def test_a_clip_lasts_as_long_as_it_did(fps: float, speed: float, frames: int) -> None:
    """The speed holds even if frames are skipped."""
    rate = Rate(fps, speed)
    shown, per_second = rate.pictures(frames), rate.per_second(frames)
    assert len(shown) / per_second == pytest.approx(frames / fps / speed, abs=1 / per_second)
    assert shown == sorted(set(shown))
    assert shown[-1] < frames
    assert per_second <= 25


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 50, 60])
def test_the_pictures_of_a_clip_are_frames_that_it_has(fps: float) -> None:
    """From the first frame, each once, to within a step of the end; rounding once gave frame 274 of 273."""
    rate = Rate(fps)
    for frames in range(1, 3001):
        shown, step = np.array(rate.pictures(frames)), fps / rate.per_second(frames)
        assert shown[0] == 0
        assert (np.diff(shown) > 0).all()
        assert frames - step - 1 <= shown[-1] < frames


def test_a_long_clip_has_few_pictures() -> None:
    assert len(Rate(30).pictures(500)) == 160
    assert Rate(30).per_second(100_000) == 8  # slower would no longer move


def test_time_goes_forward() -> None:
    with pytest.raises(ValueError, match="fps and speed must be above 0, got 30 and 0"):
        Rate(30, 0)
