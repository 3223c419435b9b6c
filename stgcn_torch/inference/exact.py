"""Exact inference without computing padding and absent people: the same outputs in less time.

A clip shorter than the window ends in zeros. A feature differs from that of an all-zero clip only if its receptive
field contains a live frame. So each block computes its live frames and as many more as its kernel reaches, and takes
all other features from the all-zero clip of the same length, whose features are computed once and cached. An absent
person is all zeros from the first frame on.

The zero clip of a length costs as much as a person present in all frames. It is computed in the first call in which it
saves at least this cost, or in the second call with clips of this length; before that, clips are computed in full. So
clips of ever new lengths cost no more than in the plain network.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.inference.folded import FoldedBlock, FoldedSTGCN
from stgcn_torch.model import STGCNBackbone

Network = TypeVar("Network", bound=nn.Module)

# Frames times people in one pass: on a CPU, the features of larger passes do not fit into its caches.
PASS_SIZE = {"cpu": 1024}
DEFAULT_PASS_SIZE = 32768  # on other devices
MAX_PADDING = 16  # frames of padding for a person in a pass with longer ones; costs about as much as a separate pass
MAX_ZERO_CLIPS = 4  # in the cache; each takes 47 MB for 350 frames of the article's network in float32


def for_inference(network: Network) -> Network:
    """A faster copy of a network with the same outputs: folded, and without computing padding and absent people.

    Logits and features equal the network's in evaluation mode within 1e-5 of the largest, in float32 plus the network's
    own rounding (see ``FoldedSTGCN``). Later training of the network does not change the copy. The copy's weights
    cannot be trained, and gradients reach only the live frames of its clips, not the padding. Outputs for the same
    clips may change by rounding once the zero clip of their length is cached.

    Args:
        network: An ``STGCN``, a ``LitSTGCN`` with its streams and crops, or the backbone of either.

    Raises:
        TypeError: The argument is no such network.
    """
    with torch.inference_mode(False):  # inference tensors could not be used outside
        model = copy.deepcopy(network).eval()
        if isinstance(model, STGCNBackbone):
            model = cast(Network, InferenceBackbone(model).eval())
        elif isinstance(getattr(model, "backbone", None), STGCNBackbone):
            model.backbone = InferenceBackbone(cast(STGCNBackbone, model.backbone))
        elif not isinstance(getattr(model, "backbone", model), InferenceBackbone):  # a copy of a copy is accepted
            raise TypeError(f"for_inference takes an STGCN, a LitSTGCN or a backbone, got {type(network).__name__}")
        model.requires_grad_(False)
    return model


@dataclass(frozen=True)
class ZeroClip:
    """Features of a network for a clip of zeros.

    Attributes:
        hidden: Input of each block's temporal convolution (1, D, T, V).
        residual: Residual of each block (1, D, S, V), or 0.0.
        rest: ``rest[t]`` is the sum over joints and over frames from t on of the last block's features (S + 1, D).
        dtype: Dtype of the features.
    """

    hidden: Sequence[Tensor]
    residual: Sequence[Tensor | float]
    rest: Tensor
    dtype: torch.dtype


class ZeroClips:
    """A cache of at most ``MAX_ZERO_CLIPS`` zero clips, for the windows requested last.

    A clip is evicted only for a window that was requested again since the clip's own last request. So if more lengths
    than fit alternate, some stay cached, and no clip is recomputed in every call.
    """

    def __init__(self) -> None:
        self._requests: dict[Any, ZeroClip | None] = {}  # by last request, latest at the end; None without a zero clip

    def __len__(self) -> int:
        """Number of cached zero clips."""
        return len(self._cached())

    def get(self, window: Any, make: Callable[[], ZeroClip], pays: bool) -> ZeroClip | None:
        """The zero clip of a window; None if computing it does not pay yet.

        Args:
            window: Key of the window.
            make: Computes the zero clip.
            pays: Whether the zero clip saves this call as much as it costs.
        """
        requested_again = window in self._requests
        clip = self._requests.pop(window, None)  # safe for threads: at worst a clip is computed twice
        if clip is None and (pays or requested_again):
            clip = make()
        self._requests[window] = clip if requested_again or len(self) < MAX_ZERO_CLIPS else None
        cached = self._cached()
        for oldest in list(self._requests):
            if len(cached) < MAX_ZERO_CLIPS or oldest == cached[0]:
                break
            self._requests.pop(oldest, None)
        return clip

    def _cached(self) -> list[Any]:
        return [window for window, clip in list(self._requests.items()) if clip is not None][-MAX_ZERO_CLIPS:]


class InferenceBackbone(FoldedSTGCN):
    """Clips to features, equal to those of ``STGCNBackbone`` in evaluation mode.

    Args:
        backbone: Copied; later changes to it have no effect.
    """

    def __init__(self, backbone: STGCNBackbone) -> None:
        with torch.inference_mode(False):  # so that weights have version counters
            super().__init__(backbone, nn.Identity())
        strides = [cast(FoldedBlock, block).stride for block in self.blocks]
        scale = [math.prod(strides[:i]) for i in range(len(strides) + 1)]  # input frames per frame, before each block
        # Upper bound of the frames by which live frames grow through all blocks, in input frames.
        self._reach = sum(cast(FoldedBlock, block).reach * scale[i] for i, block in enumerate(self.blocks)) + scale[-1]
        self._zero_clips = ZeroClips()
        self._weights: list[Tensor] = []
        self._versions: list[tuple[int, int]] = []

    def forward(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N D"]:
        """Clips (N, C, T, V, M) to features (N, D), D the last block's channels.

        Raises:
            ValueError: Clips have another number of channels or joints, or no frames or people.
        """
        N, C, T, V, M = x.shape
        if not T or not M:
            raise ValueError(f"clips must have at least one frame and one person, got T={T} and M={M}")
        people = x.permute(0, 4, 1, 2, 3).reshape(N * M, C, T, V)
        lengths = live_lengths(people)
        batches = list(passes(lengths, PASS_SIZE.get(x.device.type, DEFAULT_PASS_SIZE)))
        zero = None
        if min(lengths, default=T) < T:  # there is padding
            computed = sum(len(indices) * min(length + self._reach, T) for indices, length in batches)
            zero = self.zero_clip(x, pays=N * M * T - computed >= T)
        if zero is None:
            features = self._dense(people)
            return features.view(N, M, features.shape[1]).mean(dim=1)
        total = zero.rest[0].repeat(N * M, 1)
        for indices, length in batches:
            rows = torch.tensor(indices, device=x.device)
            total[rows] = self._live_total(people[rows, :, :length], zero, T)
        S = len(zero.rest) - 1
        return (total / (S * V)).to(zero.dtype).view(N, M, total.shape[1]).mean(dim=1)

    def _dense(self, people: Float[Tensor, "N C T V"]) -> Float[Tensor, "N D"]:
        """The mean features of people, computed over all frames."""
        size = max(PASS_SIZE.get(people.device.type, DEFAULT_PASS_SIZE) // max(people.shape[2], 1), 1)
        means = []
        for batch in torch.split(people, size):
            x = self.people(batch[..., None])
            for block in self.blocks:
                x = block(x)
            means.append(x.mean(dim=(2, 3)))
        return torch.cat(means)

    def _live_total(self, x: Float[Tensor, "N C L V"], zero: ZeroClip, T: int) -> Float[Tensor, "N D"]:
        """Sum of the last block's features over all T frames and joints, for people who are zero after L frames."""
        x = self.people(x[..., None])
        for block, hidden, residual in zip(self.blocks, zero.hidden, zero.residual, strict=True):
            x = live_output(cast(FoldedBlock, block), x, hidden, residual)
        return x.sum(dim=(2, 3), dtype=zero.rest.dtype) + zero.rest[x.shape[2]]

    def zero_clip(self, x: Float[Tensor, "N C T V M"], pays: bool = True) -> ZeroClip | None:
        """Features for a clip of zeros of the same length, cached while the weights stay the same.

        Args:
            x: Clips; only size, dtype and device matter.
            pays: Whether the zero clip saves this call as much as it costs; if not, a new window returns None.
        """
        weights = list(self.buffers())
        versions = [(id(weight), weight._version) for weight in weights]
        if versions != self._versions:  # the weights are stored too, so that no other tensor gets the same id
            self._zero_clips, self._weights, self._versions = ZeroClips(), weights, versions
        device = x.device.type
        autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        key = (x.shape[1:4], x.dtype, x.device, autocast)
        return self._zero_clips.get(key, lambda: self._zero_clip(x), pays)

    @torch.inference_mode(False)
    @torch.no_grad()
    def _zero_clip(self, like: Float[Tensor, "N C T V M"]) -> ZeroClip:
        x = self.people(like.new_zeros(1, *like.shape[1:4], 1))
        hidden, residual = [], []
        for block in self.blocks:
            hidden.append(cast(FoldedBlock, block).spatial(x))
            residual.append(cast(FoldedBlock, block).residual(x))
            x = cast(FoldedBlock, block).output(hidden[-1], residual[-1])
        frames = x.sum(dim=3, dtype=torch.promote_types(x.dtype, torch.float32))[0].t()
        rest = F.pad(frames.flip(0).cumsum(0).flip(0), (0, 0, 0, 1))
        return ZeroClip(hidden, residual, rest, x.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """State without the cached zero clips."""
        return self.__dict__ | {"_zero_clips": ZeroClips(), "_weights": [], "_versions": []}

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        with torch.inference_mode(False):
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]


def live_output(
    block: FoldedBlock,
    x: Float[Tensor, "N C L V"],
    hidden: Float[Tensor, "1 D T V"],
    residual: Float[Tensor, "1 D S V"] | float,
) -> Float[Tensor, "N D live V"]:
    """A block's output in the frames where it differs from the zero clip's.

    Args:
        block: The block.
        x: The block's input in the frames where it differs from the zero clip's, the first L.
        hidden: ``ZeroClip.hidden`` of the block.
        residual: ``ZeroClip.residual`` of the block.
    """
    L, T, reach, stride = x.shape[2], hidden.shape[2], block.reach, block.stride
    if L == T:
        return cast(Tensor, block(x))
    live = -(-min(L + reach, T) // stride)
    covered = (live - 1) * stride + reach + 1  # frames that the kernel covers, with zeros beyond the ends of the clip
    h = F.pad(block.spatial(x), (0, 0, reach, covered - L))
    tail = hidden[:, :, L:covered]
    h[:, :, reach + L : reach + L + tail.shape[2]] = tail
    y = F.conv2d(h, block.temporal, block.temporal_bias, (stride, 1))
    if isinstance(residual, Tensor):
        shortcut = block.residual(x)
        assert isinstance(shortcut, Tensor)
        y[:, :, : shortcut.shape[2]] += shortcut
        y[:, :, shortcut.shape[2] :] += residual[:, :, shortcut.shape[2] : live]
    return y.relu_()


def live_lengths(people: Float[Tensor, "N C T V"]) -> list[int]:
    """Number of frames of each person up to the last nonzero one (NaN counts as nonzero); 0 for an absent person."""
    live = (people != 0).any(dim=3).any(dim=1)
    frames = torch.arange(1, people.shape[2] + 1, device=people.device)
    return cast(list[int], (live * frames).amax(dim=1).tolist())


def passes(lengths: Sequence[int], most: int) -> Iterator[tuple[list[int], int]]:
    """Batches of people of similar length, longest first, and each batch's length; people of length 0 are left out.

    Args:
        lengths: Live frames of each person.
        most: Maximum of frames times people in a batch, exceeded only by a single longer person.
    """
    batch: list[int] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (longest - lengths[i] > MAX_PADDING or (len(batch) + 1) * longest > most or not lengths[i]):
            yield batch, longest
            batch = []
        if not lengths[i]:
            return
        longest = longest if batch else lengths[i]
        batch.append(i)
    if batch:
        yield batch, longest
