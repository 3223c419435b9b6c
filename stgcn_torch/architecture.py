"""Which network a set of tensors belongs to, told by names and shapes; arrays and tensors alike, without torch."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.skeleton import LAYOUTS, Skeleton

State = Mapping[str, Any]  # tensors or arrays
Shape = tuple[int, ...]
MAX_JOINTS = 1000  # a graph that large is no skeleton's
PRECISION = 1e-6  # of float32, with room for sums in another order
BLOCK = re.compile(r"backbone\.st_gcn_networks\.(\d{1,3})\.")
AS_WIDE = ("tcn.2.weight", "tcn.2.bias", "tcn.3.weight", "tcn.0.weight")  # of a block: their first axis is its width
TEMPORAL_KERNEL = 9  # frames, where no tensor tells


def architecture(state: State) -> dict[str, Any]:
    """Arguments of ``STGCN`` read from a bare state dict: ``sizes`` and ``graph_of``; errors as theirs."""
    return sizes(state) | graph_of(state["backbone.A"])


def sizes(state: State) -> dict[str, Any]:
    """The arguments of ``STGCN`` that the shapes of its tensors tell.

    Strides and dropout are not stored; a block that changes its width is taken to halve the frames, as in every
    published ST-GCN. A backbone without a head has no classes: ``num_classes`` is 0.

    Raises:
        ValueError: The tensors are not those of an ST-GCN; what is missing or misshapen otherwise, ``misfits`` tells.
    """
    A, numbers = state.get("backbone.A"), [int(match[1]) for key in state if (match := BLOCK.match(key))]
    if A is None or not numbers:
        raise ValueError("the tensors are not named as an ST-GCN's (backbone.A, ...)")
    kernels = [key for key in state if key.endswith((".conv.weight", ".tcn.2.weight", ".fcn.weight"))]
    square = A.ndim == 3 and A.shape[1] == A.shape[2] and 0 < A.shape[1] <= MAX_JOINTS
    if not square or any(state[key].ndim != 4 for key in kernels):
        raise ValueError("backbone.A must be (K, V, V) and the convolutions' weights of four axes, as an ST-GCN's are")
    blocks = [f"backbone.st_gcn_networks.{i}" for i in range(max(numbers) + 1)]
    widths = [_length(state, *(f"{block}.{tensor}" for tensor in AS_WIDE)) for block in blocks]
    in_channels = _length(state, f"{blocks[0]}.gcn.conv.weight", axis=1)
    if lacking := [block for block, width in zip(blocks, widths, strict=True) if width is None]:
        raise ValueError(f"the tensors lack the temporal convolution of {', '.join(lacking)}")
    if in_channels is None:
        raise ValueError(f"the tensors lack {blocks[0]}.gcn.conv.weight")
    temporal = [f"{block}.tcn.2.weight" for block in blocks]
    return {
        "num_classes": _length(state, "head.fcn.weight", "head.fcn.bias") or 0,
        "in_channels": in_channels,
        "channels": widths,
        "strides": [2 if i and f"{block}.residual.0.weight" in state else 1 for i, block in enumerate(blocks)],
        "temporal_kernel": _length(state, *temporal, axis=2) or TEMPORAL_KERNEL,
        "edge_importance": "backbone.edge_importance.0" in state,
        "data_bn": "backbone.data_bn.weight" in state,
    }


def _length(state: State, *names: str, axis: int = 0) -> int | None:
    """Of the first of these tensors that is there, the length of an axis."""
    lengths = [int(state[name].shape[axis]) for name in names if name in state and state[name].ndim > axis]
    return lengths[0] if lengths else None


def known_graph(
    A: Any, layout: str | Mapping[str, Any] | Skeleton, precision: float = PRECISION
) -> dict[str, Any] | None:
    """The layout, and the strategy whose adjacency over it this is; None if it is none's.

    Args:
        A: ``backbone.A``, (K, V, V).
        layout: As ``skeleton`` takes it, or a skeleton.
        precision: By how much of itself an element may be off, as its type rounds it.
    """
    A = np.asarray(A, np.float64)
    for strategy in STRATEGIES:
        known = adjacency(layout, strategy)
        if known.shape == A.shape and np.allclose(A, known, rtol=precision, atol=PRECISION):
            return {"layout": layout, "strategy": strategy}
    return None


def graph_of(A: Any, precision: float = PRECISION) -> dict[str, Any]:
    """Layout and strategy whose adjacency this is; an unknown one gets the layout that its own edges draw.

    Raises:
        ValueError: It has as many partitions as no strategy gives.
    """
    A = np.asarray(A, np.float64)
    for layout in LAYOUTS:
        if found := known_graph(A, layout, precision):
            return found
    named = {1: "uniform", 2: "distance", 3: "spatial"}
    if A.shape[0] not in named:
        raise ValueError(f"the graph has K={A.shape[0]} partitions, which no strategy with max_hop=1 has")
    edges = np.triu(A.sum(axis=0), 1) + np.tril(A.sum(axis=0), -1).T
    bones = [[str(v), str(w)] for v, w in np.argwhere(edges).tolist()]
    joints = [str(v) for v in range(A.shape[1])]
    return {"layout": {"joints": joints, "bones": bones, "center": joints[0]}, "strategy": named[A.shape[0]]}


def tensor_shapes(A: Shape, model: Mapping[str, Any]) -> dict[str, Shape]:
    """Name and shape of every tensor of ``STGCN(**model)``, in the order of its ``state_dict``.

    Args:
        A: Shape (K, V, V) of the adjacency.
        model: What ``architecture`` returns.
    """
    K, V, _ = A
    C, widths = model["in_channels"], model["channels"]
    shapes: dict[str, Shape] = {"backbone.A": A}
    if model["data_bn"]:
        shapes |= _batch_norm("backbone.data_bn", V * C)
    for i, (c_in, c_out, stride) in enumerate(zip((C, *widths[:-1]), widths, model["strides"], strict=True)):
        block = f"backbone.st_gcn_networks.{i}"
        shapes |= _convolution(f"{block}.gcn.conv", c_in, K * c_out)
        shapes |= _batch_norm(f"{block}.tcn.0", c_out)
        shapes |= _convolution(f"{block}.tcn.2", c_out, c_out, model["temporal_kernel"])
        shapes |= _batch_norm(f"{block}.tcn.3", c_out)
        if i > 0 and (c_in != c_out or stride > 1):
            shapes |= _convolution(f"{block}.residual.0", c_in, c_out) | _batch_norm(f"{block}.residual.1", c_out)
    if model["edge_importance"]:
        shapes |= {f"backbone.edge_importance.{i}": A for i in range(len(widths))}
    head = _convolution("head.fcn", widths[-1], model["num_classes"])
    return shapes | (head if model["num_classes"] else {})


def _convolution(name: str, c_in: int, c_out: int, frames: int = 1) -> dict[str, Shape]:
    return {f"{name}.weight": (c_out, c_in, frames, 1), f"{name}.bias": (c_out,)}


def _batch_norm(name: str, C: int) -> dict[str, Shape]:
    vectors: dict[str, Shape] = {f"{name}.{part}": (C,) for part in ("weight", "bias", "running_mean", "running_var")}
    return vectors | {f"{name}.num_batches_tracked": ()}


def misfits(state: State, wanted: Mapping[str, Sequence[int]]) -> list[str]:
    """Every tensor that is missing, unexpected or of another shape than wanted, each in a few words."""
    problems = [f"missing {key}" for key in wanted if key not in state]
    problems += [f"unexpected {key}" for key in state if key not in wanted]
    return problems + [
        f"{key} has shape {tuple(state[key].shape)}, wanted {tuple(shape)}"
        for key, shape in wanted.items()
        if key in state and tuple(state[key].shape) != tuple(shape)
    ]
