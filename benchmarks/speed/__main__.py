"""``python -m benchmarks.speed``: the original's network in torch and in Paddle, and what this project has instead.

One interleaved run: after a round that warms up, each round times every row once in turn; times are medians, ratios are
of medians to the network as the original writes it (einsum, float32). What differs from that network is not timed. The
share is that of the einsum network's operations a second in the rate of a large matrix product or convolution, the
larger of them, measured in the same rounds: what skips work may exceed 1. Memory is what two calls add to a process's
resident set at its peak, each row in a process of its own, or what CUDA's allocator says. ``python -m
benchmarks.performance`` makes the page.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.speed.measure import TASKS, Timing, measured, memory_of
from benchmarks.speed.origin import origin
from benchmarks.speed.setting import LEAST_FRAMES, Setting, recorded
from benchmarks.speed.table import printed
from stgcn_torch.model import CHANNELS, STRIDES


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=4, help="clips in a batch")
    parser.add_argument("--frames", type=int, default=350, help=f"of the window, at least {LEAST_FRAMES}")
    parser.add_argument("--live", type=int, default=117, help="frames of a padded clip before its tail")
    parser.add_argument("--clip", help="a .npy (C, T, V, M) of x, y and score in the fsd10 layout, as the padded clip")
    parser.add_argument("--rounds", type=int, default=11, help="timed rounds")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--only", choices=sorted(TASKS), help="leave the other out")
    parser.add_argument("--no-memory", action="store_true", help="measure no memory on a CPU, a process for each row")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds before each call, for others' idle threads")
    parser.add_argument("--channels", type=int, nargs="+", default=list(CHANNELS), help="of each block")
    parser.add_argument("--strides", type=int, nargs="+", default=list(STRIDES), help="of each block")
    parser.add_argument(
        "--product", type=int, help="rows of the matrices whose product tells the device's rate, at least 8"
    )
    parser.add_argument("--memory-of", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    wrong = [
        f"--{name} must be at least {least}, got {value}"
        for name, least, value in (
            ("clips", 1, options.clips),
            ("frames", LEAST_FRAMES, options.frames),
            ("live", 1, options.live),
            ("rounds", 1, options.rounds),
            ("product", 8, 8 if options.product is None else options.product),
            ("channels", 1, min(options.channels)),
            ("strides", 1, min(options.strides)),
        )
        if value < least
    ]
    if options.frames < options.live:
        wrong.append(f"--frames must be at least --live, got {options.frames} and {options.live}")
    if len(options.channels) != len(options.strides):
        wrong.append(
            f"--channels and --strides must be as many, got {len(options.channels)} and {len(options.strides)}"
        )
    try:
        if options.clip:
            recorded(options.clip, options.frames)
    except (OSError, ValueError) as error:
        wrong.append(f"--clip {error}")
    if wrong:
        parser.error("; ".join(wrong))
    return options


def main(arguments: list[str]) -> None:
    """Measure, print and write."""
    options = parsed(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def memory(*row: str) -> float | None:
        if options.no_memory:
            return None
        command = [sys.executable, "-m", "benchmarks.speed", *arguments, "--memory-of", *row]
        print(f"memory: {', '.join(row)}", file=sys.stderr)
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode:  # not worth the loss of all times
            print(f"not measured, exit code {child.returncode}: {child.stderr[-500:]}", file=sys.stderr)
            return None
        peak: float | None = json.loads(child.stdout.splitlines()[-1])
        return peak

    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(
            device,
            Path(folder),
            options.clips,
            options.frames,
            options.live,
            options.clip,
            options.channels,
            options.strides,
        )
        if options.memory_of:
            print(json.dumps(memory_of(setting, *options.memory_of)))
            return
        size = options.product or (8192 if device == "cuda" else 2048)
        timing = Timing(options.rounds, options.pause, size)
        results = origin(arguments, options.clip)
        results |= measured(setting, timing, [options.only] if options.only else list(TASKS), memory)
    print(printed(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
