"""benchmarks/figures.py and what it wrote into docs/figures."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import figures
from benchmarks.figures import DRAWN, FIGURES, SKATING
from stgcn_torch.tasks.visualize import SUBJECTS
from tests.cli.readme import typed

LARGEST = 200_000  # bytes
LARGEST_MOVING = 900_000
OFF = 0.5  # grey levels in the mean; measured: 0 with the pinned versions, 2.1 from partitions to partitions_fixed
DRAWERS = ("matplotlib", "numpy", "pillow")  # whose versions a picture may depend on


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


def other_versions() -> list[str]:
    """What draws here and is of another version than ``constraints.txt`` pins."""
    text = (FIGURES.parents[1] / "constraints.txt").read_text(encoding="utf-8")
    pinned = dict(line.split("==") for line in text.splitlines())
    return [f"{name} {version(name)} for {pinned[name]}" for name in DRAWERS if version(name) != pinned[name]]


@pytest.mark.slow
@pytest.mark.skipif(bool(other_versions()), reason=f"drawn by {', '.join(other_versions())}")
@pytest.mark.parametrize("name", ["hops", "partitions_fixed"])
def test_a_figure_is_what_the_command_draws(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        figures, "call", lambda verb, *given: typed(f"python -m stgcn_torch.{verb}", *given, folder=tmp_path)
    )
    figures.main([name, f"--out={tmp_path / 'out'}"])
    names = {f"{name}.png", f"{name}-dark.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    for file in names:
        new, old = (np.asarray(Image.open(at / file).convert("L"), float) for at in (tmp_path / "out", FIGURES))
        assert new.shape == old.shape
        assert np.abs(new - old).mean() < OFF


def test_an_unknown_figure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        figures.main(["hop"])
    assert "there are no figures hop; choose of skeleton, hops" in capsys.readouterr().err
