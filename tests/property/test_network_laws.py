"""What holds for every ST-GCN, whatever its body, sizes and weights."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stgcn_torch.architecture import architecture
from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.model import STGCN
from stgcn_torch.skeleton import skeleton

# Largest difference of float64 values up to 50, relative to the largest; measured over 400 cases a law: 4.2e-16.
RTOL = 1e-12

few = settings(derandomize=True, deadline=None, max_examples=40, database=None)


@st.composite
def bodies(draw: st.DrawFn, largest: int = 6) -> dict[str, Any]:
    """A random tree of joints, perhaps with one bone more that closes a ring."""
    V = draw(st.integers(1, largest))
    bones = [[v, draw(st.integers(0, v - 1))] for v in range(1, V)]
    more = [[v, w] for v in range(V) for w in range(v) if [v, w] not in bones]
    bones += draw(st.lists(st.sampled_from(more), max_size=1)) if more else []
    return {"joints": [f"joint {v}" for v in range(V)], "bones": bones, "center": draw(st.integers(0, V - 1))}


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of a small network."""
    blocks = draw(st.integers(1, 3))
    return {
        "num_classes": draw(st.integers(1, 4)),
        "in_channels": draw(st.integers(1, 3)),
        "layout": draw(bodies()),
        "strategy": draw(st.sampled_from(sorted(STRATEGIES))),
        "max_hop": draw(st.integers(1, 2)),
        "channels": draw(st.lists(st.integers(1, 4), min_size=blocks, max_size=blocks)),
        "strides": draw(st.lists(st.integers(1, 2), min_size=blocks, max_size=blocks)),
        "temporal_kernel": draw(st.sampled_from([1, 3, 5])),
        "edge_importance": draw(st.booleans()),
        "data_bn": draw(st.booleans()),
        "aggregation": draw(st.sampled_from(["einsum", "matmul"])),
    }


@dataclass
class Case:
    """A network and clips for it, drawn from a seed.

    Attributes:
        options: Arguments of the network.
        seed: Of the weights and the clips.
        sizes: Clips, frames and people.
    """

    options: dict[str, Any]
    seed: int
    sizes: tuple[int, int, int]

    def drawn(self) -> tuple[STGCN, Tensor]:
        """The float64 network in evaluation mode, with weights as after training, and clips (N, C, T, V, M)."""
        torch.manual_seed(self.seed)
        network = STGCN(**self.options).double().eval()
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point() and not name.endswith("backbone.A"):
                tensor.add_(torch.randn_like(tensor), alpha=0.3)
        N, T, M = self.sizes
        C, V = self.options["in_channels"], len(self.options["layout"]["joints"])
        return network, torch.randn(N, C, T, V, M, dtype=torch.float64)


cases = st.builds(
    Case, options(), st.integers(0, 9), st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 3))
)


def assert_same(actual: Tensor, expected: Tensor) -> None:
    """Equal but for rounding."""
    scale = max(1.0, float(expected.detach().abs().max()))
    torch.testing.assert_close(actual, expected, rtol=0, atol=RTOL * scale)


@few
@given(cases)
def test_every_clip_gets_one_finite_row(case: Case) -> None:
    network, x = case.drawn()
    logits = network(x)
    assert logits.shape == (len(x), network.head.fcn.out_channels)
    assert logits.isfinite().all()


@few
@given(cases, st.randoms(use_true_random=False))
def test_people_may_be_reordered(case: Case, random: Any) -> None:
    network, x = case.drawn()
    order = random.sample(range(x.shape[-1]), x.shape[-1])
    assert_same(network(x[..., order]), network(x))


@few
@given(cases)
def test_a_person_twice_counts_as_one(case: Case) -> None:
    network, x = case.drawn()
    assert_same(network(torch.cat([x, x], dim=-1)), network(x))


@few
@given(cases, st.randoms(use_true_random=False))
def test_joints_may_be_reordered_with_the_graph(case: Case, random: Any) -> None:
    network, x = case.drawn()
    expected, V = network(x), x.shape[3]
    order = random.sample(range(V), V)
    for name, tensor in network.state_dict().items():
        if name == "backbone.A" or ".edge_importance." in name:
            tensor.copy_(tensor[:, order][:, :, order].clone())
        elif ".data_bn." in name and tensor.ndim:
            tensor.copy_(tensor.view(V, -1)[order].flatten().clone())
    assert_same(network(x[:, :, :, order]), expected)


@few
@given(bodies(), st.sampled_from(sorted(STRATEGIES)), st.integers(1, 3), st.randoms(use_true_random=False))
def test_renaming_the_joints_of_a_layout_renames_those_of_its_graph(
    body: dict[str, Any], strategy: str, max_hop: int, random: Any
) -> None:
    V = len(body["joints"])
    order = random.sample(range(V), V)  # new joint i was joint order[i]
    renamed = {
        "joints": [body["joints"][v] for v in order],
        "bones": [[order.index(v) for v in bone] for bone in body["bones"]],
        "center": order.index(body["center"]),
    }
    A = torch.from_numpy(adjacency(body, strategy, max_hop))
    assert_same(torch.from_numpy(adjacency(renamed, strategy, max_hop)), A[:, order][:, :, order])


@few
@given(cases, st.randoms(use_true_random=False))
def test_a_clip_means_the_same_alone_and_in_any_batch(case: Case, random: Any) -> None:
    network, x = case.drawn()
    alone = torch.cat([network(clip[None]) for clip in x])
    order = random.sample(range(len(x)), len(x))
    assert_same(network(x), alone)
    assert_same(network(x[order]), alone[order])


@few
@given(cases)
def test_people_do_not_see_one_another(case: Case) -> None:
    network, x = case.drawn()
    each = torch.stack([network.backbone(x[..., m : m + 1]) for m in range(x.shape[-1])])
    assert_same(network.backbone(x), each.mean(dim=0))


@few
@given(cases)
def test_features_are_never_negative(case: Case) -> None:
    network, x = case.drawn()
    assert (network.backbone(x) >= 0).all()


@few
@given(cases)
def test_strides_divide_the_frames_rounding_up(case: Case) -> None:
    network, x = case.drawn()
    frames = [x.shape[2]]
    for block in network.backbone.st_gcn_networks:
        block.register_forward_hook(lambda *call: frames.append(call[2].shape[2]))
    network(x)
    strides = case.options["strides"]
    assert frames[1:] == [math.ceil(T / stride) for T, stride in zip(frames, strides, strict=False)]


@few
@given(cases)
def test_the_architecture_is_recovered_from_the_shapes(case: Case) -> None:
    state = case.drawn()[0].state_dict()
    if len(state["backbone.A"]) > 3:  # more than one hop: no strategy with max_hop=1 has as many partitions
        return
    again = STGCN(**architecture(state)).state_dict()
    assert {key: tensor.shape for key, tensor in again.items()} == {key: tensor.shape for key, tensor in state.items()}


@few
@given(bodies())
def test_parents_lead_to_the_centre_by_the_shortest_way(body: dict[str, Any]) -> None:
    made = skeleton(body)
    A = adjacency(made, "distance", max_hop=len(made.joints))
    hops = {v: int(A[:, v, made.center].argmax()) for v in range(len(made.joints))}
    for v, parent in enumerate(made.parents):
        assert hops[parent] == max(hops[v] - 1, 0)
