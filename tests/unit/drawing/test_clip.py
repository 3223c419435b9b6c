"""stgcn_torch/drawing/clip.py."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.skating.clip import skating_clip
from stgcn_torch.drawing.clip import Film, Stage, camera_path, film_figure, write_clip
from stgcn_torch.drawing.moving import Rate
from stgcn_torch.drawing.pose import standing
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.skeleton import LAYOUTS

BODY = LAYOUTS["fsd10"]
LIGHT = THEMES["light"]
CHANNELS = ("x", "y", "score")
ELEMENT = "axel_jump"


def skating(element: str = ELEMENT, people: int = 1) -> Clip:
    """Synthetic skaters side by side, y down, zeros after the last frame."""
    clips = [skating_clip(element, np.random.default_rng(seed)) for seed in range(people)]
    clip = np.zeros((3, 350, 25, people), np.float32)
    for m, one in enumerate(clips):
        clip[:, : one.shape[1], :, m] = one[..., 0]
        clip[0, :, :, m] += m * (clip[2, :, :, m] > 0)
    return clip


def walking(T: int = 40, step: float = 0.2) -> Clip:
    """A person (2, T, 25, 1) who goes to the right, y up, and hops once."""
    pose = standing(BODY)[None] + 1
    t = np.arange(T)[:, None]
    return np.stack([pose[..., 0] + step * t, pose[..., 1] + 0.3 * (t == T // 2)])[..., None]


def drawn(axes: Axes) -> np.ndarray:
    """The joints in a panel."""
    joints = np.concatenate([line.get_xydata() for line in axes.lines if line.get_gid() == "person"])
    return joints[np.isfinite(joints).all(axis=1)]


def panels(figure: Figure) -> list[Axes]:
    """The panels of a strip that show a frame."""
    return [axes for axes in figure.axes if axes.lines]


def inside(axes: Axes) -> bool:
    """Whether all joints in a panel are within its limits."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return bool(((drawn(axes) > low) & (drawn(axes) < high)).all())


@pytest.mark.parametrize("people", [1, 2])
def test_every_drawn_joint_lies_inside_its_panel(people: int) -> None:
    for axes in panels(film_figure(Film(skating(people=people), CHANNELS, BODY), LIGHT)):
        assert len(drawn(axes))
        assert inside(axes)


def test_a_strip_has_the_frames_that_are_asked_for() -> None:
    """Frames are evenly spaced, from the first to the last that shows somebody, and numbered."""
    clip = walking()
    clip[:, :3] = 0
    clip = np.pad(clip, [(0, 0), (0, 20), (0, 0), (0, 0)])
    figure = film_figure(Film(clip, "xy", BODY, frames=5), LIGHT)
    assert [axes.get_xlabel() for axes in panels(figure)] == ["frame 3", "frame 12", "frame 21", "frame 30", "frame 39"]
    np.testing.assert_allclose(drawn(panels(figure)[1])[:, 0].mean(), walking()[0, 12].mean(), atol=0.05)


def test_a_short_clip_shows_every_frame_once() -> None:
    assert len(panels(film_figure(Film(walking(3), "xy", BODY), LIGHT))) == 3


def test_a_clip_with_y_turned_over_gives_the_same_strip() -> None:
    clip = skating()
    down, up = (
        film_figure(Film(c, CHANNELS, BODY), LIGHT) for c in (clip, clip * np.array([1, -1, 1])[:, None, None, None])
    )
    for one, other in zip(panels(down), panels(up), strict=True):
        np.testing.assert_allclose(drawn(one), drawn(other))
        assert one.get_ylim() == pytest.approx(other.get_ylim())


def test_a_strip_follows_people_sideways_but_not_up() -> None:
    shown = panels(film_figure(Film(walking(41), "xy", BODY, frames=5), LIGHT))
    middles = [drawn(axes)[:, 0].mean() - sum(axes.get_xlim()) / 2 for axes in shown]
    np.testing.assert_allclose(middles, middles[0], atol=1e-9)
    heights = [drawn(axes)[:, 1].max() - axes.get_ylim()[0] for axes in shown]
    assert heights[2] - heights[1] == pytest.approx(0.3)


def test_the_left_of_a_person_has_its_colour() -> None:
    """The left side is on the viewer's right where the person faces the viewer."""
    (axes,) = panels(film_figure(Film(walking(1), "xy", BODY), LIGHT))
    lines = {line.get_color(): np.nanmean(line.get_xdata()) for line in axes.lines}
    assert lines[LIGHT.left] > lines[LIGHT.middle] > lines[LIGHT.right]


def test_several_people_have_a_colour_each() -> None:
    """Absent people have no colour."""
    clip = np.pad(skating(people=2), [(0, 0), (0, 0), (0, 0), (1, 1)])
    figure = film_figure(Film(clip, CHANNELS, BODY), LIGHT)
    assert [line.get_color() for line in figure.axes[0].lines] == list(LIGHT.categories[:2])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["person 0", "person 1"]


def test_undetected_joints_are_not_drawn() -> None:
    clip = walking(1)
    clip[:, :, BODY.index("LAnkle")] = 0
    (axes,) = panels(film_figure(Film(clip, "xy", BODY), LIGHT))
    assert drawn(axes).min() > 0.5


def test_an_empty_clip_is_an_empty_strip() -> None:
    assert panels(film_figure(Film(np.zeros((2, 9, 25, 1)), "xy", BODY), LIGHT)) == []


def test_the_path_goes_on_where_nobody_is_seen() -> None:
    clip = walking(9, step=1.0)
    clip[:, 4] = 0
    steps = np.diff(camera_path(Film(clip, "xy", BODY).points))
    np.testing.assert_allclose(steps, 1)


def test_nobody_leaves_the_stage() -> None:
    """This holds for a person who hops, turns back or goes faster than the camera."""
    clip = np.concatenate([walking(30), walking(30)[:, ::-1]], axis=1)
    axes = Figure().subplots()
    stage = Stage(axes, Film(clip, "xy", BODY, trail="RWrist"), LIGHT)
    for t in range(60):
        stage.show(t)
        assert inside(axes)
    np.testing.assert_allclose(stage.trail.get_xydata(), stage.points[29:60, BODY.index("RWrist"), 0])


def test_a_moving_picture_has_every_frame(tmp_path: Path) -> None:
    film = Film(skating(), CHANNELS, BODY, "jump", rate=Rate(10))
    film = replace(film, clip=film.clip[:, :12])
    for theme in THEMES.values():
        with theme.worn():
            write_clip(film, tmp_path / "clip.gif", theme)
        with Image.open(tmp_path / "clip.gif") as gif:
            assert (gif.n_frames, gif.info["duration"]) == (12, 100)
            assert "#{:02x}{:02x}{:02x}".format(*gif.convert("RGB").getpixel((1, 1))) == theme.background


def test_an_unknown_joint_leaves_no_trail(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no joint 'Tail'"):
        write_clip(Film(walking(), "xy", BODY, trail="Tail"), tmp_path / "clip.gif", LIGHT)
    assert not list(tmp_path.iterdir())
