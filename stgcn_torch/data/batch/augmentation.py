"""Random changes to a training batch (N, C, T, V, M), in torch on the device of the batch.

All draw from torch's global generators, which the training step seeds from (seed, epoch, batch, rank). A joint that is
zero in every channel counts as undetected and stays zero: rotation and scaling fix the origin, noise skips zeros.
(With centring ``every_joint``, undetected joints have non-zero positions and count as detected.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stgcn_torch.data.batch.crops import random_crop
from stgcn_torch.data.batch.streams import Batch, take_joints
from stgcn_torch.data.preprocessing.steps import refuse_unknown

Rotation = Float[Tensor, "N D D"]


@dataclass(frozen=True)
class Augmentation:
    """Each change as a switch, all off by default.

    Attributes:
        crop: Smallest fraction of the live frames that a random crop keeps, in (0, 1]; 1 for no crop.
        jitter: Take a random frame from each segment, rather than evenly spaced ones.
        rotation: Largest turn in degrees, about the vertical in 3-D or in the image plane in 2-D.
        tilt: Largest turn in degrees about each of the other two axes (3-D only).
        vertical: The channel that points up or down, in 3-D.
        scale: Largest relative change of size.
        mirror: Probability of a mirror image, left and right joints swapped.
        mirrored: The channel that a mirror image negates.
        noise: Standard deviation of Gaussian noise on detected joints, in the data's units.
        joint_dropout: Probability that a joint is undetected throughout a clip.
    """

    crop: float = 1.0
    jitter: bool = False
    rotation: float = 0.0
    tilt: float = 0.0
    vertical: str = "y"
    scale: float = 0.0
    mirror: float = 0.0
    mirrored: str = "x"
    noise: float = 0.0
    joint_dropout: float = 0.0

    def __post_init__(self) -> None:
        problems = [
            f"augmentation.{name} must be in [0, 1], got {getattr(self, name)}"
            for name in ("mirror", "joint_dropout", "scale")
            if not 0 <= getattr(self, name) <= 1
        ]
        problems += [
            f"augmentation.{name} must be at least 0, got {getattr(self, name)}"
            for name in ("rotation", "tilt", "noise")
            if getattr(self, name) < 0
        ]
        if not 0 < self.crop <= 1:
            problems.append(f"augmentation.crop must be in (0, 1], got {self.crop}")
        if problems:
            raise ValueError("; ".join(problems))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Augmentation":
        """From plain values, as a checkpoint holds them; ValueError names an unknown one."""
        refuse_unknown("augmentation", values, [field.name for field in fields(cls)])
        return cls(**values)


def augment(
    x: Batch,
    augmentation: Augmentation,
    *,
    window: int,
    channels: Sequence[str],
    mirror: Sequence[int],
    center: int | None = None,
    center_of: str = "frame",
) -> Float[Tensor, "N C window V M"]:
    """A randomly changed batch.

    Args:
        x: Preprocessed joints.
        augmentation: The changes and their sizes.
        window: Frames of the result.
        channels: Names of the channels; ``score`` is not changed.
        mirror: The layout's joint permutation of a mirror image.
        center: Joint that is moved back to the origin at the end; None for none.
        center_of: ``frame`` by frame, or from the first frame of the ``clip`` (see ``Preprocessing``).
    """
    x = random_crop(x, window, augmentation.crop, augmentation.jitter)
    coordinates = [i for i, channel in enumerate(channels) if channel != "score"]
    if augmentation.rotation or augmentation.tilt or augmentation.scale:
        x = turn(x, coordinates, random_rotations(x, channels, augmentation))
    if augmentation.mirror:
        x = mirror_image(x, augmentation.mirror, _channel(channels, augmentation.mirrored), mirror)
    if augmentation.noise:
        x = add_noise(x, coordinates, augmentation.noise)
    if center is not None and not (center_of == "clip" and augmentation.crop < 1):  # a crop may lack the first frame
        x = recentre(x, coordinates, center, center_of)
    if augmentation.joint_dropout:
        x = x * (torch.rand(x.shape[0], 1, 1, *x.shape[3:], device=x.device) >= augmentation.joint_dropout)
    return x


def random_rotations(x: Batch, channels: Sequence[str], augmentation: Augmentation) -> Rotation:
    """One rotation times scale per clip: in the image plane, or about the vertical and then the other axes."""
    names = [channel for channel in channels if channel != "score"]
    D, N = len(names), x.shape[0]
    size = 1 + augmentation.scale * (2 * torch.rand(N, device=x.device) - 1)
    matrix = torch.eye(D, device=x.device).repeat(N, 1, 1) * size[:, None, None]
    planes = [(0, 1, augmentation.rotation)]
    if D == 3:
        up = _channel(names, augmentation.vertical)
        tilt, rotation = augmentation.tilt, augmentation.rotation
        planes = [(i, j, tilt if up in (i, j) else rotation) for i, j in ((0, 1), (0, 2), (1, 2))]
        planes.sort(key=lambda plane: up in plane[:2])
    for i, j, degrees in planes:
        angle = math.radians(degrees) * (2 * torch.rand(N, device=x.device) - 1)
        plane = torch.eye(D, device=x.device).repeat(N, 1, 1)
        plane[:, i, i] = plane[:, j, j] = angle.cos()
        plane[:, i, j], plane[:, j, i] = -angle.sin(), angle.sin()
        matrix = plane @ matrix
    return matrix


def turn(x: Batch, coordinates: Sequence[int], rotation: Rotation) -> Batch:
    """The batch with each clip's coordinates multiplied by its matrix."""
    positions = torch.stack([x[:, i] for i in coordinates], dim=1)
    rotated = torch.einsum("nij,njtvm->nitvm", rotation.to(x.dtype), positions)
    turned = x.clone()
    for i, values in zip(coordinates, rotated.unbind(dim=1), strict=True):
        turned[:, i] = values
    return turned


def mirror_image(x: Batch, probability: float, channel: int, mirror: Sequence[int]) -> Batch:
    """The batch with some clips mirrored: one coordinate negated, left and right joints swapped."""
    sign = torch.ones(x.shape[1], device=x.device, dtype=x.dtype)
    sign[channel].neg_()
    image = take_joints(x, mirror) * sign[:, None, None, None]
    chosen: Bool[Tensor, " N"] = torch.rand(x.shape[0], device=x.device) < probability
    return torch.where(chosen[:, None, None, None, None], image, x)


def add_noise(x: Batch, coordinates: Sequence[int], deviation: float) -> Batch:
    """The batch with Gaussian noise on the coordinates of joints that are not zero."""
    mask = (x != 0).any(dim=1)
    noise = torch.randn(x.shape[0], len(coordinates), *x.shape[2:], device=x.device, dtype=x.dtype)
    noisy = x.clone()
    for i, values in zip(coordinates, noise.unbind(dim=1), strict=True):
        noisy[:, i] += deviation * values * mask
    return noisy


def recentre(x: Batch, coordinates: Sequence[int], center: int, center_of: str) -> Batch:
    """The batch with the centre joint at the origin again; joints that are zero stay there."""
    mask = (x != 0).any(dim=1)
    frames = slice(1) if center_of == "clip" else slice(None)
    centred = x.clone()
    for i in coordinates:
        centred[:, i] -= x[:, i, frames, center : center + 1] * mask
    return centred


def _channel(channels: Sequence[str], name: str) -> int:
    if name not in channels:
        raise ValueError(f"augmentation needs a channel {name!r}, the network sees {', '.join(channels)}")
    return list(channels).index(name)
