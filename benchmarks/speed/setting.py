"""What is run: weights, clips of every kind, and how a variant presents itself to the clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stgcn_torch.data.arrays import open_clips, validate_clip
from stgcn_torch.data.preprocessing.steps import Preprocessing, live_frames, preprocess
from stgcn_torch.model import CHANNELS, STGCN, STRIDES
from stgcn_torch.skeleton import skeleton

EINSUM = "torch einsum, as the original"  # what all others are compared with
CLASSES = 30
CHANNEL_NAMES = ("x", "y", "score")  # of a recorded clip
COMPARED_FRAMES = 33  # of the clips whose gradients are compared
LEAST_FRAMES = 7  # a stream is timed on the four that follow half of a clip


class Missing(Exception):  # noqa: N818
    """Why a variant cannot run here, in one line."""


@dataclass(frozen=True)
class Ready:
    """A variant that can be timed.

    Attributes:
        run: One call.
        output: What must be the einsum network's: logits, or the gradients of all parameters as one vector, in float64
            and of few frames.
        dtype: Of its matrix products.
        units: Equal parts of a call, whose time is told.
        whole_clips: Whether a call takes all clips from start to end; no clips a second are told otherwise.
        most_rounds: Rounds in which it is timed.
        tolerance: Of the output, where it is not the task's.
    """

    run: Callable[[], object]
    output: Callable[[], Tensor]
    dtype: torch.dtype = torch.float32
    units: int = 1
    whole_clips: bool = True
    most_rounds: int = 1000
    tolerance: float | None = None


Variant = Callable[["Setting", Tensor], Ready]  # of clips (N, C, T, V, M)


@dataclass(frozen=True)
class Setting:
    """What all variants of a run have in common.

    Attributes:
        device: ``cpu`` or ``cuda``.
        folder: For saved models.
        clips: In a batch.
        frames: Of the window.
        live: Frames of a padded clip before its tail of zeros.
        recorded: A .npy (C, T, V, M) of x, y and score in the fsd10 layout, to take as the padded clip.
        channels: Of each block.
        strides: Of each block.
    """

    device: str
    folder: Path
    clips: int = 4
    frames: int = 350
    live: int = 117
    recorded: str | None = None
    channels: Sequence[int] = CHANNELS
    strides: Sequence[int] = STRIDES

    def network(self, aggregation: str = "einsum") -> STGCN:
        """The network with weights and statistics as training leaves them: zeros would stay zeros."""
        torch.manual_seed(0)
        network = STGCN(CLASSES, aggregation=aggregation, channels=self.channels, strides=self.strides)
        for name, tensor in network.state_dict().items():
            if name.endswith(("bias", "running_mean")):
                tensor.normal_(0, 0.2)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
        return network.to(self.device)

    @cached_property
    def padded_clip(self) -> Tensor:
        """A clip (C, T, V, 1) that ends before its window."""
        if self.recorded:
            return recorded(self.recorded, self.frames)
        clip = torch.randn(2, self.frames, 25, 1, generator=torch.Generator().manual_seed(0))
        clip[:, self.live :] = 0
        return clip

    @property
    def live_frames(self) -> int:
        """Of the padded clip, recorded or not."""
        return live_frames(self.padded_clip.numpy())

    @cached_property
    def batches(self) -> dict[str, Tensor]:
        """Clips (N, C, T, V, M) of every kind."""
        padded = self.padded_clip.expand(self.clips, -1, -1, -1, -1).clone()
        dense = torch.randn(padded.shape, generator=torch.Generator().manual_seed(1))
        nobody = torch.zeros_like(padded)
        lengths = torch.linspace(1 / self.clips, 1, self.clips) * self.frames
        mixed = dense * (torch.arange(self.frames) < lengths[:, None])[:, None, :, None, None]
        batches = {
            "dense": dense,
            "padded": padded,
            "padded, nobody second": torch.cat([padded, nobody], dim=-1),
            "dense, nobody second": torch.cat([dense, nobody], dim=-1),
            "lengths mixed": mixed,
            "1 clip, padded": padded[:1],
            "1 clip, dense": dense[:1],
        }
        return {kind: x.to(self.device) for kind, x in batches.items()}

    @cached_property
    def labels(self) -> Tensor:
        """A class for each clip."""
        return torch.arange(self.clips, device=self.device) % CLASSES


def recorded(path: str, frames: int) -> Tensor:
    """The first person (C, T, V, 1) of a recorded clip, preprocessed to so many frames.

    Raises:
        OSError: There is no such file.
        ValueError: It is no clip of x, y and score in the fsd10 layout, or has NaN or nobody in it.
    """
    body = skeleton("fsd10")
    made, raw = Preprocessing(window=frames), open_clips(path, CHANNEL_NAMES, body, single=True)[0]
    validate_clip(raw, 0, made)
    return torch.from_numpy(preprocess(raw.astype(np.float32), made, body))[..., :1]


def compared(x: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """The part of clips (N, C, T, V, M) whose gradients are compared."""
    return x[:, :, :COMPARED_FRAMES].to(dtype)
