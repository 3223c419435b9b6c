"""Frame-by-frame inference with the same weights and outputs as for whole clips; each frame is computed once.

A block's kernel spans ``reach`` frames before and after its centre, so the output at a centre is known ``reach`` frames
later. Until then the block stores the hidden frames for its temporal convolution, at first the zeros before the clip,
and the inputs of its shortcut. Features from the last block are final: no later frame changes them.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

from stgcn_torch.inference.folded import FoldedBlock, FoldedSTGCN
from stgcn_torch.model import STGCNBackbone, STGCNHead

CHUNK = 32  # frames computed at a time

Frames = Float[Tensor, "N C *T V M"]  # without the axis T, a single frame
Method = TypeVar("Method", bound=Callable[..., Any])


def without_autograd(method: Method) -> Method:
    """Decorator to run a method without autograd and autocast, so that a stream's state has the network's dtype."""

    @functools.wraps(method)
    def run(self: "StreamingSTGCN", *arguments: Any) -> Any:
        with torch.inference_mode(), torch.autocast(self.scale.device.type, enabled=False):
            return method(self, *arguments)

    return cast(Method, run)


class StreamingSTGCN:
    """Frames to class probabilities.

    The first frame sets the number N of parallel clips and M of people; absent people are zeros, as in a clip. Time and
    memory per frame do not depend on the number of frames before. The network's dtype is used, under autocast too.

    Args:
        backbone: Copied; its running statistics are used in any mode.
        head: Copied.

    Attributes:
        stride: Frames between the centres of successive final features: the product of the blocks' strides.
        delay: Frames after a feature's centre until it is final; 76 for the usual ten blocks.
        frames: Number of frames of the clip so far.
    """

    def __init__(self, backbone: STGCNBackbone, head: STGCNHead) -> None:
        folded = FoldedSTGCN(backbone, head)
        self.mean, self.scale, self.shift, self.head = folded.mean, folded.scale, folded.shift, folded.head
        self.blocks = [_BlockStream(cast(FoldedBlock, block)) for block in folded.blocks]
        self.stride, self.delay = backbone.stride, backbone.reach
        self.reset()

    def reset(self) -> None:
        """Forget all frames; the next frame begins a new clip, with any N and M."""
        self.frames = self._count = 0
        self._shape: tuple[int, int] | None = None

    def push(self, x: Frames) -> Float[Tensor, "N K"] | None:
        """Process the next frames; returns the class probabilities from the mean of all final features.

        Args:
            x: One frame (N, C, V, M) or several (N, C, T, V, M).

        Returns:
            Probabilities (N, K); None before frame number ``delay``, counted from 0, which makes the first feature
            final.

        Raises:
            ValueError: N or M differ from those of earlier frames, or C or V from the network's.

        A failed push leaves the stream unchanged; of more than ``CHUNK`` frames the first may be processed already, and
        ``frames`` counts these.
        """
        self.features(x)
        return self.classify(self._total / self._count).softmax(dim=-1) if self._count else None

    @without_autograd
    def features(self, x: Frames) -> Float[Tensor, "S N D"]:
        """Process the next frames; returns the features that become final, each a mean over joints and people.

        Feature j of a clip has its centre at frame ``stride * j``, and frame ``stride * j + delay`` makes it final.
        Arguments and errors as in ``push``.
        """
        x = self._check(x)
        chunks = [self._propagate(x[:, :, t : t + CHUNK]) for t in range(0, x.shape[2], CHUNK)]
        return chunks[0] if len(chunks) == 1 else torch.cat([self._pool(self.blocks[-1].empty), *chunks])

    @without_autograd
    def rest(self) -> Float[Tensor, "S N D"]:
        """The remaining features if the clip ended now; leaves the stream unchanged.

        Raises:
            ValueError: The stream has no frames yet.
        """
        if self._shape is None or self.frames == 0:
            raise ValueError("a stream without frames has no answer; push one first")
        x = self.scale.new_zeros(0, self.blocks[0].rows, len(self.scale))
        for block in self.blocks:
            x = block.rest(x)
        return self._pool(x)

    def logits(self) -> Float[Tensor, "N K"]:
        """Logits of the clip of all frames so far; errors as in ``rest``."""
        rest = self.rest()
        return self.classify((self._total + _sum(rest)) / (self._count + len(rest)))

    def answer(self) -> Float[Tensor, "N K"]:
        """The class probabilities of ``logits``."""
        return self.logits().softmax(dim=-1)

    def flush(self) -> Float[Tensor, "N K"]:
        """End the clip and return its logits; the next frame begins a new clip. Errors as in ``rest``."""
        logits = self.logits()
        self.reset()
        return logits

    @without_autograd
    def classify(self, features: Float[Tensor, "*S D"]) -> Float[Tensor, "*S K"]:
        """Logits of features, or of means of features."""
        logits: Tensor = self.head(features.reshape(-1, features.shape[-1]).to(self.scale))
        return logits.view(*features.shape[:-1], -1)

    def _check(self, x: Tensor) -> Float[Tensor, "N C T V M"]:
        """Check the frames and return them with the axis T; the first ones begin the clip."""
        x = x[:, :, None] if x.ndim == 4 else x
        C, V = self.scale.shape
        if x.ndim != 5 or (x.shape[1], x.shape[3]) != (C, V) or 0 in (x.shape[0], x.shape[4]):
            raise ValueError(f"frames must be (N, C, V, M) or (N, C, T, V, M), C={C} and V={V}, got {tuple(x.shape)}")
        N, M = x.shape[0], x.shape[4]
        if self._shape is None:
            self._total = self.scale.new_zeros(N, self.blocks[-1].D, dtype=torch.float64)
            for block in self.blocks:
                block.start(N * M * V)
            self._shape = (N, M)
        elif self._shape != (N, M):
            before = f"N={self._shape[0]} and M={self._shape[1]}"
            raise ValueError(f"all frames of a stream must have the N and M of its first, {before}, got {N} and {M}")
        return x

    def _propagate(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "S N D"]:
        """Final features from frames through all blocks."""
        N, C, T, V, M = x.shape
        x = x.permute(2, 0, 4, 3, 1).to(self.scale)  # T N M V C
        x = (x - self.mean.t()) * self.scale.t() + self.shift.t()
        x = x.reshape(T, N * M * V, C)
        counts = []
        for block in self.blocks:
            counts.append((block, len(x)))
            x = block.push(x)
            if len(x) == 0:
                x = self.blocks[-1].empty
                break
        features = self._pool(x)
        total = self._total + _sum(features)
        for block, count in counts:  # last, so that a failure leaves the stream unchanged
            block.keep(count)
        self.frames, self._count, self._total = self.frames + T, self._count + len(features), total
        return features

    def _pool(self, x: Float[Tensor, "S NMV D"]) -> Float[Tensor, "S N D"]:
        N, D = self._total.shape
        return x.view(len(x), N, self.blocks[-1].rows // N, D).mean(dim=2)


class _BlockStream:
    """The stream of one block.

    Frames are (T, NMV, C), with a row for each joint of each person, and are stored as (NMV, T, C): so each step is one
    matrix product on contiguous memory.
    """

    def __init__(self, block: FoldedBlock) -> None:
        K, self.D, self.C = block.pointwise.shape
        self.V, kernel = block.A.shape[1], block.temporal.shape[2]
        self.reach, self.stride, self.has_shortcut = block.reach, block.stride, block.has_shortcut
        self.neighbours_first = self.C < self.D  # the order with less work
        if self.neighbours_first:
            self.A = block.A.permute(2, 0, 1).reshape(self.V * K, self.V)
            self.pointwise = block.pointwise.transpose(1, 2).reshape(K * self.C, self.D)
        else:
            self.A = block.A.permute(2, 1, 0).reshape(self.V, self.V * K)
            self.pointwise = block.pointwise.permute(2, 0, 1).reshape(self.C, K * self.D)
        self.spatial_bias = block.spatial_bias.t().contiguous()
        self.temporal = block.temporal[..., 0].permute(2, 1, 0).reshape(kernel * self.D, self.D)
        self.temporal_bias = block.temporal_bias
        self.shortcut = None if block.shortcut is None else block.shortcut.view(self.D, self.C).t().contiguous()

    def start(self, rows: int) -> None:
        """Begin a clip, with zeros before its first frame."""
        self.rows = rows
        self.hidden = _FrameBuffer(rows, 2 * self.reach, self.D, self.temporal)
        self.inputs = _FrameBuffer(rows, self.reach, self.C, self.temporal)
        self.empty = self.temporal.new_zeros(0, rows, self.D)
        self.first = -self.reach  # centre of the output that the next frame completes

    def push(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "S NMV D"]:
        """The outputs that the frames complete; ``keep`` then stores the frames."""
        return self._at_centres(self.hidden.with_new(self._spatial(x)), self.inputs.with_new(x))

    def keep(self, count: int) -> None:
        """Store the frames pushed last, ``count`` of them."""
        self.hidden.end += count
        self.inputs.end += count
        self.first += count

    def rest(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "S NMV D"]:
        """The remaining outputs if the clip ended after these frames; stores nothing."""
        after = self.empty.new_zeros(self.reach, self.rows, self.D)
        new = torch.cat([self._spatial(x), after]) if len(x) else after
        hidden = torch.cat([self.hidden.last, new.transpose(0, 1)], dim=1)
        return self._at_centres(hidden, torch.cat([self.inputs.last, x.transpose(0, 1)], dim=1))

    def _spatial(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "T NMV D"]:
        """The hidden features of each frame, as in ``FoldedBlock.spatial``."""
        T = len(x)
        A = self.A.expand(T * self.rows // self.V, -1, -1)  # one per person and frame
        if self.neighbours_first:
            neighbours = torch.bmm(A, x.reshape(-1, self.V, self.C))
            h = torch.mm(neighbours.view(T * self.rows, -1), self.pointwise)
        else:
            pointwise = torch.mm(x.reshape(T * self.rows, self.C), self.pointwise)
            h = torch.bmm(A, pointwise.view(len(A), -1, self.D))
        return h.view(-1, self.V, self.D).add_(self.spatial_bias).relu_().view(T, self.rows, self.D)

    def _at_centres(self, hidden: Float[Tensor, "NMV T D"], inputs: Float[Tensor, "NMV U C"]) -> Tensor:
        """The outputs at the centres from ``first`` on whose kernels the hidden frames cover, by the stride.

        Args:
            hidden: Hidden frames from ``first - reach`` on.
            inputs: Input frames from ``first`` on.
        """
        kernel = 2 * self.reach + 1
        count = hidden.shape[1] - kernel + 1
        skip = -self.first if self.first < 0 else -self.first % self.stride  # frames before the clip are no centres
        S = len(range(skip, count, self.stride))
        if S == 0:
            return self.empty
        windows = hidden[:, skip:].as_strided(
            (S, self.rows, kernel * self.D), (self.stride * self.D, hidden.stride(0), 1)
        )
        y = torch.baddbmm(self.temporal_bias, windows, self.temporal.expand(S, -1, -1))
        if self.has_shortcut:
            x = inputs[:, skip : count : self.stride].transpose(0, 1)
            y = y.add_(x) if self.shortcut is None else y.baddbmm_(x, self.shortcut.expand(S, -1, -1))
        return y.relu_()


class _FrameBuffer:
    """A buffer of the last frames of a sequence, contiguous in memory, initially zeros.

    New frames are written after the old ones; when the buffer is full, the last ``keep`` frames move to the front.

    Args:
        rows: Joints times people.
        keep: Number of frames to store.
        C: Channels.
        like: A tensor with the dtype and device of the buffer.
    """

    def __init__(self, rows: int, keep: int, C: int, like: Tensor) -> None:
        self.keep = self.end = keep
        self.buffer = like.new_zeros(rows, 2 * keep + CHUNK, C)

    @property
    def last(self) -> Float[Tensor, "NMV keep C"]:
        """The stored frames."""
        return self.buffer[:, self.end - self.keep : self.end]

    def with_new(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "NMV T_and_kept C"]:
        """The stored frames and at most ``CHUNK`` new ones, which count as stored once ``end`` is moved past them."""
        T = len(x)
        if self.end + T > self.buffer.shape[1]:
            self.buffer[:, : self.keep] = self.last
            self.end = self.keep
        self.buffer[:, self.end : self.end + T] = x.transpose(0, 1)
        return self.buffer[:, self.end - self.keep : self.end + T]


def _sum(features: Float[Tensor, "S N D"]) -> Float[Tensor, "N D"]:
    return features.sum(dim=0, dtype=torch.float64)  # float64, as a stream may have any length
