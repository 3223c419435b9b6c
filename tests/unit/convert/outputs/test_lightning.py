"""A converted network is a usual checkpoint, with no more values than its source file."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convert import MismatchError
from convert.network.network import Network
from convert.network.optimizer import Momentum
from convert.network.recipes import RECIPES, Recipe, constant, cosine
from convert.outputs.lightning import write_ckpt
from stgcn_torch.architecture import tensor_shapes
from stgcn_torch.checkpoint.reader import read_checkpoint
from stgcn_torch.checkpoint.resume import check_resumes
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.graph import adjacency
from stgcn_torch.training.lit import LitSTGCN

ROOT = Path(__file__).parents[4]
A = adjacency("fsd10", "spatial").astype(np.float32)
MODEL = {
    "num_classes": 4,
    "in_channels": 2,
    "channels": [4, 4, 8],
    "strides": [1, 1, 2],
    "temporal_kernel": 3,
    "edge_importance": True,
    "data_bn": True,
    "layout": "fsd10",
    "strategy": "spatial",
}
# Further arguments that training composes and no tensor shows.
UNTOLD = {"max_hop": 1, "dilation": 1, "dropout": 0.5, "aggregation": "einsum", "initialization": "paddlevideo"}
ARTICLE = PREPROCESSINGS["article"]
RATE = 0.049863046  # of the article's recipe, about, after two epochs


def random_arrays(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Positive arrays, as variances must be; counts are whole."""
    rng = np.random.default_rng(0)
    arrays = {name: np.asarray(rng.uniform(0.5, 1.5, shape), np.float32) for name, shape in shapes.items()}
    return {name: value.astype(np.int64) if name.endswith("tracked") else value for name, value in arrays.items()}


@pytest.fixture
def network() -> Network:
    state = random_arrays(tensor_shapes(A.shape, MODEL)) | {"backbone.A": A}
    return Network(state, MODEL, "paddle", {}, {}, [], [])


@pytest.fixture
def momentum() -> Momentum:
    shapes = tensor_shapes(A.shape, MODEL)
    trained = [name for name in shapes if name.endswith((".weight", ".bias")) or "importance" in name]
    return Momentum(
        random_arrays({name: shapes[name] for name in reversed(trained)}), {"last_epoch": 2, "last_lr": RATE}
    )


@pytest.fixture
def checkpoint(network: Network, momentum: Momentum, tmp_path: Path) -> Path:
    write_ckpt(network, ARTICLE, tmp_path / "out.ckpt", momentum, RECIPES["article"])
    return tmp_path / "out.ckpt"


def module(recipe: Recipe = RECIPES["article"], **changes: Any) -> LitSTGCN:
    """A module as training composes it."""
    arguments = {
        "model": UNTOLD | MODEL,
        "preprocessing": ARTICLE.plain,
        "classes": ["axel", "loop", "lutz", "spin"],
        "augmentation": {"noise": 0.1},
        "label_smoothing": 0.1,
        "seed": 7,
    }
    return LitSTGCN(**arguments | recipe | changes)


def test_a_process_that_has_only_the_file_loads_it(checkpoint: Path, network: Network) -> None:
    source = (
        "import sys, torch; from stgcn_torch import LitSTGCN; "
        "loaded = LitSTGCN.load_from_checkpoint(sys.argv[1]); "
        "assert 'convert' not in sys.modules; torch.save(loaded.state_dict(), sys.argv[2])"
    )
    command = [sys.executable, "-c", source, str(checkpoint), str(checkpoint.with_name("loaded.pt"))]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    loaded = torch.load(checkpoint.with_name("loaded.pt"))
    assert loaded.keys() == network.state.keys()
    assert all(np.array_equal(loaded[name].numpy(), value) for name, value in network.state.items())


def test_it_says_what_the_file_said_and_nothing_else(checkpoint: Path) -> None:
    stored = read_checkpoint(checkpoint)
    assert stored.hyperparameters == {
        "model": MODEL,
        "preprocessing": ARTICLE.plain,
        "classes": ["0", "1", "2", "3"],
        **RECIPES["article"],
    }
    assert stored.preprocessing == ARTICLE
    assert stored.recipe is None


def test_each_parameter_has_its_momentum(checkpoint: Path, momentum: Momentum) -> None:
    """In any order of the velocities; torch matches them by the order of the module's parameters."""
    (optimizer,) = torch.load(checkpoint, weights_only=True)["optimizer_states"]
    names = [name for name, _ in module().named_parameters()]
    assert len(optimizer["state"]) == len(names) == len(momentum.velocities)
    for i, state in optimizer["state"].items():
        assert np.array_equal(state["momentum_buffer"].numpy(), momentum.velocities[names[i]])


def test_epoch_and_rate_are_the_file_s(checkpoint: Path) -> None:
    contents = torch.load(checkpoint, weights_only=True)
    (optimizer,), (schedule,) = contents["optimizer_states"], contents["lr_schedulers"]
    assert contents["epoch"] == schedule["last_epoch"] == 2
    assert contents["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] == 2
    assert optimizer["param_groups"][0]["lr"] == RATE
    assert optimizer["param_groups"][0]["initial_lr"] == schedule["base_lrs"][0] == 0.05


def test_the_recipe_is_found_if_none_is_given(network: Network, momentum: Momentum, tmp_path: Path) -> None:
    late = replace(momentum, schedule={"last_epoch": 45, "last_lr": 0.025})
    write_ckpt(network, ARTICLE, tmp_path / "out.ckpt", late)
    hyperparameters = read_checkpoint(tmp_path / "out.ckpt").hyperparameters
    assert hyperparameters is not None
    assert hyperparameters["scheduler"] == RECIPES["paddlevideo_fsd"]["scheduler"]


def test_a_constant_rate_has_no_schedule_and_counts_from_0(
    network: Network, momentum: Momentum, tmp_path: Path
) -> None:
    out = tmp_path / "out.ckpt"
    write_ckpt(network, ARTICLE, out, replace(momentum, schedule=None), constant(0.02))
    contents = torch.load(out, weights_only=True)
    (optimizer,) = contents["optimizer_states"]
    assert (contents["epoch"], contents["lr_schedulers"], optimizer["param_groups"][0]["lr"]) == (0, [], 0.02)
    assert len(optimizer["state"]) == len(momentum.velocities)
    check_resumes(str(out), module(constant(0.02)), {})


def test_channels_must_be_the_network_s(network: Network, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="the network takes 2 channels, the preprocessing gives 3"):
        write_ckpt(network, replace(ARTICLE, keep=("x", "y", "score")), tmp_path / "out.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_weights_alone_are_not_gone_on_from(network: Network, tmp_path: Path) -> None:
    write_ckpt(network, ARTICLE, tmp_path / "out.ckpt")
    with pytest.raises(ValueError, match=r"holds weights only and cannot be resumed; init_from=.*out\.ckpt starts"):
        check_resumes(str(tmp_path / "out.ckpt"), module(), {})


def test_what_it_does_not_say_cannot_differ(checkpoint: Path) -> None:
    check_resumes(str(checkpoint), module(), {"ema": 0.9, "data": {"batch_size": 7}})


def test_what_it_says_must_be_repeated(checkpoint: Path) -> None:
    other = module(
        cosine(0.1, 60),
        model=UNTOLD | MODEL | {"num_classes": 5, "strategy": "spatial_fixed"},
        preprocessing=PREPROCESSINGS["paddlevideo"].plain,
        classes=list("abcde"),
    )
    with pytest.raises(ValueError, match="cannot be resumed with another configuration") as refused:
        check_resumes(str(checkpoint), other, {})
    for difference in (
        "model.num_classes is 5, was 4",
        "model.strategy is 'spatial_fixed', was 'spatial'",
        "optimizer.lr is 0.1, was 0.05",
        "preprocessing.center is 8, was None",
    ):
        assert difference in str(refused.value)
    assert "classes is [" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"seed": 8}, "seed is 8, was 7"),
        ({"augmentation": {"noise": 0.1, "mirror": 0.5}}, "augmentation.mirror is 0.5, was None"),
        ({"optimizer": {**RECIPES["article"]["optimizer"], "dampening": 0.1}}, "optimizer.dampening is 0.1, was None"),
        ({"classes": ["0", "1", "2", "3"]}, "classes is ['0', '1', '2', '3'], was ['axel', 'loop', 'lutz', 'spin']"),
    ],
    ids=["changed", "new", "new in the optimizer", "classes"],
)
def test_a_run_s_own_checkpoint_says_everything(checkpoint: Path, changed: dict[str, Any], difference: str) -> None:
    contents = torch.load(checkpoint, weights_only=True)
    torch.save(contents | {"hyper_parameters": dict(module().hparams)}, checkpoint)
    check_resumes(str(checkpoint), module(), {})
    with pytest.raises(ValueError, match=re.escape(f"({difference})")):
        check_resumes(str(checkpoint), module(**changed), {})
