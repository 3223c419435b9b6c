"""Graph aggregation as one matrix product: partitions and source joints are summed together."""

from jaxtyping import Float
from torch import Tensor


def aggregate(x: Float[Tensor, "N K C T V"], A: Float[Tensor, "K V W"]) -> Float[Tensor, "N C T W"]:
    """``reference.aggregate`` as one large matrix product, (N·C·T, K·V) times (K·V, W)."""
    N, K, C, T, V = x.shape
    rows = x.permute(0, 2, 3, 1, 4).reshape(N * C * T, K * V)
    return (rows @ A.reshape(K * V, -1)).view(N, C, T, A.shape[2])
