"""What carried a decision: the part of every joint and frame in a logit, and what a logit loses without a joint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

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
        start: The recording's frame that is the first of ``raw``.
        stride: Frames from one feature to the next; feature t is centred on frame t * stride.
        reach: Frames before its centre that a feature sees.
        ahead: Frames after its centre that it sees; motion, the next frame minus now, makes them one more.
        A: The graph: ``A[k, v, w]`` weighs what joint w takes from joint v.
        importance: ``importance[b, k, v, w]``, the factor that block b has learned for it; ones where none is learned.
        occluded: Where occlusion puts a joint, in a sentence.
        averaged: What all crops say together, if only one of several is explained.
        preprocessing: What was done to the clip, a line each.
        warnings: What makes the answer doubtful, a line each.
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
