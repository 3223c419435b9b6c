"""The tempo of training on long recordings: how many of their frames a window spans, and which frames a stream takes.

Training squeezes a clip that is longer than the window into it. A window cut from a recording shows the same movement
only if it spans as many frames as a training clip did, and is squeezed alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Int

from stgcn_torch.data.preprocessing.steps import live_frames
from stgcn_torch.data.training_clips import LONG, TrainingClips
from stgcn_torch.prediction.ensemble import Ensemble

ALIKE = 1.25  # largest ratio of the median lengths of networks that share windows


@dataclass(frozen=True)
class Tempo:
    """How a recording's frames become a network's.

    Attributes:
        span: Frames of the recording in a window.
        step: Frames of the recording from one that a stream takes to the next, at least 1.
        source: Where the span comes from, in words.
    """

    span: int
    step: float = 1.0
    source: str = ""

    @property
    def taken(self) -> int:
        """Frames of a window that a stream takes from the recording."""
        return ceil(self.span / self.step)

    def within(self, T: int) -> "Tempo":
        """The tempo of a recording of T frames: a clip that is shorter than a span is squeezed less, or not at all."""
        if T >= self.span:
            return self
        return replace(self, span=T, step=max(1.0, self.step * T / self.span))

    def frames(self, T: int) -> Int[np.ndarray, " n"]:
        """The frames of a recording of T that a stream takes."""
        return (np.arange(ceil(T / self.step)) * self.step).astype(np.int64)


def training_of(ensemble: Ensemble) -> TrainingClips | None:
    """Facts about the training clips of the first network that has them, with lengths."""
    clips = (module.training_clips for module in ensemble.modules)
    return next((each for each in clips if each and each.typical), None)


def medians(ensemble: Ensemble) -> list[int]:
    """The median lengths of the training clips of the networks that tell them, brought to the rate of the first."""
    known = [clips for module in ensemble.modules if (clips := module.training_clips) and clips.typical]
    rate = known[0].fps if known else None
    return [round((clips.typical or 0) * (rate / clips.fps if rate and clips.fps else 1.0)) for clips in known]


def tempo_of(ensemble: Ensemble, span: int | None = None, rate: float | None = None) -> Tempo:
    """The tempo at which networks look at recordings.

    Args:
        ensemble: The networks.
        span: Frames of a recording in a window; None for the median of the training clips' lengths, or the window where
            they are unknown.
        rate: Frames per second of the recordings, to which the median is brought if the training's is known too.

    Raises:
        ValueError: The networks were trained on clips of other lengths, and no span is asked for.
    """
    clips = training_of(ensemble)
    if span is None and (lengths := medians(ensemble)) and max(lengths) > ALIKE * min(lengths):
        raise ValueError(
            f"the networks were trained on clips of {', '.join(map(str, lengths))} frames in the median: say span=, "
            "the frames that a window spans"
        )
    if span is not None:
        source = "as asked for"
    elif clips is None or clips.typical is None:
        span, source = (
            ensemble.window,
            "the network's window, as its file does not say how long its training clips were",
        )
    else:
        ratio = rate / clips.fps if rate and clips.fps else 1.0
        span, source = max(1, round(clips.typical * ratio)), "the median of its training clips"
        if ratio != 1:
            source += f", which is {clips.typical} at {clips.fps:g} frames a second"
    return Tempo(span, max(1.0, span / ensemble.window), source)


def long_clips(ensemble: Ensemble, clips: Any, numbers: Sequence[int], rate: float | None = None) -> list[str]:
    """A line if clips are much longer than those of the training, for which one class says little.

    Args:
        ensemble: The networks.
        clips: Clips (C, T, V, M) by number; an array's are measured only if it has so many frames.
        numbers: Of the clips that are asked about.
        rate: Their frames per second; None if unknown.
    """
    training = training_of(ensemble)
    limit = training.longest if training else None
    if training is None or training.frames is None or limit is None:
        return []
    if rate and training.fps:
        limit = int(limit * rate / training.fps)
    long = {i: T for i in numbers if clips[i].shape[1] > limit and (T := live_frames(np.asarray(clips[i]))) > limit}
    if not long:
        return []
    first = min(long)
    compared = f"clip {first} has {long[first]} frames, those have {training.frames[2]} at most"
    are = "clip is" if len(long) == 1 else "clips are"
    return [
        f"{len(long)} {are} over {LONG:g} times as long as 95 % of the training's ({compared}): one class for all of "
        "it says little; predict slide= makes a timeline"
    ]
