"""``python -m benchmarks.puzzle``: what each of the article's departures from PaddleVideo's preprocessing costs.

On the synthetic set, trains one network as the official one was (centred, score kept until the window is filled) and
one as the article's own was, and evaluates them as trained and as the article did. Prints the tables of docs/puzzle.md
and writes them there. Takes 10 to 13 minutes on one thread.
"""

import argparse
import copy
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.data.dataset import ClipDataset
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing, live_frames
from stgcn_torch.data.skating import write_skating_set
from stgcn_torch.drawing.report import wilson_interval
from stgcn_torch.skeleton import skeleton
from stgcn_torch.training.lit import LitSTGCN

PAGE = Path(__file__).parents[1] / "docs" / "puzzle.md"
BEGIN, END = "<!-- written by benchmarks/puzzle.py -->\n", "<!-- end -->\n"
BODY = skeleton("fsd10")
WINDOW = 112  # frames, for PaddleVideo's 350: about half of the clips are longer
LONG = round(WINDOW * 1000 / 350)  # for the article's 1000
BATCH = 64  # clips, the article's
SHUFFLES = 20

# sampling=to_last, the article's linspace(0, T - 1), not PaddleVideo's linspace(0, T): some clips fill the array, where
# that one fails. So the table does not measure this departure.
OFFICIAL = replace(PREPROCESSINGS["paddlevideo"], window=WINDOW, sampling="to_last")
RECIPES = {
    "official": ["preprocessing=paddlevideo", "preprocessing.sampling=to_last", f"preprocessing.window={WINDOW}"],
    "article": [
        "preprocessing=article",
        f"preprocessing.window={LONG}",
        f"data.batch_size={BATCH}",
        "data.drop_last=true",
        "epochs=10",  # for time
    ],
}

Split = tuple[Tensor, Tensor]


def train(name: str, folder: Path, seed: int) -> LitSTGCN:
    """The best checkpoint of a training run, in evaluation mode; the synthetic set is written first."""
    command = [sys.executable, "-m", "stgcn_torch.train", *RECIPES[name], f"seed={seed}", f"data.root={folder}/skating"]
    subprocess.run([*command, f"hydra.run.dir={folder}/{name}", "progress_bar=false"], check=True)
    return load_module(folder / name / "checkpoints" / "best.ckpt")


def test_split(root: Path, preprocessing: Preprocessing) -> Split:
    """All test clips (N, C, T, V, M), and their labels."""
    clips, labels = np.load(root / "test_data.npy", mmap_mode="r"), np.load(root / "test_label.npy")
    return ClipDataset(clips, labels, range(len(clips)), preprocessing, BODY).__getitems__(range(len(clips)))


@torch.no_grad()
def recognised(module: LitSTGCN, split: Split) -> Tensor:
    """Which clips are recognised, batch by batch; in training mode this overwrites the statistics as it goes."""
    clips, labels = split
    logits = [module.logits(batch) for batch in clips.split(BATCH)]  # not module(batch), which brings back its window
    return torch.cat(logits).argmax(dim=1) == labels


def in_training_mode(module: LitSTGCN) -> LitSTGCN:
    """A copy that normalises with each batch's own statistics: what is left out without ``eval()``."""
    return copy.deepcopy(module).train()


def top1(hits: Tensor) -> str:
    """A share of clips with its 95 % Wilson interval."""
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return f"{hits.float().mean():.3f} ({low:.3f} to {high:.3f})"


@torch.no_grad()
def largest(module: LitSTGCN, clips: Tensor) -> tuple[float, float]:
    """Largest absolute value that leaves the input batch norm, at the centre joint and at all others."""
    N, C, T, V, M = clips.shape
    normalised = module.backbone.data_bn(clips.permute(0, 4, 3, 1, 2).reshape(N * M, V * C, T))
    of_joint = normalised.abs().amax(dim=(0, 2)).view(V, C).amax(dim=1)
    others = torch.arange(V) != BODY.center
    return float(of_joint[BODY.center]), float(of_joint[others].max())


def departures(module: LitSTGCN, root: Path) -> Iterator[str]:
    """The 2^4 table: every combination of centring, window, score and batch norm, on all test clips."""
    yield "| centred | window | score | top-1 | top-1 without `eval()` | largest after `data_bn`, hip / others |"
    yield "|---|---|---|---|---|---|"
    for center, window, select in product((BODY.center, None), (WINDOW, LONG), ("after", "before")):
        split = test_split(root, replace(OFFICIAL, center=center, window=window, select=select))
        hip, others = largest(module, split[0])
        said = ("no" if center is None else "yes", window, "kept" if select == "after" else "dropped first")
        figures = (top1(recognised(module, split)), top1(recognised(in_training_mode(module), split)))
        yield f"| {' | '.join(map(str, said + figures))} | {hip:.0f} / {others:.0f} |"


def contamination(module: LitSTGCN, root: Path) -> Iterator[str]:
    """What a pass in training mode over the article's input leaves behind in the statistics."""
    right, wrong = (test_split(root, made) for made in (OFFICIAL, replace(PREPROCESSINGS["article"], window=LONG)))
    after = in_training_mode(module)
    recognised(after, wrong)
    after.eval()
    yield "| evaluated with `eval()` on | top-1 before the pass | top-1 after it |"
    yield "|---|---|---|"
    for name, split in (("clips as trained", right), ("the article's input", wrong)):
        yield f"| {name} | {top1(recognised(module, split))} | {top1(recognised(after, split))} |"


def protocol(module: LitSTGCN, root: Path, seed: int) -> Iterator[str]:
    """The article's measurement on its own network, and the honest one."""
    clips, labels = test_split(root, module.preprocessing)
    whole = len(clips) // BATCH * BATCH
    honest = recognised(module, (clips, labels))
    shares: dict[str, list[float]] = {
        f"| `eval()`, last batch dropped | {whole} |": [],
        f"| no `eval()` | {len(clips)} |": [],
        f"| no `eval()`, last batch dropped: as in the article | {whole} |": [],
    }
    generator = torch.Generator().manual_seed(seed)
    for _ in range(SHUFFLES):
        order = torch.randperm(len(clips), generator=generator)
        hits = recognised(in_training_mode(module), (clips[order], labels[order]))
        for drawn, chosen in zip(shares.values(), (honest[order][:whole], hits, hits[:whole]), strict=True):
            drawn.append(float(chosen.float().mean()))
    yield f"| a network as the article's own, shuffled {SHUFFLES} times | clips | top-1 |"
    yield "|---|---|---|"
    yield f"| `eval()` on every clip | {len(clips)} | {top1(honest)} |"
    for row, drawn in shares.items():
        yield f"{row} mean {np.mean(drawn):.3f}, least {min(drawn):.3f}, most {max(drawn):.3f} |"


def lost_frames(root: Path) -> str:
    """What the length rule makes of clips whose score is gone."""
    clips = np.load(root / "test_data.npy", mmap_mode="r")
    true = np.array([live_frames(clip) for clip in clips])
    taken = np.array([live_frames(clip[:2], "positive_sum") for clip in clips])
    short, full = taken < true, taken > true
    lost = (true - taken)[short].sum() / true[short].sum()
    return (
        f"Without the score the length rule cuts {short.mean():.0%} of the clips short, by {lost:.0%} of their frames, "
        f"and\ntakes another {full.mean():.0%} for as long as the array.\n"
        f"Longer than the window are {(true > WINDOW).mean():.0%} of the clips at {WINDOW} frames "
        f"and {(true > LONG).mean():.0%} at {LONG}."
    )


def gains(module: LitSTGCN) -> str:
    """What the input batch norm multiplies joints by in evaluation."""
    data_bn = module.backbone.data_bn
    gain = (data_bn.weight / (data_bn.running_var + data_bn.eps).sqrt()).view(len(BODY.joints), -1)
    others = gain[torch.arange(len(BODY.joints)) != BODY.center]
    return (
        f"In the first network `data_bn` multiplies the hip by {gain[BODY.center].max():.0f}, "
        f"the other joints by {others.min():.0f} to {others.max():.0f}."
    )


def main() -> None:
    """Print the tables and write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of both trainings and of the shuffles")
    seed = parser.parse_args().seed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = write_skating_set(folder / "skating")
        official, article = (train(recipe, folder, seed) for recipe in RECIPES)
        clips = len(np.load(root / "test_label.npy"))
        told = [f"`python -m benchmarks.puzzle --seed {seed}`, torch {torch.__version__}, {clips} test clips."]
        parts = (departures(official, root), [gains(official), lost_frames(root)], contamination(official, root))
        measured = "\n\n".join("\n".join(part) for part in (told, *parts, protocol(article, root, seed))) + "\n"
    print(measured)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + measured + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
