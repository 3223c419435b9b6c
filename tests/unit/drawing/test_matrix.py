"""stgcn_torch/drawing/matrix.py."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from stgcn_torch.drawing.matrix import contrast, draw_matrix, matrix_text

NAMES = ["Nose", "left knee", "右踝"]
VALUES = np.array([[1, 0, np.nan], [1 / 3, 0.25, 0], [np.inf, 0, 1e-7]])


def test_names_stand_on_both_axes_and_numbers_in_the_cells_they_are_of() -> None:
    axes = Figure().subplots()
    image = draw_matrix(axes, VALUES, NAMES, "viridis", limits=(0, 1), number=str)
    assert [label.get_text() for label in axes.get_xticklabels()] == NAMES
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES
    written = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert written == {(v, w): str(float(value)) for (v, w), value in np.ndenumerate(VALUES)}
    np.testing.assert_array_equal(image.get_array().mask, ~np.isfinite(VALUES))


def test_names_can_be_left_out() -> None:
    axes = Figure().subplots()
    draw_matrix(axes, VALUES, NAMES, "viridis", limits=(0, 1), rows=False, columns=False)
    assert [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())] == [""] * 6
    assert not axes.texts


@pytest.mark.parametrize(("colour", "ink"), [("#ffff00", "#000000"), ("#000080", "#ffffff"), ("#ffffff", "#000000")])
def test_numbers_are_black_on_light_and_white_on_dark(colour: str, ink: str) -> None:
    assert contrast(colour) == ink


def test_text_is_aligned_and_holds_every_float32() -> None:
    values = np.random.default_rng(0).random((3, 3)).astype(np.float32)
    lines = matrix_text(values, NAMES).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == ["Nose", "left_knee", "右踝"]
    assert [line.split()[0] for line in lines[1:]] == lines[0].split()
    read = np.array([line.split()[1:] for line in lines[1:]], np.float32)
    np.testing.assert_array_equal(read, values)


def test_infinite_distances_are_text_too() -> None:
    assert matrix_text(np.array([[0, np.inf], [2, 0]]), "ab") == "    a   b\na   0 inf\nb   2   0\n"
