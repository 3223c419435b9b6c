"""Every row of a run: compared with the einsum network first, and timed only if it is the same function."""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.speed import inference, training
from benchmarks.speed.clock import difference, median, operations, peak_mib, times_in_rounds, yardsticks
from benchmarks.speed.setting import EINSUM, Missing, Ready, Setting, Variant

PACKAGES = ("torch", "numpy", "paddlepaddle", "onnx", "onnxruntime", "triton")


@dataclass(frozen=True)
class Task:
    """What is done with clips.

    Attributes:
        variants: By kind of clips and name.
        tolerance: Of a variant's difference from the einsum network.
    """

    variants: Mapping[str, Mapping[str, Variant]]
    tolerance: float


TASKS = {
    "inference": Task(inference.VARIANTS, inference.TOLERANCE),
    "training": Task(training.VARIANTS, training.TOLERANCE),
}


@dataclass(frozen=True)
class Timing:
    """How rows are timed.

    Attributes:
        rounds: In each of which every row is timed once.
        pause: Seconds before each call (see ``times_in_rounds``).
        size: Of ``yardsticks``.
    """

    rounds: int = 11
    pause: float = 0.25
    size: int = 2048


def measured(
    setting: Setting, timing: Timing, tasks: Sequence[str], memory: Callable[[str, str, str], float | None]
) -> dict[str, Any]:
    """The results of a run, as JSON has them.

    Args:
        setting: What is run.
        timing: How.
        tasks: Which.
        memory: Peak memory of a task, kind of clips and variant, MiB, on a CPU.
    """
    rows: list[dict[str, Any]] = []
    ready: dict[str, Ready] = {}
    counted: dict[tuple[str, str], int] = {}
    for name in tasks:
        task = TASKS[name]
        for kind, variants in task.variants.items():
            x = setting.batches[kind]
            original = variants[EINSUM](setting, x)
            expected = original.output()
            counted[name, kind] = operations(original.run)
            print(f"comparing: {name}, {kind}", file=sys.stderr)
            for variant, make in variants.items():
                row: dict[str, Any] = {"task": name, "clips": kind, "variant": variant, "tolerance": task.tolerance}
                rows.append(row | checked(make, setting, x, expected, task, ready, f"{name}/{kind}/{variant}"))
    dtypes = sorted({row.dtype for row in ready.values()}, key=str)
    sticks = {
        f"{dtype} {name}": stick
        for dtype in dtypes
        for name, stick in yardsticks(timing.size, dtype, setting.device).items()
    }
    times = times_in_rounds(sticks | ready, setting.device, timing.rounds, timing.pause)
    reached = {name: operations(stick.run) / median(times[name]) * 1e3 for name, stick in sticks.items()}
    rates = {dtype: max(rate for name, rate in reached.items() if name.startswith(str(dtype))) for dtype in dtypes}
    for row in rows:
        place = "{task}/{clips}/{variant}".format(**row)
        if place in ready:
            base = times["{task}/{clips}/".format(**row) + EINSUM]
            useful = counted[row["task"], row["clips"]]
            row |= figures(ready[place], times[place], base, row["clips"], setting, useful, rates)
            if setting.device == "cuda":
                row["peak_mib"] = peak_mib(ready[place].run, "cuda")
            else:
                row["peak_mib"] = memory(row["task"], row["clips"], row["variant"])
    return {
        "machine": machine(setting.device),
        "sizes": {
            "clips": setting.clips,
            "frames": setting.frames,
            "live": setting.live_frames,
            "recorded": setting.recorded is not None,
            "channels": list(setting.channels),
            "strides": list(setting.strides),
        },
        "rounds": timing.rounds,
        "product": {"size": timing.size, "gflop_per_s": {name: rate / 1e9 for name, rate in reached.items()}},
        "rows": rows,
    }


def checked(
    make: Variant, setting: Setting, x: Tensor, expected: Tensor, task: Task, ready: dict[str, Ready], place: str
) -> dict[str, Any]:
    """A row without figures; the variant is put among those to be timed if it differs by no more than it may."""
    row: dict[str, Any] = dict.fromkeys(("error", "withheld", "ms", "times_ms", "ratio", "clips_per_s", "share"))
    row["peak_mib"] = None
    try:
        made = make(setting, x)
    except Missing as reason:
        return row | {"withheld": str(reason)}
    row |= {"error": difference(made.output(), expected), "tolerance": made.tolerance or task.tolerance}
    if not row["error"] <= row["tolerance"]:  # NaN is not
        told = f"differs from the einsum network by {row['error']:.1e}, may by {row['tolerance']:.0e}: not timed"
        return row | {"withheld": told}
    ready[place] = made
    return row


def figures(
    row: Ready,
    times: list[float],
    original: list[float],
    kind: str,
    setting: Setting,
    useful: int,
    rates: Mapping[torch.dtype, float],
) -> dict[str, Any]:
    """What a row's times say.

    Args:
        row: The variant.
        times: Its, in seconds.
        original: Those of the einsum network.
        kind: Of clips.
        setting: What was run.
        useful: Operations of the einsum network.
        rates: Operations a second that the device can reach, by dtype.
    """
    ms = median(times)
    clips = setting.batches[kind].shape[0]
    return {
        "ms": ms,
        "times_ms": [spent * 1e3 for spent in times],
        "ratio": median(original) / ms,
        "clips_per_s": clips / ms * 1e3 if row.whole_clips else None,
        "share": useful / ms * 1e3 / rates[row.dtype] if row.whole_clips else None,
    }


def memory_of(setting: Setting, task: str, kind: str, variant: str) -> float | None:
    """Peak memory of a row in this process, MiB."""
    made = TASKS[task].variants[kind][variant](setting, setting.batches[kind])
    return peak_mib(made.run, setting.device)


def machine(device: str) -> dict[str, Any]:
    """What measures."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"CPU, {processor()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "float32_products": torch.get_float32_matmul_precision(),
        "python": platform.python_version(),
        "versions": versions | {"torch": torch.__version__},
    }


def processor() -> str:
    """Its name, as far as the system tells it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
