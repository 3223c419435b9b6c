"""stgcn_torch/drawing/graph.py."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from stgcn_torch.drawing.graph import (
    Graph,
    adjacency_figure,
    adjacency_text,
    fraction,
    hops_figure,
    hops_text,
    skeleton_figure,
)
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.skeleton import LAYOUTS, skeleton

LIGHT = THEMES["light"]
CHAIN = skeleton({"joints": list("abc"), "bones": [["b", "a"], ["c", "b"]], "center": "a"})


def graph(body=CHAIN, strategy: str = "spatial", max_hop: int = 1, dilation: int = 1) -> Graph:
    return Graph(body, adjacency(body, strategy, max_hop, dilation), strategy, max_hop, dilation)


def read(text: str) -> np.ndarray:
    return np.array([line.split()[1:] for line in text.splitlines()[1:]], np.float64)


@pytest.mark.parametrize(("layout", "strategy"), [*product(LAYOUTS, STRATEGIES)])
@pytest.mark.parametrize(("max_hop", "dilation"), [(1, 1), (2, 1), (4, 2)])
def test_partitions_of_every_graph_sum_to_its_adjacency(
    layout: str, strategy: str, max_hop: int, dilation: int
) -> None:
    example = graph(LAYOUTS[layout], strategy, max_hop, dilation)
    assert example.check_sum() == 0.0
    single = replace(example, A=example.A.astype(np.float32))
    assert 0.0 <= single.check_sum() < 2e-8  # half a unit in the last place of 1/4 to 1/2


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e-5], ids=["nan", "inf", "1e-5"])
def test_partitions_that_do_not_sum_to_it_are_refused(value: float) -> None:
    example = graph()
    example.A[1, 2, 1] += value
    with pytest.raises(
        ValueError, match=r"do not sum to the normalised adjacency of custom: what b takes from c is off"
    ):
        example.check_sum()


def test_partitions_of_another_layout_are_refused() -> None:
    with pytest.raises(ValueError, match=r"A must be \(K, 3, 3\), got \(3, 25, 25\)"):
        Graph(CHAIN, adjacency("fsd10")).check_sum()


def test_the_cut_makes_32_directed_bones_of_body_25_tie_and_true_distances_none() -> None:
    cut, true = (graph(LAYOUTS["fsd10"], strategy) for strategy in ("spatial", "spatial_fixed"))
    assert [int((example.ties & example.A.any(axis=0)).sum()) for example in (cut, true)] == [32, 0]


@pytest.mark.parametrize("strategy", ["uniform", "distance"])
def test_nothing_ties_where_no_centre_is_asked_for(strategy: str) -> None:
    assert not graph(LAYOUTS["fsd10"], strategy).ties.any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_skeleton_names_every_joint_without_overlap_and_marks_the_centre(layout: str) -> None:
    body = LAYOUTS[layout]
    with LIGHT.worn(body.joints):
        figure = skeleton_figure(graph(body), LIGHT)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    names = {text.get_text() for text in axes.texts}
    assert names == {
        *body.joints[: body.center],
        f"{body.joints[body.center]} (centre)",
        *body.joints[body.center + 1 :],
    }
    texts = [*axes.texts, axes.title, *figure.legends[0].get_texts()]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    assert [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []
    width, height = canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)


def test_distances_are_shown_as_cut_and_as_they_are() -> None:
    left, right, _ = hops_figure(graph(), LIGHT).axes
    assert [text.get_text() for text in left.texts] == list("01∞101∞10")
    assert [text.get_text() for text in right.texts] == list("012101210")
    assert "max_hop = 1" in left.get_title()
    assert [label.get_text() for label in left.get_yticklabels()] == list("abc")


@pytest.mark.parametrize("joints", [2, 3, 4, 9])
def test_the_bar_of_distances_counts_whole_bones(joints: int) -> None:
    names = list("abcdefghi"[:joints])
    body = skeleton({"joints": names, "bones": [*zip(names[1:], names[:-1], strict=True)], "center": "a"})
    bar = hops_figure(graph(body), LIGHT).axes[-1]
    shown = [tick for tick in bar.get_yticks() if 0 <= tick <= joints - 1]
    assert [float(label.get_text()) for label in bar.get_yticklabels()] == bar.get_yticks().tolist()
    assert len(shown) > 1


def test_distances_are_text_as_well() -> None:
    cut, true = hops_text(graph()).split("\n\n")
    np.testing.assert_array_equal(read(cut.partition("\n")[2]), [[0, 1, np.inf], [1, 0, 1], [np.inf, 1, 0]])
    np.testing.assert_array_equal(read(true.partition("\n")[2]), [[0, 1, 2], [1, 0, 1], [2, 1, 0]])


def test_weights_are_the_fractions_they_are() -> None:
    axes, _ = adjacency_figure(graph(), LIGHT).axes
    written = {text.get_position()[::-1]: text.get_text() for text in axes.texts if text.get_text()}
    by_hand = {(0, 0): "1/2", (1, 0): "1/2", (0, 1): "1/3", (1, 1): "1/3", (2, 1): "1/3", (1, 2): "1/2", (2, 2): "1/2"}
    assert written == by_hand
    assert [fraction(value) for value in (1.0, 0.25, 0.4, 0.0, np.nan)] == ["1", "1/4", "0.4", "", ""]


def test_the_adjacency_read_back_from_its_text_is_the_adjacency() -> None:
    example = graph(LAYOUTS["coco"])
    np.testing.assert_array_equal(read(adjacency_text(example)).astype("f4"), example.normalized.astype("f4"))
