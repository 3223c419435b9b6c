"""Graph and joint layout of a file's network: from hyperparameters, as asked for, recognised, or rebuilt."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from convert.network.keys import Array
from convert.pickle.errors import MismatchError
from stgcn_torch.architecture import (
    BLOCK,
    HALF_PRECISION,
    IMPORTANCE,
    INPUT,
    PRECISION,
    exact_adjacency,
    graph_of,
    known_graph,
    lengths,
)
from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.skeleton import skeleton

Layout = str | Mapping[str, Any]

LAYOUT_OF = {(25, 2): "fsd10"}  # layout assumed for a file without its graph, by its number of joints and coordinates
STRATEGY_OF = {1: "uniform", 2: "distance", 3: "spatial"}
MAX_HOP = 100


def layout_name(layout: Layout) -> str:
    """Name of a layout for messages."""
    return layout if isinstance(layout, str) else str(layout.get("name", "one of its own"))


def declared_graph(model: Mapping[str, Any], A: Array) -> dict[str, Any]:
    """Graph arguments and dropout from the hyperparameters of this project's checkpoint, as no tensor shows them.

    Raises:
        MismatchError: The hyperparameters are invalid, or contradict the graph among the tensors.
    """
    arguments: dict[str, Any] = {"layout": "fsd10", "strategy": "spatial", "max_hop": 1, "dilation": 1} | {
        name: model[name] for name in ("layout", "strategy", "max_hop", "dilation", "dropout") if name in model
    }
    dropout = arguments.get("dropout", 0.0)
    valid = (
        isinstance(arguments["layout"], str | dict)
        and isinstance(arguments["strategy"], str)
        and arguments["strategy"] in STRATEGIES
        and all(type(arguments[name]) is int and 1 <= arguments[name] <= MAX_HOP for name in ("max_hop", "dilation"))
        and isinstance(dropout, int | float)
        and 0 <= dropout < 1
    )
    if not valid:
        raise MismatchError("its hyperparameters are damaged: they describe no graph")
    try:
        shape = adjacency(arguments["layout"], arguments["strategy"], arguments["max_hop"], arguments["dilation"]).shape
    except (TypeError, ValueError) as problem:
        raise MismatchError(f"its hyperparameters are damaged: {problem}") from None
    if shape != A.shape:
        raise MismatchError(f"its hyperparameters describe a graph {shape}, and its tensors have one {A.shape}")
    return arguments


def matching_graph(A: Array, layout: Layout | None) -> dict[str, Any]:
    """Layout and strategy of an adjacency; an unknown graph gets a layout of its own edges.

    Args:
        A: Adjacency (K, V, V).
        layout: The layout that A must belong to; None for any.

    Raises:
        MismatchError: A is not the adjacency of the layout asked for, or its graph has no valid skeleton.
    """
    precision = HALF_PRECISION.get(A.dtype.name, PRECISION)
    try:
        if layout is None:
            recognised = graph_of(A, precision)
            skeleton(recognised["layout"])  # raises for a graph without a valid skeleton
            return recognised
        if match := known_graph(A, layout, precision):
            return match
        known = layout_name(graph_of(A, precision)["layout"])
    except ValueError as problem:
        raise MismatchError(str(problem)) from None
    raise MismatchError(f"its graph is that of {known}, not of {layout_name(layout)}")


def exact_graph(A: Array, model: Mapping[str, Any], warnings: list[str]) -> Array:
    """The graph A, replaced by the float32 adjacency of its layout if the file stores A in half precision."""
    precision = HALF_PRECISION.get(A.dtype.name)
    exact: Array | None = exact_adjacency(model, A, precision) if precision else None
    if exact is None:
        return A
    warnings.append(f"the file has its graph in {A.dtype}; that of {layout_name(model['layout'])} stands in for it")
    return exact


def rebuilt_graph(state: Mapping[str, Array], layout: Layout | None, warnings: list[str]) -> Array:
    """The adjacency rebuilt from the layout, for a file without it: Paddle 1.8 does not store it."""
    sizes = lengths(state, (*INPUT, *BLOCK, *IMPORTANCE))
    if not all(sizes.get(letter) for letter in "KCD"):
        raise MismatchError("it lacks backbone.A and the first block of an ST-GCN")
    K, C, V = sizes["K"], sizes["C"], sizes.get("V", 0)
    if layout is None:
        layout = LAYOUT_OF.get((V, C))
        if layout is None:
            raise MismatchError(f"it lacks its graph (backbone.A); say the layout of its {V or 'unnumbered'} joints")
        warnings.append(f"the file lacks its graph: {V} joints with {C} coordinates are taken for {layout}")
    if K not in STRATEGY_OF:
        raise MismatchError(f"it has K={K} partitions, and no strategy gives as many")
    return adjacency(layout, STRATEGY_OF[K]).astype(np.float32)


def check_multiplied(state: Mapping[str, Array]) -> None:
    """Raise MismatchError for edge importances that are added to the graph, as by PYSKL's ``gcn_adaptive='offset'``.

    These have the same names as the factors of the graph (``importance``), but begin training at 0 instead of 1.
    """
    edges = state["backbone.A"] != 0
    factors = [value[edges] for name, value in state.items() if name.startswith("backbone.edge_importance.")]
    if factors and all(len(factor) for factor in factors):
        middle = float(np.median(np.abs(np.concatenate(factors).astype(np.float64))))
        if middle < 0.5:
            raise MismatchError(
                f"its PA lie about {middle:.1e}, as where they are added to the graph (gcn_adaptive='offset'), "
                "and here they are factors of it ('importance')"
            )
