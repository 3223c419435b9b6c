"""Paddle's momentum finds its parameters, and its schedule is kept as it is; what does not fit is refused."""

import re
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from convert import MismatchError
from convert.formats.paddle_names import parameter_names
from convert.formats.pdparams import NAMES
from convert.network.keys import MAX_PROBLEMS, restore_state_dict
from convert.network.network import Network, find_network
from convert.network.optimizer import Momentum, find_momentum, progress
from stgcn_torch.architecture import tensor_shapes
from stgcn_torch.graph import adjacency

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
    """The state of a Momentum optimizer with these parameter names."""
    slots = {f"{names[name]}_velocity_{number}": value for name, value in restore_state_dict(VELOCITIES).items()}
    return {**slots, "LR_Scheduler": PROGRESS, NAMES: {slot: slot for slot in slots}}


FRESH = parameter_names(restore_state_dict(STATE))
SHIFTED = {key: re.sub(r"_(\d+)(?=\.)", lambda match: f"_{int(match[1]) + 9}", name) for key, name in FRESH.items()}


def matches(momentum: Momentum) -> bool:
    """Whether each parameter has its own velocity."""
    same = [np.array_equal(momentum.velocities[name], value) for name, value in VELOCITIES.items()]
    return list(momentum.velocities) == list(VELOCITIES) and all(same)


@pytest.mark.parametrize("number", [0, 1, 12])
def test_velocities_are_matched_whichever_optimizer_of_its_process_it_was(network: Network, number: int) -> None:
    momentum = find_momentum(optimizer(FRESH, number), network)
    assert matches(momentum)
    assert momentum.schedule == PROGRESS
    assert progress(momentum) == (1, PROGRESS["last_lr"])
    assert momentum.warnings == []


@pytest.mark.parametrize("wrapper", ["", "_layers."])
def test_the_table_of_names_is_believed_where_it_has_them(network: Network, wrapper: str) -> None:
    """Names given by users can be matched only by the table."""
    custom = {key: f"mine_{number}" for number, key in enumerate(FRESH)}
    table = {wrapper + key: name for key, name in custom.items()}
    assert matches(find_momentum(optimizer(custom), replace(network, names=table)))


@pytest.mark.parametrize("table", [None, FRESH, {}], ids=["none", "of another process", "empty"])
def test_without_the_table_the_order_of_layers_tells(network: Network, table: dict[str, str] | None) -> None:
    assert matches(find_momentum(optimizer(SHIFTED), replace(network, names=table)))


@pytest.mark.parametrize("names", [FRESH, SHIFTED], ids=["named", "shifted"])
def test_velocities_of_statistics_are_left(network: Network, names: dict[str, str]) -> None:
    """Paddle 2.0 and 2.1 save them; the second block's edge importance also ends in .w_1, and is no statistic."""
    statistics = [name for name in names.values() if re.fullmatch(r"batch_norm.*\.w_[12]", name)]
    assert statistics
    state = {f"{name}_velocity_0": np.zeros(4, np.float32) for name in statistics} | optimizer(names)
    assert matches(find_momentum(state, network))


def test_before_the_first_step_all_velocities_are_zero(network: Network) -> None:
    """Paddle saves no velocities then."""
    momentum = find_momentum({"LR_Scheduler": {"last_epoch": 0, "last_lr": 0.05}, NAMES: {}}, network)
    assert {name: value.shape for name, value in momentum.velocities.items()} == {
        name: value.shape for name, value in VELOCITIES.items()
    }
    assert not any(value.any() for value in momentum.velocities.values())


@pytest.mark.parametrize("schedule", [PROGRESS, {"last_epoch": 2, "last_lr": 0.05}, {"step_num": 0}, None])
def test_no_velocities_after_an_epoch_are_no_momentum_s(network: Network, schedule: object) -> None:
    """Plain SGD has none; zeros in their place would make it a Momentum."""
    state = {"LR_Scheduler": schedule} if schedule else {NAMES: {}}
    with pytest.raises(MismatchError, match=r"no velocities: it is no Momentum's, or was saved before.*init_from="):
        find_momentum(state, network)


def test_velocities_that_are_not_finite_are_warned_about(network: Network) -> None:
    state = optimizer(FRESH)
    for wrong, value in (("head.fcn.bias", np.nan), (EXTENSION, np.inf)):
        slot = f"{FRESH[wrong]}_velocity_0"
        state[slot] = np.full_like(state[slot], value)
    (warning,) = find_momentum(state, network).warnings
    assert warning == f"the velocity of {EXTENSION} and 1 more are not finite: training cannot go on from it"


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16])
def test_velocities_of_any_precision_are_taken(network: Network, dtype: Any) -> None:
    state = optimizer(FRESH)
    state |= {slot: value.astype(dtype) for slot, value in state.items() if slot.endswith("_velocity_0")}
    velocities = find_momentum(state, network).velocities
    assert all(np.array_equal(velocities[name], value.astype(dtype)) for name, value in VELOCITIES.items())


SCHEDULES = {
    "warmup": {"last_epoch": 1, "last_lr": 0.01, "LinearWarmup_LR": {"last_epoch": 0, "last_lr": 0.05}},
    "plateau": {"last_epoch": 2, "last_lr": 0.05, "cooldown_counter": 0, "best": None, "num_bad_epochs": 1},
    "1.8": {"step_num": 7},
    "another": {"last_epoch": 2, "last_lr": 0.05, "own": [1, (2.0, "a")]},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_kept_as_it_is(network: Network, name: str) -> None:
    state = optimizer(FRESH) | {"LR_Scheduler": SCHEDULES[name], "global_step": np.array([7])}
    momentum = find_momentum(state, network)
    assert momentum.schedule == SCHEDULES[name]
    assert momentum.steps is not None
    assert momentum.steps.tolist() == [7]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("warmup", "a LinearWarmup;"),
        ("plateau", "a ReduceOnPlateau;"),
        ("1.8", "one of Paddle 1.8, which counts steps;"),
        ("another", "none known here: it has last_epoch, last_lr, own;"),
    ],
)
def test_no_progress_is_read_out_of_a_schedule_that_remembers_more(network: Network, name: str, kind: str) -> None:
    momentum = find_momentum(optimizer(FRESH) | {"LR_Scheduler": SCHEDULES[name]}, network)
    with pytest.raises(MismatchError, match=f"its schedule is {kind} a .ckpt cannot go on with it, .*init_from="):
        progress(momentum)


def test_without_a_schedule_the_rate_is_constant(network: Network) -> None:
    state = optimizer(FRESH)
    del state["LR_Scheduler"]
    assert matches(find_momentum(state, network))
    assert find_momentum(state, network).schedule is None


def test_numpy_s_numbers_are_plain_ones(network: Network) -> None:
    schedule = {"last_epoch": np.int64(2), "last_lr": np.float32(0.05)}
    plain = find_momentum(optimizer(FRESH) | {"LR_Scheduler": schedule}, network).schedule
    assert plain == {"last_epoch": 2, "last_lr": float(np.float32(0.05))}
    assert [type(value) for value in plain.values()] == [int, float]


@pytest.mark.parametrize("place", ["optimizer", "state.momentum"])
def test_it_is_found_in_a_nested_file(network: Network, place: str) -> None:
    tree: dict[str, Any] = optimizer(SHIFTED)
    for key in reversed(place.split(".")):
        tree = {"model": restore_state_dict(STATE), key: tree, "epoch": 2}
    assert matches(find_momentum(tree, network))


def test_it_is_found_in_a_list(network: Network) -> None:
    assert matches(find_momentum({"states": [restore_state_dict(STATE), optimizer(SHIFTED)]}, network))


def test_of_several_optimizers_none_is_guessed(network: Network) -> None:
    with pytest.raises(MismatchError, match=r"several optimizers' states \(a, b\)"):
        find_momentum({"a": optimizer(FRESH), "b": optimizer(FRESH)}, network)


def lightning(**changed: Any) -> dict[str, Any]:
    """A checkpoint of this project, which stores momentum by the number of the parameter."""
    slots = {number: {"momentum_buffer": value} for number, value in enumerate(VELOCITIES.values())}
    schedule = {"T_max": 60, "last_epoch": 1, "_step_count": 2, "_last_lr": [PROGRESS["last_lr"]]}
    return {"state_dict": STATE, "optimizer_states": [{"state": slots}], "lr_schedulers": [schedule]} | changed


def test_a_checkpoint_of_this_project_gives_its_momentum(network: Network) -> None:
    momentum = find_momentum(lightning(), network)
    assert matches(momentum)
    assert momentum.schedule == PROGRESS
    assert find_momentum(lightning(lr_schedulers=[]), network).schedule is None


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"optimizer_states": []}, "no optimizer state of this project's"),
        ({"optimizer_states": [{"state": {0: {"exp_avg": np.zeros(1)}}}]}, "the state of an Adam"),
        ({"optimizer_states": [{"state": {0: {"momentum_buffer": None}}}]}, "no momentum of parameter 0: it is no Mom"),
        ({"optimizer_states": [{"state": {99: {"momentum_buffer": np.zeros(1)}}}]}, "no momentum of parameter 99"),
        ({"optimizer_states": [{"state": {}}]}, "it has no velocities"),
        ({"lr_schedulers": [{"_schedulers": [], "last_epoch": 1, "_last_lr": [0.1]}]}, "its schedule has a warmup"),
        ({"lr_schedulers": [{"best": 1}]}, "its schedule is none of this project's"),
    ],
)
def test_refuses_a_checkpoint_that_paddle_could_not_go_on_from(
    network: Network, changed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(MismatchError, match=problem):
        find_momentum(lightning(**changed), network)


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
    state["LR_Scheduler"] = {"last_epoch": True, "last_lr": 0.05}
    with pytest.raises(MismatchError) as refused:
        find_momentum(state, network)
    for problem in (
        "unexpected head_velocity_0_master",
        "its epoch (last_epoch) must be a whole number from 0 to 1000000, got True",
        "missing head.fcn.bias",
        f"{EXTENSION} has shape (8, 1, 3, 1), wanted (8, 8, 3, 1)",
    ):
        assert problem in str(refused.value)


def adam(state: dict[str, Any]) -> None:
    for slot in [slot for slot in state if slot.endswith("_velocity_0")]:
        state[slot.replace("velocity", "moment1")] = state[slot.replace("velocity", "moment2")] = state.pop(slot)


def rmsprop(state: dict[str, Any]) -> None:
    for slot in [slot for slot in state if slot.endswith("_velocity_0")]:
        state[slot.replace("velocity", "mean_square")] = state.pop(slot)


def twice(state: dict[str, Any]) -> None:
    state["conv2d_9.w_0_velocity_1"] = state["conv2d_9.w_0_velocity_0"]


def layer_less(state: dict[str, Any]) -> None:
    for tensor in ("w_0", "b_0"):
        del state[f"conv2d_10.{tensor}_velocity_0"]


def listed(state: dict[str, Any]) -> None:
    state["conv2d_9.w_0_velocity_0"] = [0.0]


def uncounted(state: dict[str, Any]) -> None:
    state["global_step"] = [7]


def scheduled(state: Any) -> Any:
    def change(tree: dict[str, Any]) -> None:
        tree["LR_Scheduler"] = state

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (adam, "the state of an Adam, which is not taken; start from the weights with init_from="),
        (rmsprop, "the state of another optimizer than Momentum (batch_norm1d_9.w_0_mean_square_0)"),
        (twice, "conv2d_9.w_0 has two velocities"),
        (layer_less, "none of an ST-GCN's, or not all of them"),
        (listed, "conv2d_9.w_0_velocity_0 is no array of real numbers"),
        (uncounted, "its count of steps (global_step) is no number"),
        (scheduled([1]), "its schedule (LR_Scheduler) is a list, and no state of one"),
        (scheduled({"last_epoch": 1.5, "last_lr": 0.1}), "its epoch (last_epoch) must be a whole number from 0"),
        (scheduled({"last_epoch": 10**7, "last_lr": 0.1}), "its epoch (last_epoch) must be a whole number from 0"),
        (scheduled({"last_epoch": 10**5000, "last_lr": 0.1}), "its schedule holds what is no plain value: a int"),
        (scheduled({"last_epoch": 1, "last_lr": 10**400}), "its schedule holds what is no plain value: a int"),
        (scheduled({"last_epoch": 1, "last_lr": float("nan")}), "its rate (last_lr) must be a number from 0, got nan"),
        (scheduled({"last_epoch": 1, "last_lr": -0.1}), "its rate (last_lr) must be a number from 0, got -0.1"),
        (scheduled({"last_epoch": 1, "last_lr": True}), "its rate (last_lr) must be a number from 0, got True"),
        (scheduled(PROGRESS | {"own": object()}), "its schedule holds what is no plain value: a object cannot"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses_what_it_does_not_know(network: Network, change: Any, problem: str) -> None:
    state = optimizer(SHIFTED)
    change(state)
    with pytest.raises(MismatchError, match=re.escape(problem)):
        find_momentum(state, replace(network, names=None))


@pytest.mark.parametrize("tree", [[1], {"model": STATE}, STATE], ids=["list", "nested", "weights"])
def test_refuses_what_is_no_state_at_all(network: Network, tree: object) -> None:
    with pytest.raises(MismatchError, match="holds no optimizer state"):
        find_momentum(tree, network)


def test_of_many_problems_the_first_are_told(network: Network) -> None:
    state = {f"own_{number}": np.zeros(1) for number in range(MAX_PROBLEMS + 7)} | optimizer(FRESH)
    with pytest.raises(MismatchError) as refused:
        find_momentum(state, network)
    assert str(refused.value).count("unexpected") == MAX_PROBLEMS
    assert str(refused.value).endswith("; and 7 more")
