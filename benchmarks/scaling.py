"""``python -m benchmarks.scaling``: clips a second that the data path delivers, and memory of two processes.

On 2922 clips of the competition's size (see ``data_memory``), window 350, batches of 64, no workers. Two processes deal
the clips out as under DDP, once with the files of preprocessed clips shared as ``SkeletonData.setup`` shares them, and
once without. Memory is PSS, in which a page that two processes map counts half for each, without what they held before
the data. Linux only: it reads /proc.
"""

import multiprocessing
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import distributed

from benchmarks.data_memory import BODY, write_clips
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing import PREPROCESSINGS

EPOCHS = 4
Figures = tuple[list[float], float]


def proportional() -> float:
    """PSS of this process in MiB."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def serve(root: Path, rank: int, world: int, share: bool, told: "Queue[Figures]") -> None:
    """Serve the epochs of one process; tells clips a second in each, and the memory that the data took."""
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


def main() -> None:
    """Print the figures."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder))
        for world, share in ((1, False), (2, False), (2, True)):
            told: Queue[Figures] = context.Queue()
            ranks = [
                context.Process(target=serve, args=(Path(folder), rank, world, share, told)) for rank in range(world)
            ]
            for process in ranks:
                process.start()
            found = [told.get() for _ in ranks]
            for process in ranks:
                process.join()
            rates = [sum(rates[epoch] for rates, _ in found) for epoch in range(EPOCHS)]
            shown = ", ".join(f"{rate:.0f}" for rate in rates)
            print(
                f"{world} processes, {'shared' if share else 'each its own'}: {shown} clips/s in epochs 1 to {EPOCHS}; "
                f"{sum(memory for _, memory in found):.0f} MiB"
            )


if __name__ == "__main__":
    main()
