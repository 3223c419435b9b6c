"""``python -m benchmarks.data_memory``: memory and speed of the data path on a file of the competition's size.

Writes 2922 clips (3, 2500, 25, 1) float32, 2.2 GB of which only the live frames take room on disk, and serves two
epochs of them in batches of 64 as the article preprocesses and splits them: once through this project's data module,
once the article's way, which reads the whole file into memory for each of its two datasets (7 GB at its peak). Each has
a process of its own. Linux only: it reads /proc.
"""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, preprocess
from stgcn_torch.data.splits import every
from stgcn_torch.skeleton import skeleton

SHAPE = (2922, 3, 2500, 25, 1)
LIVE = (42, 2037)  # shortest and longest clip of the competition's training data, in frames
ARTICLE, BODY = PREPROCESSINGS["article"], skeleton("fsd10")
KINDS = {
    "RssAnon": "its own memory",
    "RssShmem": "shared with other processes",
    "RssFile": "pages of files, which the system drops when it must",
}


def write_clips(root: Path, count: int = SHAPE[0]) -> None:
    """Clips of random length and random positions, zero after their last frame."""
    rng = np.random.default_rng(0)
    clips = np.lib.format.open_memmap(root / "train_data.npy", "w+", np.float32, (count, *SHAPE[1:]))
    for clip in clips:
        T = int(np.clip(rng.lognormal(5.7, 0.7), *LIVE))
        clip[:2, :T] = rng.uniform(-0.5, 0.5, (2, T, 25, 1))
        clip[2, :T] = rng.uniform(0.1, 1.0, (T, 25, 1))
    clips.flush()
    np.save(root / "train_label.npy", np.arange(count) % 30)


class Whole(Dataset[tuple[np.ndarray, int]]):
    """One of the article's two datasets: each reads the file whole, and keeps both the training and the other clips."""

    def __init__(self, root: Path, train: bool) -> None:
        data = np.load(root / "train_data.npy").astype("float32")
        labels = np.load(root / "train_label.npy")
        held_out = every(len(data))
        self.clips, self.labels = {}, {}
        for name, chosen in (("train", ~held_out), ("valid", held_out)):
            self.clips[name], self.labels[name] = data[chosen], labels[chosen]
        self.name = "train" if train else "valid"

    def __len__(self) -> int:
        return len(self.clips[self.name])

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        """A clip, padded anew in every epoch."""
        return preprocess(self.clips[self.name][i], ARTICLE, BODY), self.labels[self.name][i]


def article(root: Path) -> tuple[Any, Any]:
    """Loaders of training and validation, the article's way."""
    train, valid = (Whole(root, train) for train in (True, False))
    return DataLoader(train, batch_size=64, shuffle=True), DataLoader(valid, batch_size=64)


def ours(root: Path) -> tuple[Any, Any]:
    """The same of this project."""
    files = ("train_data.npy", "train_label.npy")
    data = SkeletonData(root, *files, ARTICLE, BODY, val={"rule": "every"}, batch_size=64)
    return data.train_dataloader(), data.val_dataloader()


def resident() -> dict[str, float]:
    """Resident memory of this process in MiB, by kind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {kind: int(line.split()[1]) / 1024 for line in lines for kind in KINDS if line.startswith(kind)}


def measure(loaders: Callable[[Path], tuple[Any, Any]], root: Path) -> None:
    """Serve two epochs, and print how long they took and the largest memory on the way."""
    before, peak = resident(), resident()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak.update({kind: max(peak[kind], now) for kind, now in resident().items()})

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    train, valid = loaders(root)
    first = 0.0
    print(f"\n{loaders.__name__}")
    for _ in range(2):
        epoch = time.perf_counter()
        clips = 0
        for batch, _labels in train:
            first = first or time.perf_counter() - start
            clips += len(batch)
        print(f"epoch of {clips} clips {time.perf_counter() - epoch:8.2f} s")
    print(f"first batch after   {first:8.2f} s")
    done.set()
    watcher.join()
    del valid  # held until here, as while training
    for kind, means in KINDS.items():
        print(f"{kind:8} {before[kind]:8.0f} MiB before, {peak[kind]:8.0f} MiB at most ({means})")


def main() -> None:
    """Print the figures."""
    alone = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder))
        for loaders in (ours, article):
            process = alone.Process(target=measure, args=(loaders, Path(folder)))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
