"""What carried a decision: the part of every joint and frame in a logit, and what a logit loses without a joint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from stgcn_torch.attribution import Track, class_activation, occlusion
from stgcn_torch.data.account import account
from stgcn_torch.data.frames import even_crops, live_length
from stgcn_torch.data.preprocessing import Clip, absent_joint, live_frames, preprocess, traced, without_nan
from stgcn_torch.data.streams import stack_streams
from stgcn_torch.inference import for_inference
from stgcn_torch.lit import LitSTGCN
from stgcn_torch.skeleton import Skeleton


@dataclass(frozen=True)
class Explanation:
    """One clip, a network's answer, and what carried it.

    S are the classes that are explained, B the blocks, T' = ceil(T / stride) the frames of the last block's features.

    Attributes:
        title: What was explained, as a person would say it: recording, person, frames.
        body: The layout.
        classes: Names of all classes.
        logits: Of all classes.
        probabilities: Of all classes.
        bias: The head's, of all classes.
        shown: The classes that are explained, the most likely first.
        activation: ``activation[s, m, t, v]`` is what joint v of person m at feature t says for class ``shown[s]``
            (class activation map); its mean over m, t and v plus the bias is the logit.
        occlusion: ``occlusion[s, m, v]`` is how much the logit of ``shown[s]`` falls when joint v of person m is
            missing throughout; negative where it rises.
        clip: The joints as the network's streams are computed from them, preprocessed; zeros where one is missing.
        channels: What the rows of the clip are: x, y or x, y, z, and possibly score.
        raw: The clip as it was given.
        raw_channels: What its rows are.
        frames: The frame of ``raw`` that each frame of the clip is; -1 for padding.
        stride: Frames from one feature to the next; feature t is centred on frame t * stride.
        reach: Frames before and after its centre that a feature sees.
        A: The graph: ``A[k, v, w]`` weighs what joint w takes from joint v.
        importance: ``importance[b, k, v, w]``, the factor that block b has learned for it; ones where none is learned.
        preprocessing: What was done to the clip, a line each.
    """

    title: str
    body: Skeleton
    classes: Sequence[str]
    logits: Float[np.ndarray, " K"]
    probabilities: Float[np.ndarray, " K"]
    bias: Float[np.ndarray, " K"]
    shown: Sequence[int]
    activation: Float[np.ndarray, "S M U V"]
    occlusion: Float[np.ndarray, "S M V"]
    clip: Float[np.ndarray, "D T V M"]
    channels: Sequence[str]
    raw: Float[np.ndarray, "C R V M"]
    raw_channels: Sequence[str]
    frames: Int[np.ndarray, " T"]
    stride: int
    reach: int
    A: Float[np.ndarray, "P V V"]
    importance: Float[np.ndarray, "B P V V"]
    preprocessing: Sequence[str]


def explain(
    module: LitSTGCN, clip: Clip, title: str, *, top_k: int = 5, crop: int | None = None, track: Track = iter
) -> Explanation:
    """What a network says of a clip, and what carried it.

    Where evaluation averages the probabilities of crops, one of them is explained, since a mean of probabilities is no
    mean over joints and frames: logits and probabilities are then that crop's, and the last line of what was done to
    the clip says what all say together.

    A joint is occluded behind the preprocessing, so that the rest of the body stays where it is: taken away before, the
    centre would take the whole body with it. It lies where an undetected joint comes to lie. A centre that is at the
    origin in every frame says nothing there, and so nothing falls without it, unless ``every_joint`` is moved with it.

    Args:
        module: In evaluation mode.
        clip: As recorded; the module preprocesses it.
        title: What is explained.
        top_k: Classes that are explained, fewer if there are not as many.
        crop: Which of the crops, from 0; None for the middle one.
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
    told = [*account(clip, made, body), *_crops(module, clip, crop, frames)]
    clip = without_nan(clip) if made.nan == "missing" else clip
    return Explanation(
        title=title,
        body=body,
        classes=module.classes,
        logits=logits.cpu().numpy(),
        probabilities=probabilities,
        bias=bias.double().cpu().numpy(),
        shown=shown,
        activation=activation.cpu().numpy(),
        occlusion=falls.cpu().numpy(),
        clip=joints,
        channels=made.keep,
        raw=np.asarray(clip[:, : max(live_frames(clip), frames.max() + 1)], np.float32),
        raw_channels=made.channels,
        frames=frames,
        stride=backbone.stride,
        reach=backbone.reach,
        A=backbone.A.cpu().numpy(),
        importance=torch.stack([*importance]).detach().cpu().numpy(),
        preprocessing=told,
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


def _crops(module: LitSTGCN, clip: Clip, crop: int, frames: Int[np.ndarray, " T"]) -> list[str]:
    """That a crop is explained, and what all of them say together."""
    made = module.preprocessing
    if made.crops == 1 and made.crop == 1 and made.window == made.kept_frames:
        return []
    seen = frames[frames >= 0]
    lines = [f"crop {crop + 1} of {made.crops} explained: {made.window} frames, from {seen.min()} to {seen.max()}"]
    if made.crops > 1:
        joints = torch.from_numpy(preprocess(clip, made, module.body))[None]
        with torch.no_grad():
            said = module(joints.to(module.device))[0].double().softmax(dim=0)
        top = ", ".join(f"{module.classes[k]} {said[k]:.3f}" for k in said.topk(min(3, len(said))).indices.tolist())
        lines.append(f"predict and evaluate average the probabilities of all {made.crops} crops: {top}")
    return lines
