"""Crops of a preprocessed batch: a random one in training, evenly spaced ones in evaluation. Torch."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stgcn_torch.data.batch.streams import Batch

Window = Float[Tensor, "N C window V M"]


def live_length(x: Batch) -> Int[Tensor, " N"]:
    """Frames up to each clip's last non-zero one; at least 1."""
    live = (x != 0).flatten(3).any(dim=3).any(dim=1)
    frames = torch.arange(1, x.shape[2] + 1, device=x.device)
    return (live * frames).amax(dim=1).clamp(min=1)


def random_crop(x: Batch, window: int, crop: float = 1.0, jitter: bool = False) -> Window:
    """A random part of each clip's live frames, sampled to the window, or zero-padded to it if there are fewer.

    Args:
        x: Preprocessed joints.
        window: Frames of the result.
        crop: Smallest fraction of the live frames that the part has.
        jitter: Take a random frame from each of ``window`` equal segments, rather than evenly spaced ones.
    """
    if crop == 1.0 and not jitter and window == x.shape[2]:
        return x
    whole = live_length(x)
    length = ((crop + (1 - crop) * torch.rand(len(x), device=x.device)) * whole).ceil().long()
    start = (torch.rand(len(x), device=x.device) * (whole - length + 1)).long()
    within = torch.rand(len(x), window, device=x.device) if jitter else None
    return gather_frames(x, start, length, window, within)


def even_crops(x: Batch, window: int, count: int = 1, crop: float = 1.0) -> list[Window]:
    """Parts of each clip's live frames, evenly spaced from its start to its end, each sampled evenly to the window.

    Args:
        x: Preprocessed joints.
        window: Frames of each result.
        count: Number of parts; a single one lies in the middle.
        crop: Fraction of the live frames in each.
    """
    if count == 1 and crop == 1.0 and window == x.shape[2]:
        return [x]
    whole = live_length(x)
    length = (crop * whole).ceil().long()
    positions = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    return [gather_frames(x, (position * (whole - length)).long(), length, window) for position in positions]


def gather_frames(
    x: Batch,
    start: Int[Tensor, " N"],
    length: Int[Tensor, " N"],
    window: int,
    within: Float[Tensor, "N window"] | None = None,
) -> Window:
    """``length`` frames of each clip from ``start`` on, sampled to the window; fewer than the window are padded.

    Args:
        x: Preprocessed joints.
        start: First frame of each clip's part.
        length: Frames of each clip's part.
        window: Frames of the result.
        within: Position in [0, 1) of the sampled frame in each of ``window`` equal segments; None for frames evenly
            spaced from the part's first to its last.
    """
    step = torch.arange(window, device=x.device)
    if within is None:  # integer arithmetic: float32 would miss the last frame of one clip in twenty
        frame = step * (length[:, None] - 1) // max(window - 1, 1)
    else:
        frame = ((step + within) * (length / window)[:, None]).long()
    short = (length <= window)[:, None]  # padded, not stretched
    frame = torch.where(short, step, frame).minimum(length[:, None] - 1)
    clip = torch.arange(x.shape[0], device=x.device)[:, None]  # not len(x), which torch.export takes for a constant
    frames = x.transpose(1, 2)[clip, start[:, None] + frame].transpose(1, 2)
    inside = ~short | (step < length[:, None])
    return frames * inside[:, None, :, None, None]
