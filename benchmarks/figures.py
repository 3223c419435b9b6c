"""``python -m benchmarks.figures``: every figure of docs/figures, light and dark, made by the commands themselves.

Trains the default network on the synthetic set first, a few minutes on two cores, unless ``--run FOLDER`` names a
finished run of it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image

from stgcn_torch import STGCN
from stgcn_torch.data.skating import write_skating_set
from stgcn_torch.files import written_whole

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
LAYOUT, TRAINED, PUBLISHED = "layout=fsd10", "ckpt_path={run}/checkpoints/best.ckpt", "ckpt_path={published}"
RUN = ("run={run}", "root={data}")
SKATER = ("input={data}/test_data.npy", "channels=[x,y,score]")
DRAWN: Mapping[str, tuple[str, ...]] = {  # file to what is drawn and the arguments
    "skeleton": ("skeleton", LAYOUT),
    "hops": ("hops", LAYOUT),
    "adjacency": ("adjacency", LAYOUT),
    "partitions": ("partitions", LAYOUT),
    "partitions_fixed": ("partitions", LAYOUT, "strategy=spatial_fixed"),
    "importance": ("importance", TRAINED),
    "importance_matrices": ("importance_matrices", TRAINED),
    "receptive_field": ("receptive_field", PUBLISHED, "preprocessing=paddlevideo"),
    "film": ("film", *SKATER, LAYOUT, "index=217"),  # a spin, with nearly all joints found
    "curves": ("curves", *RUN),
    "confusion": ("confusion", *RUN),
    "accuracy": ("accuracy", *RUN),
    "confused": ("confused", *RUN),
}
SKATING = ("recognised", *RUN, "classes=[axel_jump,camel_sit_spin,outside_turn_steps]", "theme=dark")  # skating.gif


def train(folder: Path) -> Path:
    """A run of the default network on the synthetic set."""
    run = folder / "run"
    call("train", f"hydra.run.dir={run}", f"data.root={folder / 'data'}", "progress_bar=false")
    return run


def call(verb: str, *overrides: str) -> None:
    """Run a command of this project."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # the same run again, however many cores there are
    subprocess.run([sys.executable, "-m", f"stgcn_torch.{verb}", *overrides], check=True, env=one_thread)


def draw(name: str, run: Path, out: Path, folder: Path) -> None:
    """Write NAME.png and NAME-dark.png, with a palette of 256 colours, or skating.gif."""
    data = folder / "data"
    if any("{data}" in override for override in DRAWN.get(name, SKATING)):
        write_skating_set(data)
    published = folder / "published.pt"
    if not published.exists():
        torch.save(STGCN(num_classes=30).state_dict(), published)
    subject, *overrides = DRAWN.get(name, SKATING)
    given = [override.format(run=run, published=published, data=data) for override in overrides]
    call("visualize", "theme=both", *given, f"only=[{subject}]", f"out={folder / name}")
    if name not in DRAWN:
        with written_whole(out / f"{name}.gif") as to:
            shutil.copyfile(folder / name / f"{subject}.gif", to)
        return
    for theme in ("", "-dark"):
        with (
            Image.open(folder / name / f"{subject}{theme}.png") as picture,
            written_whole(out / f"{name}{theme}.png") as to,
        ):
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(to, format="PNG", optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figures that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help=f"of {', '.join(DRAWN)}, skating; all by default")
    parser.add_argument("--run", type=Path, help="folder of a run of the default recipe; without it one is trained")
    parser.add_argument("--out", type=Path, default=FIGURES)
    given = parser.parse_args(arguments)
    there = [*DRAWN, "skating"]
    if unknown := set(given.only) - set(there):
        parser.error(f"there are no figures {', '.join(sorted(unknown))}; choose of {', '.join(there)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = given.only or there
        trained = any("{run}" in override for name in names for override in DRAWN.get(name, SKATING))
        run = given.run or (train(folder) if trained else folder)
        for name in names:
            draw(name, run.resolve(), given.out, folder)


if __name__ == "__main__":
    main()
