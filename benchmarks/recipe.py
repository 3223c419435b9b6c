"""``python -m benchmarks.recipe``: how long a published training takes here, from a few epochs of the real command.

Data, module and trainer are those that ``python -m stgcn_torch.train experiment=... trainer.precision=...`` makes, on
clips of the competition's shape (2922 of 3 channels, 25 joints, drawn at random: a time does not depend on them). The
first epoch, which compiles and captures, is told apart; the median of the others times the recipe's epochs is the
training time. The floor is what the arithmetic alone would take at the device's measured rate of matrix products.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from pytorch_lightning.callbacks import Callback
from torch.utils.flop_counter import FlopCounterMode

from stgcn_torch.commands.configuration import load_layout
from stgcn_torch.commands.run_objects import make_data, make_module, make_trainer
from stgcn_torch.skeleton import skeleton
from stgcn_torch.training.callbacks import History
from stgcn_torch.training.lit import LitSTGCN

RECIPES = {"paddlevideo_fsd": "goal: 60 s on one H200", "article": "goal: 150 s on one H200"}
CLIPS, FRAMES, CLASSES = 2922, 350, 30


class Clock(Callback):
    """Wall time of the training part of each epoch, the device waited for at its ends alone."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self.steps: list[int] = []
        self.clips = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        wait(pl_module.device)
        self.start, self.before, self.clips = time.perf_counter(), trainer.global_step, 0

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop it after the last batch, before checkpoints and validation."""
        self.clips += len(batch[1])
        if trainer.is_last_batch:
            wait(pl_module.device)
            self.epochs.append(time.perf_counter() - self.start)
            self.steps.append(trainer.global_step - self.before)


def wait(device: torch.device) -> None:
    """Until all that was launched is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def matrix_rate(device: torch.device, dtype: torch.dtype, n: int = 8192) -> float:
    """Operations per second of a large matrix product."""
    n = n if device.type == "cuda" else 1024
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # convolutions may, and are most of it
    a, b = torch.randn(2, n, n, device=device, dtype=dtype)
    times = []
    for _ in range(13):
        wait(device)
        start = time.perf_counter()
        a @ b
        wait(device)
        times.append(time.perf_counter() - start)
    return 2 * n**3 / statistics.median(times[3:])


def operations(module: LitSTGCN) -> int:
    """Of the network's forward pass over one clip: the multiplications and additions of its products."""
    made = module.preprocessing
    clip = torch.zeros(1, len(made.keep), made.window, len(module.body.joints), 1, device=module.device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval().logits(clip)
    return int(counter.get_total_flops())


def write_clips(root: Path) -> None:
    """Random clips and labels in the competition's form."""
    rng = np.random.default_rng(0)
    np.save(root / "train_data.npy", rng.random((CLIPS, 3, FRAMES, 25, 1), dtype=np.float32))
    np.save(root / "train_label.npy", np.arange(CLIPS) % CLASSES)


def measure(recipe: str, root: Path, epochs: int, overrides: list[str]) -> dict[str, Any]:
    """Epochs of a recipe, as plain values."""
    with initialize_config_dir(str(Path(__file__).parents[1] / "conf"), version_base="1.3"):
        config = compose("train", [f"experiment={recipe}", f"data.root={root}", "progress_bar=false", *overrides])
    whole = config.epochs
    config.trainer.max_epochs = epochs
    pl.seed_everything(config.seed, verbose=False)
    layout = load_layout(config.layout)
    data = make_data(config, skeleton(layout))
    module = make_module(config, layout, data)
    with tempfile.TemporaryDirectory() as run:
        trainer = make_trainer(config, Path(run), History(Path(run) / "metrics.csv"), validates="val" in data.datasets)
        clock = Clock()
        trainer.callbacks.append(clock)
        trainer.fit(module, datamodule=data)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seconds = statistics.median(clock.epochs[1:])
    work = 3 * operations(module) * clock.clips
    rate = matrix_rate(device, torch.bfloat16 if "bf16" in str(config.trainer.precision) else torch.float32)
    return {
        "recipe": recipe,
        "overrides": overrides,
        "window": config.preprocessing.window,
        "steps_per_epoch": clock.steps[-1],
        "seconds_per_epoch": clock.epochs,
        "epochs": whole,
        "training_seconds": seconds * whole,
        "ms_per_step": 1e3 * seconds / clock.steps[-1],
        "clips_per_second": clock.clips / seconds,
        "tflops": work / seconds / 1e12,
        "matrix_tflops": rate / 1e12,
        "floor_seconds": work / rate * whole,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
    }


def main() -> None:
    """Print one line for each recipe, and JSON on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--epochs", type=int, default=6, help="to train; the first is not counted")
    parser.add_argument("--json", type=Path, help="file for everything measured")
    parser.add_argument("overrides", nargs="*", default=["trainer.precision=bf16-mixed"], help="as for train")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs must be at least 2, the first is not counted")
    results = []
    with tempfile.TemporaryDirectory() as root:
        write_clips(Path(root))
        for recipe in options.recipes:
            found = measure(recipe, Path(root), options.epochs, options.overrides)
            results.append(found)
            print(
                f"{found['device']}, torch {found['torch']}, {' '.join(found['overrides'])}\n"
                f"{recipe}: {found['training_seconds']:.1f} s for {found['epochs']} epochs ({RECIPES[recipe]}); "
                f"{found['ms_per_step']:.2f} ms a step, {found['clips_per_second']:.0f} clips/s, "
                f"{found['tflops']:.0f} of {found['matrix_tflops']:.0f} TFLOP/s; floor {found['floor_seconds']:.1f} s, "
                f"share {found['floor_seconds'] / found['training_seconds']:.2f}; first epoch "
                f"{found['seconds_per_epoch'][0]:.1f} s",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
