"""``convert-pdparams`` against the usual script that imports Paddle: ``python -m benchmarks.conversion``.

From the command's start until ``out.pt`` is written, whole processes, one interleaved run on the article's network.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from convert import write_pdparams
from convert.network.keys import restore_state_dict
from stgcn_torch.architecture import tensor_shapes

USUAL = """\
import sys
import paddle
import torch
state = {}
for name, value in paddle.load(sys.argv[1]).items():
    name = name.replace("._mean", ".running_mean").replace("._variance", ".running_var")
    state[name] = torch.from_numpy(value.numpy())
torch.save(state, sys.argv[2])
"""
OURS = "from convert.cli import main; main()"
ARTICLE = {
    "num_classes": 30,
    "in_channels": 2,
    "channels": [64, 64, 64, 64, 128, 128, 128, 256, 256, 256],
    "strides": [1, 1, 1, 1, 2, 1, 1, 2, 1, 1],
    "temporal_kernel": 9,
    "edge_importance": True,
    "data_bn": True,
}


def write_network(path: Path) -> None:
    """The article's network with random weights, as Paddle stores it."""
    rng = np.random.default_rng(0)
    shapes = tensor_shapes((3, 25, 25), ARTICLE)
    state = {name: rng.uniform(size=shape).astype(np.float32) for name, shape in shapes.items()}
    write_pdparams(restore_state_dict(state), path)


def measure(script: str, source: Path, out: Path) -> tuple[float, float]:
    """Seconds and MiB at most of a process that converts."""
    out.unlink(missing_ok=True)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(source), str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status or not out.is_file():
        raise RuntimeError(f"a script ended with status {status}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Print medians, their ratio, and the peak of memory."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    scripts = {"convert-pdparams": OURS, "paddle.load, torch.save": USUAL}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in scripts}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.pdparams")
        write_network(source)
        for run in range(runs + 1):
            for name, script in scripts.items():
                measured = measure(script, source, Path(folder, "out.pt"))
                if run:  # the first warms the disk's cache
                    taken[name].append(measured)
    print(f"paddlepaddle {version('paddlepaddle')}, torch {version('torch')}, median of {runs}, interleaved")
    medians = {}
    for name, figures in taken.items():
        medians[name] = statistics.median(seconds for seconds, _ in figures)
        print(f"{name:24} {medians[name]:6.2f} s {max(memory for _, memory in figures):6.0f} MiB at most")
    ours, usual = medians.values()
    print(f"ratio {usual / ours:.1f}")


if __name__ == "__main__":
    main()
