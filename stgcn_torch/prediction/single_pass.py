"""Prediction on a long recording in one pass: class probabilities around each moment, each frame processed once.

Each network streams over the whole recording as one clip, and gives a final feature every few frames. The answer for a
moment is the head's output for the mean of the features around it. Unlike in a window that is cut out, these features
depend on frames beyond both edges of the mean too.

Training padded a clip that is shorter than the window, and its mean is over the features of the padding too. So the
padding's share of the window has its share of each mean, with the features of the padding behind the recording. A
recording of a clip's length is thereby the clip. (What that is worth: docs/streaming.md.)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.framewise import LongClip, refuse_more_than_frames
from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.inference.streaming import StreamingSTGCN
from stgcn_torch.prediction.ensemble import OVERFLOW, Ensemble
from stgcn_torch.prediction.sliding import Segment
from stgcn_torch.prediction.tempo import Tempo
from stgcn_torch.training.lit import LitSTGCN

Probabilities = np.ndarray[Any, np.dtype[np.float64]]


def streams_of(ensemble: Ensemble) -> list[StreamingSTGCN]:
    """A stream for each network.

    Raises:
        ValueError: A preprocessing needs more than a frame, or the networks' strides or ends of a clip differ.
    """
    for module in ensemble.modules:
        refuse_more_than_frames(module.preprocessing)
    streams = [StreamingSTGCN(module.backbone, module.head) for module in ensemble.modules]
    strides = {stream.stride for stream in streams}
    if len(strides) > 1:
        raise ValueError(f"networks that stream together must have one stride, got {sorted(strides)} frames")
    ends = {(module.preprocessing.select, module.preprocessing.nan) for module in ensemble.modules}
    if len(ends) > 1:  # a recording could end later for one network than for another
        values = ", ".join(f"select={select} nan={nan}" for select, nan in sorted(ends))
        raise ValueError(f"networks that stream together must be alike in preprocessing.select and nan, got {values}")
    return streams


def running_segments(
    ensemble: Ensemble,
    streams: Sequence[StreamingSTGCN],
    clip: Clip,
    frames: int,
    name: str = "the clip",
    tempo: Tempo | None = None,
) -> Iterator[Segment]:
    """The segments of a recording, in order; frames far from any person belong to no segment.

    Args:
        ensemble: The networks.
        streams: Their streams, from ``streams_of``; they are reset first.
        clip: (C, T, V, M) as recorded, of any length; memory grows by only a few numbers a frame.
        frames: Width of the mean around each moment, cut off at both ends of the recording.
        name: Name of the clip in error messages.
        tempo: Which frames the streams take, and how much of a window they fill; None for all, without padding.
    """
    clips = [LongClip(clip, module.preprocessing, module.body, name, module.slots) for module in ensemble.modules]
    whole = len(clips[0].live())
    if tempo is not None:
        tempo = tempo.within(whole)
    taken = None if tempo is None or tempo.step == 1 else tempo.frames(clip.shape[1])
    clips = [replace(long, taken=taken) for long in clips]
    step = 1.0 if tempo is None else tempo.step
    live, stride = clips[0].live(), streams[0].stride
    width = max(1, round(frames / step / stride))
    probabilities = [
        _probabilities(module, stream, long, len(live), width, None if tempo is None else tempo.taken)
        for module, stream, long in zip(ensemble.modules, streams, clips, strict=True)
    ]

    def cells() -> Iterator[tuple[int, int, Probabilities]]:
        """For each feature: the most likely class or -1 for none, its number of frames, the probabilities."""
        for j, rows in enumerate(zip(*probabilities, strict=True)):
            around = live[max(0, j - (width - 1) // 2) * stride : (j + width // 2 + 1) * stride]
            mean = np.sum([weight * row for weight, row in zip(ensemble.weights, rows, strict=True)], axis=0)
            yield (int(mean.argmax()) if around.any() else -1), min(stride, len(live) - j * stride), mean

    end = 0
    for best, group in groupby(cells(), key=lambda cell: cell[0]):
        start, total = end, np.zeros(len(ensemble.classes))
        for _, count, mean in group:
            total += count * mean
            end += count
        if best >= 0:
            first, last = start, end
            if taken is not None:
                first, last = int(taken[start]), int(taken[end]) if end < len(live) else whole
            yield Segment(first, last, total / (end - start))


def _probabilities(
    module: LitSTGCN, stream: StreamingSTGCN, clip: LongClip, live: int, width: int, filled: int | None
) -> Iterator[Probabilities]:
    """Class probabilities at each feature of the live frames, in order.

    Args:
        module: The network.
        stream: Its stream.
        clip: The recording.
        live: Frames of it up to the last live one.
        width: Features around each that its answer is the mean of.
        filled: Frames of a window that are no padding; None for all.
    """
    window, stride = module.preprocessing.window, stream.stride
    padding = 0 if filled is None else max(0, window - filled)
    share = 1 - ceil((window - padding) / stride) / ceil(window / stride)  # of the features
    behind = _behind(module, stream, clip, live, padding)
    for means in sliding_mean(_features(module, stream, clip, ceil(live / stride), padding), width):
        mixed = means if behind is None else (1 - share) * means + share * behind
        rows = stream.classify(mixed).double().softmax(dim=1).cpu().numpy()
        if not np.isfinite(rows).all():
            raise ValueError(f"{clip.name}: an answer is not finite; {OVERFLOW}")
        yield from rows


def _features(
    module: LitSTGCN, stream: StreamingSTGCN, clip: LongClip, count: int, padding: int
) -> Iterator[Float[Tensor, "S D"]]:
    """The first ``count`` features, those of the live frames; the last of them see the padding behind."""
    stream.reset()
    done = 0
    for part in clip.parts():
        features = stream.features(_input(module, part))[:, 0]
        done += len(features)
        yield features
    if stream.frames:
        yield _ending(module, stream, clip, padding)[: count - done]


def _behind(
    module: LitSTGCN, stream: StreamingSTGCN, clip: LongClip, live: int, padding: int
) -> Float[Tensor, " D"] | None:
    """The mean of the features of the padding behind a recording; None without any. They depend on its last frames."""
    start = max(0, live - stream.delay) // stream.stride * stream.stride
    if not padding or not live:
        return None
    stream.reset()
    end, done = 0, 0
    for part in clip.parts():
        if end + part.shape[1] > start:
            done += len(stream.features(_input(module, part[:, max(0, start - end) :])))
        end += part.shape[1]
    features = _ending(module, stream, clip, padding)[ceil(live / stream.stride) - start // stream.stride - done :]
    return features.double().mean(dim=0) if len(features) else None


def _ending(module: LitSTGCN, stream: StreamingSTGCN, clip: LongClip, padding: int) -> Float[Tensor, "S D"]:
    """The features that are left once so many frames of padding have followed."""
    M = clip.slots or clip.clip.shape[3]
    zeros = torch.zeros(1, module.preprocessing.in_channels, padding, len(module.body.joints), M, device=module.device)
    parts = [stream.features(zeros)] if padding else []
    return torch.cat([*parts, stream.rest()])[:, 0]


def _input(module: LitSTGCN, part: Clip) -> Tensor:
    """Preprocessed frames as the network takes them."""
    joints = torch.from_numpy(part)[None].to(module.device)
    return stack_streams(joints, module.preprocessing.streams, module.body.parents)


def sliding_mean(parts: Iterable[Float[Tensor, "_ D"]], width: int) -> Iterator[Float[Tensor, "_ D"]]:
    """The mean of ``width`` rows around each row, of fewer at the ends; float64, and memory of one part.

    Args:
        parts: Rows, some at a time.
        width: Length of the window: (width - 1) // 2 rows before, the row itself, and width // 2 after it.
    """
    before, after = (width - 1) // 2, width // 2
    buffer: Tensor | None = None
    first = done = 0  # indices of the first row in the buffer, and of the next row to average

    def means(ready: int) -> Tensor:
        assert buffer is not None
        total = torch.cat([buffer.new_zeros(1, buffer.shape[1]), buffer.cumsum(dim=0)])
        rows = torch.arange(done, ready, device=buffer.device)
        low, high = (rows - before).clamp(min=0) - first, (rows + after + 1 - first).clamp(max=len(buffer))
        return (total[high] - total[low]) / (high - low)[:, None]

    for part in parts:
        buffer = part.double() if buffer is None else torch.cat([buffer, part.double()])
        ready = max(done, first + len(buffer) - after)
        if ready > done:
            yield means(ready)
            done = ready
            start = max(first, done - before)
            buffer, first = buffer[start - first :], start
    if buffer is not None and done < first + len(buffer):
        yield means(first + len(buffer))
