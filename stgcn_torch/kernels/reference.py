"""Graph aggregation as in the paper: the reference for every other kernel."""

import torch
from jaxtyping import Float
from torch import Tensor


def aggregate(x: Float[Tensor, "N K C T V"], A: Float[Tensor, "K V W"]) -> Float[Tensor, "N C T W"]:
    """Sum each joint's neighbours, one adjacency per partition (Eq. 10 of arXiv:1801.07455).

    Args:
        x: Features after the pointwise convolution, one slice per partition.
        A: ``A[k, v, w]`` is the weight of the edge from joint v to joint w; zero without an edge.

    Returns:
        ``y[n, c, t, w] = sum over k, v of x[n, k, c, t, v] * A[k, v, w]``.
    """
    return torch.einsum("nkctv,kvw->nctw", x, A)
