"""Mirror images of recordings, for training on them: NumPy, (C, T, V, M).

The augmentation mirrors preprocessed clips in the batch where that gives what the preprocessing would make of the
mirrored recording. Where it does not, the data module preprocesses the mirrored recording too: a centre joint with a
partner on the other side leaves its partner's place unknown, and without centring the body's place counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing
from stgcn_torch.skeleton import Skeleton


@dataclass(frozen=True)
class MirrorImage:
    """How a recording is mirrored.

    Attributes:
        channel: The coordinate that is reversed.
        joints: The layout's joint permutation.
        about_body: About the mean of the detected joints; else about the origin, from which centring takes it anyway.
    """

    channel: str
    joints: tuple[int, ...]
    about_body: bool = False

    def __call__(self, clip: Clip, channels: Sequence[str]) -> Clip:
        """The mirror image of a clip; undetected joints stay zero."""
        if self.channel not in channels:
            raise ValueError(
                f"augmentation.mirrored={self.channel} is none of the channels {', '.join(channels)} of the clips"
            )
        c, known = list(channels).index(self.channel), (clip != 0).any(axis=0) & np.isfinite(clip).all(axis=0)
        image = np.array(clip)
        middle = clip[c][known].mean(dtype=np.float64) if self.about_body and known.any() else 0.0
        image[c] = np.where(known, 2 * middle - clip[c], clip[c])
        return image[:, :, list(self.joints)]


def check_mirror(probability: float, body: Skeleton) -> None:
    """Raise ValueError if training mirrors clips and nothing tells the layout's left from its right."""
    if probability and body.mirror == tuple(range(len(body.joints))):
        raise ValueError(
            f"augmentation.mirror swaps left and right, and layout {body.name} has no pairs of such joints, nor names "
            "that tell them; give the layout pairs, or augmentation.mirror=0"
        )


def needed_image(preprocessing: Preprocessing, body: Skeleton, probability: float, channel: str) -> MirrorImage | None:
    """The mirror image that training needs of each recording; None where the batch can be mirrored.

    Args:
        preprocessing: The steps for every clip.
        body: The layout of the joints.
        probability: Of a mirror image.
        channel: The coordinate that is reversed.
    """
    if not probability:
        return None
    joint, mirror = preprocessing.center_joint(body), body.mirror
    if joint is not None and mirror[joint] == joint:
        return None
    return MirrorImage(channel, mirror, about_body=joint is None)
