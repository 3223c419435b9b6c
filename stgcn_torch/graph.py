"""From a joint layout to the adjacency A (K, V, V) that the network aggregates with. NumPy only.

Source: sections 3.3 and 3.4 of arXiv:1801.07455, and the released code where the two differ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from stgcn_torch.skeleton import Skeleton, skeleton

HopDistance = Float[np.ndarray, "V V"]
ToCentre = Float[np.ndarray, " V"]
Partition = Float[np.ndarray, "K V V"]


def hop_distance(V: int, bones: Sequence[tuple[int, int]], max_hop: int | None = None) -> HopDistance:
    """Number of bones on the shortest way between two joints.

    Args:
        V: Number of joints.
        bones: Pairs of joint indices; direction does not matter.
        max_hop: Distances above it are left infinite, as in the released code; None for no bound.

    Returns:
        ``d[v, w]``, in bones; infinite where w cannot be reached from v within ``max_hop`` bones.
    """
    step = np.eye(V, dtype=bool)
    for v, w in bones:
        step[v, w] = step[w, v] = True
    distance = np.where(np.eye(V, dtype=bool), 0.0, np.inf)
    reached = np.eye(V, dtype=bool)
    for hop in range(1, (V - 1 if max_hop is None else max_hop) + 1):
        further = (reached @ step) & ~reached
        distance[further] = hop
        reached |= further
    return distance


def normalize_columns(A: HopDistance) -> HopDistance:
    """``A D^-1``: each non-empty column divided by its sum, so that a joint averages its neighbours."""
    degree = A.sum(axis=0)
    return A @ np.diag(np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0))


def adjacency(
    layout: str | Mapping[str, Any] | Skeleton, strategy: str = "spatial", max_hop: int = 1, dilation: int = 1
) -> Partition:
    """The normalised adjacency of a layout, split into partitions.

    Args:
        layout: A layout's name, a mapping as ``skeleton`` takes it, or a skeleton.
        strategy: ``uniform`` (K = 1), ``distance`` (one partition per hop), ``spatial`` (section 3.4: the
            joint itself, neighbours further from the centre, neighbours nearer to it, with the quirk of the released
            code) or ``spatial_fixed`` (the same with true distances to the centre).
        max_hop: Joints up to this many bones apart are neighbours.
        dilation: Step between the hop distances that count as neighbours: 0, dilation, 2 dilation, ...

    Returns:
        ``A[k, v, w]`` weighs what joint w takes from joint v; each non-empty column of ``A.sum(0)`` sums to 1.

    Raises:
        ValueError: Layout or strategy is unknown, or ``max_hop`` or ``dilation`` is below 1.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy {strategy!r} is unknown; choose one of {', '.join(sorted(STRATEGIES))}")
    if max_hop < 1 or dilation < 1:
        raise ValueError(f"max_hop and dilation must be at least 1, got {max_hop} and {dilation}")
    body = layout if isinstance(layout, Skeleton) else skeleton(layout)
    distance = hop_distance(len(body.joints), body.bones, max_hop)
    hops = range(0, max_hop + 1, dilation)
    A = normalize_columns(np.isin(distance, hops).astype(float))
    return STRATEGIES[strategy](A, distance, hops, body)


def uniform(A: HopDistance, distance: HopDistance, hops: range, body: Skeleton) -> Partition:  # noqa: ARG001
    """All neighbours alike (K = 1)."""
    return A[None]


def by_distance(A: HopDistance, distance: HopDistance, hops: range, body: Skeleton) -> Partition:  # noqa: ARG001
    """One partition per hop distance."""
    return np.stack([np.where(distance == hop, A, 0.0) for hop in hops])


def spatial(A: HopDistance, distance: HopDistance, hops: range, body: Skeleton) -> Partition:
    """The joint itself, neighbours further out, neighbours nearer the centre, as the released code splits them.

    The paper calls the nearer ones centripetal and the further ones centrifugal, and lists them in that order.

    Hop distance is cut at max_hop here: beyond it all joints count as equally far from the centre, so 32 of BODY_25's
    48 directed bones tie and join the second partition: 25, 40 and 8 non-zeros where true distances give 25, 24 and
    24. Trained weights depend on it.
    """
    return _split_by_centre(A, distance, hops, distance[:, body.center])


def spatial_fixed(A: HopDistance, distance: HopDistance, hops: range, body: Skeleton) -> Partition:
    """The same by true distance to the centre, as the paper means it."""
    return _split_by_centre(A, distance, hops, hop_distance(len(A), body.bones)[:, body.center])


def _split_by_centre(A: HopDistance, distance: HopDistance, hops: range, to_centre: ToCentre) -> Partition:
    source, target = to_centre[:, None], to_centre[None, :]
    partitions = []
    for hop in hops:
        neighbours = np.where(distance == hop, A, 0.0)
        if hop == 0:
            partitions.append(neighbours)
        else:
            partitions.append(np.where(source >= target, neighbours, 0.0))  # from as far, or further out, inwards
            partitions.append(np.where(source < target, neighbours, 0.0))  # from nearer the centre, outwards
    return np.stack(partitions)


STRATEGIES: dict[str, Callable[[HopDistance, HopDistance, range, Skeleton], Partition]] = {
    "uniform": uniform,
    "distance": by_distance,
    "spatial": spatial,
    "spatial_fixed": spatial_fixed,
}
