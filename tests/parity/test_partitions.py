"""Graph: hop distances, normalised adjacency and the three subsets."""

import numpy as np
import pytest
import torch

from stgcn_torch.graph import adjacency, hop_distance, normalize_columns
from stgcn_torch.model import STGCN
from stgcn_torch.skeleton import LAYOUTS
from tests.parity import reference
from tests.parity.page import Measured

pytestmark = pytest.mark.paddle
NONZEROS = {"fsd10": [25, 40, 8], "ntu-rgb+d": [25, 40, 8], "coco": [17, 26, 8]}  # the quirk: cut distances tie
every_layout = pytest.mark.parametrize("layout", sorted(reference.BONES))
every_reach = pytest.mark.parametrize("max_hop", [1, 2, 3])


def unequal(theirs: np.ndarray, ours: np.ndarray) -> float:
    """Largest difference where both are finite; infinite if only one is."""
    assert theirs.shape == ours.shape
    equal = theirs == ours  # infinity equals infinity
    return 0.0 if equal.all() else float(np.abs(theirs - ours)[~equal].max())


@every_layout
@every_reach
def test_hop_distances_are_equal(layout: str, max_hop: int, measured: Measured) -> None:
    body = LAYOUTS[layout]
    ours = hop_distance(len(body.joints), body.bones, max_hop)
    measured("hop distances up to 1, 2 and 3 hops", unequal(reference.hop_distance(layout, max_hop), ours), 0)


@every_layout
@every_reach
def test_normalized_adjacency_is_equal(layout: str, max_hop: int, measured: Measured) -> None:
    body = LAYOUTS[layout]
    ours = normalize_columns((hop_distance(len(body.joints), body.bones) <= max_hop).astype(float))
    measured("normalised adjacency", unequal(reference.normalized_adjacency(layout, max_hop), ours), 0)


@every_layout
@every_reach
def test_subsets_are_equal(layout: str, max_hop: int, measured: Measured) -> None:
    measured("subsets", unequal(reference.partitions(layout, max_hop), adjacency(layout, max_hop=max_hop)), 0)


@every_layout
def test_the_network_holds_the_subsets_in_float32(layout: str, measured: Measured) -> None:
    theirs = reference.STGCN(4, layout=layout, channels=[4], strides=[1]).backbone.A.numpy()
    ours = STGCN(4, layout=layout, channels=[4], strides=[1]).backbone.A
    assert ours.dtype == torch.float32
    measured("backbone.A of a new network", unequal(theirs, ours.numpy()), 0)
    nonzeros = [int(np.count_nonzero(A)) for A in theirs]
    assert nonzeros == NONZEROS[layout]
