"""An ensemble of networks: each has its own preprocessing, and their probabilities are averaged."""

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.data.dataset import ClipArray, ClipDataset
from stgcn_torch.data.module import loader_of
from stgcn_torch.inference.exact import for_inference
from stgcn_torch.skeleton import Skeleton
from stgcn_torch.training.lit import LitSTGCN

Probabilities = Float[np.ndarray, "N K"]
OVERFLOW = "its coordinates are too large for the network's numbers, or its weights are damaged"


@dataclass(frozen=True)
class Ensemble:
    """Networks with the same layout, input channels and classes, whose probabilities are averaged.

    Attributes:
        modules: In evaluation mode; each has its preprocessing and streams.
        weights: Weight of each network's probabilities; the sum is 1.
    """

    modules: Sequence[LitSTGCN]
    weights: Sequence[float]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.modules[0].classes

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of a clip's channels."""
        return self.modules[0].preprocessing.channels

    @property
    def body(self) -> Skeleton:
        """The layout of the joints."""
        return self.modules[0].body

    @property
    def slots(self) -> int | None:
        """People in the clips that the networks were trained on: the largest number of any; None if none says it."""
        return max((module.slots for module in self.modules if module.slots), default=None)

    @property
    def least_slots(self) -> int | None:
        """The smallest such number of any network; None if none says it."""
        return min((module.slots for module in self.modules if module.slots), default=None)

    @property
    def people(self) -> str | None:
        """How the people of recordings were put into the clips of a training, by the first network that tells it."""
        told = [clips.people for module in self.modules if (clips := module.training_clips) and clips.people]
        by_slots = {None: None, 1: "each"}.get(self.slots, "together")
        return told[0] if told else by_slots

    @property
    def ways(self) -> list[str]:
        """The ways in which people were put into the clips of the trainings, each once."""
        told = [clips.people for module in self.modules if (clips := module.training_clips) and clips.people]
        return [*dict.fromkeys(told)]

    @property
    def unit(self) -> float | None:
        """Factor that multiplied the recordings of a training, by the first network that tells it."""
        told = (clips.unit for module in self.modules if (clips := module.training_clips) and clips.unit)
        return next(told, None)

    @property
    def window(self) -> int:
        """Number of frames that no network samples down: the smallest of their windows."""
        return min(module.preprocessing.kept_frames for module in self.modules)

    def of_kept_channels(self) -> "Ensemble":
        """The same networks for clips that hold only the channels in ``keep``, as without the score.

        If the rule of a clip's length needs the dropped channels, ``nonzero`` replaces it.
        """
        views = [copy(module) for module in self.modules]  # of the same tensors
        for view in views:
            preprocessing = view.preprocessing
            length = "nonzero" if preprocessing.select == "after" else preprocessing.length
            view.preprocessing = replace(preprocessing, channels=preprocessing.keep, length=length)
        return Ensemble(views, self.weights)

    def through(self, windows: Sequence[int]) -> "Ensemble":
        """Each network once per window, so that answers are averaged over networks and windows.

        Args:
            windows: Frames; clips are sampled down or padded to each in turn.

        Raises:
            ValueError: A window is no whole number of at least 1 frame.
        """
        views = []
        for module in self.modules:
            for window in windows:
                view, frames = copy(module), module.preprocessing.frames  # of the same tensors
                preprocessing = replace(module.preprocessing, window=window, frames=None)
                view.preprocessing = replace(preprocessing, frames=frames and max(frames, window))
                views.append(view)
        return Ensemble(views, [weight / len(windows) for weight in self.weights for _ in windows])

    def to(self, device: str) -> "Ensemble":
        """The ensemble on a device."""
        return Ensemble([module.to(device) for module in self.modules], self.weights)

    def for_inference(self) -> "Ensemble":
        """An ensemble with equal answers at lower cost, from copies of the networks (see ``inference``)."""
        return Ensemble([for_inference(module) for module in self.modules], self.weights)

    def probabilities(self, clips: ClipArray, indices: Sequence[int], batch_size: int = 64) -> Probabilities:
        """The mean over the networks of each clip's class probabilities.

        Args:
            clips: (N, C, T, V, M) as recorded; each network has its own preprocessing.
            indices: Clips to answer for, in the order of the result.
            batch_size: Clips at a time.
        """
        total = np.zeros((len(indices), len(self.classes)))
        for module, weight in zip(self.modules, self.weights, strict=True):
            total += weight * _of_one(module, clips, indices, batch_size)
        return total


def _of_one(module: LitSTGCN, clips: ClipArray, indices: Sequence[int], batch_size: int) -> Probabilities:
    dataset = ClipDataset(clips, None, indices, module.preprocessing, module.body, slots=module.slots)
    result = np.empty((len(indices), len(module.classes)))
    at = 0
    with torch.inference_mode():
        for batch, _ in loader_of(dataset, batch_size):
            logits = module(batch.to(module.device)).double()
            result[at : at + len(batch)] = logits.softmax(dim=1).cpu().numpy()
            at += len(batch)
    if not (finite := np.isfinite(result).all(axis=1)).all():
        number = dataset.number(indices[int(np.argmin(finite))])
        raise ValueError(f"the answer for clip {number} is not finite; {OVERFLOW}")
    return result


def load_ensemble(
    paths: Sequence[str | Path],
    weights: Sequence[float] | None = None,
    given: Mapping[str, Any] | None = None,
    strides: Sequence[int] | None = None,
) -> Ensemble:
    """The networks of checkpoints.

    Args:
        paths: Files for ``load_module``.
        weights: One for each, of any sum; None for equal weights.
        given: As for ``load_module``, for all.
        strides: As for ``load_module``, for all.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is no checkpoint, the networks differ in layout, channels or classes, or the weights are not
            one for each, none negative and not all zero.
    """
    if not paths:
        raise ValueError("ckpt_path names no checkpoint")
    weights = [1.0] * len(paths) if weights is None else list(weights)
    if len(weights) != len(paths) or not all(0 <= w < math.inf for w in weights) or not any(weights):
        raise ValueError(f"weights must be {len(paths)} numbers, none negative and not all 0, got {weights}")
    modules = [load_module(path, given, strides) for path in paths]
    for path, module in zip(paths[1:], modules[1:], strict=True):
        _check_alike(str(paths[0]), modules[0], str(path), module)
    return Ensemble(modules, [weight / sum(weights) for weight in weights])


def _check_alike(first: str, module: LitSTGCN, second: str, other: LitSTGCN) -> None:
    differing = [
        f"{name} {text(module)} and {text(other)}"
        for name, text in (
            ("layouts", lambda m: m.body.name),
            ("channels", lambda m: ", ".join(m.preprocessing.channels)),
            ("classes", lambda m: f"{len(m.classes)} ({', '.join(m.classes[:3])}, ...)"),
        )
        if text(module) != text(other)
    ]
    if module.classes != other.classes or module.body.joints != other.body.joints or differing:
        differences = "; ".join(differing) or "the names of classes or joints"
        raise ValueError(f"{first} and {second} cannot answer together, they differ: {differences}")
