"""Input streams of a batch: joints, bones, and their motion. Torch, (N, C, T, V, M)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Batch = Float[Tensor, "N C T V M"]


def take_joints(x: Batch, joints: Sequence[int]) -> Batch:
    """The batch with only these joints, in this order."""
    # Not x[:, :, :, list(joints)]: on a GPU each step would copy the list to the device and wait for it. Nor an index
    # tensor as a buffer: weight averaging averages buffers too, and rounding could then select another joint.
    return torch.stack([x[:, :, :, v] for v in joints], dim=3)


def bone(x: Batch, parents: Sequence[int]) -> Batch:
    """Each joint minus its parent; zero at the centre, which is its own parent."""
    return x - take_joints(x, parents)


def motion(x: Batch) -> Batch:
    """The next frame minus this one; zero in the last frame, and where this frame or the next is empty."""
    step = torch.zeros_like(x)
    live = (x != 0).any(dim=1, keepdim=True).any(dim=3, keepdim=True)
    step[:, :, :-1] = (x[:, :, 1:] - x[:, :, :-1]) * (live[:, :, 1:] & live[:, :, :-1])
    return step


def stack_streams(x: Batch, streams: Sequence[str], parents: Sequence[int]) -> Float[Tensor, "N D T V M"]:
    """The named streams, one after the other on the channel axis (see ``preprocessing.STREAMS``)."""
    outputs = []
    for stream in streams:
        y = bone(x, parents) if stream.startswith("bone") else x
        outputs.append(motion(y) if stream.endswith("motion") else y)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)
