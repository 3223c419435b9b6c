"""``python -m benchmarks.performance RESULTS.json... > docs/performance.md``: the page of ``benchmarks.speed``.

Every figure, and whether it is what was aimed at, comes from the results; the same results make the same page.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.setting import EINSUM
from benchmarks.speed.table import Results, kinds, lines, machine, origin, sizes

ON_A_GPU = Path(__file__).parents[1] / "docs" / "performance_gpu.md"
INTRODUCTION = """\
# Performance

Written by `python -m benchmarks.performance` from the results of `python -m benchmarks.speed --json FILE`, one
interleaved run: after a round that warms up, each round times every row once in turn. Times are medians, ratios are of
medians. What differs from the network as the original writes it (einsum, float32) by more than it may is not timed:
logits by 1e-5 of the largest, gradients by 1e-7 of the largest, these in float64 on the first 33 frames (in float32 an
activation that rounding moves across ReLU's corner adds or removes its whole gradient). The last column is the
difference found.

The share is what the einsum network's operations make a second, multiplications and additions apart, of the rate that
the device reached at best in the same rounds, in a large matrix product or a large convolution over 9 frames with
channels last (torch takes them from different libraries); it may exceed 100% where work is skipped. Memory is what two
calls add to the resident set of a process of their own at its peak, kept features and buffers included, or what CUDA's
allocator says. `for_inference` has the zero clip of the window from the calls before the first timed one: it makes one
when that pays at once or when the window comes back, and it costs what one dense person costs. Paddle's side is
`tests/parity/reference.py`. The fused row is compared in float32, by 1e-3, and timed in
bfloat16.
"""


@dataclass(frozen=True)
class Target:
    """A ratio of two rows' speeds that is aimed at.

    Attributes:
        task: Of both rows.
        clips: Likewise.
        variant: The faster row.
        least: The ratio.
        other: The row it is compared with.
    """

    task: str
    clips: str
    variant: str
    least: float
    other: str = EINSUM


TARGETS = (
    Target("inference", "padded", "for_inference", 2.4),
    Target("inference", "padded, nobody second", "for_inference", 6.0),
    Target("inference", "dense, nobody second", "for_inference", 2.0),
    Target("inference", "dense", "for_inference", 1.0),
    Target("inference", "dense", "for_inference", 2.3, "Paddle Inference, oneDNN"),
    Target("inference", "1 clip, dense", "StreamingSTGCN, one frame", 30.0),
    Target("inference", "1 clip, dense", "StreamingSTGCN, an exact answer", 2.5),
    Target("training", "dense", "torch matmul", 0.97),
)


def ratio(results: Results, target: Target) -> float | None:
    """How much faster a target's row was; None if either was not timed."""
    ms = {
        row["variant"]: row["ms"]
        for row in results["rows"]
        if (row["task"], row["clips"]) == (target.task, target.clips)
    }
    mine, other = ms.get(target.variant), ms.get(target.other)
    return None if mine is None or other is None else other / mine


def targets(results: Results) -> Iterator[str]:
    """The table of targets; those for a CPU are no others'."""
    yield "| | against | at least | measured | met |"
    yield "|---|---|---:|---:|---|"
    for target in TARGETS:
        found = ratio(results, target)
        measured, met = "not timed", "not known"
        if found is not None:
            measured, met = f"{found:.3g}", "yes" if found >= target.least else "no"
        compared = f"{target.task}, {target.clips}: {target.variant} | {target.other}"
        yield f"| {compared} | {target.least:g} | {measured} | {met} |"


def section(results: Results) -> str:
    """One run."""
    told = filter(None, (machine(results), sizes(results), origin(results)))
    text = f"\n## {results['machine']['device']}\n\n" + "\n\n".join(told) + "\n"
    if results["machine"]["device"].startswith("CPU"):
        text += "\n### What was aimed at\n\n" + "\n".join(targets(results)) + "\n"
    for task, kind, rows in kinds(results):
        text += f"\n### {task.capitalize()}: {kind}\n\n" + "\n".join(lines(rows)) + "\n"
    return text


def written(runs: Sequence[Any], on_a_gpu: str | None) -> str:
    """The page of these runs.

    Args:
        runs: Results of ``benchmarks.speed``.
        on_a_gpu: The name of a page beside it that a hand wrote about GPUs.
    """
    told = f"See [{on_a_gpu}]({on_a_gpu})." if on_a_gpu else "Not measured beyond what stands above."
    return INTRODUCTION + "".join(map(section, runs)) + f"\n## On a GPU\n\n{told}\n"


def results_of(path: str) -> Any:
    """What a file says.

    Raises:
        OSError: There is no such file.
        ValueError: It was not written by ``benchmarks.speed``.
    """
    results = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(results, dict) or not {"machine", "sizes", "rounds", "product", "rows"} <= results.keys():
        raise ValueError("no results of benchmarks.speed")
    return results


def main(arguments: Sequence[str]) -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.performance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", nargs="+", help="files that benchmarks.speed --json wrote")
    runs = []
    for path in parser.parse_args(arguments).results:
        try:
            runs.append(results_of(path))
        except (OSError, ValueError) as error:
            parser.error(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
    print(written(runs, ON_A_GPU.name if ON_A_GPU.exists() else None), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
