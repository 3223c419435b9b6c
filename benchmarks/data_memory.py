"""``python -m benchmarks.data_memory``: memory and first batch of the data path on a file of the competition's size.

Writes 2922 clips (3, 2500, 25, 1) float32, 2.2 GB of which only the live frames take room on disk, and serves one epoch
of them in batches of 64 as PaddleVideo's recipe preprocesses them (window 350). Linux only: it reads /proc.
"""

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing import PREPROCESSINGS
from stgcn_torch.skeleton import skeleton

SHAPE = (2922, 3, 2500, 25, 1)
LIVE = (42, 2037)  # shortest and longest clip of the competition's training data, in frames


def write_clips(root: Path) -> None:
    """Clips of random length and random positions, zero after their last frame."""
    rng = np.random.default_rng(0)
    clips = np.lib.format.open_memmap(root / "train_data.npy", "w+", np.float32, SHAPE)
    for clip in clips:
        T = int(np.clip(rng.lognormal(5.7, 0.7), *LIVE))
        clip[:2, :T] = rng.uniform(-0.5, 0.5, (2, T, 25, 1))
        clip[2, :T] = rng.uniform(0.1, 1.0, (T, 25, 1))
    clips.flush()
    np.save(root / "train_label.npy", np.arange(SHAPE[0]) % 30)


def resident(kind: str) -> float:
    """Resident memory of this process in MiB: ``RssAnon``, ``RssFile`` or ``RssShmem``."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith(kind)) / 1024


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_clips(root)
        before = peak = resident("RssAnon")
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.01):
                peak = max(peak, resident("RssAnon"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.perf_counter()
        data = SkeletonData(
            root, "train_data.npy", "train_label.npy", PREPROCESSINGS["paddlevideo"], skeleton("fsd10"), batch_size=64
        )
        first = 0.0
        for _ in range(2):
            epoch = time.perf_counter()
            clips = 0
            for batch, _labels in data.train_dataloader():
                first = first or time.perf_counter() - start
                clips += len(batch)
            print(f"epoch of {clips} clips {time.perf_counter() - epoch:8.2f} s")
        done.set()
        watcher.join()
        print(f"first batch after {first:13.2f} s")
        print(f"RssAnon before    {before:13.0f} MiB (Python with torch and Lightning)")
        print(f"RssAnon peak      {peak:13.0f} MiB")
        print(
            f"RssFile           {resident('RssFile'):13.0f} MiB (pages of files, which the system drops when it must)"
        )


if __name__ == "__main__":
    main()
