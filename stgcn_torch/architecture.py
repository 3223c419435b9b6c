"""The layers of an ST-GCN and their tensors, in one table, and the network that a set of tensors is. No torch.

Reading a network from a file, other writers' names of its tensors, and Paddle's parameter names all follow from
``LAYERS``. A variant of the block has an additional row there.
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
MAX_JOINTS = 1000  # larger graphs are no skeletons
PRECISION = 1e-6  # float32 rounding, with room for another order of summation
GRAPH = {"layout": "fsd10", "strategy": "spatial", "max_hop": 1, "dilation": 1}  # arguments of ``STGCN``, defaults
NUMBER = re.compile(r"backbone\.st_gcn_networks\.(\d{1,3})\.")
TEMPORAL_KERNEL = 9  # frames, if no tensor shows it
PUBLISHED_WIDTHS = [64] * 4 + [128] * 3 + [256] * 3  # channels of the blocks of the published network
PUBLISHED_STRIDES = [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]
HALF_PRECISION = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # relative tolerance: twice the rounding error
PROJECTION = "projection"  # of the residual, in blocks that change the width or the frame rate

CONVOLUTION = (".weight", ".bias")
BATCH_NORM = (".weight", ".bias", ".running_mean", ".running_var", ".num_batches_tracked")


@dataclass(frozen=True)
class Layer:
    """A layer, described by its tensors.

    Attributes:
        name: Path of the module in ``STGCN``, '*' for a block's number.
        axes: Axes of the weight: K partitions, V joints, C channels in, D channels out, F frames, N classes; adjacent
            letters are multiplied, digits are a length. One axis means a batch norm, four a convolution, three a single
            tensor.
        when: The argument of ``STGCN`` that the layer depends on, or ``PROJECTION``; empty if it is always present.
    """

    name: str
    axes: str
    when: str = ""

    @property
    def tensors(self) -> tuple[str, ...]:
        """Suffixes of the layer's tensors."""
        return {1: BATCH_NORM, 3: ("",), 4: CONVOLUTION}[len(self.axes.split())]

    def tensor_axes(self, block: int) -> Iterator[tuple[str, list[str]]]:
        """Name and axes of each of the layer's tensors in a block."""
        axes = self.axes.split()
        for tensor in self.tensors:
            axes_of_tensor = axes if tensor in ("", ".weight") else [] if tensor == ".num_batches_tracked" else axes[:1]
            yield self.name.replace("*", str(block)) + tensor, axes_of_tensor


# In the order of creation and of the state dict.
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
# Boolean arguments.
SWITCHES = sorted({layer.when for layer in LAYERS} - {"", PROJECTION, "num_classes"})


def lengths(state: State, layers: Sequence[Layer], block: int = 0) -> dict[str, int]:
    """The length of each letter's axis in the tensors of these layers; convolutions count before batch norms."""
    lengths_by_letter: dict[str, int] = {}
    products: list[tuple[str, int]] = []
    for layer in sorted(layers, key=lambda layer: -len(layer.axes)):
        for name, axes in layer.tensor_axes(block):
            shape = state[name].shape if name in state else ()
            for letters, length in zip(axes, shape if len(shape) == len(axes) else (), strict=False):
                if len(letters) > 1:
                    products.append((letters, int(length)))
                elif letters.isalpha():
                    lengths_by_letter.setdefault(letters, int(length))
    for letters, length in products:
        if lengths_by_letter.get(letters[1]):
            lengths_by_letter.setdefault(letters[0], length // lengths_by_letter[letters[1]])
    return lengths_by_letter


def architecture(state: State) -> dict[str, Any]:
    """Arguments of ``STGCN`` from a bare state dict: ``sizes`` and ``graph_of``; raises as they do."""
    arguments, A = sizes(state), state["backbone.A"]
    precision = HALF_PRECISION.get(str(A.dtype).removeprefix("torch."), PRECISION)
    return arguments | graph_of(A.float() if hasattr(A, "float") else A, precision)


def sizes(state: State) -> dict[str, Any]:
    """Arguments of ``STGCN`` from the shapes of its tensors.

    Dropout is not stored, nor are strides: a block that projects its residual is taken to halve the frames, which
    ``is_published`` trusts or not. A backbone without a head has ``num_classes`` 0.

    Raises:
        ValueError: The tensors are not those of an ST-GCN. Single missing or misshapen tensors are not checked here;
            see ``misfits``.
    """
    A, numbers = state.get("backbone.A"), [int(match[1]) for key in state if (match := NUMBER.match(key))]
    if A is None or not numbers:
        raise ValueError("the tensors are not named as an ST-GCN's (backbone.A, ...)")
    blocks = range(max(numbers) + 1)
    square = A.ndim == 3 and A.shape[1] == A.shape[2] and 0 < A.shape[1] <= MAX_JOINTS
    convolutions = [layer for layer in (*BLOCK, *HEAD) if layer.tensors == CONVOLUTION]
    weights = {next(layer.tensor_axes(i))[0] for layer in convolutions for i in blocks}
    if not square or any(state[name].ndim != 4 for name in weights & state.keys()):
        raise ValueError("backbone.A must be (K, V, V) and the convolutions' weights of four axes, as an ST-GCN's are")
    block_sizes = [lengths(state, BLOCK, i) for i in blocks]
    if incomplete := [f"backbone.st_gcn_networks.{i}" for i in blocks if "D" not in block_sizes[i]]:
        raise ValueError(f"the tensors lack the temporal convolution of {', '.join(incomplete)}")
    if "C" not in block_sizes[0]:
        raise ValueError(f"the tensors lack {BLOCK[0].name.replace('*', '0')}.weight")
    return {
        "num_classes": lengths(state, HEAD).get("N", 0),
        "in_channels": block_sizes[0]["C"],
        "channels": [block["D"] for block in block_sizes],
        "strides": [2 if i and has_layer(state, PROJECTION, i) else 1 for i in blocks],
        "temporal_kernel": next((block["F"] for block in block_sizes if "F" in block), TEMPORAL_KERNEL),
    } | {name: has_layer(state, name) for name in SWITCHES}


def is_published(model: Mapping[str, Any]) -> bool:
    """Whether widths, and strides as ``sizes`` guesses them, are those of the published network."""
    return bool(model["channels"] == PUBLISHED_WIDTHS and model["strides"] == PUBLISHED_STRIDES)


def unknown_strides(blocks: int, option: str) -> str:
    """The message for a network whose strides nobody said; ``option`` is what they are given by, such as strides=."""
    example = ",".join(["1"] * (blocks - 1) + ["2"])
    return (
        f"no tensor tells the strides of its {blocks} blocks, and they are not those of the published network: "
        f"say {option}, a number for each block, such as {example}"
    )


def exact_adjacency(model: Mapping[str, Any], A: Any, precision: float) -> Any:
    """The adjacency (K, V, V), float32, of a network's layout and strategy; None if A is no rounding of it.

    Args:
        model: Arguments of ``STGCN``.
        A: As a file has it in half precision.
        precision: Relative tolerance of an element.
    """
    graph = [model.get(name, default) for name, default in GRAPH.items()]
    exact = adjacency(*graph).astype(np.float32)
    rounded = np.asarray(A, np.float64)
    close = exact.shape == rounded.shape and np.allclose(rounded, exact, rtol=precision, atol=PRECISION)
    return exact if close else None


def has_layer(state: State, when: str, block: int = 0) -> bool:
    """Whether the state has a tensor of a layer that depends on this argument."""
    return any(name in state for layer in LAYERS if layer.when == when for name, _ in layer.tensor_axes(block))


def known_graph(
    A: Any, layout: str | Mapping[str, Any] | Skeleton, precision: float = PRECISION
) -> dict[str, Any] | None:
    """Layout and strategy whose adjacency equals A; None if there is none.

    Args:
        A: ``backbone.A``, (K, V, V).
        layout: A layout for ``skeleton``, or a skeleton.
        precision: Relative tolerance of an element, for the rounding of its dtype.
    """
    A = np.asarray(A, np.float64)
    for strategy in STRATEGIES:
        expected = adjacency(layout, strategy)
        if expected.shape == A.shape and np.allclose(A, expected, rtol=precision, atol=PRECISION):
            return {"layout": layout, "strategy": strategy}
    return None


def graph_of(A: Any, precision: float = PRECISION) -> dict[str, Any]:
    """Layout and strategy whose adjacency equals A; an unknown graph gets a layout of its own edges.

    Raises:
        ValueError: No strategy has this number of partitions.
    """
    A = np.asarray(A, np.float64)
    for layout in LAYOUTS:
        if match := known_graph(A, layout, precision):
            return match
    strategies = {1: "uniform", 2: "distance", 3: "spatial"}
    if A.shape[0] not in strategies:
        raise ValueError(f"the graph has K={A.shape[0]} partitions, which no strategy with max_hop=1 has")
    edges = np.triu(A.sum(axis=0), 1) + np.tril(A.sum(axis=0), -1).T
    bones = [[str(v), str(w)] for v, w in np.argwhere(edges).tolist()]
    joints = [str(v) for v in range(A.shape[1])]
    return {"layout": {"joints": joints, "bones": bones, "center": joints[0]}, "strategy": strategies[A.shape[0]]}


def tensor_shapes(A: Shape, model: Mapping[str, Any]) -> dict[str, Shape]:
    """Name and shape of every tensor of ``STGCN(**model)``, in the order of its ``state_dict``.

    Args:
        A: Shape (K, V, V) of the adjacency.
        model: Arguments of ``STGCN``, from ``architecture``.
    """
    K, V, _ = A
    C, widths = model["in_channels"], model["channels"]
    common = {"K": K, "V": V, "C": C, "D": widths[-1], "F": model["temporal_kernel"], "N": model["num_classes"]}
    blocks = [
        common | {"C": c_in, "D": c_out, PROJECTION: i > 0 and (c_in != c_out or stride > 1)}
        for i, (c_in, c_out, stride) in enumerate(zip((C, *widths[:-1]), widths, model["strides"], strict=True))
    ]
    shapes: dict[str, Shape] = {}
    for layers, parts in ((INPUT, [common]), (BLOCK, blocks), (IMPORTANCE, blocks), (HEAD, [common])):
        for i, axis_lengths in enumerate(parts):
            for layer in layers:
                if not layer.when or axis_lengths.get(layer.when, model.get(layer.when)):
                    shapes |= {
                        name: tuple(
                            int(axis) if axis.isdigit() else math.prod(axis_lengths[letter] for letter in axis)
                            for axis in axes
                        )
                        for name, axes in layer.tensor_axes(i)
                    }
    return shapes


def misfits(state: State, expected: Mapping[str, Sequence[int]]) -> list[str]:
    """Every tensor that is missing, unexpected or of another shape than expected, each in a few words."""
    problems = [f"missing {key}" for key in expected if key not in state]
    problems += [f"unexpected {key}" for key in state if key not in expected]
    return problems + [
        f"{key} has shape {tuple(state[key].shape)}, wanted {tuple(shape)}"
        for key, shape in expected.items()
        if key in state and tuple(state[key].shape) != tuple(shape)
    ]
