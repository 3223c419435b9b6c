"""``python -m benchmarks.strategies``: what true distances to the centre change (``spatial_fixed`` for ``spatial``).

Trains pairs that differ in the strategy alone: the synthetic set, and FS-Jump3D with each skater left out in turn
(``--fs-jump3d FOLDER``, as ``prepare`` wrote it; docs/results.md has the command). Prints the table of docs/results.md
and writes it there. Finished runs in ``--runs`` are not repeated. On one thread a pair takes four minutes.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- written by benchmarks/strategies.py -->\n", "<!-- end of strategies -->\n"
STRATEGIES = ("spatial", "spatial_fixed")
SKATERS = tuple(f"Skater_{letter}" for letter in "ABCD")

Cell = tuple[str, int, list[str]]  # what is held out, the seed, the overrides


def cells(fs_jump3d: Path | None, seeds: Sequence[int], runs: Path) -> Iterator[Cell]:
    """Every training but for its strategy; the seeds are outermost, so that an early end leaves whole ones."""
    for seed in seeds:
        yield "synthetic", seed, [f"data.root={runs / 'skating'}"]
        for skater in SKATERS if fs_jump3d else ():
            yield skater, seed, ["experiment=fs_jump3d", f"data.root={fs_jump3d}", f"data.test.value={skater}"]


def top1(folder: Path, overrides: Sequence[str]) -> float:
    """Top-1 on the test clips of a run, which is made if it is not there."""
    results = folder / "report" / "results.json"
    if not results.exists():
        command = [sys.executable, "-m", "stgcn_torch.train", *overrides, f"hydra.run.dir={folder}"]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, "progress_bar=false"], check=True, env=one_thread)
    return float(json.loads(results.read_text(encoding="utf-8"))["top1"])


def rows(measured: dict[tuple[str, int], list[float]], seeds: Sequence[int]) -> Iterator[str]:
    """The table: a row for each set and seed, and each set's mean and standard deviation over the seeds."""
    yield "| held out | seed | `spatial` | `spatial_fixed` | difference |"
    yield "|---|---|---|---|---|"
    sets = {"synthetic, other skaters": ("synthetic",), "FS-Jump3D, mean of four skaters": SKATERS}
    for name, parts in sets.items():
        if any((part, seed) not in measured for part in parts for seed in seeds):
            continue
        pairs = np.array([np.mean([measured[part, seed] for part in parts], axis=0) for seed in seeds])
        told = np.column_stack([pairs, pairs[:, 1] - pairs[:, 0]])
        for seed, (released, true, difference) in zip(seeds, told, strict=True):
            yield f"| {name} | {seed} | {released:.3f} | {true:.3f} | {difference:+.3f} |"
        mean, sd = told.mean(axis=0), told.std(axis=0, ddof=1)
        values = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean[:2], sd[:2], strict=True)]
        yield f"| | mean ± sd | {' | '.join(values)} | **{mean[2]:+.3f} ± {sd[2]:.3f}** |"


def main() -> None:
    """Train what is missing, print the table and write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fs-jump3d", type=Path, help="folder that prepare wrote")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="at least two, for a deviation")
    parser.add_argument("--runs", type=Path, default=Path("outputs/strategies"), help="folder of the runs")
    told = parser.parse_args()
    if len(told.seeds) < 2:
        parser.error("--seeds needs two or more")
    runs = told.runs.resolve()
    measured: dict[tuple[str, int], list[float]] = {}
    for part, seed, overrides in cells(told.fs_jump3d and told.fs_jump3d.resolve(), told.seeds, runs):
        measured[part, seed] = [
            top1(runs / f"{part}-{seed}-{strategy}", [*overrides, f"seed={seed}", f"model.strategy={strategy}"])
            for strategy in STRATEGIES
        ]
    table = "\n".join(rows(measured, told.seeds)) + f"\n\ntorch {torch.__version__}, one thread a run.\n"
    print(table)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
