"""A body on a figure's axes: bones, joints, names, and arrows from source joint to target joint."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.drawing.pose import Pose, standing
from stgcn_torch.drawing.style import Theme
from stgcn_torch.skeleton import Skeleton

MARKERS = {"left": "s", "right": "o", "middle": "D"}  # so that sides differ without colour too
GAP = 0.045  # between two labels in a column, in body heights
LETTER = 0.0185  # width of a letter of a label, in body heights
Edges = Bool[np.ndarray, "V V"]
Weights = Float[np.ndarray, "V V"]


def sides(body: Skeleton) -> list[str]:
    """Side of each joint: ``left`` or ``right`` (the person's own), or ``middle``."""
    left, right = ({pair[i] for pair in body.pairs} for i in (0, 1))
    return ["left" if v in left else "right" if v in right else "middle" for v in range(len(body.joints))]


def names_of(body: Skeleton) -> list[str]:
    """The joints' names in drawable characters."""
    return drawable(body.joints)[0]


def name_of(body: Skeleton) -> str:
    """The layout's name in drawable characters."""
    (name,), _ = drawable([body.name])
    return "layout" if name.endswith("(no font)") else name


def draw_body(axes: Axes, body: Skeleton, theme: Theme, *, size: float = 5, plain: bool = False) -> Pose:
    """Draw a standing body that faces the viewer: its left is on the viewer's right.

    Args:
        axes: Their limits are set to the body, and the frame is removed.
        body: The layout.
        theme: The colours.
        size: Size of a joint, in points.
        plain: Draw everything in the theme's muted colour, as a background.

    Returns:
        Positions of the joints in the axes' coordinates.
    """
    pose, side = standing(body), sides(body)
    for child, parent in body.bones:
        colour = theme.muted if plain else getattr(theme, side[child])
        axes.plot(*pose[[child, parent]].T, color=colour, linewidth=1 if plain else 2.2, zorder=1, gid="bone")
    for name, marker in MARKERS.items():
        at = pose[[v for v, joint_side in enumerate(side) if joint_side == name]]
        colour = theme.muted if plain else getattr(theme, name)
        axes.plot(*at.T, marker, color=colour, markersize=size, zorder=2, gid="joints")
    axes.set_aspect("equal")
    axes.set_axis_off()
    low, high = pose.min(axis=0), pose.max(axis=0)
    axes.set(xlim=(low[0] - 0.06, high[0] + 0.06), ylim=(low[1] - 0.06, high[1] + 0.06))
    return pose


def side_legend(theme: Theme) -> list[Line2D]:
    """Legend entries for the sides."""
    words = {"left": "left (the person's own)", "right": "right", "middle": "middle"}
    return [
        Line2D([], [], color=getattr(theme, side), marker=marker, linewidth=2.2, label=words[side])
        for side, marker in MARKERS.items()
    ]


def write_labels(
    axes: Axes, theme: Theme, pose: Pose, labels: Mapping[int, str], colours: Mapping[int, str] | None = None
) -> None:
    """Write labels of joints in two columns beside the body, each with a leader line to its joint.

    Args:
        axes: The axes of ``draw_body``; their limits grow to hold the columns.
        theme: The colours.
        pose: The result of ``draw_body``.
        labels: Labels of some joints or of all.
        colours: Colours of some labels; other labels have the colour of text.
    """
    middle = pose[:, 0].mean()
    offset = pose[:, 0] - middle
    reach = np.abs(offset).max() + 0.1
    columns: dict[int, list[int]] = {sign: [v for v in labels if sign * offset[v] > 1e-9] for sign in (1, -1)}
    for v in sorted(set(labels) - {*columns[1], *columns[-1]}, key=lambda v: -pose[v, 1]):
        columns[min(columns, key=lambda sign: len(columns[sign]))].append(v)
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for sign, column in columns.items():
        order = sorted(column, key=lambda v: (-pose[v, 1], -abs(offset[v])))
        for v, y in zip(order, spread(pose[order, 1]), strict=True):
            x, elbow = middle + sign * reach, middle + sign * (reach - 0.03)
            axes.plot([pose[v, 0], elbow, x], [pose[v, 1], y, y], color=theme.muted, linewidth=0.7, zorder=0)
            axes.text(
                x + sign * 0.01, y, labels[v], ha="left" if sign > 0 else "right", va="center", fontsize=9,
                color=(colours or {}).get(v, theme.text), gid="label",
            )  # fmt: skip
            end = x + sign * (0.01 + LETTER * len(labels[v]))
            low, high, bottom, top = min(low, end), max(high, end), min(bottom, y - GAP), max(top, y + GAP)
    axes.set(xlim=(low, high), ylim=(bottom, top))


def spread(heights: Sequence[float] | np.ndarray) -> np.ndarray:
    """The heights nearest to the given ones, from top to bottom, with ``GAP`` between neighbours (least squares)."""
    steps = np.arange(len(heights)) * GAP
    blocks: list[list[float]] = []  # pool adjacent violators: sum and count of heights in a common block
    for height in np.asarray(heights) + steps:
        blocks.append([float(height), 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] < blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    result: np.ndarray = np.array([total / count for total, count in blocks for _ in range(int(count))])
    result -= steps
    return result


def draw_arrows(
    axes: Axes,
    pose: Pose,
    edges: Edges,
    colours: Mapping[tuple[int, int], str] | str,
    *,
    widths: Weights | None = None,
    dashed: Edges | None = None,
) -> None:
    """Draw an arrow from v to w for each ``edges[v, w]``, and a ring around v for each ``edges[v, v]``.

    Args:
        axes: The axes of ``draw_body``.
        pose: The result of ``draw_body``.
        edges: True for the pairs to draw.
        colours: One colour, or one for each pair.
        widths: Width of each arrow and ring, in points; None for 1.4.
        dashed: True for dashed arrows.
    """
    for v, w in np.argwhere(edges).tolist():
        colour = colours if isinstance(colours, str) else colours[v, w]
        width = 1.4 if widths is None else float(widths[v, w])
        if v == w:
            axes.plot(
                *pose[v], "o", markersize=9, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=width,
                zorder=4, gid="ring",
            )  # fmt: skip
            continue
        # Curved, so that the two directions along a bone lie apart, and an edge over several bones does not hide.
        axes.add_patch(
            FancyArrowPatch(
                tuple(pose[v]), tuple(pose[w]), connectionstyle="arc3,rad=0.16", arrowstyle="-|>", mutation_scale=8,
                shrinkA=3, shrinkB=3, color=colour, linewidth=width, zorder=3, gid="arrow",
                linestyle=(0, (2.2, 1.4)) if dashed is not None and dashed[v, w] else "solid",
            )
        )  # fmt: skip
