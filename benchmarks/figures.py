"""``python -m benchmarks.figures``: every figure of docs/figures, light and dark, made by the commands themselves.

Trains the default network on the synthetic set first, a few minutes on two cores, unless ``--run FOLDER`` names a
finished run of it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image

from stgcn_torch import STGCN
from stgcn_torch.files import written_whole

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
LAYOUT, TRAINED, PUBLISHED = "layout=fsd10", "ckpt_path={run}/checkpoints/best.ckpt", "ckpt_path={published}"
DRAWN: Mapping[str, tuple[str, ...]] = {  # file to what is drawn and the arguments
    "skeleton": ("skeleton", LAYOUT),
    "hops": ("hops", LAYOUT),
    "adjacency": ("adjacency", LAYOUT),
    "partitions": ("partitions", LAYOUT),
    "partitions_fixed": ("partitions", LAYOUT, "strategy=spatial_fixed"),
    "importance": ("importance", TRAINED),
    "importance_matrices": ("importance_matrices", TRAINED),
    "receptive_field": ("receptive_field", PUBLISHED, "preprocessing=paddlevideo"),
}


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
    """Write NAME.png and NAME-dark.png, with a palette of 256 colours."""
    published = folder / "published.pt"
    if not published.exists():
        torch.save(STGCN(num_classes=30).state_dict(), published)
    subject, *overrides = DRAWN[name]
    given = [override.format(run=run, published=published) for override in overrides]
    call("visualize", *given, f"only=[{subject}]", f"out={folder / name}", "theme=both")
    for theme in ("", "-dark"):
        with (
            Image.open(folder / name / f"{subject}{theme}.png") as picture,
            written_whole(out / f"{name}{theme}.png") as to,
        ):
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(to, format="PNG", optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figures that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help=f"of {', '.join(DRAWN)}; all by default")
    parser.add_argument("--run", type=Path, help="folder of a run of the default recipe; without it one is trained")
    parser.add_argument("--out", type=Path, default=FIGURES)
    given = parser.parse_args(arguments)
    if unknown := set(given.only) - set(DRAWN):
        parser.error(f"there are no figures {', '.join(sorted(unknown))}; choose of {', '.join(DRAWN)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = given.only or list(DRAWN)
        trained = any(TRAINED in DRAWN[name] for name in names)
        run = given.run or (train(folder) if trained else folder)
        for name in names:
            draw(name, run.resolve(), given.out, folder)


if __name__ == "__main__":
    main()
