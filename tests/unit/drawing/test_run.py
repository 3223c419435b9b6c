"""stgcn_torch/drawing/run.py."""

from dataclasses import replace

import numpy as np
import pytest

from stgcn_torch.drawing.report import wilson_interval
from stgcn_torch.drawing.run import (
    Answers,
    History,
    Results,
    accuracy_figure,
    confused_figure,
    history_figure,
    matrix_figure,
    worst_cells,
)
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.skeleton import LAYOUTS

LIGHT = THEMES["light"]
CONFUSION = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 8]])
RESULTS = Results("test", ["Axel", "Lutz", "Salchow"], CONFUSION)


def answers(probabilities: list[list[float]], labels: list[int]) -> Answers:
    """Clips 0, 2, 4, ... of an array; in clip n a person stands n to the right."""
    rng = np.random.default_rng(0)
    clips = np.repeat(rng.normal(size=(1, 2, 6, 17, 1)), 2 * len(labels), axis=0)
    clips += np.arange(2 * len(labels))[:, None, None, None, None]
    numbers = np.arange(0, 2 * len(labels), 2)
    names = ["Axel", "Lutz", "Salchow"]
    return Answers(clips, numbers, np.array(labels), np.array(probabilities), names, ("x", "y"), LAYOUTS["h36m"])


ANSWERS = answers(
    [[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.1, 0.7, 0.2], [0.0, 0.1, 0.9], [0.6, 0.0, 0.4], [0.2, 0.8, 0.0]],
    [0, 0, 0, 2, 2, 1],
)


@pytest.mark.parametrize("seed", range(5))
def test_the_worst_cells_are_the_largest_off_the_diagonal(seed: int) -> None:
    confusion = np.random.default_rng(seed).integers(0, 50, (7, 7))
    cells = worst_cells(confusion, 5)
    off = sorted((confusion[i, j] for i in range(7) for j in range(7) if i != j), reverse=True)
    assert [confusion[cell] for cell in cells] == off[:5]
    assert all(i != j for i, j in cells)


def test_empty_cells_are_not_bad() -> None:
    assert worst_cells(CONFUSION) == [(2, 0), (0, 1)]
    assert worst_cells(np.diag([3, 4])) == []


def test_answers_count_what_was_taken_for_what() -> None:
    assert ANSWERS.confusion.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]


def test_the_surest_wrong_answer_stands_for_its_cell() -> None:
    assert ANSWERS.surest(0, 1) == 2
    assert ANSWERS.surest(2, 0) == 4


def test_confused_clips_are_shown_with_both_classes_and_their_probabilities() -> None:
    """The clips of the array, by their numbers in it."""
    figure = confused_figure(ANSWERS, LIGHT)
    first, second = figure.subfigs
    assert first.get_suptitle() == "Axel, taken for Lutz with 0.70 (its own class: 0.10); so were 2 of 3; clip 4"
    assert second.get_suptitle() == "Salchow, taken for Axel with 0.60 (its own class: 0.40); so were 1 of 2; clip 8"
    for part, number in ((first, 4), (second, 8)):
        shown = np.concatenate([line.get_xdata() for line in part.axes[0].lines])
        assert np.nanmean(shown) == pytest.approx(number, abs=1)


def test_the_legend_of_confused_clips_is_of_all_of_them() -> None:
    """One clip shows two people, the other one shows one."""
    pair = np.concatenate([ANSWERS.clips, ANSWERS.clips + 1], axis=-1)
    pair[8, ..., 1] = 0
    (legend,) = confused_figure(replace(ANSWERS, clips=pair), LIGHT).legends
    assert [text.get_text() for text in legend.get_texts()] == ["person 0", "person 1", "left", "right"]


def test_a_network_without_faults_confuses_nothing() -> None:
    figure = confused_figure(answers([[1.0, 0.0, 0.0]], [0]), LIGHT)
    assert [text.get_text() for text in figure.texts] == ["no clip was taken for another class"]


def test_accuracy_is_sorted_and_has_its_interval_and_count() -> None:
    """A class without clips is left out."""
    (axes,) = accuracy_figure(RESULTS, LIGHT).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Salchow", "Axel"]
    assert [bar.get_width() for bar in axes.patches] == [0.8, 0.75]
    assert [text.get_text() for text in axes.texts] == ["8 of 10", "3 of 4"]
    bounds = [segment[:, 0] for container in axes.containers[1::2] for segment in container[2][0].get_segments()]
    np.testing.assert_allclose(bounds, [wilson_interval(8, 10), wilson_interval(3, 4)])
    assert axes.yaxis_inverted()


def test_the_matrix_is_the_reports_in_the_colours_of_the_theme() -> None:
    for theme in THEMES.values():
        with theme.worn():
            figure = matrix_figure(RESULTS, theme)
        image = figure.axes[0].images[0]
        assert image.to_rgba(0.0)[:3] == pytest.approx([int(theme.background[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        assert figure.axes[0].get_title() == "11 of 14 correct"


def test_curves_show_every_epoch() -> None:
    rows = [{"epoch": float(i), "lr": 0.1, "train/loss": 2.0 - i} for i in range(3)]
    loss = history_figure(History(rows), LIGHT).axes[0]
    np.testing.assert_array_equal(loss.lines[0].get_xydata(), [[1, 2], [2, 1], [3, 0]])


def test_results_are_those_of_the_report() -> None:
    content = {"split": "val", "classes": {"a": {}, "b": {}}, "confusion": [[1, 2], [0, 4]], "top1": 5 / 7}
    results = Results.of(content)
    assert (results.split, results.classes, results.confusion.tolist()) == ("val", ["a", "b"], [[1, 2], [0, 4]])
