"""The adjacency is the article's, and each of its parts means what it says."""

from itertools import combinations

import numpy as np
import pytest

from stgcn_torch.graph import STRATEGIES, HopDistance, Partition, adjacency, hop_distance, normalize_columns
from stgcn_torch.skeleton import LAYOUTS

LEG = {"joints": ["Hip", "Knee", "Ankle"], "bones": [["Knee", "Hip"], ["Ankle", "Knee"]], "center": "Hip"}
ARM = {"joints": list("abcd"), "bones": [["b", "a"], ["c", "b"], ["d", "c"]], "center": "a"}

ATOL = 1e-15  # of weights in [0, 1]; measured: 0
SUM_ATOL = 1e-14  # of sums of up to 25 weights; measured: 3.4e-16

every_layout = pytest.mark.parametrize("layout", sorted(LAYOUTS))
every_strategy = pytest.mark.parametrize("strategy", sorted(STRATEGIES))
every_reach = pytest.mark.parametrize(("max_hop", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2)])


def floyd_warshall(V: int, bones: tuple[tuple[int, int], ...]) -> HopDistance:
    """Shortest ways by trying every joint as a stop on the way."""
    d = np.full((V, V), np.inf)
    d[range(V), range(V)] = 0
    for v, w in bones:
        d[v, w] = d[w, v] = 1
    for stop in range(V):
        d = np.minimum(d, d[:, stop : stop + 1] + d[stop])
    return d


def as_in_the_article(layout: str, max_hop: int, dilation: int) -> Partition:
    """The article's spatial partition, joint by joint."""
    body = LAYOUTS[layout]
    joints = range(len(body.joints))
    far = floyd_warshall(len(joints), body.bones)
    d = {(v, w): far[v, w] if far[v, w] <= max_hop else np.inf for v in joints for w in joints}
    hops = list(range(0, max_hop + 1, dilation))
    partitions: list[np.ndarray] = []
    for hop in hops:
        level, inwards, outwards = (np.zeros((len(joints), len(joints))) for _ in range(3))
        for w in joints:
            degree = sum(d[v, w] in hops for v in joints)
            for v in joints:
                if d[v, w] != hop:
                    continue
                if d[v, body.center] == d[w, body.center]:  # infinity equals infinity: the quirk
                    level[v, w] = 1 / degree
                elif d[v, body.center] > d[w, body.center]:
                    inwards[v, w] = 1 / degree
                else:
                    outwards[v, w] = 1 / degree
        partitions += [level] if hop == 0 else [level + inwards, outwards]
    return np.stack(partitions)


def test_distance_counts_bones() -> None:
    expected = [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    np.testing.assert_array_equal(hop_distance(3, [(1, 0), (2, 1)]), expected)


def test_distance_is_infinite_beyond_max_hop_and_where_no_bones_lead() -> None:
    inf = np.inf
    np.testing.assert_array_equal(hop_distance(3, [(1, 0), (2, 1)], 1), [[0, 1, inf], [1, 0, 1], [inf, 1, 0]])
    np.testing.assert_array_equal(hop_distance(3, [(1, 0)]), [[0, 1, inf], [1, 0, inf], [inf, inf, 0]])


@every_layout
@pytest.mark.parametrize("max_hop", [None, 1, 2, 3])
def test_distance_is_that_of_floyd_and_warshall(layout: str, max_hop: int | None) -> None:
    body = LAYOUTS[layout]
    V = len(body.joints)
    expected = floyd_warshall(V, body.bones)
    if max_hop is not None:
        expected[expected > max_hop] = np.inf
    np.testing.assert_array_equal(hop_distance(V, body.bones, max_hop), expected)


def test_distance_is_right_on_any_graph() -> None:
    rng = np.random.default_rng(0)
    for V in range(1, 12):
        bones = tuple(bone for bone in combinations(range(V), 2) if rng.random() < 0.3)
        np.testing.assert_array_equal(hop_distance(V, bones), floyd_warshall(V, bones))


def test_bones_have_no_direction() -> None:
    body = LAYOUTS["fsd10"]
    turned = [(parent, child) for child, parent in body.bones]
    np.testing.assert_array_equal(hop_distance(25, turned), hop_distance(25, body.bones))


def test_columns_are_divided_by_their_sum_and_empty_ones_left() -> None:
    A = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(normalize_columns(A), [[0.25, 0, 0.5], [0.75, 0, 0.5], [0, 0, 0]])


# A column is the joint that takes, a row the joint that gives. Hip and Ankle have two neighbours (themselves and the
# Knee), the Knee has three.
SELF = np.array([[1 / 2, 0, 0], [0, 1 / 3, 0], [0, 0, 1 / 2]])
INWARDS = np.array([[0, 0, 0], [1 / 2, 0, 0], [0, 1 / 3, 0]])  # Knee gives to Hip, Ankle to Knee
OUTWARDS = np.array([[0, 1 / 3, 0], [0, 0, 1 / 2], [0, 0, 0]])  # Hip gives to Knee, Knee to Ankle
BY_HAND = {
    "uniform": [SELF + INWARDS + OUTWARDS],
    "distance": [SELF, INWARDS + OUTWARDS],
    "spatial": [SELF, INWARDS, OUTWARDS],
    "spatial_fixed": [SELF, INWARDS, OUTWARDS],
}


@every_strategy
def test_three_joints_by_hand(strategy: str) -> None:
    np.testing.assert_allclose(adjacency(LEG, strategy), BY_HAND[strategy], rtol=0, atol=ATOL)


def test_two_hops_by_hand() -> None:
    edges = [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 0], [1, 0, 0], [0, 1, 0]],
        [[0, 1, 0], [0, 0, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [1, 0, 0]],
        [[0, 0, 1], [0, 0, 0], [0, 0, 0]],
    ]
    expected = np.array(edges) / 3  # every joint has three neighbours
    np.testing.assert_allclose(adjacency(LEG, "spatial", max_hop=2), expected, rtol=0, atol=ATOL)


def test_dilation_steps_over_the_nearest_by_hand() -> None:
    expected = np.array(
        [[[1 / 2, 0, 1 / 2], [0, 1, 0], [1 / 2, 0, 1 / 2]]]
    )  # the Knee is one bone from either, and left out
    np.testing.assert_allclose(adjacency(LEG, "uniform", max_hop=2, dilation=2), expected, rtol=0, atol=ATOL)


def test_joints_beyond_the_centre_s_ring_tie_only_in_the_quirk() -> None:
    _, inwards, outwards = adjacency(ARM, "spatial")
    assert (inwards[2, 3], inwards[3, 2], outwards[2, 3]) == (1 / 2, 1 / 3, 0)  # c and d are both "infinitely" far
    _, inwards, outwards = adjacency(ARM, "spatial_fixed")
    assert (inwards[2, 3], inwards[3, 2], outwards[2, 3]) == (0, 1 / 3, 1 / 2)


@every_layout
@every_reach
def test_spatial_is_the_article_s_loops(layout: str, max_hop: int, dilation: int) -> None:
    expected = as_in_the_article(layout, max_hop, dilation)
    np.testing.assert_allclose(adjacency(layout, "spatial", max_hop, dilation), expected, rtol=0, atol=ATOL)


@every_layout
@every_strategy
@every_reach
def test_columns_sum_to_one(layout: str, strategy: str, max_hop: int, dilation: int) -> None:
    A = adjacency(layout, strategy, max_hop, dilation)
    np.testing.assert_allclose(A.sum(axis=(0, 1)), 1, rtol=0, atol=SUM_ATOL)


@every_layout
@every_strategy
@every_reach
def test_partitions_share_out_the_uniform_adjacency(layout: str, strategy: str, max_hop: int, dilation: int) -> None:
    A = adjacency(layout, strategy, max_hop, dilation)
    np.testing.assert_array_equal(A.sum(axis=0), adjacency(layout, "uniform", max_hop, dilation)[0])
    assert (np.count_nonzero(A, axis=0) <= 1).all(), "an edge is in two partitions"


@every_reach
def test_partitions_are_as_many_as_the_strategy_says(max_hop: int, dilation: int) -> None:
    hops = len(range(0, max_hop + 1, dilation))
    count = {strategy: len(adjacency("coco", strategy, max_hop, dilation)) for strategy in STRATEGIES}
    assert count == {"uniform": 1, "distance": hops, "spatial": 2 * hops - 1, "spatial_fixed": 2 * hops - 1}


# fsd10, ntu-rgb+d and coco counted in Paddle and in the article's code; the others by hand. A tree of V joints has
# V - 1 bones, each once inwards and once outwards; coco and openpose have one bone more (a ring), and in coco's both of
# its joints are as far from the centre.
NON_ZEROS = {
    ("fsd10", "spatial"): [25, 40, 8],
    ("ntu-rgb+d", "spatial"): [25, 40, 8],
    ("coco", "spatial"): [17, 26, 8],
    ("openpose", "spatial"): [18, 25, 9],
    ("h36m", "spatial"): [17, 26, 6],
    ("mediapipe", "spatial"): [33, 52, 12],
    ("body_25b", "spatial"): [25, 38, 10],
    ("fsd10", "spatial_fixed"): [25, 24, 24],
    ("ntu-rgb+d", "spatial_fixed"): [25, 24, 24],
    ("coco", "spatial_fixed"): [17, 18, 16],
    ("openpose", "spatial_fixed"): [18, 17, 17],
    ("h36m", "spatial_fixed"): [17, 16, 16],
    ("mediapipe", "spatial_fixed"): [33, 32, 32],
    ("body_25b", "spatial_fixed"): [25, 24, 24],
}


@pytest.mark.parametrize(("layout", "strategy"), NON_ZEROS)
def test_partitions_have_their_number_of_edges(layout: str, strategy: str) -> None:
    counts = np.count_nonzero(adjacency(layout, strategy), axis=(1, 2)).tolist()
    assert counts == NON_ZEROS[layout, strategy]


@every_layout
def test_true_distances_send_each_bone_of_a_tree_both_ways(layout: str) -> None:
    _, inwards, outwards = adjacency(layout, "spatial_fixed") > 0
    toward = hop_distance(len(inwards), LAYOUTS[layout].bones)[:, LAYOUTS[layout].center]
    for v, w in np.argwhere(outwards):
        assert toward[v] + 1 == toward[w]
        assert inwards[w, v]


def test_a_skeleton_is_taken_as_well_as_its_name() -> None:
    np.testing.assert_array_equal(adjacency(LAYOUTS["coco"]), adjacency("coco"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"strategy": "spacial"},
            "strategy 'spacial' is unknown; choose one of distance, spatial, spatial_fixed, uniform",
        ),
        ({"layout": "fsd"}, "layout 'fsd' is unknown; choose one of body_25b, coco, fsd10"),
        ({"max_hop": 0}, "max_hop and dilation must be at least 1, got 0 and 1"),
        ({"dilation": 0}, "max_hop and dilation must be at least 1, got 1 and 0"),
    ],
    ids=["strategy", "layout", "max_hop", "dilation"],
)
def test_refuses_in_one_line(options: dict[str, str | int], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        adjacency(**({"layout": "fsd10"} | options))  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)
