"""What is computed from the joints of a batch: joints, bones, and how they move. Torch, (N, C, T, V, M)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Batch = Float[Tensor, "N C T V M"]


def take_joints(x: Batch, joints: Sequence[int]) -> Batch:
    """These joints, in this order."""
    # Not x[:, :, :, list(joints)]: on a GPU that copies the list to the device, and waits for it, in every step. Nor
    # an index kept as a buffer: averaged weights average buffers too, and rounding then takes one joint for another.
    return torch.stack([x[:, :, :, v] for v in joints], dim=3)


def bone(x: Batch, parents: Sequence[int]) -> Batch:
    """Each joint minus its parent; zero at the centre, which is its own."""
    return x - take_joints(x, parents)


def motion(x: Batch) -> Batch:
    """Each value in the next frame minus now; zero in the last frame, and where this frame or the next is empty."""
    step = torch.zeros_like(x)
    live = (x != 0).any(dim=1, keepdim=True).any(dim=3, keepdim=True)
    step[:, :, :-1] = (x[:, :, 1:] - x[:, :, :-1]) * (live[:, :, 1:] & live[:, :, :-1])
    return step


def stack_streams(x: Batch, streams: Sequence[str], parents: Sequence[int]) -> Float[Tensor, "N D T V M"]:
    """The named streams, one after the other on the channel axis (see ``preprocessing.STREAMS``)."""
    made = []
    for stream in streams:
        y = bone(x, parents) if stream.startswith("bone") else x
        made.append(motion(y) if stream.endswith("motion") else y)
    return made[0] if len(made) == 1 else torch.cat(made, dim=1)
