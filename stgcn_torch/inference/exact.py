"""Exact inference without the work that padding and absent people would be: the same answers for less.

A clip that ends before the window has a tail of zeros, and what the network makes of them is known beforehand: a
feature differs from the all-zero clip's only if the kernels before it reach a live frame. So each block computes its
live frames and as many more as its kernel reaches, and takes everything else from the all-zero clip of the same length,
whose features are computed once and kept. A person who is not there is such a clip from the first frame on.

The zero clip of a length costs what one person costs who is there to the last frame. It is made in the first call in
which it saves as much, or in the second that has clips of that length; until then clips are computed whole. So clips of
ever new lengths cost no more than in the plain network.
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

# Frames times people in one pass: on a CPU the features of more than these fall out of its caches.
PASS = {"cpu": 1024}
LARGEST_PASS = 32768  # elsewhere
LONGER = 16  # frames of padding that a person may get in a pass with longer ones; about what a pass of their own costs
KEPT = 4  # zero clips that are kept, each 47 MB for 350 frames of the article's network in float32


def for_inference(network: Network) -> Network:
    """A copy of a network that answers the same in less time: folded, and free of work on padding and absent people.

    Logits and features are the network's own in evaluation mode within 1e-5 of the largest, in float32 beside the
    network's own rounding (see ``FoldedSTGCN``). The network may be trained on, and the copy does not follow. The
    weights of the copy are not trained, and gradients reach what is live in its clips, not the padding. The
    answers to the same clips may differ by rounding from the call on that has a zero clip of their length.

    Args:
        network: An ``STGCN``, a ``LitSTGCN`` with its streams and crops, or the backbone of either.

    Raises:
        TypeError: It is no such network.
    """
    with torch.inference_mode(False):  # tensors made in it are of no use outside
        made = copy.deepcopy(network).eval()
        if isinstance(made, STGCNBackbone):
            made = cast(Network, InferenceBackbone(made).eval())
        elif isinstance(getattr(made, "backbone", None), STGCNBackbone):
            made.backbone = InferenceBackbone(cast(STGCNBackbone, made.backbone))
        elif not isinstance(getattr(made, "backbone", made), InferenceBackbone):  # which was made before
            raise TypeError(f"for_inference takes an STGCN, a LitSTGCN or a backbone, got {type(network).__name__}")
        made.requires_grad_(False)
    return made


@dataclass(frozen=True)
class ZeroClip:
    """What a network makes of a clip of zeros.

    Attributes:
        hidden: Of each block, what its temporal convolution sees (1, D, T, V).
        residual: Of each block, what is added to that convolution (1, D, S, V), or 0.0.
        rest: ``rest[t]`` sums the last block's features from frame t on, over frames and joints (S + 1, D).
        dtype: Of features.
    """

    hidden: Sequence[Tensor]
    residual: Sequence[Tensor | float]
    rest: Tensor
    dtype: torch.dtype


class ZeroClips:
    """Zero clips of the windows that were asked for last, ``KEPT`` at most.

    None gives way to a window that was not asked for since that one last was: of more lengths in turn than are kept,
    some are known and some are not, and none is made anew in every call.
    """

    def __init__(self) -> None:
        self._recent: dict[Any, ZeroClip | None] = {}  # the last asked for at the end; None for those only seen

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept())

    def get(self, window: Any, make: Callable[[], ZeroClip], pays: bool) -> ZeroClip | None:
        """The zero clip of a window; None if it is better not made now.

        Args:
            window: What tells it from others.
            make: Makes it.
            pays: Whether it saves this call as much as it costs.
        """
        came_back = window in self._recent
        found = self._recent.pop(window, None)  # another thread may be here: at worst it makes a clip once more
        if found is None and (pays or came_back):
            found = make()
        self._recent[window] = found if came_back or len(self) < KEPT else None
        kept = self._kept()
        for oldest in list(self._recent):
            if len(kept) < KEPT or oldest == kept[0]:
                break
            self._recent.pop(oldest, None)
        return found

    def _kept(self) -> list[Any]:
        return [window for window, clip in list(self._recent.items()) if clip is not None][-KEPT:]


class InferenceBackbone(FoldedSTGCN):
    """Clips in, features out, as ``STGCNBackbone`` has them in evaluation mode.

    Args:
        backbone: Left as it is; later changes to it do not come through.
    """

    def __init__(self, backbone: STGCNBackbone) -> None:
        with torch.inference_mode(False):  # so that the weights count their changes
            super().__init__(backbone, nn.Identity())
        strides = [cast(FoldedBlock, block).stride for block in self.blocks]
        into = [math.prod(strides[:i]) for i in range(len(strides) + 1)]  # frames of the clip from one to the next
        # Live frames that the last block has at most more than a clip, in frames of the clip.
        self._reach = sum(cast(FoldedBlock, block).reach * into[i] for i, block in enumerate(self.blocks)) + into[-1]
        self._zero_clips = ZeroClips()
        self._weights: list[Tensor] = []
        self._versions: list[tuple[int, int]] = []

    def forward(self, x: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N D"]:
        """Clips (N, C, T, V, M) to features (N, D), D the last block's channels.

        Raises:
            ValueError: Clips have another number of channels or joints, or no frame or no place for a person.
        """
        N, C, T, V, M = x.shape
        if not T or not M:
            raise ValueError(f"clips must have at least one frame and one person, got T={T} and M={M}")
        people = x.permute(0, 4, 1, 2, 3).reshape(N * M, C, T, V)
        lengths = live_lengths(people)
        together = list(passes(lengths, PASS.get(x.device.type, LARGEST_PASS)))
        zero = None
        if min(lengths, default=T) < T:  # there is padding to be known beforehand
            computed = sum(len(some) * min(length + self._reach, T) for some, length in together)
            zero = self.zero_clip(x, pays=N * M * T - computed >= T)
        if zero is None:
            features = self._dense(people)
            return features.view(N, M, features.shape[1]).mean(dim=1)
        total = zero.rest[0].repeat(N * M, 1)
        for some, length in together:
            who = torch.tensor(some, device=x.device)
            total[who] = self._live_total(people[who, :, :length], zero, T)
        S = len(zero.rest) - 1
        return (total / (S * V)).to(zero.dtype).view(N, M, total.shape[1]).mean(dim=1)

    def _dense(self, people: Float[Tensor, "N C T V"]) -> Float[Tensor, "N D"]:
        """The mean features of people who are there to the last frame."""
        most = max(PASS.get(people.device.type, LARGEST_PASS) // max(people.shape[2], 1), 1)
        found = []
        for some in torch.split(people, most):
            x = self.people(some[..., None])
            for block in self.blocks:
                x = block(x)
            found.append(x.mean(dim=(2, 3)))
        return torch.cat(found)

    def _live_total(self, x: Float[Tensor, "N C L V"], zero: ZeroClip, T: int) -> Float[Tensor, "N D"]:
        """The sum over all T frames and the joints of the last features of people who are zero after L frames."""
        x = self.people(x[..., None])
        for block, hidden, residual in zip(self.blocks, zero.hidden, zero.residual, strict=True):
            x = continued(cast(FoldedBlock, block), x, hidden, residual)
        return x.sum(dim=(2, 3), dtype=zero.rest.dtype) + zero.rest[x.shape[2]]

    def zero_clip(self, x: Float[Tensor, "N C T V M"], pays: bool = True) -> ZeroClip | None:
        """What the network makes of a clip of zeros as long as these; kept while the weights stay the same.

        Args:
            x: Clips, of which the size, dtype and device count.
            pays: Whether that saves this call as much as it costs; if not, None for a window that is new.
        """
        weights = list(self.buffers())
        versions = [(id(weight), weight._version) for weight in weights]
        if versions != self._versions:  # the weights are held too: no other tensor gets the identity of one
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
            x = cast(FoldedBlock, block).joined(hidden[-1], residual[-1])
        frames = x.sum(dim=3, dtype=torch.promote_types(x.dtype, torch.float32))[0].t()
        rest = F.pad(frames.flip(0).cumsum(0).flip(0), (0, 0, 0, 1))
        return ZeroClip(hidden, residual, rest, x.dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Without the zero clips: a saved network makes its own."""
        return self.__dict__ | {"_zero_clips": ZeroClips(), "_weights": [], "_versions": []}

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        with torch.inference_mode(False):
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]


def continued(
    block: FoldedBlock,
    x: Float[Tensor, "N C L V"],
    hidden: Float[Tensor, "1 D T V"],
    residual: Float[Tensor, "1 D S V"] | float,
) -> Float[Tensor, "N D live V"]:
    """A block on the live frames of clips that go on as the clip of zeros does, up to where both are the same again.

    Args:
        block: The block.
        x: Its input as far as it differs from the zero clip's.
        hidden: Of the zero clip (see ``ZeroClip``).
        residual: Of the zero clip.
    """
    L, T, reach, stride = x.shape[2], hidden.shape[2], block.reach, block.stride
    if L == T:
        return cast(Tensor, block(x))
    live = -(-min(L + reach, T) // stride)
    seen = (live - 1) * stride + reach + 1  # frames from the first that the kernel sees; those after the last are zero
    h = F.pad(block.spatial(x), (0, 0, reach, seen - L))
    tail = hidden[:, :, L:seen]
    h[:, :, reach + L : reach + L + tail.shape[2]] = tail
    y = F.conv2d(h, block.temporal, block.temporal_bias, (stride, 1))
    if isinstance(residual, Tensor):
        own = block.residual(x)
        assert isinstance(own, Tensor)
        y[:, :, : own.shape[2]] += own
        y[:, :, own.shape[2] :] += residual[:, :, own.shape[2] : live]
    return y.relu_()


def live_lengths(people: Float[Tensor, "N C T V"]) -> list[int]:
    """Frames of each person up to the last that is not all zero, 0 for a person who is not there; NaN is not zero."""
    live = (people != 0).any(dim=3).any(dim=1)
    frames = torch.arange(1, people.shape[2] + 1, device=people.device)
    return cast(list[int], (live * frames).amax(dim=1).tolist())


def passes(lengths: Sequence[int], most: int) -> Iterator[tuple[list[int], int]]:
    """People to compute together, the longest first, and the length of the longest; nobody for those of length 0.

    Args:
        lengths: Live frames of each.
        most: Frames times people in one pass, unless a single one has more.
    """
    some: list[int] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if some and (longest - lengths[i] > LONGER or (len(some) + 1) * longest > most or not lengths[i]):
            yield some, longest
            some = []
        if not lengths[i]:
            return
        longest = longest if some else lengths[i]
        some.append(i)
    if some:
        yield some, longest
