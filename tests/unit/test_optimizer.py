"""Paddle's momentum finds its parameters, and its learning rate the recipe; what does not fit is refused."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import stgcn_torch.commands  # noqa: F401  registers the preprocessings that conf names
from convert import MismatchError
from convert.keys import restore_state_dict
from convert.names import parameter_names
from convert.network import Network, find_network
from convert.optimizer import RECIPES, Momentum, cosine, find_momentum, find_recipe
from convert.pdparams import NAMES
from stgcn_torch.architecture import tensor_shapes
from stgcn_torch.graph import adjacency
from stgcn_torch.lit import make_schedule

A = adjacency("fsd10", "spatial").astype(np.float32)
MODEL = {
    "num_classes": 4,
    "in_channels": 2,
    "channels": [4, 4, 8],
    "strides": [1, 1, 2],
    "temporal_kernel": 3,
    "edge_importance": True,
    "data_bn": True,
}
PROGRESS = {"last_epoch": 1, "last_lr": 0.049965738368864344}  # as Paddle 2.6.2 wrote it
EXTENSION = "backbone.st_gcn_networks.2.tcn.2.weight"


def numbered(shapes: dict[str, tuple[int, ...]], start: float) -> dict[str, np.ndarray]:
    """Arrays of which no two are alike."""
    return {name: np.full(shape, start + i, np.float32) for i, (name, shape) in enumerate(shapes.items())}


STATE = numbered(tensor_shapes(A.shape, MODEL), 1) | {"backbone.A": A}
VELOCITIES = {
    name: value + 1000 for name, value in STATE.items() if name.endswith((".weight", ".bias")) or "importance" in name
}


@pytest.fixture
def network() -> Network:
    """A small network, out of a file of Paddle's with its table of names."""
    theirs = restore_state_dict(STATE)
    return find_network({**theirs, NAMES: parameter_names(theirs)})


def optimizer(names: dict[str, str], number: int = 0) -> dict[str, Any]:
    """The state of a Momentum optimizer that calls the parameters so."""
    slots = {f"{names[name]}_velocity_{number}": value for name, value in restore_state_dict(VELOCITIES).items()}
    return {**slots, "LR_Scheduler": PROGRESS, NAMES: {slot: slot for slot in slots}}


FRESH = parameter_names(restore_state_dict(STATE))
SHIFTED = {key: re.sub(r"_(\d+)(?=\.)", lambda match: f"_{int(match[1]) + 9}", name) for key, name in FRESH.items()}


def found(momentum: Momentum) -> bool:
    """Whether each parameter has the velocity that is its own."""
    same = [np.array_equal(momentum.velocities[name], value) for name, value in VELOCITIES.items()]
    return list(momentum.velocities) == list(VELOCITIES) and all(same)


@pytest.mark.parametrize("number", [0, 1, 12])
def test_velocities_are_matched_whichever_optimizer_of_its_process_it_was(network: Network, number: int) -> None:
    momentum = find_momentum(optimizer(FRESH, number), network)
    assert found(momentum)
    assert (momentum.last_epoch, momentum.last_lr) == (1, PROGRESS["last_lr"])


@pytest.mark.parametrize("wrapper", ["", "_layers."])
def test_the_table_of_names_is_believed_where_it_has_them(network: Network, wrapper: str) -> None:
    """It alone can know names that users gave."""
    own = {key: f"mine_{number}" for number, key in enumerate(FRESH)}
    table = {wrapper + key: name for key, name in own.items()}
    assert found(find_momentum(optimizer(own), replace(network, names=table)))


@pytest.mark.parametrize("table", [None, FRESH, {}], ids=["none", "of another process", "empty"])
def test_without_the_table_the_order_of_layers_tells(network: Network, table: dict[str, str] | None) -> None:
    assert found(find_momentum(optimizer(SHIFTED), replace(network, names=table)))


@pytest.mark.parametrize("names", [FRESH, SHIFTED], ids=["named", "shifted"])
def test_velocities_of_statistics_are_left(network: Network, names: dict[str, str]) -> None:
    """Paddle 2.0 and 2.1 have them; the edge importance of the second block is called .w_1 too, and is none."""
    statistics = [name for name in names.values() if re.fullmatch(r"batch_norm.*\.w_[12]", name)]
    assert statistics
    state = {f"{name}_velocity_0": np.zeros(4, np.float32) for name in statistics} | optimizer(names)
    assert found(find_momentum(state, network))


def test_before_the_first_step_all_velocities_are_zero(network: Network) -> None:
    """Paddle saves none of them then."""
    momentum = find_momentum({"LR_Scheduler": {"last_epoch": 0, "last_lr": 0.05}, NAMES: {}}, network)
    assert {name: value.shape for name, value in momentum.velocities.items()} == {
        name: value.shape for name, value in VELOCITIES.items()
    }
    assert not any(value.any() for value in momentum.velocities.values())


def test_velocities_are_float32_and_lie_in_memory_of_their_own(network: Network) -> None:
    state = {slot: v.astype(np.float16) if slot.endswith("_0") else v for slot, v in optimizer(FRESH).items()}
    for velocity in find_momentum(state, network).velocities.values():
        assert velocity.dtype == np.float32
        assert velocity.flags.owndata
        assert velocity.flags.aligned


def test_every_problem_is_listed(network: Network) -> None:
    state = optimizer(FRESH)
    slot = f"{FRESH[EXTENSION]}_velocity_0"
    state[slot] = state[slot][:, :1]
    state["head_velocity_0_master"] = state.pop(f"{FRESH['head.fcn.bias']}_velocity_0")
    del state["LR_Scheduler"]
    with pytest.raises(MismatchError) as refused:
        find_momentum(state, network)
    for problem in (
        "unexpected head_velocity_0_master",
        "does not say the epoch",
        "missing head.fcn.bias",
        f"{EXTENSION} has shape (8, 1, 3, 1), wanted (8, 8, 3, 1)",
    ):
        assert problem in str(refused.value)


def adam(state: dict[str, Any]) -> None:
    for slot in [slot for slot in state if slot.endswith("_velocity_0")]:
        state[slot.replace("velocity", "moment1")] = state[slot.replace("velocity", "moment2")] = state.pop(slot)


def twice(state: dict[str, Any]) -> None:
    state["conv2d_9.w_0_velocity_1"] = state["conv2d_9.w_0_velocity_0"]


def layer_less(state: dict[str, Any]) -> None:
    for tensor in ("w_0", "b_0"):
        del state[f"conv2d_10.{tensor}_velocity_0"]


def listed(state: dict[str, Any]) -> None:
    state["conv2d_9.w_0_velocity_0"] = [0.0]


def warming(state: dict[str, Any]) -> None:
    state["LR_Scheduler"] = {"last_epoch": 1, "last_lr": 0.01, "LinearWarmup_LR": {"last_epoch": 0, "last_lr": 0.05}}


def counting(state: dict[str, Any]) -> None:
    state["LR_Scheduler"] = {"step_num": 1}


def endless(state: dict[str, Any]) -> None:
    state["LR_Scheduler"] = {"last_epoch": 10**400, "last_lr": 0.05}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (adam, "the state of an Adam, which is not taken; start from the weights with init_from="),
        (twice, "conv2d_9.w_0 has two velocities"),
        (layer_less, "none of an ST-GCN's, or not all of them"),
        (listed, "conv2d_9.w_0_velocity_0 is no array of real numbers"),
        (warming, "its schedule is none known here: it has LinearWarmup_LR"),
        (counting, "does not say the epoch"),
        (endless, "does not say the epoch"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses_what_it_does_not_know(network: Network, change: Any, problem: str) -> None:
    state = optimizer(SHIFTED)
    change(state)
    with pytest.raises(MismatchError, match=re.escape(problem)):
        find_momentum(state, replace(network, names=None))


def test_refuses_what_is_no_state_at_all(network: Network) -> None:
    with pytest.raises(MismatchError, match="holds no optimizer state"):
        find_momentum([1], network)


def after(epochs: int, lr: float) -> Momentum:
    return Momentum({}, epochs, lr)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_those_of_the_experiments(name: str) -> None:
    """So that training with the experiment goes on from what is found."""
    with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
        config = compose("train", [f"experiment={name}", "data.root=folder"])
    assert RECIPES[name] == {part: OmegaConf.to_container(config[part], resolve=True) for part in RECIPES[name]}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_found_by_its_rate(name: str) -> None:
    """The rates are added up step by step as Paddle does, to the last bit (tests/parity/test_schedules.py)."""
    recipe = RECIPES[name]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], recipe["optimizer"]["lr"])
    schedule = make_schedule(optimizer, recipe["scheduler"])
    for epoch in range(200):
        momentum = after(epoch, optimizer.param_groups[0]["lr"])
        if recipe["scheduler"]["name"] == "cosine" and epoch in (0, 72, 144):  # where the two cosines meet
            with pytest.raises(MismatchError, match="as in article and paddlevideo_fsd; say --lr and --t-max"):
                find_recipe(momentum)
        else:
            assert find_recipe(momentum) == recipe
        optimizer.step()
        schedule.step()


def test_a_cosine_that_is_given_is_checked() -> None:
    momentum = after(PROGRESS["last_epoch"], PROGRESS["last_lr"])
    assert find_recipe(momentum, 0.05, 60) == RECIPES["article"]
    assert find_recipe(after(0, 0.02), 0.02, 7) == cosine(0.02, 7)
    for lr, t_max in ((0.05, 61), (0.05, 59), (0.0500001, 60)):
        with pytest.raises(MismatchError, match=r"after 1 epochs its rate is 0\.0499657384, that of a cosine"):
            find_recipe(momentum, lr, t_max)


@pytest.mark.parametrize(
    ("momentum", "given", "problem"),
    [
        (after(0, 0.05), {}, "as in article and paddlevideo_fsd; say --lr and --t-max"),
        (after(3, 0.01), {}, "as in no recipe known here; say --lr and --t-max"),
        (after(3, float("nan")), {"lr": 0.05, "t_max": 60}, "its rate is nan"),
        (after(0, 0.05), {"t_max": 60}, "one of the two is not enough"),
        (after(0, 0.05), {"lr": 0.05}, "one of the two is not enough"),
        (after(0, 0.0), {"lr": 0.0, "t_max": 60}, "must be above 0"),
        (after(0, 0.05), {"lr": 0.05, "t_max": 0}, "at least 1, got 0.05 and 0"),
    ],
)
def test_refuses_a_rate_that_does_not_tell(momentum: Momentum, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(MismatchError, match=re.escape(problem)):
        find_recipe(momentum, **given)
