"""Figures of a network: learned edge importance of each block, and the receptive field of each block in frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure

from stgcn_torch.drawing.body import draw_arrows, draw_body, names_of
from stgcn_torch.drawing.graph import Graph
from stgcn_torch.drawing.matrix import draw_matrix, matrix_text
from stgcn_torch.drawing.style import Theme


@dataclass(frozen=True)
class Network:
    """Parameters of a network for its figures.

    Attributes:
        graph: Its graph.
        importance: ``importance[b, k, v, w]``, the learned factor of block b for ``A[k, v, w]``; ones before training.
            None for a network without edge importance.
        kernels: Temporal kernel size of each block, in frames.
        strides: Temporal stride of each block, in frames of its input.
        window: Frames of its clips; None if unknown.
    """

    graph: Graph
    importance: Float[np.ndarray, "B K V V"] | None
    kernels: Sequence[int]
    strides: Sequence[int]
    window: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Text from the user, for the choice of fonts."""
        return self.graph.words


def edge_factors(network: Network) -> Float[np.ndarray, "1+B V V"]:
    """The factor of each pair of joints, before training and in each block; NaN where there is no edge.

    A pair in several partitions has the mean factor, weighted by A.
    """
    A = network.graph.A
    learned = np.ones((0, *A.shape)) if network.importance is None else network.importance
    scaled = (np.concatenate([np.ones((1, *A.shape)), learned]) * A).sum(axis=1)
    whole = A.sum(axis=0)
    factors: np.ndarray = np.divide(scaled, whole, out=np.full_like(scaled, np.nan), where=whole != 0)
    return factors


WIDTH, RATIO = 1.5, 2.4  # width of an arrow of factor 1, in points, and ratio of the widest to it
ON_THE_BODY = """\
An arrow runs from the joint that gives
to the joint that takes, a ring is what
a joint keeps of itself.

Thick and orange: this block counts it
more than the graph says; thin and
blue: less."""
AS_MATRICES = """\
The row gives and the column takes.

Orange: this block counts it more than
the graph says; blue: less."""


def _panels(
    network: Network, columns: int, size: tuple[float, float], legend: str
) -> tuple[Figure, Sequence[Axes], Sequence[str]]:
    """A figure with a panel of this size for each of ``edge_factors``, and a panel with a legend."""
    titles = [
        "before training: all 1",
        *(f"block {b} of {len(network.kernels)}" for b in range(1, len(network.kernels) + 1)),
    ]
    rows = -(-(len(titles) + 1) // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows + 1.0), layout="compressed")
    panels = [*figure.subplots(rows, columns, squeeze=False).flat]
    for axes in panels:
        axes.set_axis_off()
    panels[-1].text(0, 0.5, legend, va="center", fontsize=9.5, transform=panels[-1].transAxes)
    return figure, panels, titles


def _colours(factors: np.ndarray, theme: Theme) -> ScalarMappable:
    """Colour map of factors, symmetric around 1."""
    half = max(float(np.nanmax(np.abs(factors - 1))), 1e-3)
    return ScalarMappable(Normalize(1 - half, 1 + half), theme.around)


def importance_figure(network: Network, theme: Theme) -> Figure:
    """Edge importance on the body, before training and in every trained block."""
    factors = edge_factors(network)
    figure, panels, titles = _panels(network, 6, (2.6, 4.4), ON_THE_BODY)
    colours = _colours(factors, theme)
    half = colours.get_clim()[1] - 1
    for axes, factor, title in zip(panels, factors, titles, strict=False):
        pose = draw_body(axes, network.graph.body, theme, size=0, plain=True)
        edges = ~np.isnan(factor)
        arrow_colours = {(v, w): to_hex(tuple(colours.to_rgba(factor[v, w]))) for v, w in np.argwhere(edges).tolist()}
        draw_arrows(axes, pose, edges, arrow_colours, widths=WIDTH * RATIO ** ((factor - 1) / half))
        axes.set_title(title, fontsize=10.5)
    _bar(figure, panels, colours)
    return figure


def importance_matrices_figure(network: Network, theme: Theme) -> Figure:
    """Edge importance as matrices: row v is the source, column w the target."""
    factors, names = edge_factors(network), names_of(network.graph.body)
    side, columns = max(0.125 * len(names), 2.4), 4
    figure, panels, titles = _panels(network, columns, (side + 0.2, side + 0.45), AS_MATRICES)
    colours = _colours(factors, theme)
    for i, (axes, factor, title) in enumerate(zip(panels, factors, titles, strict=False)):
        axes.set_axis_on()
        last = i // columns == (len(panels) - 1) // columns
        draw_matrix(
            axes, factor, names, theme.around, limits=colours.get_clim(), rows=i % columns == 0, columns=last, size=6
        )
        axes.set_title(title, fontsize=10.5)
    _bar(figure, panels, colours)
    return figure


def _bar(figure: Figure, panels: Sequence[Axes], colours: ScalarMappable) -> None:
    label = "edge importance: the factor that training has put on an edge of the graph"
    figure.colorbar(colours, ax=[*panels], location="bottom", shrink=0.45, aspect=45, label=label)


def importance_text(network: Network) -> str:
    """Edge importance of every block and partition as text, zero where there is no edge."""
    A, names = network.graph.A, network.graph.body.joints
    return "\n".join(
        f"block {b}, partition {k}\n{matrix_text(np.where(A[k], factor, 0), names)}"
        for b, block in enumerate(() if network.importance is None else network.importance, 1)
        for k, factor in enumerate(block)
    )


def receptive_fields(kernels: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Receptive field of one feature of each block, in frames of the clip."""
    fields, field, step = [], 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
        fields.append(field)
    return fields


def receptive_field_figure(network: Network, theme: Theme) -> Figure:
    """The receptive field of each block as nested bars, and a clip's length where it is known."""
    fields = receptive_fields(network.kernels, network.strides)
    figure = Figure(figsize=(9.5, 0.36 * len(fields) + 1.8), layout="compressed")
    axes = figure.subplots()
    rows = np.arange(1, len(fields) + 1)
    if network.window:
        half = network.window / 2
        axes.axvspan(
            -half, half, color=theme.muted, alpha=0.35, linewidth=0, label=f"a clip of {network.window} frames"
        )
    axes.barh(rows, fields, left=-np.array(fields) / 2, color=theme.left, height=0.72)
    for row, field in enumerate(fields, 1):
        axes.text(0, row, str(field), ha="center", va="center", color=theme.background, fontsize=9, gid="frames")
    steps = np.cumprod(network.strides)
    labels = [
        f"block {row}" + (f" (a feature every {step} frames)" if step > 1 else "")
        for row, step in zip(rows, steps, strict=True)
    ]
    axes.set_yticks(rows, labels)
    axes.invert_yaxis()
    widest = 0.52 * max(fields[-1], network.window or 0)
    axes.set_xlim(-widest, widest)
    axes.set_xlabel("frames before and after the one in its middle")
    axes.set_title("frames of the clip that one feature of each block depends on", fontsize=11)
    if network.window:
        figure.legend(loc="outside lower right", fontsize=9)
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    return figure
