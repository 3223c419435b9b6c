"""What carried a logit: class activation maps, exact for this head, and occlusion of joints as a second opinion."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from stgcn_torch.data.batch.crops import even_crops, live_length
from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.account import account
from stgcn_torch.data.preprocessing.steps import (
    Clip,
    Preprocessing,
    absent_joint,
    live_frames,
    preprocess,
    traced,
    without_nan,
)
from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.inference.exact import for_inference
from stgcn_torch.model import STGCN
from stgcn_torch.skeleton import Skeleton
from stgcn_torch.training.lit import LitSTGCN

Track = Callable[[Sequence[list[tuple[int, int]]]], Iterable[list[tuple[int, int]]]]
LIKE_ABSENT = "as an undetected joint does"
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
        logits: Joints (N, C, T, V, M) to logits (N, K), linear in the mean over people, as ``LitSTGCN.logits``.
        joints: Of one clip, preprocessed.
        absent: Where a joint lies that is not there (see ``preprocessing.absent_joint``).
        track: Passes on what there is to go through, and may tell how far one is.
    """
    V, M = joints.shape[2:]
    # The logits are means over people, and only one of them changes: each is looked at alone.
    whole = torch.stack([logits(joints[None, ..., m : m + 1])[0] for m in range(M)])
    falls = whole.new_zeros(whole.shape[1], M, V)
    places = [(m, v) for m in range(M) for v in range(V) if not torch.equal(joints[:, :, v, m], absent[:, :, m])]
    for some in track([places[i : i + MISSING] for i in range(0, len(places), MISSING)]):
        without = torch.stack([joints[..., m : m + 1] for m, _ in some])
        for clip, (m, v) in zip(without, some, strict=True):
            clip[:, :, v, 0] = absent[:, :, m]
        for (m, v), rest in zip(some, logits(without), strict=True):
            falls[:, m, v] = (whole[m] - rest) / M
    return falls


def explain(
    module: LitSTGCN,
    clip: Clip,
    title: str,
    *,
    start: int = 0,
    top_k: int = 5,
    crop: int | None = None,
    warnings: Sequence[str] = (),
    track: Track = iter,
) -> Explanation:
    """What a network says of a clip, and what carried it.

    Where evaluation averages the probabilities of crops, one of them is explained, since a mean of probabilities is no
    mean over joints and frames: title, logits and probabilities are then that crop's, and the last line of what was
    done to the clip says what all say together.

    A joint is occluded behind the preprocessing, so that the rest of the body stays where it is: taken away before, the
    centre would take the whole body with it. It lies where an undetected joint comes to lie. A centre that is at the
    origin in every frame says nothing there, and so nothing falls without it, unless ``every_joint`` is moved with it.

    Args:
        module: In evaluation mode.
        clip: As recorded; the module preprocesses it.
        title: What is explained.
        start: The recording's frame that is the clip's first.
        top_k: Classes that are explained, fewer if there are not as many.
        crop: Which of the crops, from 0; None for the middle one.
        warnings: What makes the answer doubtful, to be told with it.
        track: See ``occlusion``.

    Raises:
        ValueError: There is no such crop, no class is to be explained, or the clip cannot be preprocessed.
    """
    made, body, backbone, head = module.preprocessing, module.body, module.backbone, module.head.fcn
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    crop = made.crops // 2 if crop is None else crop
    if not 0 <= crop < made.crops:
        raise ValueError(f"crop must be from 0 to {made.crops - 1}, got {crop}")
    clip = np.asarray(clip)
    joints, absent, frames = _window(module, clip, crop)
    x = torch.from_numpy(joints).to(module.device)
    with torch.no_grad():
        bias = head.bias if head.bias is not None else x.new_zeros(len(module.classes))
        logits = module.logits(x[None])[0].double()
        probabilities = logits.softmax(dim=0).cpu().numpy()
        shown = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
        activation = class_activation(module, stack_streams(x[None], made.streams, body.parents), shown)[0]
    falls = occlusion(for_inference(module).logits, x, torch.from_numpy(absent).to(x), track)[shown]
    importance = backbone.edge_importance or [torch.ones_like(backbone.A)] * len(backbone.st_gcn_networks)
    occluded, averaged = _occluded(made, body), _averaged(module, clip)
    told = [*account(clip, made, body), occluded, *_cut(made, crop, start + frames[frames >= 0])]
    told += [averaged] if averaged else []
    clip = without_nan(clip) if made.nan == "missing" else clip
    return Explanation(
        title=title if made.crops == 1 else f"{title}, crop {crop} (of 0 to {made.crops - 1})",
        body=body,
        classes=module.classes,
        logits=logits.cpu().numpy(),
        probabilities=probabilities,
        bias=bias.detach().double().cpu().numpy(),
        shown=shown,
        activation=activation.cpu().numpy(),
        occlusion=falls.cpu().numpy(),
        clip=joints,
        channels=made.keep,
        raw=np.asarray(clip[:, : max(live_frames(clip), frames.max() + 1, 1)], np.float32),
        raw_channels=made.channels,
        frames=frames,
        start=start,
        stride=backbone.stride,
        reach=backbone.reach,
        ahead=backbone.reach + any(stream.endswith("motion") for stream in made.streams),
        A=backbone.A.cpu().numpy(),
        importance=torch.stack([*importance]).detach().cpu().numpy(),
        occluded=occluded,
        averaged=averaged,
        preprocessing=told,
        warnings=warnings,
    )


def _window(
    module: LitSTGCN, clip: Clip, crop: int
) -> tuple[Float[np.ndarray, "D T V M"], Float[np.ndarray, "D T M"], Int[np.ndarray, " T"]]:
    """The joints that the network sees, where an absent one lies among them, and the frames of the clip they are of."""
    made, body = module.preprocessing, module.body
    joints, frames = traced(clip, made, body)
    absent = absent_joint(clip, made, body)[:, :, None]
    live = np.arange(len(frames)) < int(live_length(torch.from_numpy(joints)[None]))
    numbers = np.where(live, frames + 1, 0).astype(np.float32)  # crops end with the last frame that is not zero
    both = [joints, absent, np.broadcast_to(numbers[:, None, None], absent.shape)]  # as two joints, to be cropped alike
    views = even_crops(torch.from_numpy(np.concatenate(both, axis=2))[None], made.window, made.crops, made.crop)
    view = views[crop][0].numpy()
    return view[:, :, :-2], view[:, :, -2], view[0, :, -1, 0].astype(np.int64) - 1


def _occluded(made: Preprocessing, body: Skeleton) -> str:
    """Where occlusion puts a joint."""
    joint = made.center_joint(body)
    if joint is None or made.centring == "every_joint":
        given = "" if joint is None else " as given"
        return (
            f"an occluded joint lies at the origin of the coordinates{given}, far from the body or not, {LIKE_ABSENT}"
        )
    name = body.joints[joint]
    if made.center_of == "clip":
        return f"an occluded joint lies where {name} is at first (the origin), {LIKE_ABSENT}"
    told = f"an occluded joint lies on {name} (the origin), {LIKE_ABSENT}"
    return told if "score" in made.keep else f"{told}; {name} lies there in any case, and occlusion finds nothing in it"


def _cut(made: Preprocessing, crop: int, frames: Int[np.ndarray, " T"]) -> list[str]:
    """Which part of the clip is explained, if it is not the whole."""
    if made.crops == 1 and made.crop == 1 and made.window == made.kept_frames:
        return []
    cut = f"crop {crop} (of 0 to {made.crops - 1})" if made.crops > 1 else "a part in the middle"
    return [f"{cut}: {made.window} frames, from {frames.min()} to {frames.max()}"] if frames.size else []


def _averaged(module: LitSTGCN, clip: Clip) -> str:
    """What all crops say together; nothing of one."""
    made = module.preprocessing
    if made.crops == 1:
        return ""
    joints = torch.from_numpy(preprocess(clip, made, module.body))[None]
    with torch.no_grad():
        said = module(joints.to(module.device))[0].double().softmax(dim=0)
    top = ", ".join(f"{module.classes[k]} {said[k]:.3f}" for k in said.topk(min(3, len(said))).indices.tolist())
    return f"this page explains one crop; predict and evaluate average the probabilities of all {made.crops}: {top}"
