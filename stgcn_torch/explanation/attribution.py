"""Attribution of a logit: class activation maps, exact for this head, and occlusion of joints as a second opinion."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from stgcn_torch.data.batch.crops import even_crops, live_length
from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.account import account
from stgcn_torch.data.preprocessing.people import in_slots
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
MISSING = 8  # batch size of clips with a missing joint


@torch.no_grad()
def class_activation(
    network: STGCN | LitSTGCN, x: Float[Tensor, "N C T V M"], classes: Sequence[int] | None = None
) -> Float[Tensor, "N K M S V"]:
    """Class activation of each joint of each person at each feature (CAM, arXiv:1512.04150).

    The head is linear, so the mean over features may be taken after it instead of before: the mean of a map plus the
    head's bias is the logit, up to rounding.

    Args:
        network: In evaluation mode.
        x: Input of its backbone: the streams of a ``LitSTGCN``, not the joints.
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
    """Decrease of each logit when one joint of one person is missing throughout; negative for an increase.

    The joint is removed before the streams are computed, so that its bones and its motion are those of an undetected
    joint.

    Args:
        logits: Joints (N, C, T, V, M) to logits (N, K), linear in the mean over people, as ``LitSTGCN.logits``.
        joints: Of one clip, preprocessed.
        absent: Position of an undetected joint (see ``steps.absent_joint``).
        track: Wrapper of the loop's iterable, for a progress bar.
    """
    V, M = joints.shape[2:]
    # The logits are means over people, of whom only one changes: each person is a clip of its own.
    whole = torch.stack([logits(joints[None, ..., m : m + 1])[0] for m in range(M)])
    falls = whole.new_zeros(whole.shape[1], M, V)
    places = [(m, v) for m in range(M) for v in range(V) if not torch.equal(joints[:, :, v, m], absent[:, :, m])]
    for batch in track([places[i : i + MISSING] for i in range(0, len(places), MISSING)]):
        without = torch.stack([joints[..., m : m + 1] for m, _ in batch])
        for clip, (m, v) in zip(without, batch, strict=True):
            clip[:, :, v, 0] = absent[:, :, m]
        for (m, v), rest in zip(batch, logits(without), strict=True):
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
    """A network's answer for a clip, with its attribution to joints and frames.

    If evaluation averages the probabilities of crops, only one crop is explained, since a mean of probabilities is
    no mean over joints and frames: title, logits and probabilities are that crop's, and the last line of
    ``Explanation.preprocessing`` has the mean over all crops.

    A joint is occluded after the preprocessing, so that the rest of the body keeps its place: without the centre joint
    the preprocessing would move the whole body. The occluded joint has the position of an undetected one. A centre at
    the origin in every frame has no effect there, and its occlusion is zero, unless ``every_joint`` is moved with it.

    Args:
        module: In evaluation mode.
        clip: As recorded; the module preprocesses it.
        title: Name of the clip.
        start: Frame of the recording at which the clip begins.
        top_k: Largest number of classes to explain.
        crop: Index of the crop; None for the middle one.
        warnings: Reasons to doubt the answer, a line each.
        track: See ``occlusion``.

    Raises:
        ValueError: There is no such crop, ``top_k`` is below 1, or the clip cannot be preprocessed.
    """
    preprocessing, body, backbone, head = module.preprocessing, module.body, module.backbone, module.head.fcn
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    crop = preprocessing.crops // 2 if crop is None else crop
    if not 0 <= crop < preprocessing.crops:
        raise ValueError(f"crop must be from 0 to {preprocessing.crops - 1}, got {crop}")
    clip = in_slots(np.asarray(clip), module.slots)
    joints, absent, frames = _window(module, clip, crop)
    x = torch.from_numpy(joints).to(module.device)
    with torch.no_grad():
        bias = head.bias if head.bias is not None else x.new_zeros(len(module.classes))
        logits = module.logits(x[None])[0].double()
        probabilities = logits.softmax(dim=0).cpu().numpy()
        if not np.isfinite(probabilities).all():
            raise ValueError(
                f"{title}: the answer is not finite; its coordinates are too large for the network's numbers, or its "
                "weights are damaged"
            )
        shown = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
        activation = class_activation(module, stack_streams(x[None], preprocessing.streams, body.parents), shown)[0]
    falls = occlusion(for_inference(module).logits, x, torch.from_numpy(absent).to(x), track)[shown]
    importance = backbone.edge_importance or [torch.ones_like(backbone.A)] * len(backbone.st_gcn_networks)
    occluded, averaged = _occluded(preprocessing, body), _averaged(module, clip)
    lines = [*account(clip, preprocessing, body), occluded, *_cut(preprocessing, crop, start + frames[frames >= 0])]
    lines += [averaged] if averaged else []
    clip = without_nan(clip) if preprocessing.nan == "missing" else clip
    return Explanation(
        title=title if preprocessing.crops == 1 else f"{title}, crop {crop} (of 0 to {preprocessing.crops - 1})",
        body=body,
        classes=module.classes,
        logits=logits.cpu().numpy(),
        probabilities=probabilities,
        bias=bias.detach().double().cpu().numpy(),
        shown=shown,
        activation=activation.cpu().numpy(),
        occlusion=falls.cpu().numpy(),
        clip=joints,
        channels=preprocessing.keep,
        raw=np.asarray(clip[:, : max(live_frames(clip), frames.max() + 1, 1)], np.float32),
        raw_channels=preprocessing.channels,
        frames=frames,
        start=start,
        stride=backbone.stride,
        reach=backbone.reach,
        ahead=backbone.reach + any(stream.endswith("motion") for stream in preprocessing.streams),
        A=backbone.A.cpu().numpy(),
        importance=torch.stack([*importance]).detach().cpu().numpy(),
        occluded=occluded,
        averaged=averaged,
        preprocessing=lines,
        warnings=warnings,
    )


def _window(
    module: LitSTGCN, clip: Clip, crop: int
) -> tuple[Float[np.ndarray, "D T V M"], Float[np.ndarray, "D T M"], Int[np.ndarray, " T"]]:
    """The input joints of the network, the position of an undetected joint, and the source frames in the clip."""
    preprocessing, body = module.preprocessing, module.body
    joints, frames = traced(clip, preprocessing, body)
    absent = absent_joint(clip, preprocessing, body)[:, :, None]
    live = np.arange(len(frames)) < int(live_length(torch.from_numpy(joints)[None]))
    numbers = np.where(live, frames + 1, 0).astype(np.float32)  # crops end with the last non-zero frame
    # As two more joints, for the same crop.
    extended = np.concatenate([joints, absent, np.broadcast_to(numbers[:, None, None], absent.shape)], axis=2)
    window, crops, share = preprocessing.window, preprocessing.crops, preprocessing.crop
    view = even_crops(torch.from_numpy(extended)[None], window, crops, share)[crop][0].numpy()
    return view[:, :, :-2], view[:, :, -2], view[0, :, -1, 0].astype(np.int64) - 1


def _occluded(preprocessing: Preprocessing, body: Skeleton) -> str:
    """Description of the position of an occluded joint."""
    joint = preprocessing.center_joint(body)
    if joint is None or preprocessing.centring == "every_joint":
        origin = "" if joint is None else " as given"
        return (
            f"an occluded joint lies at the origin of the coordinates{origin}, far from the body or not, {LIKE_ABSENT}"
        )
    name = body.joints[joint]
    if preprocessing.center_of == "clip":
        return f"an occluded joint lies where {name} is at first (the origin), {LIKE_ABSENT}"
    text = f"an occluded joint lies on {name} (the origin), {LIKE_ABSENT}"
    if "score" in preprocessing.keep:
        return text
    return f"{text}; {name} lies there in any case, and occlusion finds nothing in it"


def _cut(preprocessing: Preprocessing, crop: int, frames: Int[np.ndarray, " T"]) -> list[str]:
    """Description of the explained part of the clip; an empty list for the whole clip."""
    if preprocessing.crops == 1 and preprocessing.crop == 1 and preprocessing.window == preprocessing.kept_frames:
        return []
    cut = f"crop {crop} (of 0 to {preprocessing.crops - 1})" if preprocessing.crops > 1 else "a part in the middle"
    return [f"{cut}: {preprocessing.window} frames, from {frames.min()} to {frames.max()}"] if frames.size else []


def _averaged(module: LitSTGCN, clip: Clip) -> str:
    """Description of the mean over all crops; empty for a single crop."""
    crops = module.preprocessing.crops
    if crops == 1:
        return ""
    joints = torch.from_numpy(preprocess(clip, module.preprocessing, module.body))[None]
    with torch.no_grad():
        mean = module(joints.to(module.device))[0].double().softmax(dim=0)
    top = ", ".join(f"{module.classes[k]} {mean[k]:.3f}" for k in mean.topk(min(3, len(mean))).indices.tolist())
    return f"this page explains one crop; predict and evaluate average the probabilities of all {crops}: {top}"
