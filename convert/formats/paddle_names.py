"""Paddle's two names for a tensor of an ST-GCN: where it stands in the network, and what its process called it.

The second counts the layers of each kind as they are made: ``conv2d_3.w_0`` is the weight of a process's fourth
convolution. Optimizer states and inference files know only these.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from convert.pickle.errors import MismatchError
from stgcn_torch.architecture import BATCH_NORM, BLOCK, CONVOLUTION, HEAD, IMPORTANCE, INPUT, PROJECTION, Layer

TENSORS = {"weight": "w_0", "bias": "b_0", "_mean": "w_1", "_variance": "w_2"}
# The layers in the order in which a process makes them, '*' for a block's number, and their kind.
LAYERS = {
    layer.name: "conv2d" if layer.tensors == CONVOLUTION else "batch_norm2d" if layer in BLOCK else "batch_norm1d"
    for layer in (*INPUT, *BLOCK, *HEAD)
    if layer.tensors != ("",)
}
GRAPH = "backbone.A"
STRANGE = "has parameters that are none of an ST-GCN's, or not all of them"
KINDS = ("batch_norm", "conv2d")
MAX_CONVOLUTIONS = 10_000  # of a network
OF_ANY_KIND = re.compile(r"batch_norm[12]d")
BLOCK_NUMBER = re.compile(r"(?<=backbone\.st_gcn_networks\.)\d{1,4}(?=\.)")
OF_A_BLOCK = re.compile(r"backbone\.edge_importance\.(\d{1,4})")
NUMBERED = re.compile(r"(\w+?)_(\d{1,9})(\.\w+)?")  # a kind, its count, the tensor in it
# Tensors that Paddle and frameworks (mmcv: averages) keep beside the weights.
BESIDE = re.compile(
    r"(.*\.)?(LearningRate|learning_rate_\d+|global_step|@LR_DECAY_COUNTER@"
    r"|.+_(velocity|moment[12]|beta[12]_pow_acc)_\d+|ema_\w+)"
)


def parameter_names(structured_keys: Iterable[str], *, paddle_1: bool = False) -> dict[str, str]:
    """What a fresh Paddle process calls the tensors of an ST-GCN.

    Args:
        structured_keys: Where they stand in the network, as ``backbone.st_gcn_networks.0.tcn.2.weight``; in any order.
        paddle_1: Whether the process is one of Paddle 1, which counts batch norms of every kind together, as
            ``batch_norm_3``.

    Returns:
        The parameter name of each, as ``conv2d_1.w_0``.

    Raises:
        MismatchError: Keys that are none of an ST-GCN's; all are listed.
    """
    keys = list(structured_keys)
    layers: dict[str, str] = {}
    made: Counter[str] = Counter()
    for layer in sorted({layer for layer in map(_layer, keys) if _pattern(layer) in LAYERS}, key=_made):
        kind = LAYERS[_pattern(layer)]
        kind = OF_ANY_KIND.sub("batch_norm", kind) if paddle_1 else kind
        layers[layer] = f"{kind}_{made[kind]}"
        made[kind] += 1
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


def _made(layer: str) -> tuple[bool, int, int]:
    block = BLOCK_NUMBER.search(layer)
    return layer.startswith("head"), int(block[0]) if block else 0, list(LAYERS).index(_pattern(layer))


def _name(key: str, layers: dict[str, str]) -> str | None:
    layer, _, tensor = key.rpartition(".")
    if key == GRAPH:
        return "generated_tensor_0"
    if importance := OF_A_BLOCK.fullmatch(key):
        return f"stgcn__back_bone_0.w_{importance[1]}"  # the backbone's own parameters
    if layer in layers and tensor in _tensors(layer):
        return f"{layers[layer]}.{TENSORS[tensor]}"
    return None


def network_keys(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The structured keys of the ST-GCN whose parameters have these shapes.

    The convolutions tell the blocks, in the order in which the process made them: only a temporal convolution takes in
    more than one frame. Where they can be read in two ways, the number of batch norms decides.

    Args:
        shapes: By parameter name; the whole network's, with or without the graph, edge importance and the head.

    Returns:
        The keys of all that such a network may have.

    Raises:
        MismatchError: The layers are not those of an ST-GCN.
    """
    convs = _made_shapes(shapes, "conv2d")
    norms = _made_shapes(shapes, "batch_norm2d") or _made_shapes(shapes, "batch_norm")
    first = ["backbone.data_bn"] if _counts(shapes, "batch_norm1d") else []
    found: list[tuple[list[str], bool]] = []  # what the layers are called, and whether the norms are as wide as they
    for blocks, head in _ways_to_read(convs) if len(convs) <= MAX_CONVOLUTIONS else ():
        names = [layer.name.replace("*", str(i)) for i, (layers, _) in enumerate(blocks) for layer in layers]
        names += [layer.name for layer in HEAD if head]
        names += [layer.name.replace("*", str(i)) for layer in IMPORTANCE for i in range(len(blocks))]
        widths = [(D,) for layers, D in blocks for layer in layers if layer.tensors == BATCH_NORM]
        if len(norms) == len(widths):
            found.append((first + names, norms == widths))
        elif len(norms) == len(widths) + 1 and _counts(shapes, "batch_norm"):  # Paddle 1 counts the input's with them
            found.append((["backbone.data_bn", *names], norms[1:] == widths))
    if not found:
        raise MismatchError(STRANGE)
    names, _ = max(found, key=lambda way: way[1])
    return [GRAPH, *(key for name in names for key in _keys(name))]


Blocks = tuple[tuple[Sequence[Layer], int], ...]  # the layers of each, and its width


def _ways_to_read(convs: Sequence[tuple[int, ...]]) -> Iterator[tuple[Blocks, bool]]:
    """The blocks that these convolutions may be, in the order in which they were made, and whether the last is a head.

    Layers of an argument are in all blocks or in none, those of a residual in any but the first.
    """
    switches = sorted({layer.when for layer in BLOCK} - {"", PROJECTION})
    for chosen in product((True, False), repeat=len(switches)):
        there = ["", *(switch for switch, on in zip(switches, chosen, strict=True) if on)]
        plain = [layer for layer in BLOCK if layer.when in there]
        projecting = [layer for layer in BLOCK if layer.when in (*there, PROJECTION)]
        ways: list[tuple[Blocks, int]] = [((), 0)]  # the blocks so far, and the convolutions in them
        while ways:
            blocks, at = ways.pop()
            if blocks and at + len(HEAD) == len(convs) and _are(HEAD, convs[at:]):
                yield blocks, True
            if blocks and at == len(convs):
                yield blocks, False
            for layers in (plain, projecting) if blocks else (plain,):
                made = [layer for layer in layers if layer.tensors == CONVOLUTION]
                own = convs[at : at + len(made)]
                if _are(made, own):
                    width = next(shape[0] for layer, shape in zip(made, own, strict=True) if layer.axes[0] == "D")
                    ways.append(((*blocks, (layers, width)), at + len(made)))


def _are(layers: Sequence[Layer], shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether weights of these shapes may be the layers': those over frames, and those of one frame."""
    axes = [layer.axes.split() for layer in layers]
    return [len(each) for each in axes] == [len(shape) for shape in shapes] and all(
        length > 1 if letters == "F" else letters != "1" or length == 1
        for each, shape in zip(axes, shapes, strict=True)
        for letters, length in zip(each, shape, strict=True)
    )


def _made_shapes(shapes: Mapping[str, tuple[int, ...]], kind: str) -> list[tuple[int, ...]]:
    """The shapes of the weights of a kind's layers, in the order in which the process made them."""
    parts = [(_parts(name), shape) for name, shape in shapes.items()]
    made = sorted((count, shape) for (own, count, tensor), shape in parts if (own, tensor) == (kind, ".w_0"))
    return [shape for _, shape in made]


def _counts(names: Iterable[str], kind: str) -> bool:
    return any(name.startswith(f"{kind}_") for name in names)


def _keys(name: str) -> list[str]:
    return [f"{name}.{tensor}" for tensor in _tensors(name)] if _pattern(name) in LAYERS else [name]


def _tensors(layer: str) -> list[str]:
    return list(TENSORS)[: 2 if LAYERS[_pattern(layer)] == "conv2d" else 4]  # a convolution has no statistics


def structured_names(names: Iterable[str], network: Iterable[str]) -> dict[str, str]:
    """Where in the network each parameter stands, wherever its process had come to in counting.

    Args:
        names: Parameter names; buffers, statistics and the head may be missing, but no layer of the backbone.
        network: The structured keys of the network.

    Returns:
        The structured key of each.

    Raises:
        MismatchError: The layers are not the network's.
    """
    counted = _from_zero(names)
    standard_names = {*counted.values()}
    network = list(network)
    paddle_1 = _counts(standard_names, "batch_norm")
    for keys in (network, [key for key in network if not key.startswith("head.")]):
        places = {name: key for key, name in parameter_names(keys, paddle_1=paddle_1).items()}
        fits = standard_names <= {*places} and _layers(standard_names) == _layers(places)
        if fits and len(standard_names) == len(counted):
            return {name: places[standard] for name, standard in counted.items()}
    raise MismatchError(STRANGE)


def _from_zero(names: Iterable[str]) -> dict[str, str]:
    """The names as a fresh process would have them; those of another form stay as they are."""
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
    return "stgcn__back_bone" if kind.startswith("stgcn") else kind, int(count), tensor  # called after its class


def _layers(names: Iterable[str]) -> set[str]:
    return {_layer(name) for name in names if name.startswith(KINDS)}
