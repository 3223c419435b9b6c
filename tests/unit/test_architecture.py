"""The architecture follows from the tensors, and the tensors from the architecture."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.architecture import (
    BLOCK,
    INPUT,
    LAYERS,
    SWITCHES,
    Layer,
    architecture,
    lengths,
    misfits,
    tensor_shapes,
)
from stgcn_torch.model import STGCN
from stgcn_torch.skeleton import LAYOUTS

LEG = {"joints": ["Hip", "Knee", "Ankle"], "bones": [["Knee", "Hip"], ["Ankle", "Knee"]], "center": "Hip"}
TINY: dict[str, Any] = {"layout": LEG, "channels": [4, 8], "strides": [1, 2], "temporal_kernel": 3}
NETWORKS: dict[str, dict[str, Any]] = {
    "the article's": {},
    "tiny": TINY,
    "three coordinates": TINY | {"in_channels": 3},
    "no edge importance": TINY | {"edge_importance": False},
    "no data_bn": TINY | {"data_bn": False},
    "one block": TINY | {"channels": [5], "strides": [1]},
    "one partition": TINY | {"strategy": "uniform"},
    "two partitions": TINY | {"strategy": "distance"},
    "same width": TINY | {"channels": [4, 4, 4], "strides": [1, 1, 1]},
}
every_network = pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)


def state_of(**options: Any) -> dict[str, np.ndarray]:
    """A network's tensors as arrays."""
    return {key: tensor.numpy() for key, tensor in STGCN(6, **options).state_dict().items()}


@every_network
def test_every_tensor_has_the_shape_that_is_foretold(options: dict[str, Any]) -> None:
    state = state_of(**options)
    shapes = tensor_shapes(state["backbone.A"].shape, architecture(state))
    assert list(shapes.items()) == [(key, value.shape) for key, value in state.items()]


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("strategy", ["spatial", "spatial_fixed", "uniform", "distance"])
def test_layout_and_strategy_are_read_from_the_graph(layout: str, strategy: str) -> None:
    model = architecture(state_of(layout=layout, strategy=strategy))
    assert (model["layout"], model["strategy"]) == (layout, strategy)


def test_the_article_s_network_is_recognised() -> None:
    model = architecture(state_of())
    assert (model["num_classes"], model["in_channels"], model["temporal_kernel"]) == (6, 2, 9)
    assert model["channels"] == [64, 64, 64, 64, 128, 128, 128, 256, 256, 256]
    assert model["strides"] == [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]


def test_a_letter_is_told_by_any_tensor_that_has_it() -> None:
    """Also from an axis that is a product, once the other factor is known."""
    state = state_of(**TINY)
    first = "backbone.st_gcn_networks.0"
    assert lengths(state, BLOCK) == {"C": 2, "D": 4, "F": 3, "K": 3}
    del state[f"{first}.tcn.2.weight"], state[f"{first}.tcn.2.bias"]
    assert lengths(state, BLOCK) == {"C": 2, "D": 4, "K": 3}  # batch norms tell D
    assert lengths({f"{first}.gcn.conv.weight": np.zeros((12, 2, 1, 1))}, BLOCK) == {"C": 2}
    assert lengths({f"{first}.tcn.0.weight": np.zeros(0), f"{first}.gcn.conv.weight": np.zeros((0, 2))}, BLOCK) == {
        "D": 0
    }
    assert lengths(state_of(**TINY), INPUT) == {"K": 3, "V": 3}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layer_is_there_when_its_argument_says_so(layer: Layer) -> None:
    state = state_of(**TINY | ({layer.when: True} if layer.when in SWITCHES else {}))
    names = {name for block in range(2) for name, _ in layer.tensor_axes(block)}
    assert names & state.keys()
    if layer.when in SWITCHES:
        assert not names & state_of(**TINY | {layer.when: False}).keys()


def test_misfits_are_all_told() -> None:
    state = {"a": np.zeros((2, 3)), "b": np.zeros(1), "c": np.zeros(())}
    assert misfits(state, {"a": (2, 3), "b": (1,), "c": ()}) == []
    assert misfits(state, {"a": (3, 2), "c": (), "d": (1,)}) == [
        "missing d",
        "unexpected b",
        "a has shape (2, 3), wanted (3, 2)",
    ]


def test_knows_no_torch() -> None:
    source = "import sys, stgcn_torch.architecture; print('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", source], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
