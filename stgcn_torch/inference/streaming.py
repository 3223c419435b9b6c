"""A trained network frame by frame: the same weights and the same answers, each frame computed once.

A block sees ``reach`` frames on either side, so its output at a centre is known ``reach`` frames later. Until then it
keeps the hidden frames that its temporal convolution needs, at first the zeros before the clip, and the inputs of its
shortcut. The features that leave the last block are final: no later frame changes them.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

from stgcn_torch.inference.folded import FoldedBlock, FoldedSTGCN
from stgcn_torch.model import STGCNBackbone, STGCNHead

CHUNK = 32  # frames that go through the blocks at a time

Frames = Float[Tensor, "N C *T V M"]  # several, or without the axis T one
Method = TypeVar("Method", bound=Callable[..., Any])


def apart(method: Method) -> Method:
    """Let a method run outside of autograd and autocast: what a stream keeps has the type of its network."""

    @functools.wraps(method)
    def run(self: "StreamingSTGCN", *arguments: Any) -> Any:
        with torch.inference_mode(), torch.autocast(self.scale.device.type, enabled=False):
            return method(self, *arguments)

    return cast(Method, run)


class StreamingSTGCN:
    """Frames in, class probabilities out.

    The first frame settles how many clips N run side by side and of how many people M; people who are not there are
    zeros, as in a clip. Cost and memory of a frame do not depend on how many came before. Everything is computed in the
    type of the network, under autocast too.

    Args:
        backbone: Left as it is; its running statistics are taken whatever its mode.
        head: Likewise.

    Attributes:
        stride: Frames from the centre of one final feature to that of the next: the product of the blocks' strides.
        delay: Frames after a feature's centre until it is final; 76 for the usual ten blocks.
        frames: Those of the clip so far.
    """

    def __init__(self, backbone: STGCNBackbone, head: STGCNHead) -> None:
        folded = FoldedSTGCN(backbone, head)
        self.mean, self.scale, self.shift, self.head = folded.mean, folded.scale, folded.shift, folded.head
        self.blocks = [_BlockStream(cast(FoldedBlock, block)) for block in folded.blocks]
        self.stride, self.delay = backbone.stride, backbone.reach
        self.reset()

    def reset(self) -> None:
        """Forget all frames; the next one is the first of a clip, of any N and M."""
        self.frames = self._count = 0
        self._shape: tuple[int, int] | None = None

    def push(self, x: Frames) -> Float[Tensor, "N K"] | None:
        """Take the next frames; the class probabilities of the mean over all features that are final.

        Args:
            x: One frame (N, C, V, M) or several (N, C, T, V, M).

        Returns:
            None until frame number ``delay``, counted from 0, which makes the first feature final.

        Raises:
            ValueError: N or M are others than in the frames before, or C or V others than the network's.

        A push that fails, for whatever reason, leaves the stream as it was; of more than ``CHUNK`` frames it may have
        taken the first, and ``frames`` counts them.
        """
        self.features(x)
        return self.classify(self._total / self._count).softmax(dim=-1) if self._count else None

    @apart
    def features(self, x: Frames) -> Float[Tensor, "S N D"]:
        """Take the next frames; the features that they make final, each the mean over its joints and people.

        Feature j of a clip has its centre at frame ``stride * j``, and frame ``stride * j + delay`` makes it final.
        Arguments and errors are those of ``push``.
        """
        x = self._checked(x)
        made = [self._through(x[:, :, t : t + CHUNK]) for t in range(0, x.shape[2], CHUNK)]
        return made[0] if len(made) == 1 else torch.cat([self._pooled(self.blocks[-1].nothing), *made])

    @apart
    def rest(self) -> Float[Tensor, "S N D"]:
        """The features that would still come if the clip ended now; the stream goes on as it was.

        Raises:
            ValueError: There is no frame yet.
        """
        if self._shape is None or self.frames == 0:
            raise ValueError("a stream without frames has no answer; push one first")
        x = self.scale.new_zeros(0, self.blocks[0].rows, len(self.scale))
        for block in self.blocks:
            x = block.rest(x)
        return self._pooled(x)

    def logits(self) -> Float[Tensor, "N K"]:
        """What the network says of the clip that the frames so far are; errors as in ``rest``."""
        rest = self.rest()
        return self.classify((self._total + _summed(rest)) / (self._count + len(rest)))

    def answer(self) -> Float[Tensor, "N K"]:
        """The class probabilities of ``logits``."""
        return self.logits().softmax(dim=-1)

    def flush(self) -> Float[Tensor, "N K"]:
        """End the clip: its logits. The next frame is the first of another; errors as in ``rest``."""
        logits = self.logits()
        self.reset()
        return logits

    @apart
    def classify(self, features: Float[Tensor, "*S D"]) -> Float[Tensor, "*S K"]:
        """Logits of features, or of means over some."""
        logits: Tensor = self.head(features.reshape(-1, features.shape[-1]).to(self.scale))
        return logits.view(*features.shape[:-1], -1)

    def _checked(self, x: Tensor) -> Float[Tensor, "N C T V M"]:
        """The frames; the first ones begin the clip."""
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

    def _through(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "S N D"]:
        """Frames through the blocks, as far as they come."""
        N, C, T, V, M = x.shape
        x = x.permute(2, 0, 4, 3, 1).to(self.scale)  # T N M V C
        x = (x - self.mean.t()) * self.scale.t() + self.shift.t()
        x = x.reshape(T, N * M * V, C)
        reached = []
        for block in self.blocks:
            reached.append((block, len(x)))
            x = block.push(x)
            if len(x) == 0:
                x = self.blocks[-1].nothing
                break
        made = self._pooled(x)
        total = self._total + _summed(made)
        for block, count in reached:  # only now that nothing can fail any more
            block.keep(count)
        self.frames, self._count, self._total = self.frames + T, self._count + len(made), total
        return made

    def _pooled(self, x: Float[Tensor, "S NMV D"]) -> Float[Tensor, "S N D"]:
        N, D = self._total.shape
        return x.view(len(x), N, self.blocks[-1].rows // N, D).mean(dim=2)


class _BlockStream:
    """One block's part of a stream.

    Its frames are (T, NMV, C), a row for each joint of each person, and lie as (NMV, T, C) where they are kept: then
    each step is one matrix product of what lies in memory.
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
        """Begin a clip, with the zeros before its first frame."""
        self.rows = rows
        self.hidden = _Recent(rows, 2 * self.reach, self.D, self.temporal)
        self.inputs = _Recent(rows, self.reach, self.C, self.temporal)
        self.nothing = self.temporal.new_zeros(0, rows, self.D)
        self.first = -self.reach  # the centre that the next frame completes

    def push(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "S NMV D"]:
        """The outputs that frames complete, which are not kept yet."""
        return self._at_centres(self.hidden.with_new(self._spatial(x)), self.inputs.with_new(x))

    def keep(self, count: int) -> None:
        """Keep that many frames, those that were pushed last."""
        self.hidden.end += count
        self.inputs.end += count
        self.first += count

    def rest(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "S NMV D"]:
        """The outputs that would be left if the clip ended after these frames; nothing is kept of them."""
        after = self.nothing.new_zeros(self.reach, self.rows, self.D)
        new = torch.cat([self._spatial(x), after]) if len(x) else after
        hidden = torch.cat([self.hidden.last, new.transpose(0, 1)], dim=1)
        return self._at_centres(hidden, torch.cat([self.inputs.last, x.transpose(0, 1)], dim=1))

    def _spatial(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "T NMV D"]:
        """The hidden features of each frame by itself, as in ``FoldedBlock.spatial``."""
        T = len(x)
        A = self.A.expand(T * self.rows // self.V, -1, -1)  # one each person and frame
        if self.neighbours_first:
            neighbours = torch.bmm(A, x.reshape(-1, self.V, self.C))
            h = torch.mm(neighbours.view(T * self.rows, -1), self.pointwise)
        else:
            each = torch.mm(x.reshape(T * self.rows, self.C), self.pointwise)
            h = torch.bmm(A, each.view(len(A), -1, self.D))
        return h.view(-1, self.V, self.D).add_(self.spatial_bias).relu_().view(T, self.rows, self.D)

    def _at_centres(self, hidden: Float[Tensor, "NMV T D"], inputs: Float[Tensor, "NMV U C"]) -> Tensor:
        """The outputs at the centres from ``first`` on that hidden frames surround, but for those off the stride.

        Args:
            hidden: From ``reach`` frames before ``first`` on.
            inputs: From ``first`` on.
        """
        kernel = 2 * self.reach + 1
        count = hidden.shape[1] - kernel + 1
        skip = -self.first if self.first < 0 else -self.first % self.stride  # frames before the clip are no centres
        S = len(range(skip, count, self.stride))
        if S == 0:
            return self.nothing
        windows = hidden[:, skip:].as_strided(
            (S, self.rows, kernel * self.D), (self.stride * self.D, hidden.stride(0), 1)
        )
        y = torch.baddbmm(self.temporal_bias, windows, self.temporal.expand(S, -1, -1))
        if self.has_shortcut:
            x = inputs[:, skip : count : self.stride].transpose(0, 1)
            y = y.add_(x) if self.shortcut is None else y.baddbmm_(x, self.shortcut.expand(S, -1, -1))
        return y.relu_()


class _Recent:
    """The last frames of a sequence, in a row in memory; before the first, zeros.

    New frames are written behind the old ones; where there is no more room, those to keep move to the front.

    Args:
        rows: Joints of people.
        keep: Frames that are kept.
        C: Channels.
        like: A tensor of the same type and device.
    """

    def __init__(self, rows: int, keep: int, C: int, like: Tensor) -> None:
        self.keep = self.end = keep
        self.held = like.new_zeros(rows, 2 * keep + CHUNK, C)

    @property
    def last(self) -> Float[Tensor, "NMV keep C"]:
        """The frames that are kept."""
        return self.held[:, self.end - self.keep : self.end]

    def with_new(self, x: Float[Tensor, "T NMV C"]) -> Float[Tensor, "NMV T_and_kept C"]:
        """Those that are kept and at most ``CHUNK`` new ones, which are kept once ``end`` is moved behind them."""
        T = len(x)
        if self.end + T > self.held.shape[1]:
            self.held[:, : self.keep] = self.last
            self.end = self.keep
        self.held[:, self.end : self.end + T] = x.transpose(0, 1)
        return self.held[:, self.end - self.keep : self.end + T]


def _summed(features: Float[Tensor, "S N D"]) -> Float[Tensor, "N D"]:
    return features.sum(dim=0, dtype=torch.float64)  # a stream may be of any length
