"""stgcn_torch/drawing/partitions.py."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from stgcn_torch.drawing.graph import Graph
from stgcn_torch.drawing.partitions import example, partitions_figure, partitions_text, titles
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.graph import STRATEGIES, adjacency
from stgcn_torch.skeleton import LAYOUTS

LIGHT = THEMES["light"]


def graph(strategy: str, max_hop: int = 1, layout: str = "fsd10") -> Graph:
    return Graph(LAYOUTS[layout], adjacency(layout, strategy, max_hop), strategy, max_hop)


def of(axes: Axes, kind: str) -> list:
    return [artist for artist in (*axes.lines, *axes.patches) if artist.get_gid() == kind]


def panels(subject: Graph) -> dict[str, tuple[Axes, Axes]]:
    """The body and the matrix of each partition, by the first word of its title."""
    axes = partitions_figure(subject, LIGHT).axes
    bodies = [a for a in axes if of(a, "bone")]
    matrices = [a for a in axes if a.images]
    assert len(bodies) == len(matrices) + 1
    return {body.get_title().split()[0]: pair for pair in zip(bodies[1:], matrices, strict=True) for body in pair[:1]}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("max_hop", [1, 2, 3])
def test_every_weight_is_an_arrow_or_a_ring_and_a_cell(strategy: str, max_hop: int) -> None:
    subject = graph(strategy, max_hop, "coco")
    by_title = panels(subject)
    assert list(by_title) == [f"A[{k}]" for k in range(len(subject.A))]
    for A, (body, matrix) in zip(subject.A, by_title.values(), strict=True):
        assert len(of(body, "ring")) == np.count_nonzero(A.diagonal())
        assert len(of(body, "arrow")) == np.count_nonzero(A) - np.count_nonzero(A.diagonal())
        cells = matrix.images[0].get_array()
        np.testing.assert_array_equal(cells.filled(0), A)
        assert [label.get_text() for label in matrix.get_xticklabels()] == list(subject.body.joints)
        words = body.get_title().split("\n")[1].split(", ")
        counts = [(len(of(body, kind)), f"{kind}s") for kind in ("ring", "arrow")]
        assert [part for part in words if "ties" not in part] == [f"{count} {kind}" for count, kind in counts if count]


@pytest.mark.parametrize(("strategy", "counts"), [("spatial", [0, 32, 0]), ("spatial_fixed", [0, 0, 0])])
def test_ties_are_dashed_on_the_body_and_dotted_in_the_matrix(strategy: str, counts: list[int]) -> None:
    by_title = panels(graph(strategy))
    dashed = [sum(arrow.get_linestyle() != "solid" for arrow in of(body, "arrow")) for body, _ in by_title.values()]
    dotted = [sum(len(line.get_xdata()) for line in of(matrix, "tie")) for _, matrix in by_title.values()]
    assert dashed == dotted == counts


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ties_are_explained_only_where_there_are_some(strategy: str) -> None:
    (words,) = (
        text.get_text()
        for a in partitions_figure(graph(strategy), LIGHT).axes
        for text in a.texts
        if "How" in text.get_text()
    )
    assert ("Dashed" in words) == (strategy == "spatial")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_joint_shows_all_it_takes_and_from_whom(strategy: str) -> None:
    subject = graph(strategy)
    axes = partitions_figure(subject, LIGHT).axes[0]
    w = example(subject)
    assert subject.body.joints[w] in axes.get_title()
    assert subject.body.joints[subject.body.center] in axes.get_title()
    takes = np.argwhere(subject.A[:, :, w])
    assert len(of(axes, "arrow")) + len(of(axes, "ring")) == len(takes)
    labels = {text.get_text().split(":")[0] for text in axes.texts}
    assert labels == {f"A[{k}] {subject.body.joints[v]}" for k, v in takes}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_example_shows_what_the_cut_does_to_ties(layout: str) -> None:
    """One joint in both figures: cut distances put its neighbours into one subset, uncut ones separate them."""
    cut, true = (graph(strategy, layout=layout) for strategy in ("spatial", "spatial_fixed"))
    w = example(true)
    assert example(cut) == w
    assert [subject.A[:, :, w].any(axis=1).tolist() for subject in (cut, true)] == [[True, True, False], [True] * 3]
    drawn = of(partitions_figure(cut, LIGHT).axes[0], "arrow")
    assert len(drawn) >= 2
    assert all(arrow.get_linestyle() != "solid" for arrow in drawn)


def test_the_example_of_other_strategies_is_of_most_subsets() -> None:
    subject = graph("distance", 2)
    assert subject.A[:, :, example(subject)].any(axis=1).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("max_hop", [1, 2])
def test_partitions_read_back_from_their_text_are_the_partitions(strategy: str, max_hop: int) -> None:
    subject = graph(strategy, max_hop)
    parts = [part.strip("\n").split("\n") for part in partitions_text(subject).split("\n\n")]
    assert [part[0] for part in parts] == [f"A[{k}] {title}" for k, title in enumerate(titles(subject))]
    assert all(part[1].split() == [line.split()[0] for line in part[2:]] == list(subject.body.joints) for part in parts)
    read = np.array([[line.split()[1:] for line in part[2:]] for part in parts], np.float32)
    np.testing.assert_array_equal(read, subject.A.astype(np.float32))


@pytest.mark.parametrize("strategy", ["spatial", "spatial_fixed"])
def test_words_say_which_way_the_arrows_run(strategy: str) -> None:
    """Towards the centre is from the joint further out, but for ties."""
    subject = graph(strategy)
    hops = graph("distance", 24).A  # a partition a distance: the first that is not zero is the distance
    far = hops[:, :, subject.body.center].argmax(axis=0)
    inwards, outwards = (np.argwhere((subject.A[k] != 0) & ~subject.ties) for k in (1, 2))
    assert titles(subject) == ["itself", "from further out", "from nearer the centre"]
    assert (far[inwards[:, 0]] > far[inwards[:, 1]]).all()
    assert (far[outwards[:, 0]] < far[outwards[:, 1]]).all()
