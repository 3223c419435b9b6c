"""A long recording in one pass: what networks say of the frames around each moment, at the cost of seeing each once.

Each network streams over the whole recording as one clip. Its features, one every few frames, are final when they come;
what is said of a moment is the head's answer to the mean of the features around it. These have seen frames beyond both
edges of that mean, as those of a window that is cut out have not.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.framewise import LongClip, refuse_more_than_frames
from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.inference.streaming import StreamingSTGCN
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.windows import Segment
from stgcn_torch.training.lit import LitSTGCN

Probabilities = np.ndarray[Any, np.dtype[np.float64]]


def streams_of(ensemble: Ensemble) -> list[StreamingSTGCN]:
    """A stream for each network.

    Raises:
        ValueError: The preprocessing of one needs more than a frame, or they answer at different frames.
    """
    for module in ensemble.modules:
        refuse_more_than_frames(module.preprocessing)
    streams = [StreamingSTGCN(module.backbone, module.head) for module in ensemble.modules]
    strides = {stream.stride for stream in streams}
    if len(strides) > 1:
        raise ValueError(f"networks that stream together must have one stride, got {sorted(strides)} frames")
    ends = {(module.preprocessing.select, module.preprocessing.nan) for module in ensemble.modules}
    if len(ends) > 1:  # else a recording could end later for one than for another
        told = ", ".join(f"select={select} nan={nan}" for select, nan in sorted(ends))
        raise ValueError(f"networks that stream together must be alike in preprocessing.select and nan, got {told}")
    return streams


def running_segments(
    ensemble: Ensemble, streams: Sequence[StreamingSTGCN], clip: Clip, frames: int, name: str = "the clip"
) -> Iterator[Segment]:
    """The segments of a recording, in order; frames with nobody around belong to none.

    Args:
        ensemble: The networks.
        streams: Theirs, as ``streams_of`` makes them; they begin anew.
        clip: (C, T, V, M) as recorded, of any length; memory stays flat but for a few numbers a frame.
        frames: What each answer is the mean over: so many around its moment, or those that there are at either end.
        name: What errors call the clip.
    """
    clips = [LongClip(clip, module.preprocessing, module.body, name) for module in ensemble.modules]
    live, stride = clips[0].live(), streams[0].stride
    width = max(1, round(frames / stride))
    said = [
        _probabilities(module, stream, long, width)
        for module, stream, long in zip(ensemble.modules, streams, clips, strict=True)
    ]

    def cells() -> Iterator[tuple[int, int, Probabilities]]:
        """For each feature the most likely class, -1 for none; the frames it stands for; the probabilities."""
        for j, rows in enumerate(zip(*said, strict=True)):
            around = live[max(0, j - (width - 1) // 2) * stride : (j + width // 2 + 1) * stride]
            mean = np.sum([weight * row for weight, row in zip(ensemble.weights, rows, strict=True)], axis=0)
            yield (int(mean.argmax()) if around.any() else -1), min(stride, len(live) - j * stride), mean

    end = 0
    for best, same in groupby(cells(), key=lambda cell: cell[0]):
        start, total = end, np.zeros(len(ensemble.classes))
        for _, count, probabilities in same:
            total += count * probabilities
            end += count
        if best >= 0:
            yield Segment(start, end, total / (end - start))


def _probabilities(module: LitSTGCN, stream: StreamingSTGCN, clip: LongClip, width: int) -> Iterator[Probabilities]:
    """Of each feature's moment, one after the other."""
    for means in sliding_mean(_features(module, stream, clip), width):
        yield from stream.classify(means).double().softmax(dim=1).cpu().numpy()


def _features(module: LitSTGCN, stream: StreamingSTGCN, clip: LongClip) -> Iterator[Float[Tensor, "S D"]]:
    stream.reset()
    for part in clip.parts():
        joints = torch.from_numpy(part)[None].to(module.device)
        yield stream.features(stack_streams(joints, module.preprocessing.streams, module.body.parents))[:, 0]
    if stream.frames:
        yield stream.rest()[:, 0]


def sliding_mean(parts: Iterable[Float[Tensor, "_ D"]], width: int) -> Iterator[Float[Tensor, "_ D"]]:
    """The mean of ``width`` rows around each row, or of those that there are; float64, and memory of one part.

    Args:
        parts: Rows, some at a time.
        width: (width - 1) // 2 rows before, and width // 2 behind.
    """
    before, behind = (width - 1) // 2, width // 2
    held: Tensor | None = None
    first = done = 0  # numbers of the first row that is held, and of the next whose mean is due

    def means(ready: int) -> Tensor:
        assert held is not None
        total = torch.cat([held.new_zeros(1, held.shape[1]), held.cumsum(dim=0)])
        rows = torch.arange(done, ready, device=held.device)
        low, high = (rows - before).clamp(min=0) - first, (rows + behind + 1 - first).clamp(max=len(held))
        return (total[high] - total[low]) / (high - low)[:, None]

    for part in parts:
        held = part.double() if held is None else torch.cat([held, part.double()])
        ready = max(done, first + len(held) - behind)
        if ready > done:
            yield means(ready)
            done = ready
            kept = max(first, done - before)
            held, first = held[kept - first :], kept
    if held is not None and done < first + len(held):
        yield means(first + len(held))
