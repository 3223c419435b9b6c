"""The layers of an ST-GCN and their tensors, in one table, and the network that a set of tensors is. No torch.

Reading a network from a file, the names that others have for its tensors, and what Paddle's processes called them all
follow from ``LAYERS``. A variant of the block has a row more there.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.skeleton import LAYOUTS, Skeleton

State = Mapping[str, Any]  # tensors or arrays
Shape = tuple[int, ...]
MAX_JOINTS = 1000  # a graph that large is no skeleton's
PRECISION = 1e-6  # of float32, with room for sums in another order
NUMBER = re.compile(r"backbone\.st_gcn_networks\.(\d{1,3})\.")
TEMPORAL_KERNEL = 9  # frames, where no tensor tells
PROJECTION = "projection"  # of the residual, where a block changes its width or its rate

CONVOLUTION = (".weight", ".bias")
BATCH_NORM = (".weight", ".bias", ".running_mean", ".running_var", ".num_batches_tracked")


@dataclass(frozen=True)
class Layer:
    """A layer, by its tensors.

    Attributes:
        name: Where it stands in ``STGCN``, '*' for a block's number.
        axes: Of its weight: K partitions, V joints, C channels in, D channels out, F frames, N classes; letters
            together are multiplied, digits are a length. One axis makes it a batch norm, four a convolution, three a
            tensor by itself.
        when: The argument of ``STGCN`` without which it is not there, or ``PROJECTION``.
    """

    name: str
    axes: str
    when: str = ""

    @property
    def tensors(self) -> tuple[str, ...]:
        """Suffixes of the layer's tensors."""
        return {1: BATCH_NORM, 3: ("",), 4: CONVOLUTION}[len(self.axes.split())]

    def named(self, block: int) -> Iterator[tuple[str, list[str]]]:
        """Name and axes of each of the layer's tensors in a block."""
        axes = self.axes.split()
        for tensor in self.tensors:
            own = axes if tensor in ("", ".weight") else [] if tensor == ".num_batches_tracked" else axes[:1]
            yield self.name.replace("*", str(block)) + tensor, own


# In the order in which the network makes them, and its state dict has them.
INPUT = (Layer("backbone.A", "K V V"), Layer("backbone.data_bn", "VC", when="data_bn"))
BLOCK = (
    Layer("backbone.st_gcn_networks.*.gcn.conv", "KD C 1 1"),
    Layer("backbone.st_gcn_networks.*.tcn.0", "D"),
    Layer("backbone.st_gcn_networks.*.tcn.2", "D D F 1"),
    Layer("backbone.st_gcn_networks.*.tcn.3", "D"),
    Layer("backbone.st_gcn_networks.*.residual.0", "D C 1 1", when=PROJECTION),
    Layer("backbone.st_gcn_networks.*.residual.1", "D", when=PROJECTION),
)
IMPORTANCE = (Layer("backbone.edge_importance.*", "K V V", when="edge_importance"),)
HEAD = (Layer("head.fcn", "N D 1 1", when="num_classes"),)
LAYERS = (*INPUT, *BLOCK, *IMPORTANCE, *HEAD)
# Arguments that are true or false.
SWITCHES = sorted({layer.when for layer in LAYERS} - {"", PROJECTION, "num_classes"})


def lengths(state: State, layers: Sequence[Layer], block: int = 0) -> dict[str, int]:
    """The length of each letter in the tensors of these layers; convolutions count before batch norms."""
    found: dict[str, int] = {}
    products: list[tuple[str, int]] = []
    for layer in sorted(layers, key=lambda layer: -len(layer.axes)):
        for name, axes in layer.named(block):
            shape = state[name].shape if name in state else ()
            for letters, length in zip(axes, shape if len(shape) == len(axes) else (), strict=False):
                if len(letters) > 1:
                    products.append((letters, int(length)))
                elif letters.isalpha():
                    found.setdefault(letters, int(length))
    for letters, length in products:
        if found.get(letters[1]):
            found.setdefault(letters[0], length // found[letters[1]])
    return found


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
    A, numbers = state.get("backbone.A"), [int(match[1]) for key in state if (match := NUMBER.match(key))]
    if A is None or not numbers:
        raise ValueError("the tensors are not named as an ST-GCN's (backbone.A, ...)")
    blocks = range(max(numbers) + 1)
    square = A.ndim == 3 and A.shape[1] == A.shape[2] and 0 < A.shape[1] <= MAX_JOINTS
    convolutions = [layer for layer in (*BLOCK, *HEAD) if layer.tensors == CONVOLUTION]
    weights = {next(layer.named(i))[0] for layer in convolutions for i in blocks}
    if not square or any(state[name].ndim != 4 for name in weights & state.keys()):
        raise ValueError("backbone.A must be (K, V, V) and the convolutions' weights of four axes, as an ST-GCN's are")
    found = [lengths(state, BLOCK, i) for i in blocks]
    if lacking := [f"backbone.st_gcn_networks.{i}" for i in blocks if "D" not in found[i]]:
        raise ValueError(f"the tensors lack the temporal convolution of {', '.join(lacking)}")
    if "C" not in found[0]:
        raise ValueError(f"the tensors lack {BLOCK[0].name.replace('*', '0')}.weight")
    return {
        "num_classes": lengths(state, HEAD).get("N", 0),
        "in_channels": found[0]["C"],
        "channels": [block["D"] for block in found],
        "strides": [2 if i and is_there(state, PROJECTION, i) else 1 for i in blocks],
        "temporal_kernel": next((block["F"] for block in found if "F" in block), TEMPORAL_KERNEL),
    } | {name: is_there(state, name) for name in SWITCHES}


def is_there(state: State, when: str, block: int = 0) -> bool:
    """Whether a tensor is there that only this argument brings."""
    return any(name in state for layer in LAYERS if layer.when == when for name, _ in layer.named(block))


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
    whole = {"K": K, "V": V, "C": C, "D": widths[-1], "F": model["temporal_kernel"], "N": model["num_classes"]}
    blocks = [
        whole | {"C": c_in, "D": c_out, PROJECTION: i > 0 and (c_in != c_out or stride > 1)}
        for i, (c_in, c_out, stride) in enumerate(zip((C, *widths[:-1]), widths, model["strides"], strict=True))
    ]
    shapes: dict[str, Shape] = {}
    for layers, parts in ((INPUT, [whole]), (BLOCK, blocks), (IMPORTANCE, blocks), (HEAD, [whole])):
        for i, part in enumerate(parts):
            for layer in layers:
                if not layer.when or part.get(layer.when, model.get(layer.when)):
                    shapes |= {
                        name: tuple(
                            int(axis) if axis.isdigit() else math.prod(part[letter] for letter in axis) for axis in axes
                        )
                        for name, axes in layer.named(i)
                    }
    return shapes


def misfits(state: State, wanted: Mapping[str, Sequence[int]]) -> list[str]:
    """Every tensor that is missing, unexpected or of another shape than wanted, each in a few words."""
    problems = [f"missing {key}" for key in wanted if key not in state]
    problems += [f"unexpected {key}" for key in state if key not in wanted]
    return problems + [
        f"{key} has shape {tuple(state[key].shape)}, wanted {tuple(shape)}"
        for key, shape in wanted.items()
        if key in state and tuple(state[key].shape) != tuple(shape)
    ]
