"""benchmarks/figures.py and what it wrote into docs/figures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import figures
from benchmarks.figures import DRAWN, FIGURES, SKATING
from stgcn_torch.visualize import SUBJECTS

LARGEST = 200_000  # bytes
LARGEST_MOVING = 900_000
MOVED = 8  # grey levels, if another matplotlib or font moves letters; measured: 0 with the pinned one


def test_every_figure_of_the_documents_is_drawn_by_the_command() -> None:
    assert {path.name for path in FIGURES.glob("*.png")} == {f"{name}{t}.png" for name in DRAWN for t in ("", "-dark")}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_small_and_of_one_size_light_and_dark(name: str) -> None:
    light, dark = (FIGURES / f"{name}{theme}.png" for theme in ("", "-dark"))
    assert max(light.stat().st_size, dark.stat().st_size) < LARGEST
    with Image.open(light) as one, Image.open(dark) as other:
        assert one.size == other.size


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_of_a_subject_that_there_is(name: str) -> None:
    assert DRAWN[name][0] in SUBJECTS


def test_the_moving_picture_is_small_and_never_stops() -> None:
    assert SKATING[0] in SUBJECTS
    assert (FIGURES / "skating.gif").stat().st_size < LARGEST_MOVING
    with Image.open(FIGURES / "skating.gif") as gif:
        assert gif.n_frames > 50
        assert gif.info["loop"] == 0


@pytest.mark.slow
def test_figures_are_drawn_by_the_command(tmp_path: Path) -> None:
    figures.main(["hops", f"--out={tmp_path}"])
    assert {path.name for path in tmp_path.iterdir()} == {"hops.png", "hops-dark.png"}
    for name in ("hops.png", "hops-dark.png"):
        new, old = (np.asarray(Image.open(folder / name).convert("L"), float) for folder in (tmp_path, FIGURES))
        assert new.shape == old.shape
        assert np.abs(new - old).mean() < MOVED


def test_an_unknown_figure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        figures.main(["hop"])
    assert "there are no figures hop; choose of skeleton, hops" in capsys.readouterr().err
