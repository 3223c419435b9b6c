"""The partitions of a graph, on the body and as matrices: the sources of each joint, and their subsets."""

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stgcn_torch.drawing.body import draw_arrows, draw_body, names_of, write_labels
from stgcn_torch.drawing.graph import Graph, fraction, hops_of
from stgcn_torch.drawing.matrix import draw_matrix, matrix_text
from stgcn_torch.drawing.pose import Pose, standing
from stgcn_torch.drawing.style import Theme

COLUMNS = 4  # panels in a row
HOW_TO_READ = """\
How to read it

An arrow runs from the joint that gives
to the joint that takes. A ring is what
a joint keeps of itself.

In the matrices the row gives and the
column takes. Together they are the
normalised adjacency: every column
sums to 1, each joint takes a mean.

Each subset has weights of its own, so
the network can tell them apart."""
OF_TIES = """

Dashed arrows, dotted cells: both joints
are equally far from the centre as the
graph counts (infinitely far if beyond
max_hop), so neither way is inwards,
and both are in the same subset."""


def titles(graph: Graph) -> list[str]:
    """A short description of each partition."""
    hops = list(range(0, graph.max_hop + 1, graph.dilation))
    if graph.strategy == "uniform":
        return ["all neighbours alike"]
    if graph.strategy == "distance":
        return ["itself" if hop == 0 else f"{hop} bone{'s' * (hop > 1)} away" for hop in hops]
    names = ["itself"]
    for hop in hops[1:]:
        away = f", {hop} bones away" if hop > 1 else ""
        # Not the paper's centripetal and centrifugal, which name the neighbour's place, against the arrows' direction.
        names += [f"from further out{away}", f"from nearer the centre{away}"]
    return names


def partitions_figure(graph: Graph, theme: Theme) -> Figure:
    """Every partition as arrows on the body and as a matrix, beside the partitions of one example joint."""
    K = len(graph.A)
    bands, columns = -(-(K + 1) // COLUMNS), min(K + 1, COLUMNS)
    figure = Figure(figsize=(3.5 * columns + 1, 9.7 * bands), layout="compressed")
    ratios = {"height_ratios": [1.75, 1] * bands, "width_ratios": [1.3, *[1] * (columns - 1)]}  # labels on the left
    grid = figure.subplots(2 * bands, columns, squeeze=False, gridspec_kw=ratios)
    for axes in grid.flat:
        axes.set_axis_off()
    bodies, matrices = [*grid[::2].flat], [*grid[1::2].flat]
    _one_joint(bodies[0], graph, theme)
    legend = HOW_TO_READ + (OF_TIES if (graph.A[:, graph.ties] != 0).any() else "")
    matrices[0].text(0, 1, legend, va="top", fontsize=9.5, transform=matrices[0].transAxes)
    for k in range(K):
        _on_the_body(bodies[k + 1], graph, k, theme)
        _as_matrix(matrices[k + 1], graph, k, theme, rows=k == 0 or (k + 1) % COLUMNS == 0)
    return figure


def _colour(theme: Theme, k: int) -> str:
    return theme.categories[(k - 1) % 6] if k else theme.middle


def _on_the_body(axes: Axes, graph: Graph, k: int, theme: Theme) -> None:
    edges, colour = graph.A[k] != 0, _colour(theme, k)
    dashed = edges & graph.ties
    pose = draw_body(axes, graph.body, theme, size=4, plain=True)
    draw_arrows(axes, pose, edges, colour, dashed=dashed)
    _star(axes, graph, pose, theme)
    rings = int(edges.diagonal().sum())
    counts = {"rings": rings, "arrows": int(edges.sum()) - rings}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    ties = f", {dashed.sum()} of them ties" if dashed.any() else ""
    axes.set_title(f"A[{k}]  {titles(graph)[k]}\n{summary}{ties}", fontsize=10.5, color=colour)


def _as_matrix(axes: Axes, graph: Graph, k: int, theme: Theme, *, rows: bool) -> None:
    A = graph.A[k]
    axes.set_axis_on()
    draw_matrix(
        axes, np.where(A, A, np.nan), names_of(graph.body), theme.fade(_colour(theme, k)),
        limits=(-0.3, float(graph.A.max())), rows=rows, size=6,
    )  # fmt: skip
    axes.plot(*np.argwhere(graph.ties & (A != 0)).T[::-1], "o", color=theme.background, markersize=1.6, gid="tie")


def _star(axes: Axes, graph: Graph, pose: Pose, theme: Theme) -> None:
    axes.plot(*pose[graph.body.center], "*", color=theme.text, markersize=8, zorder=5, gid="centre")


def example(graph: Graph) -> int:
    """The joint to explain partitions with.

    Spatial strategies prefer a joint, such as an elbow, that with cut hop distances ties both with a joint nearer the
    centre and with one further out: the cut puts both into one subset, and uncut distances separate them. The choice
    among the rest is by most subsets, then fewest neighbours, then longest arrows.
    """
    others = graph.A * (1 - np.eye(graph.A.shape[1]))
    pose = standing(graph.body)
    lengths = np.linalg.norm(pose[:, None] - pose[None], axis=-1)
    subsets, edges = (others != 0).any(axis=1).sum(axis=0), others.any(axis=0)
    shortest = np.where(edges, lengths, np.inf).min(axis=0)
    between: np.ndarray = np.zeros(len(pose), dtype=bool)
    if graph.strategy.startswith("spatial"):
        ties = replace(graph, strategy="spatial").ties & edges
        distance = hops_of(graph)[1][:, graph.body.center]
        nearer, further = distance[:, None] < distance, distance[:, None] > distance
        between = np.logical_and((ties & nearer).any(axis=0), (ties & further).any(axis=0))
    return int(np.lexsort((-shortest.round(6), edges.sum(axis=0), -subsets, ~between))[0])


def _one_joint(axes: Axes, graph: Graph, theme: Theme) -> None:
    w, names = example(graph), names_of(graph.body)
    pose = draw_body(axes, graph.body, theme, size=4, plain=True)
    labels, colours = {}, {}
    for k, v in np.argwhere(graph.A[:, :, w]).tolist():
        edges = np.zeros_like(graph.A[k], dtype=bool)
        edges[v, w] = True
        draw_arrows(axes, pose, edges, _colour(theme, k), dashed=edges & graph.ties)
        labels[v] = f"A[{k}] {names[v]}: {fraction(graph.A[k, v, w])}"
        colours[v] = _colour(theme, k)
    write_labels(axes, theme, pose, labels, colours)
    _star(axes, graph, pose, theme)
    axes.set_title(f"what one joint takes: {names[w]}\n★ the centre: {names[graph.body.center]}", fontsize=10.5)


def partitions_text(graph: Graph) -> str:
    """Every partition as text: row v is the source, column w the target."""
    return "\n".join(
        f"A[{k}] {title}\n{matrix_text(A, graph.body.joints)}"
        for k, (title, A) in enumerate(zip(titles(graph), graph.A, strict=True))
    )
