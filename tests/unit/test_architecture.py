"""The network is told from its tensors, and its tensors from the network."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.architecture import architecture, misfits, tensor_shapes
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
    found = architecture(state_of(layout=layout, strategy=strategy))
    assert (found["layout"], found["strategy"]) == (layout, strategy)


def test_the_article_s_network_is_recognised() -> None:
    found = architecture(state_of())
    assert (found["num_classes"], found["in_channels"], found["temporal_kernel"]) == (6, 2, 9)
    assert found["channels"] == [64, 64, 64, 64, 128, 128, 128, 256, 256, 256]
    assert found["strides"] == [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]


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
