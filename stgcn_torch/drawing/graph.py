"""Figures of a layout and its graph: the skeleton, hop distances, and the normalised adjacency before partitioning."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stgcn_torch.drawing.body import draw_body, name_of, names_of, side_legend, write_labels
from stgcn_torch.drawing.matrix import Matrix, draw_matrix, matrix_text
from stgcn_torch.drawing.style import Theme
from stgcn_torch.graph import adjacency, hop_distance
from stgcn_torch.skeleton import Skeleton

CELL = 0.215  # inches of a row or column of a matrix with numbers
LEAST = 4.2  # smallest size of such a matrix in inches, as its title needs
TOLERANCE = 1e-6  # of the partitions' sum; measured: 0 for a layout, 1.5e-8 for a checkpoint, whose A is float32


@dataclass(frozen=True)
class Graph:
    """A layout's partitions, with the options of the graph.

    Attributes:
        body: The layout.
        A: ``A[k, v, w]`` is the weight of source joint v for target joint w.
        strategy: Partition strategy.
        max_hop: Largest hop distance of neighbours.
        dilation: Step between the hop distances of neighbours.
    """

    body: Skeleton
    A: Float[np.ndarray, "K V V"]
    strategy: str = "spatial"
    max_hop: int = 1
    dilation: int = 1

    @property
    def words(self) -> tuple[str, ...]:
        """Text from the user, for the choice of fonts."""
        return self.body.name, *self.body.joints

    @property
    def normalized(self) -> Matrix:
        """The normalised adjacency of the layout before partitioning; a column sums to 1."""
        whole: Matrix
        (whole,) = adjacency(self.body, "uniform", self.max_hop, self.dilation)
        return whole

    @property
    def ties(self) -> Bool[np.ndarray, "V V"]:
        """Pairs of joints at equal distance from the centre, as the graph counts it, between which no way is inwards.

        The cut at ``max_hop`` makes many ties. Strategies other than the spatial ones use no centre and have no ties.
        """
        V = len(self.body.joints)
        if not self.strategy.startswith("spatial"):
            return np.zeros((V, V), dtype=bool)
        bound = self.max_hop if self.strategy == "spatial" else None
        distance = hop_distance(V, self.body.bones, bound)[:, self.body.center]
        ties: np.ndarray = np.equal(distance[:, None], distance[None, :]) & ~np.eye(V, dtype=bool)
        return ties

    def check_sum(self) -> float:
        """The largest difference of the partitions' sum from the normalised adjacency.

        Raises:
            ValueError: The difference is larger than rounding, or NaN.
        """
        if self.A.ndim != 3 or self.A.shape[1:] != self.normalized.shape:
            raise ValueError(f"A must be (K, {len(self.body.joints)}, {len(self.body.joints)}), got {self.A.shape}")
        error = np.abs(self.A.sum(axis=0, dtype=np.float64) - self.normalized)
        if not (error <= TOLERANCE).all():
            v, w = np.unravel_index(np.nan_to_num(error, nan=np.inf).argmax(), error.shape)
            raise ValueError(
                f"the partitions do not sum to the normalised adjacency of {self.body.name}: what "
                f"{self.body.joints[w]} takes from {self.body.joints[v]} is off by {error[v, w]:.1e}, "
                f"at most {TOLERANCE:.0e} is allowed"
            )
        return float(error.max())


def skeleton_figure(graph: Graph, theme: Theme) -> Figure:
    """The layout on a standing body, all joints named and the centre marked."""
    body = graph.body
    figure = Figure(figsize=(7.6, 7.6), layout="compressed")
    axes = figure.subplots()
    pose = draw_body(axes, body, theme, size=6)
    labels = dict(enumerate(names_of(body)))
    labels[body.center] += " (centre)"
    write_labels(axes, theme, pose, labels)
    axes.plot(*pose[body.center], "o", markersize=15, markerfacecolor="none", markeredgecolor=theme.text, gid="centre")
    axes.set_title(f"{name_of(body)}: {len(body.joints)} joints, {len(body.bones)} bones", fontsize=12)
    figure.legend(handles=side_legend(theme), loc="outside lower center", ncols=3, fontsize=9)
    return figure


def hops_of(graph: Graph) -> tuple[Matrix, Matrix]:
    """Hop distances cut at ``max_hop``, and uncut."""
    V, bones = len(graph.body.joints), graph.body.bones
    return hop_distance(V, bones, graph.max_hop), hop_distance(V, bones)


def hops_figure(graph: Graph, theme: Theme) -> Figure:
    """Bones on the shortest path between joints, cut at ``max_hop`` and uncut."""
    names = names_of(graph.body)
    cut, true = hops_of(graph)
    side = max(CELL * len(names), LEAST) + 0.9
    figure = Figure(figsize=(2 * side + 0.3, side + 0.6), layout="compressed")
    left, right = figure.subplots(1, 2)
    for axes, hops in ((left, cut), (right, true)):
        image = draw_matrix(
            axes, hops, names, theme.quantity, limits=(0, true.max()), number=whole_number, rows=axes is left
        )
        axes.set_xlabel("to this joint")
    left.set_ylabel("from this joint")
    left.set_title(f"hop distance as the graph takes it:\ncut at max_hop = {graph.max_hop}, ∞ beyond", fontsize=10)
    right.set_title("true hop distance", fontsize=10)
    whole = MaxNLocator(integer=True)
    figure.colorbar(image, ax=right, shrink=0.7, label="bones on the shortest way", ticks=whole, format="%d")
    return figure


def whole_number(value: float) -> str:
    """A hop distance in a cell."""
    return f"{value:.0f}" if np.isfinite(value) else "∞"


def fraction(value: float) -> str:
    """A weight in a cell, as 1/n where it is one over a whole number; empty for no weight."""
    if not value or np.isnan(value):
        return ""
    n = round(1 / value)
    return f"1/{n}" if n > 1 and abs(value - 1 / n) < 1e-6 else f"{value:.3g}"


def adjacency_figure(graph: Graph, theme: Theme) -> Figure:
    """The normalised adjacency with its numbers: each joint takes the mean over itself and its neighbours."""
    names = names_of(graph.body)
    side = max(CELL * len(names), LEAST) + 1.2
    figure = Figure(figsize=(side + 1.0, side + 0.5), layout="compressed")
    axes = figure.subplots()
    A = graph.A.sum(axis=0)
    image = draw_matrix(axes, np.where(A, A, np.nan), names, theme.quantity, limits=(0, A.max()), number=fraction)
    axes.set(xlabel="this joint takes (a column sums to 1)", ylabel="from this joint")
    near = "one bone" if graph.max_hop == 1 else f"{graph.max_hop} bones"
    axes.set_title(f"normalised adjacency of {name_of(graph.body)}: each joint and those within {near}", fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.7, label="weight")
    return figure


def hops_text(graph: Graph) -> str:
    """Hop distances as text, cut and uncut."""
    cut, true = hops_of(graph)
    names = graph.body.joints
    return f"cut at max_hop = {graph.max_hop}\n{matrix_text(cut, names)}\ntrue\n{matrix_text(true, names)}"


def adjacency_text(graph: Graph) -> str:
    """The normalised adjacency as text: row v is the source, column w the target."""
    return matrix_text(graph.A.sum(axis=0), graph.body.joints)
