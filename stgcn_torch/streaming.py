"""A trained network frame by frame: the same weights and the same answers, each frame computed once.

A block sees ``reach`` frames on either side, so its output at a centre is known ``reach`` frames later. Each block keeps
the hidden frames that its temporal convolution still needs, first the zeros before the clip, and the inputs whose
shortcut still waits. The features that leave the last block are final: no later frame changes them.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from stgcn_torch.folded import FoldedBlock, FoldedSTGCN
from stgcn_torch.model import STGCNBackbone, STGCNHead

CHUNK = 32  # frames that go through the blocks at a time


class StreamingSTGCN:
    """Frames in, class probabilities out.

    The first frame settles how many clips N run side by side and of how many people M; people who are not there are
    zeros, as in a clip. Cost and memory for a frame do not depend on how many came before.

    Args:
        backbone: Left as it is; its running statistics are taken whatever its mode.
        head: Likewise.
    """

    def __init__(self, backbone: STGCNBackbone, head: STGCNHead) -> None:
        self.folded = FoldedSTGCN(backbone, head)
        self.blocks = [cast(FoldedBlock, block) for block in self.folded.blocks]
        self.reset()

    @property
    def stride(self) -> int:
        """Frames from one final feature to the next: the product of the blocks' strides."""
        return self._strides[-1]

    @property
    def delay(self) -> int:
        """Frames after a feature's centre until it is final, 76 for the usual ten blocks."""
        return sum(block.reach * step for block, step in zip(self.blocks, self._strides, strict=False))

    @property
    def _strides(self) -> list[int]:
        """Frames of the clip from one frame to the next before each block, and after the last."""
        steps = [1]
        for block in self.blocks:
            steps.append(steps[-1] * block.stride)
        return steps

    def reset(self) -> None:
        """Forget all frames; the next one is the first of a clip, of any N and M."""
        self.frames = 0
        self._streams: list[_BlockStream] = []
        self._shape: tuple[int, ...] = ()
        self._total: Tensor | float = 0.0
        self._count = 0

    @torch.inference_mode()
    def features(self, x: Float[Tensor, "N C T V M"] | Float[Tensor, "N C V M"]) -> Float[Tensor, "S N D"]:
        """Take the next frames; the features that they make final, each the mean over joints and people.

        Feature j of a clip has its centre at frame ``stride * j``, and comes with frame ``stride * j + delay``.

        Args:
            x: One frame (N, C, V, M) or several (N, C, T, V, M).

        Raises:
            ValueError: N, V or M are others than in the frames before, or C or V others than the network's.
        """
        x = self._checked(x)
        made = [self._through(x[:, :, t : t + CHUNK]) for t in range(0, x.shape[2], CHUNK)]
        return made[0] if len(made) == 1 else torch.cat([self.folded.scale.new_zeros(0, *self._means), *made])

    def push(self, x: Float[Tensor, "N C T V M"] | Float[Tensor, "N C V M"]) -> Float[Tensor, "N K"] | None:
        """Take the next frames; the class probabilities of the mean over all features that are final.

        Args:
            x: As for ``features``; errors likewise.

        Returns:
            None before the first feature is final, which frame ``delay`` makes it.
        """
        self.features(x)
        return None if self._count == 0 else self._logits(self._total, self._count).softmax(dim=1)

    @torch.inference_mode()
    def logits(self) -> Float[Tensor, "N K"]:
        """What the network says of the clip that the frames so far are, in logits; the stream goes on as it was.

        Raises:
            ValueError: There is no frame yet.
        """
        if self.frames == 0:
            raise ValueError("a stream without frames has no answer; push one first")
        x = self._streams[0].none
        for stream in self._streams:
            x = stream.rest(x)
        return self._logits(self._total + _summed(self._pooled(x)), self._count + len(x))

    def answer(self) -> Float[Tensor, "N K"]:
        """The class probabilities of ``logits``."""
        return self.logits().softmax(dim=1)

    def flush(self) -> Float[Tensor, "N K"]:
        """End the clip: its logits; the next frame is the first of another. Errors as in ``logits``."""
        logits = self.logits()
        self.reset()
        return logits

    @torch.inference_mode()
    def classify(self, features: Float[Tensor, "S N D"]) -> Float[Tensor, "S N K"]:
        """Logits of features, or of means over some."""
        S, N, D = features.shape
        logits: Tensor = self.folded.head(features.reshape(S * N, D).to(self.folded.scale))
        return logits.view(S, N, -1)

    def _checked(self, x: Tensor) -> Tensor:
        """Frames (N, C, T, V, M), as many people as before."""
        if x.ndim == 4:
            x = x[:, :, None]
        C, V = self.folded.scale.shape
        if x.ndim != 5 or x.shape[1] != C or x.shape[3] != V or 0 in (x.shape[0], x.shape[4]):
            raise ValueError(f"frames must be (N, C, V, M) or (N, C, T, V, M) with C={C}, V={V}, got {tuple(x.shape)}")
        N, M = x.shape[0], x.shape[4]
        if not self._streams:
            self._streams = [_BlockStream(block, N * M, V) for block in self.blocks]
            self._shape = (N, M)
        elif self._shape != (N, M):
            raise ValueError(f"a stream's frames must all have N={self._shape[0]}, M={self._shape[1]}, got {N}, {M}")
        return x

    def _through(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "S N D"]:
        """Frames through all blocks, as far as they come."""
        self.frames += x.shape[2]
        x = self.folded.people(x).permute(2, 1, 0, 3).contiguous()  # T C NM V: frames lie one after the other
        for stream in self._streams:
            if len(x) == 0:
                break
            x = stream.push(x)
        pooled = self._pooled(x)
        if len(pooled):
            self._total = self._total + _summed(pooled)
            self._count += len(pooled)
        return pooled

    @property
    def _means(self) -> tuple[int, int]:
        return self._shape[0], self.blocks[-1].temporal.shape[0]

    def _pooled(self, x: Float[Tensor, "S D NM V"]) -> Float[Tensor, "S N D"]:
        N, D = self._means
        if len(x) == 0:
            return x.new_zeros(0, N, D)
        return x.view(len(x), D, N, -1).mean(dim=3).transpose(1, 2)

    def _logits(self, total: Tensor | float, count: int) -> Tensor:
        assert isinstance(total, Tensor)
        return self.classify((total / count)[None])[0]


def _summed(pooled: Float[Tensor, "S N D"]) -> Float[Tensor, "N D"]:
    return pooled.sum(dim=0, dtype=torch.float64)  # which a stream of any length may be added up in


class _BlockStream:
    """One block's part of a stream; its frames are (T, C, NM, V)."""

    def __init__(self, block: FoldedBlock, people: int, V: int) -> None:  # noqa: N803
        self.block = block
        D, _, kernel, _ = block.temporal.shape
        C = block.pointwise.shape[2]
        self.weight = block.temporal[..., 0].transpose(1, 2).reshape(1, D, kernel * D)  # as the frames lie
        self.bias = block.temporal_bias[:, None]
        self.shortcut = None if block.shortcut is None else block.shortcut.view(1, D, C)
        self.hidden = _Recent(kernel - 1, (D, people, V), block.temporal)
        self.inputs = _Recent(block.reach, (C, people, V), block.temporal)
        self.none = block.temporal.new_zeros(0, C, people, V)
        self.first = -block.reach  # the centre that the next frame completes

    def push(self, x: Float[Tensor, "T C NM V"]) -> Float[Tensor, "S D NM V"]:
        """Take frames; the outputs that they complete."""
        y = self._centres(self.hidden.with_new(self.block.spatial(x)), self.inputs.with_new(x))
        self.first += len(x)
        return y

    def rest(self, x: Float[Tensor, "T C NM V"]) -> Float[Tensor, "S D NM V"]:
        """The outputs that would be left if the clip ended after these frames; none of them is kept."""
        after = self.hidden.last.new_zeros(self.block.reach, *self.hidden.last.shape[1:])
        new = [self.block.spatial(x)] if len(x) else []
        return self._centres(torch.cat([self.hidden.last, *new, after]), torch.cat([self.inputs.last, x]))

    def _centres(self, hidden: Tensor, inputs: Tensor) -> Tensor:
        """The block's outputs at the centres from ``first`` on that hidden frames surround, one stride apart."""
        D, people, V = hidden.shape[1:]
        stride, kernel = self.block.stride, self.hidden.keep + 1
        count = len(hidden) - self.hidden.keep
        skip = -self.first if self.first < 0 else -self.first % stride
        S = len(range(skip, count, stride))
        if S == 0:
            return hidden.new_zeros(0, D, people, V)
        size = D * people * V
        windows = hidden.as_strided(  # one window a centre: a column for each joint and person, with no copy
            (S, kernel * D, people * V), (stride * size, people * V, 1), hidden.storage_offset() + skip * size
        )
        y = torch.baddbmm(self.bias, self.weight.expand(S, -1, -1), windows)
        if self.block.has_shortcut:
            x = inputs[skip:count:stride].flatten(2)
            y = y.add_(x) if self.shortcut is None else y.baddbmm_(self.shortcut.expand(S, -1, -1), x)
        return y.relu_().view(S, D, people, V)


class _Recent:
    """The last frames of a sequence, in a row in memory; before the first, zeros.

    New frames are written behind the old ones; where there is no more room, those to keep move to the front.

    Args:
        keep: Frames that are kept.
        shape: Of a frame.
        like: A tensor of the same type and device.
    """

    def __init__(self, keep: int, shape: tuple[int, ...], like: Tensor) -> None:
        self.keep = self.end = keep
        self.held = like.new_zeros(2 * keep + CHUNK, *shape)

    @property
    def last(self) -> Tensor:
        """The frames that are kept."""
        return self.held[self.end - self.keep : self.end]

    def with_new(self, x: Tensor) -> Tensor:
        """Those that were kept, and at most ``CHUNK`` new ones after them; the last of them are kept."""
        if self.end + len(x) > len(self.held):
            self.held[: self.keep] = self.last
            self.end = self.keep
        self.held[self.end : self.end + len(x)] = x
        self.end += len(x)
        return self.held[self.end - len(x) - self.keep : self.end]
