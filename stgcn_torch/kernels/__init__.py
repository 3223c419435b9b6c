"""Graph aggregation, chosen by name; every kernel has the signature of ``reference.aggregate``."""

from collections.abc import Callable

from torch import Tensor

from stgcn_torch.kernels import matmul, reference

AGGREGATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "einsum": reference.aggregate,
    "matmul": matmul.aggregate,
}


def aggregator(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The aggregation kernel of a name; ValueError if there is none."""
    if name not in AGGREGATORS:
        raise ValueError(f"aggregation {name!r} is unknown; choose one of {', '.join(sorted(AGGREGATORS))}")
    return AGGREGATORS[name]
