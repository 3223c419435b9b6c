"""Paddle's two names for a tensor of an ST-GCN: the structured name and the parameter name.

The structured name is the tensor's path in the network. The parameter name counts the layers of each kind in the order
of their creation: ``conv2d_3.w_0`` is the weight of a process's fourth convolution. Optimizer states and inference
files hold parameter names only.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from convert.pickle.errors import MismatchError
from stgcn_torch.architecture import BATCH_NORM, BLOCK, CONVOLUTION, HEAD, IMPORTANCE, INPUT, PROJECTION, Layer

TENSORS = {"weight": "w_0", "bias": "b_0", "_mean": "w_1", "_variance": "w_2"}
# Paddle's kind of each layer, in the order of creation; '*' stands for a block's number.
LAYERS = {
    layer.name: "conv2d" if layer.tensors == CONVOLUTION else "batch_norm2d" if layer in BLOCK else "batch_norm1d"
    for layer in (*INPUT, *BLOCK, *HEAD)
    if layer.tensors != ("",)
}
GRAPH = "backbone.A"
NOT_STGCN = "has parameters that are none of an ST-GCN's, or not all of them"
KINDS = ("batch_norm", "conv2d")
MAX_CONVOLUTIONS = 10_000  # of a network
BATCH_NORM_KIND = re.compile(r"batch_norm[12]d")
BLOCK_NUMBER = re.compile(r"(?<=backbone\.st_gcn_networks\.)\d{1,4}(?=\.)")
IMPORTANCE_KEY = re.compile(r"backbone\.edge_importance\.(\d{1,4})")
NUMBERED = re.compile(r"(\w+?)_(\d{1,9})(\.\w+)?")  # kind of layer, number, tensor of the layer
# Tensors that Paddle and frameworks save beside the weights: optimizer states, mmcv's moving averages.
EXTRA_TENSORS = re.compile(
    r"(.*\.)?(LearningRate|learning_rate_\d+|global_step|@LR_DECAY_COUNTER@"
    r"|.+_(velocity|moment[12]|beta[12]_pow_acc)_\d+|ema_\w+)"
)


def parameter_names(structured_keys: Iterable[str], *, paddle_1: bool = False) -> dict[str, str]:
    """Parameter names that a fresh Paddle process gives to the tensors of an ST-GCN.

    Args:
        structured_keys: Structured names, as ``backbone.st_gcn_networks.0.tcn.2.weight``, in any order.
        paddle_1: Whether to name as Paddle 1, which counts batch norms of every kind together, as ``batch_norm_3``.

    Returns:
        The parameter name, as ``conv2d_1.w_0``, of each structured name.

    Raises:
        MismatchError: Some keys are none of an ST-GCN's; all of these are listed.
    """
    keys = list(structured_keys)
    layers: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for layer in sorted({layer for layer in map(_layer, keys) if _pattern(layer) in LAYERS}, key=_creation_order):
        kind = LAYERS[_pattern(layer)]
        kind = BATCH_NORM_KIND.sub("batch_norm", kind) if paddle_1 else kind
        layers[layer] = f"{kind}_{counts[kind]}"
        counts[kind] += 1
    names = {key: _name(key, layers) for key in keys}
    if paddle_1 and GRAPH in names:
        names[GRAPH] = "generated_var_0"
    if unknown := [key for key, name in names.items() if name is None]:
        raise MismatchError(f"has tensors that are none of an ST-GCN's: {', '.join(unknown)}")
    return {key: name for key, name in names.items() if name is not None}


def _layer(key: str) -> str:
    return key.rpartition(".")[0]


def _pattern(layer: str) -> str:
    return BLOCK_NUMBER.sub("*", layer)


def _creation_order(layer: str) -> tuple[bool, int, int]:
    block = BLOCK_NUMBER.search(layer)
    return layer.startswith("head"), int(block[0]) if block else 0, list(LAYERS).index(_pattern(layer))


def _name(key: str, layers: dict[str, str]) -> str | None:
    layer, _, tensor = key.rpartition(".")
    if key == GRAPH:
        return "generated_tensor_0"
    if importance := IMPORTANCE_KEY.fullmatch(key):
        return f"stgcn__back_bone_0.w_{importance[1]}"  # the backbone's own parameters
    if layer in layers and tensor in _tensors(layer):
        return f"{layers[layer]}.{TENSORS[tensor]}"
    return None


def network_keys(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The structured names of the ST-GCN whose parameters have these shapes.

    The convolutions, in the order of their creation, show the blocks: only a temporal convolution spans more than one
    frame. If they fit two architectures, the batch norms decide.

    Args:
        shapes: Shapes by parameter name, of the whole network; graph, edge importance and head may be missing.

    Returns:
        The names of all tensors that such a network may have.

    Raises:
        MismatchError: The layers are not those of an ST-GCN.
    """
    convs = _weight_shapes(shapes, "conv2d")
    norms = _weight_shapes(shapes, "batch_norm2d") or _weight_shapes(shapes, "batch_norm")
    input_layers = ["backbone.data_bn"] if _has_kind(shapes, "batch_norm1d") else []
    candidates: list[tuple[list[str], bool]] = []  # layer names, and whether the norms have the blocks' widths
    for blocks, head in _architectures(convs) if len(convs) <= MAX_CONVOLUTIONS else ():
        names = [layer.name.replace("*", str(i)) for i, (layers, _) in enumerate(blocks) for layer in layers]
        names += [layer.name for layer in HEAD if head]
        names += [layer.name.replace("*", str(i)) for layer in IMPORTANCE for i in range(len(blocks))]
        widths = [(D,) for layers, D in blocks for layer in layers if layer.tensors == BATCH_NORM]
        if len(norms) == len(widths):
            candidates.append((input_layers + names, norms == widths))
        elif len(norms) == len(widths) + 1 and _has_kind(shapes, "batch_norm"):  # Paddle 1 counts the input's norm too
            candidates.append((["backbone.data_bn", *names], norms[1:] == widths))
    if not candidates:
        raise MismatchError(NOT_STGCN)
    names, _ = max(candidates, key=lambda candidate: candidate[1])
    return [GRAPH, *(key for name in names for key in _keys(name))]


Blocks = tuple[tuple[Sequence[Layer], int], ...]  # layers and width of each block


def _architectures(convs: Sequence[tuple[int, ...]]) -> Iterator[tuple[Blocks, bool]]:
    """Each sequence of blocks that these convolutions may form, and whether the last convolution is the head.

    Layers that depend on an argument are in all blocks or in none; those of a residual may be in any but the first.
    """
    switches = sorted({layer.when for layer in BLOCK} - {"", PROJECTION})
    for values in product((True, False), repeat=len(switches)):
        conditions = ["", *(switch for switch, on in zip(switches, values, strict=True) if on)]
        plain = [layer for layer in BLOCK if layer.when in conditions]
        projecting = [layer for layer in BLOCK if layer.when in (*conditions, PROJECTION)]
        unfinished: list[tuple[Blocks, int]] = [((), 0)]  # blocks so far, and their number of convolutions
        while unfinished:
            blocks, start = unfinished.pop()
            if blocks and start + len(HEAD) == len(convs) and _may_have(HEAD, convs[start:]):
                yield blocks, True
            if blocks and start == len(convs):
                yield blocks, False
            for layers in (plain, projecting) if blocks else (plain,):
                kernels = [layer for layer in layers if layer.tensors == CONVOLUTION]
                weights = convs[start : start + len(kernels)]
                if _may_have(kernels, weights):
                    width = next(
                        shape[0] for layer, shape in zip(kernels, weights, strict=True) if layer.axes[0] == "D"
                    )
                    unfinished.append(((*blocks, (layers, width)), start + len(kernels)))


def _may_have(layers: Sequence[Layer], shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether the layers may have weights of these shapes; only temporal kernels span more than one frame."""
    axes = [layer.axes.split() for layer in layers]
    return [len(axes_of_layer) for axes_of_layer in axes] == [len(shape) for shape in shapes] and all(
        length > 1 if letter == "F" else letter != "1" or length == 1
        for axes_of_layer, shape in zip(axes, shapes, strict=True)
        for letter, length in zip(axes_of_layer, shape, strict=True)
    )


def _weight_shapes(shapes: Mapping[str, tuple[int, ...]], kind: str) -> list[tuple[int, ...]]:
    """Shapes of the weights of all layers of a kind, in the order of creation."""
    parts = [(_parts(name), shape) for name, shape in shapes.items()]
    weights = sorted((count, shape) for (k, count, tensor), shape in parts if (k, tensor) == (kind, ".w_0"))
    return [shape for _, shape in weights]


def _has_kind(names: Iterable[str], kind: str) -> bool:
    return any(name.startswith(f"{kind}_") for name in names)


def _keys(name: str) -> list[str]:
    return [f"{name}.{tensor}" for tensor in _tensors(name)] if _pattern(name) in LAYERS else [name]


def _tensors(layer: str) -> list[str]:
    return list(TENSORS)[: 2 if LAYERS[_pattern(layer)] == "conv2d" else 4]  # a convolution has no statistics


def structured_names(names: Iterable[str], network: Iterable[str]) -> dict[str, str]:
    """The structured name of each parameter, from whatever number its process had counted to.

    Args:
        names: Parameter names; buffers, statistics and the head may be missing, but no layer of the backbone.
        network: The structured names of the network.

    Returns:
        The structured name of each parameter name.

    Raises:
        MismatchError: The layers are not the network's.
    """
    counted = _from_zero(names)
    standard_names = {*counted.values()}
    network = list(network)
    paddle_1 = _has_kind(standard_names, "batch_norm")
    for keys in (network, [key for key in network if not key.startswith("head.")]):
        places = {name: key for key, name in parameter_names(keys, paddle_1=paddle_1).items()}
        fits = standard_names <= {*places} and _layers(standard_names) == _layers(places)
        if fits and len(standard_names) == len(counted):
            return {name: places[standard] for name, standard in counted.items()}
    raise MismatchError(NOT_STGCN)


def _from_zero(names: Iterable[str]) -> dict[str, str]:
    """Each name with the number that a fresh process would give it; names without a number stay as they are."""
    parts = {name: _parts(name) for name in names}
    first: dict[str, int] = {}
    for kind, count, _ in parts.values():
        first[kind] = min(count, first.get(kind, count))
    return {
        name: f"{kind}_{count - first[kind]}{tensor}" if kind else name for name, (kind, count, tensor) in parts.items()
    }


def _parts(name: str) -> tuple[str, int, str]:
    match = NUMBERED.fullmatch(name)
    if not match:
        return "", 0, name
    kind, count, tensor = match.groups(default="")
    return "stgcn__back_bone" if kind.startswith("stgcn") else kind, int(count), tensor  # Paddle's name of the class


def _layers(names: Iterable[str]) -> set[str]:
    return {_layer(name) for name in names if name.startswith(KINDS)}
