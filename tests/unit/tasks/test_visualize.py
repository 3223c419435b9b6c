"""stgcn_torch/visualize.py."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stgcn_torch import STGCN
from stgcn_torch.checkpoint.reader import read_checkpoint
from stgcn_torch.drawing.graph import Graph
from stgcn_torch.graph import adjacency
from stgcn_torch.skeleton import LAYOUTS
from stgcn_torch.tasks.visualize import SUBJECTS, chosen, draw, network_of

GRAPH = Graph(LAYOUTS["coco"], adjacency("coco"))
OF_A_GRAPH = {name for name, subject in SUBJECTS.items() if subject.takes is Graph}


def test_a_graph_alone_draws_what_takes_a_graph() -> None:
    assert set(chosen({Graph: GRAPH}, None)) == OF_A_GRAPH == {"skeleton", "hops", "adjacency", "partitions"}


def test_only_keeps_the_order_that_is_asked_for() -> None:
    assert list(chosen({Graph: GRAPH}, ["partitions", "hops"])) == ["partitions", "hops"]


def test_what_cannot_be_drawn_is_refused() -> None:
    message = "importance cannot be drawn of what is given, only skeleton, hops, adjacency, partitions"
    with pytest.raises(ValueError, match=message):
        chosen({Graph: GRAPH}, ["importance"])


def test_a_network_is_read_from_its_checkpoint_and_not_from_defaults(tmp_path: Path) -> None:
    network = STGCN(
        3, layout="coco", strategy="spatial_fixed", channels=[4, 4, 8], strides=[1, 1, 2], temporal_kernel=5
    )
    for block, learned in enumerate(network.backbone.edge_importance):
        torch.nn.init.constant_(learned, block + 2)
    torch.save(network.state_dict(), tmp_path / "network.pt")
    read = network_of(read_checkpoint(tmp_path / "network.pt", network.backbone.strides), 64)
    assert (read.graph.body.name, read.graph.strategy, read.window) == ("coco", "spatial_fixed", 64)
    assert (list(read.kernels), list(read.strides)) == ([5, 5, 5], [1, 1, 2])
    np.testing.assert_array_equal(read.graph.A.astype("f4"), adjacency("coco", "spatial_fixed").astype("f4"))
    assert [np.unique(block).tolist() for block in read.importance] == [[2], [3], [4]]


def test_a_network_without_edge_importance_has_none(tmp_path: Path) -> None:
    torch.save(STGCN(3, channels=[4, 4], strides=[1, 1], edge_importance=False).state_dict(), tmp_path / "network.pt")
    assert network_of(read_checkpoint(tmp_path / "network.pt", [1, 1]), None).importance is None


@pytest.mark.parametrize(
    ("themes", "names"), [(["dark"], ["hops.svg"]), (["light", "dark"], ["hops.svg", "hops-dark.svg"])]
)
def test_files_are_named_for_subject_and_theme(themes: list[str], names: list[str], tmp_path: Path) -> None:
    written = draw({Graph: GRAPH}, {"hops": SUBJECTS["hops"]}, tmp_path / "out", "svg", themes)
    assert [path.name for path in written] == [*names, "hops.txt"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in written}
