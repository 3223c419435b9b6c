"""Attribution of an answer: the share of every joint and frame in a logit, and a logit's decrease without a joint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from stgcn_torch.skeleton import Skeleton


@dataclass(frozen=True)
class Explanation:
    """One clip, a network's answer, and its attribution.

    S is the number of explained classes, B of blocks, U = ceil(T / stride) of the last block's features in time.

    Attributes:
        title: Name of the clip for people: recording, person, frames.
        body: The layout.
        classes: Names of all classes.
        logits: Of all classes.
        probabilities: Of all classes.
        bias: Bias of the head, of all classes.
        shown: The explained classes, the most likely first.
        activation: ``activation[s, m, u, v]`` of joint v of person m at feature u for class ``shown[s]`` (class
            activation map); its mean over m, u and v plus the bias is the logit.
        occlusion: ``occlusion[s, m, v]``, the decrease of the logit of ``shown[s]`` when joint v of person m is missing
            throughout; negative for an increase.
        clip: The preprocessed joints, before streams; zeros where a joint is missing.
        channels: Names of the clip's channels: x, y or x, y, z, and possibly score.
        raw: The clip as recorded.
        raw_channels: Names of its channels.
        frames: For each frame of the clip, its source frame in ``raw``; -1 for padding.
        start: Frame of the recording at which ``raw`` begins.
        stride: Frames from one feature to the next; feature u is centred on frame u * stride.
        reach: Receptive field of a feature before its centre, in frames.
        ahead: Receptive field after its centre; one frame more with motion, the next frame minus now.
        A: The graph: ``A[k, v, w]`` is the weight of source joint v for target joint w.
        importance: ``importance[b, k, v, w]``, the learned factor of block b; ones where none is learned.
        occluded: A sentence on the position of an occluded joint.
        averaged: A sentence on the mean over all crops, if only one of several is explained.
        preprocessing: The effects of the preprocessing on the clip, a line each.
        warnings: Reasons to doubt the answer, a line each.
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
    start: int
    stride: int
    reach: int
    ahead: int
    A: Float[np.ndarray, "P V V"]
    importance: Float[np.ndarray, "B P V V"]
    occluded: str
    averaged: str
    preprocessing: Sequence[str]
    warnings: Sequence[str] = ()
