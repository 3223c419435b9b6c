"""What carried a logit: class activation maps, exact for this head, and occlusion of joints as a second opinion."""

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from stgcn_torch.lit import LitSTGCN
from stgcn_torch.model import STGCN

Track = Callable[[Sequence[list[tuple[int, int]]]], Iterable[list[tuple[int, int]]]]
MISSING = 8  # clips with a joint missing that are looked at together


@torch.no_grad()
def class_activation(
    network: STGCN | LitSTGCN, x: Float[Tensor, "N C T V M"], classes: Sequence[int] | None = None
) -> Float[Tensor, "N K M S V"]:
    """What each joint of each person says at each feature for a class (CAM, arXiv:1512.04150).

    The head is linear and the features' mean is taken before it, so it may as well be taken behind: the mean of a map
    plus the head's bias is the logit, up to rounding.

    Args:
        network: In evaluation mode.
        x: What its backbone takes: the streams of a ``LitSTGCN``, not the joints.
        classes: Indices; None for all.

    Returns:
        ``y[n, k, m, t, v]`` for class ``classes[k]`` and the last block's feature t, in logits.
    """
    features = network.backbone.features(x)
    weight = network.head.fcn.weight[:, :, 0, 0]
    return torch.einsum("nmdtv,kd->nkmtv", features, weight if classes is None else weight[list(classes)])


@torch.no_grad()
def occlusion(
    logits: Callable[[Tensor], Tensor],
    joints: Float[Tensor, "C T V M"],
    absent: Float[Tensor, "C T M"],
    track: Track = iter,
) -> Float[Tensor, "K M V"]:
    """How much each logit falls when one joint of one person is missing throughout; negative where it rises.

    The joint is taken away where the streams are computed from: its bones and its motion are then what they are for a
    joint that the pose estimator has not seen.

    Args:
        logits: Joints (N, C, T, V, M) to logits (N, K), as ``LitSTGCN.logits``.
        joints: Of one clip, preprocessed.
        absent: Where a joint lies that is not there (see ``preprocessing.absent_joint``).
        track: Passes on what there is to go through, and may tell how far one is.
    """
    V, M = joints.shape[2:]
    whole = logits(joints[None])[0]
    falls = whole.new_zeros(len(whole), M, V)
    places = [(m, v) for m in range(M) for v in range(V) if not torch.equal(joints[:, :, v, m], absent[:, :, m])]
    for some in track([places[i : i + MISSING] for i in range(0, len(places), MISSING)]):
        without = joints.repeat(len(some), 1, 1, 1, 1)
        for clip, (m, v) in zip(without, some, strict=True):
            clip[:, :, v, m] = absent[:, :, m]
        for (m, v), rest in zip(some, logits(without), strict=True):
            falls[:, m, v] = whole - rest
    return falls
