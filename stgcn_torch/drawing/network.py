"""What a network has learned of its graph: edge importance, block by block; and how many frames each block sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm, to_hex
from matplotlib.figure import Figure

from stgcn_torch.drawing.body import draw_arrows, draw_body, names_of
from stgcn_torch.drawing.graph import Graph
from stgcn_torch.drawing.matrix import draw_matrix, matrix_text
from stgcn_torch.drawing.style import Theme


@dataclass(frozen=True)
class Network:
    """What the figures of a network show.

    Attributes:
        graph: Its graph.
        importance: ``importance[b, k, v, w]``, the factor that block b has learned for ``A[k, v, w]``; ones before
            training. None if it learns none.
        kernels: Frames that each block's temporal convolution sees.
        strides: Frames of each block's input from one of its outputs to the next.
        window: Frames of its clips; None if unknown.
    """

    graph: Graph
    importance: Float[np.ndarray, "B K V V"] | None
    kernels: Sequence[int]
    strides: Sequence[int]
    window: int | None = None


def edge_factors(network: Network) -> Float[np.ndarray, "1+B V V"]:
    """The factor of each pair of joints, before training and in each block; NaN where there is no edge.

    Where several partitions hold a pair, the mean by their weights.
    """
    A = network.graph.A
    learned = np.ones((0, *A.shape)) if network.importance is None else network.importance
    scaled = (np.concatenate([np.ones((1, *A.shape)), learned]) * A).sum(axis=1)
    whole = A.sum(axis=0)
    factors: np.ndarray = np.divide(scaled, whole, out=np.full_like(scaled, np.nan), where=whole != 0)
    return factors


def _titles(network: Network) -> list[str]:
    return ["before training: all 1", *(f"block {b}" for b in range(1, len(network.kernels) + 1))]


def importance_figure(network: Network, theme: Theme) -> Figure:
    """Edge importance on the body, before training and after it in every block."""
    factors = edge_factors(network)
    body = network.graph.body
    columns = min(6, len(factors))
    rows = -(-len(factors) // columns)
    figure = Figure(figsize=(2.4 * columns, 4.1 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    norm = CenteredNorm(1.0, max(float(np.nanmax(np.abs(factors - 1))), 1e-3))
    colours = ScalarMappable(norm, theme.around)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, factor, title in zip(grid.flat, factors, _titles(network), strict=False):
        pose = draw_body(axes, body, theme, size=3, plain=True)
        edges = ~np.isnan(factor)
        painted = {(v, w): to_hex(tuple(colours.to_rgba(factor[v, w]))) for v, w in np.argwhere(edges).tolist()}
        draw_arrows(axes, pose, edges, painted, widths=0.6 + 2.4 * np.abs(factor - 1) / norm.halfrange)
        axes.set_title(title, fontsize=10)
    figure.colorbar(
        colours, ax=grid, location="bottom", shrink=0.4, aspect=40, label="edge importance (1: as the graph says)"
    )
    return figure


def importance_matrices_figure(network: Network, theme: Theme) -> Figure:
    """The same as matrices: row v gives, column w takes."""
    factors, names = edge_factors(network), names_of(network.graph.body)
    columns = min(4, len(factors))
    rows = -(-len(factors) // columns)
    side = 0.12 * len(names)
    figure = Figure(figsize=(side * columns + 1.2, (side + 0.3) * rows + 1.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    half = max(float(np.nanmax(np.abs(factors - 1))), 1e-3)
    for axes in grid.flat:
        axes.set_axis_off()
    for i, (factor, title) in enumerate(zip(factors, _titles(network), strict=True)):
        axes = grid.flat[i]
        axes.set_axis_on()
        last = i + columns >= len(factors)
        image = draw_matrix(
            axes, factor, names, theme.around, limits=(1 - half, 1 + half), rows=i % columns == 0, columns=last, size=6
        )
        axes.set_title(title, fontsize=10)
    figure.colorbar(
        image, ax=grid, location="bottom", shrink=0.4, aspect=40, label="edge importance (1: as the graph says)"
    )
    return figure


def importance_text(network: Network) -> str:
    """Edge importance of every block and partition as text, zero where there is no edge."""
    A, names = network.graph.A, network.graph.body.joints
    return "\n".join(
        f"block {b}, partition {k}\n{matrix_text(np.where(A[k], factor, 0), names)}"
        for b, block in enumerate(() if network.importance is None else network.importance, 1)
        for k, factor in enumerate(block)
    )


def receptive_fields(kernels: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Frames of the clip that one feature of each block depends on."""
    fields, seen, step = [], 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        seen += (kernel - 1) * step
        step *= stride
        fields.append(seen)
    return fields


def receptive_field_figure(network: Network, theme: Theme) -> Figure:
    """The frames that one feature sees in each block, as nested bars over a clip."""
    fields = receptive_fields(network.kernels, network.strides)
    window = network.window or fields[-1]
    figure = Figure(figsize=(9.5, 0.34 * len(fields) + 1.5), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(1, len(fields) + 1)
    centre = window / 2
    axes.barh(rows, fields, left=centre - np.array(fields) / 2, color=theme.left, height=0.72)
    for row, field in enumerate(fields, 1):
        axes.text(centre, row, str(field), ha="center", va="center", color=theme.background, fontsize=9, gid="frames")
    axes.set_yticks(
        rows,
        [f"block {row}" + (f", stride {s}" if s > 1 else "") for row, s in zip(rows, network.strides, strict=True)],
    )
    axes.invert_yaxis()
    axes.set(xlim=(0, window), xlabel="frame of the clip")
    axes.set_title("frames that one feature depends on", fontsize=11)
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    return figure
