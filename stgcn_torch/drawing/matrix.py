"""Matrices over joints: as pictures and as text, with the joints' names on both axes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_rgb
from matplotlib.image import AxesImage

Matrix = Float[np.ndarray, "V V"]


def draw_matrix(
    axes: Axes,
    values: Matrix,
    names: Sequence[str],
    cmap: str | Colormap,
    *,
    limits: tuple[float, float],
    number: Callable[[float], str] | None = None,
    rows: bool = True,
    columns: bool = True,
    size: float = 6.5,
) -> AxesImage:
    """Draw a matrix with source joints in rows and target joints in columns.

    Args:
        axes: Axes to draw on.
        values: The matrix; cells that are not finite stay empty.
        names: Names of the joints.
        cmap: Colour map.
        limits: Values at both ends of the colour map.
        number: Text of a cell; None for empty cells.
        rows: Whether to write names beside rows.
        columns: Whether to write names below columns.
        size: Font size, in points.
    """
    image = axes.imshow(np.ma.masked_invalid(values), cmap=cmap, vmin=limits[0], vmax=limits[1])
    ticks = range(len(names))
    axes.set_xticks(ticks, names if columns else [], fontsize=size, rotation=90)
    axes.set_yticks(ticks, names if rows else [], fontsize=size)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)
    if number is not None:
        for (v, w), value in np.ndenumerate(values):
            if text := number(float(value)):
                colour = contrast(image.to_rgba(value)) if np.isfinite(value) else None
                style: dict[str, Any] = {"color": colour} if colour else {}
                axes.text(w, v, text, ha="center", va="center", fontsize=size, gid="number", **style)
    return image


def contrast(colour: Any) -> str:
    """Black or white, whichever is readable on a colour."""
    red, green, blue = to_rgb(colour)
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"


def matrix_text(values: Matrix, names: Sequence[str]) -> str:
    """A matrix in aligned columns: row v is the source, column w the target; nine digits represent every float32.

    Spaces in names become underscores, so that spaces separate columns.
    """
    words = ["_".join(name.split()) for name in names]
    cells = [[f"{value:.9g}" for value in row] for row in values]
    width = max(len(cell) for row in [words, *cells] for cell in row)
    first = max(map(len, words))
    lines = [" " * first + "".join(f" {word:>{width}}" for word in words)]
    lines += [
        f"{word:<{first}}" + "".join(f" {cell:>{width}}" for cell in row)
        for word, row in zip(words, cells, strict=True)
    ]
    return "\n".join(lines) + "\n"
