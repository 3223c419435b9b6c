"""Times in rounds that take every row once in turn, memory of one row, and what the device can do at best."""

import ctypes
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.setting import Ready

MIB = 2**20


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest of two tensors, relative to the second's largest value; NaN if there is one."""
    return float((found - expected).abs().max() / expected.abs().max())


def synchronized(device: str) -> None:
    """Wait for what the device still has to do."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(run: Callable[[], object], device: str) -> float:
    """Of one call."""
    synchronized(device)
    start = time.perf_counter()
    run()
    synchronized(device)
    return time.perf_counter() - start


def times_in_rounds(ready: Mapping[str, Ready], device: str, rounds: int, pause: float) -> dict[str, list[float]]:
    """Seconds of each round by row. A round before the first, whose times are not kept, warms up.

    Args:
        ready: Rows by their names.
        device: ``cpu`` or ``cuda``.
        rounds: Timed ones.
        pause: Seconds before each call, in which idle threads of other libraries stop waiting for work and go to sleep.
    """
    times: dict[str, list[float]] = {name: [] for name in ready}
    for i in range(rounds + 1):
        print(f"round {i} of {rounds}", file=sys.stderr)
        for name, row in ready.items():
            if i > row.most_rounds:
                continue
            time.sleep(pause)
            spent = seconds(row.run, device) / row.units
            if i:
                times[name].append(spent)
    return times


def yardsticks(size: int, dtype: torch.dtype, device: str) -> dict[str, Ready]:
    """Products whose operations a second, the larger of them, are the rate that the device can reach.

    Two, as torch takes them from different libraries: on an AMD processor MKL's matrix product has half the speed of
    oneDNN's convolution, which is a matrix product too.

    Args:
        size: Of the square matrices, and of eight times the channels of the convolution over 9 frames.
        dtype: Of both.
        device: ``cpu`` or ``cuda``.
    """
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    D, last = size // 8, torch.channels_last
    x, w = (torch.randn(shape, device=device).to(dtype, memory_format=last) for shape in ((4, D, 88, 25), (D, D, 9, 1)))
    runs = {"matrix product": partial(torch.mm, a, b), "convolution": torch.no_grad()(partial(F.conv2d, x, w))}
    return {name: Ready(run, run, dtype) for name, run in runs.items()}


def operations(run: Callable[[], object]) -> int:
    """Of the matrix products and convolutions in a call, multiplications and additions apart."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def peak_mib(run: Callable[[], object], device: str) -> float | None:
    """What two calls need at most beyond what is there before, MiB: of the device, or of resident memory (Linux)."""
    if device == "cuda":
        synchronized(device)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        run()
        synchronized(device)
        return (torch.cuda.max_memory_allocated() - before) / MIB
    if sys.platform != "linux":
        return None
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not hide what is taken now
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    run()
    run()
    return (status("VmHWM") - before) / 1024


def status(name: str) -> int:
    """A figure of this process's memory, KiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def median(times: list[float]) -> float:
    """The median, in milliseconds."""
    return statistics.median(times) * 1e3
