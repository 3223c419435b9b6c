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
        about: Without a centre, turns, sizes and mirror images are about the mean of the ``body``; and the mirror image
            of a centre with a partner is exact. ``origin`` for the rule of before 2026-12: all about the origin.
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
    about: str = "body"

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
        if self.about not in ("body", "origin"):
            problems.append(f"augmentation.about must be body or origin, got {self.about!r}")
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
    about_body: bool = False,
    images: Batch | None = None,
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
        about_body: Turn, scale and mirror about the mean of a clip's detected joints in place of the origin.
        images: What the preprocessing makes of the mirrored recordings, for ``mirror``; None to mirror ``x``, which is
            not exact where a centre with a partner is undetected (see ``preprocessing.mirroring``).
    """
    both = x if images is None else torch.cat([x, images], dim=4)  # the same crops of both
    both = random_crop(both, window, augmentation.crop, augmentation.jitter)
    M = x.shape[4]
    x, images = both[..., :M], both[..., M:] if images is not None else None
    coordinates = [i for i, channel in enumerate(channels) if channel != "score"]
    if augmentation.rotation or augmentation.tilt or augmentation.scale:
        rotation = random_rotations(x, channels, augmentation)
        x = turn(x, coordinates, rotation, about_body=about_body)
        if images is not None:  # their turn is the mirror image of the clips'
            signs = mirror_signs(channels, augmentation.mirrored, x)
            sign = torch.stack([signs[i] for i in coordinates])
            images = turn(images, coordinates, sign[:, None] * rotation * sign, about_body=about_body)
    if augmentation.mirror:
        if images is None:
            sign = mirror_signs(channels, augmentation.mirrored, x)
            partner = center if augmentation.about == "body" else None
            images = mirror_image(x, sign, mirror, coordinates, partner, about_body=about_body)
        chosen: Bool[Tensor, " N"] = torch.rand(x.shape[0], device=x.device) < augmentation.mirror
        x = torch.where(chosen[:, None, None, None, None], images, x)
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


def turn(x: Batch, coordinates: Sequence[int], rotation: Rotation, *, about_body: bool = False) -> Batch:
    """The batch with each clip's coordinates multiplied by its matrix, about the origin or the mean of its joints."""
    positions = torch.stack([x[:, i] for i in coordinates], dim=1)
    middle = middles(x, coordinates) if about_body else None
    known = (x != 0).any(dim=1, keepdim=True)
    if middle is not None:
        positions = (positions - middle) * known
    rotated = torch.einsum("nij,njtvm->nitvm", rotation.to(x.dtype), positions)
    if middle is not None:
        rotated = (rotated + middle) * known
    turned = x.clone()
    for i, values in zip(coordinates, rotated.unbind(dim=1), strict=True):
        turned[:, i] = values
    return turned


def middles(x: Batch, coordinates: Sequence[int]) -> Float[Tensor, "N D 1 1 1"]:
    """The mean of each clip's detected joints."""
    known = (x != 0).any(dim=1, keepdim=True)
    positions = torch.stack([x[:, i] for i in coordinates], dim=1)
    count = known.sum(dim=(2, 3, 4), keepdim=True).clamp(min=1)
    return (positions * known).sum(dim=(2, 3, 4), keepdim=True) / count


def mirror_signs(channels: Sequence[str], mirrored: str, x: Batch) -> Float[Tensor, " C"]:
    """-1 for the channel that a mirror image negates, 1 for the others."""
    sign = torch.ones(x.shape[1], device=x.device, dtype=x.dtype)
    sign[_channel(channels, mirrored)].neg_()
    return sign


def mirror_image(
    x: Batch,
    sign: Float[Tensor, " C"],
    mirror: Sequence[int],
    coordinates: Sequence[int],
    center: int | None,
    *,
    about_body: bool = False,
) -> Batch:
    """The mirror images of a batch: one coordinate negated, left and right joints swapped, the centre at the origin.

    A centre with a partner on the other side was at the origin, as an undetected joint is, and counts as detected
    wherever its person is.
    """
    image = take_joints(x, mirror) * sign[:, None, None, None]
    known = (image != 0).any(dim=1, keepdim=True)
    if about_body:
        middle = middles(x, coordinates)
        for k, i in enumerate(coordinates):
            image[:, i] += middle[:, k] * (1 - sign[i]) * known[:, 0]
    elif center is not None and mirror[center] != center:
        partner = torch.arange(x.shape[3], device=x.device) == mirror[center]
        known = known | (known.any(dim=3, keepdim=True) & partner[:, None])
        moved = known[:, :, :, center : center + 1]  # where the new centre is known
        for i in coordinates:
            image[:, i] -= image[:, i, :, center : center + 1].clone() * (known & moved)[:, 0]
    return image


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
