"""The graph of a file's network, and the layout it is of: told by the file, asked for, recognised or rebuilt."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from convert.network.keys import Array
from convert.pickle.errors import MismatchError
from stgcn_torch.architecture import BLOCK, IMPORTANCE, INPUT, PRECISION, graph_of, known_graph, lengths
from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.skeleton import LAYOUTS, skeleton

Layout = str | Mapping[str, Any]

LAYOUT_OF = {(25, 2): "fsd10"}  # of a file without its graph: joints and coordinates
STRATEGY_OF = {1: "uniform", 2: "distance", 3: "spatial"}
MAX_HOP = 100
HALF = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # by how much of itself a number is off, with room for once as much


def layout_name(layout: Layout) -> str:
    """What to call a layout."""
    return layout if isinstance(layout, str) else str(layout.get("name", "one of its own"))


def told_graph(model: Mapping[str, Any], A: Array) -> dict[str, Any]:
    """What a checkpoint of this project says of its graph and of dropout, which no tensor tells.

    Raises:
        MismatchError: It says what cannot be, or what does not go with the graph among its tensors.
    """
    told: dict[str, Any] = {"layout": "fsd10", "strategy": "spatial", "max_hop": 1, "dilation": 1} | {
        name: model[name] for name in ("layout", "strategy", "max_hop", "dilation", "dropout") if name in model
    }
    dropout = told.get("dropout", 0.0)
    possible = (
        isinstance(told["layout"], str | dict)
        and isinstance(told["strategy"], str)
        and told["strategy"] in STRATEGIES
        and all(type(told[name]) is int and 1 <= told[name] <= MAX_HOP for name in ("max_hop", "dilation"))
        and isinstance(dropout, int | float)
        and 0 <= dropout < 1
    )
    if not possible:
        raise MismatchError("its hyperparameters are damaged: they describe no graph")
    try:
        shape = adjacency(told["layout"], told["strategy"], told["max_hop"], told["dilation"]).shape
    except (TypeError, ValueError) as problem:
        raise MismatchError(f"its hyperparameters are damaged: {problem}") from None
    if shape != A.shape:
        raise MismatchError(f"its hyperparameters describe a graph {shape}, and its tensors have one {A.shape}")
    return told


def found_graph(A: Array, layout: Layout | None) -> dict[str, Any]:
    """Layout and strategy of a graph: the one asked for, or whose it is among those known here.

    Raises:
        MismatchError: It is not that of the layout asked for, or leads nowhere.
    """
    precision = HALF.get(A.dtype.name, PRECISION)
    try:
        if layout is None:
            found = graph_of(A, precision)
            skeleton(found["layout"])  # a graph that leads nowhere draws none
            return found
        if found_asked := known_graph(A, layout, precision):
            return found_asked
        known = layout_name(graph_of(A, precision)["layout"])
    except ValueError as problem:
        raise MismatchError(str(problem)) from None
    raise MismatchError(f"its graph is that of {known}, not of {layout_name(layout)}")


def exact_graph(A: Array, model: Mapping[str, Any], warnings: list[str]) -> Array:
    """The graph, or that of its layout where the file has it in half precision."""
    if A.dtype.name not in HALF or not (isinstance(model["layout"], str) and model["layout"] in LAYOUTS):
        return A
    exact = adjacency(model["layout"], model["strategy"], model.get("max_hop", 1), model.get("dilation", 1))
    warnings.append(f"the file has its graph in {A.dtype}; that of {model['layout']} stands in for it")
    return exact.astype(np.float32)


def rebuilt_graph(state: Mapping[str, Array], layout: Layout | None, warnings: list[str]) -> Array:
    """The adjacency of a file that lacks it (Paddle 1.8 does not store it), rebuilt from the layout."""
    found = lengths(state, (*INPUT, *BLOCK, *IMPORTANCE))
    if not all(found.get(letter) for letter in "KCD"):
        raise MismatchError("it lacks backbone.A and the first block of an ST-GCN")
    K, C, V = found["K"], found["C"], found.get("V", 0)
    if layout is None:
        layout = LAYOUT_OF.get((V, C))
        if layout is None:
            raise MismatchError(f"it lacks its graph (backbone.A); say the layout of its {V or 'unnumbered'} joints")
        warnings.append(f"the file lacks its graph: {V} joints with {C} coordinates are taken for {layout}")
    if K not in STRATEGY_OF:
        raise MismatchError(f"it has K={K} partitions, and no strategy gives as many")
    return adjacency(layout, STRATEGY_OF[K]).astype(np.float32)


def check_multiplied(state: Mapping[str, Array]) -> None:
    """Raise MismatchError for importances that are added to the graph, as PYSKL's ``gcn_adaptive='offset'`` has them.

    They have the names of those that multiply it (``importance``), but begin at 0 and not at 1.
    """
    edges = state["backbone.A"] != 0
    factors = [value[edges] for name, value in state.items() if name.startswith("backbone.edge_importance.")]
    if factors and all(len(each) for each in factors):
        middle = float(np.median(np.abs(np.concatenate(factors).astype(np.float64))))
        if middle < 0.5:
            raise MismatchError(
                f"its PA lie about {middle:.1e}, as where they are added to the graph (gcn_adaptive='offset'), "
                "and here they are factors of it ('importance')"
            )
