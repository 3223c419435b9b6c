"""``python -m benchmarks.timelines CHECKPOINT``: timelines of recordings whose classes are known frame by frame.

A recording is 30 clips of the synthetic set's test, one after the other. Printed is the share of frames whose class is
right: of those at least a quarter of a window's span from a join, and of all. Windows of raw frames, as long as the
network's window, show what the tempo of training is worth. Takes a minute on two threads.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from stgcn_torch.commands.input_source import Place
from stgcn_torch.data.preprocessing.steps import live_frames
from stgcn_torch.prediction.ensemble import Ensemble, load_ensemble
from stgcn_torch.prediction.tempo import Tempo, tempo_of
from stgcn_torch.tasks.predict import answers

CLIPS = 30  # in a recording
RECORDINGS = 3


class Recorded(NamedTuple):
    """A recording (C, T, V, M), the class of each of its frames, and the frames that begin another clip."""

    clip: np.ndarray[Any, Any]
    truth: np.ndarray[Any, Any]
    joins: np.ndarray[Any, Any]


def recording(clips: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], seed: int) -> Recorded:
    """Clips drawn without repetition, their padding cut off, joined."""
    chosen = np.random.default_rng(seed).choice(len(clips), CLIPS, replace=False)
    parts = [np.asarray(clips[i][:, : live_frames(np.asarray(clips[i]))]) for i in chosen]
    lengths = [part.shape[1] for part in parts]
    return Recorded(np.concatenate(parts, axis=1), np.repeat(labels[chosen], lengths), np.cumsum(lengths)[:-1])


def right(ensemble: Ensemble, recorded: Recorded, span: int, **options: Any) -> tuple[float, float]:
    """Share of the frames that are right: far from every join, and of all."""
    found = np.full(len(recorded.truth), -1)
    for answer in answers(ensemble, [recorded.clip], [Place(0)], **options):
        found[answer.place.start : answer.place.end] = answer.top[0][0]
    distance = np.abs(np.arange(len(found))[:, None] - recorded.joins).min(axis=1)
    correct = found == recorded.truth
    return float(correct[distance >= span / 4].mean()), float(correct.mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkpoint", help="of a default run: python -m stgcn_torch.train")
    parser.add_argument("--data", type=Path, default=Path("data/skating"), help="folder of the synthetic set")
    options = parser.parse_args(arguments)
    ensemble = load_ensemble([options.checkpoint])
    clips = np.load(options.data / "test_data.npy", mmap_mode="r")
    labels = np.load(options.data / "test_label.npy")
    recordings = [recording(clips, labels, seed) for seed in range(RECORDINGS)]
    tempo = tempo_of(ensemble)
    ways: dict[str, dict[str, Any]] = {
        "`slide=16`": {"slide": 16},
        "`slide=8`": {"slide": 8},
        f"`slide=16 span={ensemble.window}`, raw frames": {"slide": 16, "tempo": Tempo(ensemble.window)},
        "`stream=64`": {"stream": 64},
        f"`stream=64 span={ensemble.window}`, raw frames": {"stream": 64, "tempo": Tempo(ensemble.window)},
    }
    print(f"torch {torch.__version__}; windows span {tempo.span} frames, squeezed into {ensemble.window}\n")
    print("| way | far from joins | each recording | all frames |\n|---|---|---|---|")
    for name, given in ways.items():
        rows = [right(ensemble, recorded, tempo.span, **given) for recorded in recordings]
        far, every = (np.array(column) for column in zip(*rows, strict=True))
        each = ", ".join(f"{share:.3f}" for share in far)
        print(f"| {name} | {far.mean():.3f} | {each} | {every.mean():.3f} |")


if __name__ == "__main__":
    main()
