"""stgcn_torch/drawing/network.py."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from stgcn_torch import STGCN
from stgcn_torch.drawing.graph import Graph
from stgcn_torch.drawing.network import (
    Network,
    edge_factors,
    importance_figure,
    importance_matrices_figure,
    importance_text,
    receptive_field_figure,
    receptive_fields,
)
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.graph import adjacency
from stgcn_torch.skeleton import skeleton

LIGHT = THEMES["light"]
CHAIN = {"joints": list("abc"), "bones": [["b", "a"], ["c", "b"]], "center": "a"}
A = adjacency(CHAIN)
LEARNED = np.stack([np.full_like(A, 0.5), np.full_like(A, 1.25)])
NETWORK = Network(Graph(skeleton(CHAIN), A), LEARNED, [9, 9], [1, 2], 40)


def arrows(axes) -> list:
    return [patch for patch in axes.patches if patch.get_gid() == "arrow"]


def test_factors_are_ones_before_training_then_each_blocks_where_there_are_edges() -> None:
    there = A.any(axis=0)
    np.testing.assert_allclose(edge_factors(NETWORK)[:, there], np.repeat([[1], [0.5], [1.25]], there.sum(), axis=1))
    assert np.isnan(edge_factors(NETWORK)[:, ~there]).all()


def test_a_network_that_learns_none_has_ones_alone() -> None:
    factors = edge_factors(replace(NETWORK, importance=None))
    assert factors.shape == (1, 3, 3)
    assert np.unique(factors[~np.isnan(factors)]).tolist() == [1]
    assert len(arrows(importance_figure(replace(NETWORK, importance=None), LIGHT).axes[0])) == 4


def test_arrows_are_thicker_and_warmer_the_more_a_block_counts_them() -> None:
    before, less, more, *_ = importance_figure(NETWORK, LIGHT).axes
    assert [axes.get_title() for axes in (before, less, more)] == [
        "before training: all 1",
        "block 1 of 2",
        "block 2 of 2",
    ]
    assert [len(arrows(axes)) for axes in (before, less, more)] == [4, 4, 4]
    widths = [{arrow.get_linewidth() for arrow in arrows(axes)} for axes in (less, before, more)]
    assert max(widths[0]) < min(widths[1]) <= max(widths[1]) < min(widths[2])
    colours = [{to_hex(arrow.get_edgecolor()) for arrow in arrows(axes)} for axes in (less, before, more)]
    assert colours == [{to_hex(LIGHT.around(x))} for x in (0.0, 0.5, 0.75)]


def test_matrices_hold_the_factors() -> None:
    panels = [axes for axes in importance_matrices_figure(NETWORK, LIGHT).axes if axes.images]
    shown = [axes.images[0].get_array().filled(np.nan) for axes in panels]
    np.testing.assert_array_equal(shown, edge_factors(NETWORK))
    assert {axes.images[0].get_clim() for axes in panels} == {(0.5, 1.5)}  # as far on either side of 1


def test_importance_is_text_by_block_and_partition() -> None:
    parts = importance_text(NETWORK).split("\n\n")
    assert [part.split("\n")[0] for part in parts] == [f"block {b}, partition {k}" for b in (1, 2) for k in range(3)]
    read = [[line.split()[1:] for line in part.strip("\n").split("\n")[2:]] for part in parts]
    np.testing.assert_array_equal(np.array(read, float).reshape(LEARNED.shape), LEARNED * (A != 0))


@pytest.mark.parametrize(("kernel", "strides"), [(9, (1, 2, 1)), (5, (2, 1, 2)), (3, (1, 1, 1, 3))])
def test_a_receptive_field_is_the_frames_that_a_feature_has_a_gradient_from(
    kernel: int, strides: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    widths = [8] * len(strides)
    network = STGCN(2, layout=CHAIN, channels=widths, strides=strides, temporal_kernel=kernel).double().eval()
    seen: list[torch.Tensor] = []
    for block in network.backbone.st_gcn_networks:
        block.register_forward_hook(lambda _, __, y: seen.append(y))
    clip = torch.randn(1, 2, 201, 3, 1, dtype=torch.float64, requires_grad=True)
    network(clip)
    fields = []
    for y in seen:
        (gradient,) = torch.autograd.grad(y[:, :, y.shape[2] // 2].sum(), clip, retain_graph=True)
        frames = gradient.abs().sum(dim=(0, 1, 3, 4)).nonzero()
        fields.append(int(frames.max() - frames.min()) + 1)
    assert receptive_fields([kernel] * len(strides), strides) == fields


def test_bars_are_nested_and_as_long_as_the_fields() -> None:
    axes = receptive_field_figure(NETWORK, LIGHT).axes[0]
    clip, *bars = axes.patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(-4.5, 9), (-8.5, 17)]
    assert (clip.get_x(), clip.get_width()) == (-20, 40)
    assert [text.get_text() for text in axes.texts] == ["9", "17"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["block 1", "block 2 (a feature every 2 frames)"]


def test_no_clip_is_drawn_where_its_length_is_unknown() -> None:
    axes = receptive_field_figure(replace(NETWORK, window=None), LIGHT).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [9, 17]
