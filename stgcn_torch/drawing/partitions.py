"""The partitions of a graph, on the body and as matrices: whom each joint takes from, and in which subset."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stgcn_torch.drawing.body import draw_arrows, draw_body, names_of
from stgcn_torch.drawing.graph import Graph
from stgcn_torch.drawing.matrix import draw_matrix, matrix_text
from stgcn_torch.drawing.style import Theme
from stgcn_torch.graph import hop_distance

COLUMNS = 4  # panels beside each other
HOW_TO_READ = """\
How to read it

An arrow runs from the joint
that gives to the joint that
takes; a ring is what a joint
keeps of itself.

In the matrix the row gives
and the column takes, in the
same colour. All matrices
together are the normalised
adjacency: a column sums to 1.

Each subset has weights of
its own, so the network can
treat what comes from the
limb and what comes from
the trunk differently."""


def titles(graph: Graph) -> list[str]:
    """What each partition is, in a few words."""
    hops = list(range(0, graph.max_hop + 1, graph.dilation))
    if graph.strategy == "uniform":
        return ["all neighbours alike"]
    if graph.strategy == "distance":
        return ["itself" if hop == 0 else f"{hop} bone{'s' * (hop > 1)} away" for hop in hops]
    found = []
    for hop in hops:
        away = f", {hop} bones away" if hop > 1 else ""
        found += (
            [f"centripetal{away}: towards the centre", f"centrifugal{away}: away from the centre"]
            if hop
            else ["root: itself"]
        )
    return found


def partitions_figure(graph: Graph, theme: Theme) -> Figure:
    """Every partition as arrows on the body and as a matrix; dashed where two joints tie and neither is nearer."""
    K = len(graph.A)
    colours = [theme.categories[(k - 1) % 6] if k else theme.middle for k in range(K)]
    ties = graph.ties if graph.strategy.startswith("spatial") else np.zeros_like(graph.A[0], dtype=bool)
    bands = -(-(K + 1) // COLUMNS)
    columns = min(K + 1, COLUMNS)
    figure = Figure(figsize=(3.5 * columns, 9.6 * bands), layout="constrained")
    grid = figure.subplots(2 * bands, columns, squeeze=False, height_ratios=[1.75, 1] * bands)
    for axes in grid.flat:
        axes.set_axis_off()
    places = [(grid[2 * (i // COLUMNS), i % COLUMNS], grid[2 * (i // COLUMNS) + 1, i % COLUMNS]) for i in range(K + 1)]
    _example(places[0][0], graph, theme, colours)
    places[0][1].text(0.02, 0.98, HOW_TO_READ, va="top", fontsize=9.5, transform=places[0][1].transAxes)
    names = names_of(graph.body)
    for k, (top, bottom) in enumerate(places[1:]):
        pose = draw_body(top, graph.body, theme, size=4, plain=True)
        edges = graph.A[k] != 0
        dashed = edges & ties & ~np.eye(len(edges), dtype=bool)
        draw_arrows(top, pose, edges, colours[k], dashed=dashed)
        _centre(top, graph, pose, theme)
        count = f"{edges.sum()} weights" + (f", {dashed.sum()} of them ties (dashed)" if dashed.any() else "")
        top.set_title(f"A[{k}]  {titles(graph)[k]}\n{count}", fontsize=10.5, color=colours[k])
        bottom.set_axis_on()
        draw_matrix(
            bottom, np.where(edges, graph.A[k], np.nan), names, theme.fade(colours[k]),
            limits=(-0.3, max(float(graph.A.max()), 1e-9)), rows=k == 0, size=6,
        )  # fmt: skip
        bottom.plot(*np.argwhere(dashed).T[::-1], "o", color=theme.background, markersize=1.6, gid="tie")
    return figure


def _centre(axes: Axes, graph: Graph, pose: np.ndarray, theme: Theme) -> None:
    axes.plot(*pose[graph.body.center], "*", color=theme.text, markersize=8, zorder=5, gid="centre")


def example(graph: Graph) -> int:
    """The joint to explain partitions with: it takes from as few others as tell the most subsets."""
    off = graph.A * (1 - np.eye(graph.A.shape[1]))
    subsets, others = (off != 0).any(axis=1).sum(axis=0), (off != 0).any(axis=0).sum(axis=0)
    far = hop_distance(len(others), graph.body.bones)[:, graph.body.center]
    return int(np.lexsort((-far, others, -subsets))[0])


def _example(axes: Axes, graph: Graph, theme: Theme, colours: Sequence[str]) -> None:
    w, names = example(graph), names_of(graph.body)
    pose = draw_body(axes, graph.body, theme, size=4, plain=True)
    for k, A in enumerate(graph.A):
        edges = np.zeros_like(A, dtype=bool)
        edges[:, w] = A[:, w] != 0
        draw_arrows(axes, pose, edges, colours[k])
    _centre(axes, graph, pose, theme)
    axes.set_title(f"one joint: what {names[w]} takes\n(★ the centre, {names[graph.body.center]})", fontsize=10.5)
    handles = [
        Line2D([], [], color=colours[k], marker=">" if v != w else "o", label=f"A[{k}]: from {names[v]}")
        for k, v in np.argwhere(graph.A[:, :, w]).tolist()
    ]
    axes.legend(handles=handles, loc="upper left", fontsize=8.5, bbox_to_anchor=(-0.05, 0.62))


def partitions_text(graph: Graph) -> str:
    """Every partition as text: row v gives, column w takes."""
    return "\n".join(
        f"A[{k}] {title}\n{matrix_text(A, graph.body.joints)}"
        for k, (title, A) in enumerate(zip(titles(graph), graph.A, strict=True))
    )
