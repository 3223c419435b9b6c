"""``python -m benchmarks.scaling``: clips a second that the data path delivers, and memory of two processes.

On clips of the competition's size (see ``data_memory``), window 350, batches of 64, no workers. Two processes deal the
clips out as under DDP, once with the files of preprocessed clips shared as ``SkeletonData.setup`` shares them, and once
without. Memory is PSS, in which a page that two processes map counts half for each, without what they held before the
data. Prints the table of docs/scaling.md. Linux only: it reads /proc.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import distributed, multiprocessing

from benchmarks.data_memory import BODY, SHAPE, write_clips
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS

EPOCHS = 4
KINDS = {  # processes, and whether they share their files
    "one process": (1, False),
    "two, each with files of its own": (2, False),
    "two that share them": (2, True),
}
Figures = tuple[list[float], float]  # clips a second in each epoch, and MiB


def proportional() -> float:
    """PSS of this process in MiB."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def serve(rank: int, root: Path, world: int, share: bool, told: Any) -> None:
    """Serve the epochs of one process; tells its ``Figures`` to a queue."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{root}/store{world}{share}", rank=rank, world_size=world)
    progress = SimpleNamespace(current=SimpleNamespace(processed=0))
    distributed.barrier()
    before = proportional()
    data = SkeletonData(root, "train_data.npy", "train_label.npy", PREPROCESSINGS["fixed"], BODY, batch_size=64)
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        world_size=world,
        global_rank=rank,
        local_rank=rank,
        node_rank=0,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
        fit_loop=SimpleNamespace(epoch_progress=progress),
    )
    if share:
        data.setup("fit")
    rates = []
    for epoch in range(EPOCHS):
        progress.current.processed = epoch
        loader = data.train_dataloader()
        start = time.perf_counter()
        clips = sum(len(batch) for batch, _ in loader)
        rates.append(clips / (time.perf_counter() - start))
        distributed.barrier()
    told.put((rates, proportional() - before))
    distributed.barrier()
    distributed.destroy_process_group()


def together(root: Path, world: int, share: bool) -> Figures:
    """The figures of all processes in sum; one that fails ends the others, and its error is raised."""
    told = multiprocessing.get_context("spawn").SimpleQueue()
    multiprocessing.spawn(serve, (root, world, share, told), nprocs=world)
    rates, memory = zip(*(told.get() for _ in range(world)), strict=True)
    return [sum(epoch) for epoch in zip(*rates, strict=True)], sum(memory)


def table(root: Path, clips: int) -> Iterator[str]:
    """What was measured, in Markdown."""
    yield f"`python -m benchmarks.scaling --clips {clips}`, torch {torch.__version__}, {os.cpu_count()} CPU cores:\n"
    yield f"| | clips/s, first epoch | clips/s, epochs 2 to {EPOCHS} | memory of the data, all processes (PSS) |"
    yield "|---|---|---|---|"
    for name, (world, share) in KINDS.items():
        (first, *later), memory = together(root, world, share)
        yield f"| {name} | {first:,.0f} | {min(later):,.0f} to {max(later):,.0f} | {memory:,.0f} MiB |"


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=SHAPE[0], help="in the file, at least 2 (default: %(default)s)")
    clips = parser.parse_args(arguments).clips
    if clips < 2:
        parser.error(f"--clips must be at least 2, one for each of two processes, got {clips}")
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), clips)
        for line in table(Path(folder), clips):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
