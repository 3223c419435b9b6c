"""The page shows the measurements with readable names, even if some are missing."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from stgcn_torch.data.check.figure import MOST, page
from stgcn_torch.data.check.survey import Survey
from tests.walkers import BODY, T, survey_of


def drawn(survey: Survey) -> Figure:
    figure = page(survey, survey.classes, ["sans-serif"])
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    return figure


def ticks(figure: Figure, panel: int) -> list[str]:
    return [label.get_text() for label in figure.axes[panel].get_yticklabels()]


def test_bars_are_the_numbers() -> None:
    def cut(clips: np.ndarray) -> None:
        clips[3, :2, 20:T] += 2
        clips[:, :, 9:13, 5] = 0

    figure = drawn(survey_of(cut))
    frames, classes, steps, missing = figure.axes
    assert ticks(figure, 1) == list("abcd")
    assert [bar.get_width() for bar in classes.patches] == [5] * 4 + [2] * 4
    assert ticks(figure, 3) == list(BODY.joints)
    assert [bar.get_width() for bar in missing.patches][5] == pytest.approx(20 * 4 / (28 * T))
    assert sum(bar.get_height() for bar in frames.patches if hasattr(bar, "get_height")) > 0
    assert steps.get_legend().get_texts()[0].get_text() == "train.npy[3]"  # the clip that jumps comes first


def test_a_clean_set_says_so() -> None:
    assert drawn(survey_of()).axes[3].texts[0].get_text() == "no joint is ever missing"


def test_a_set_of_empty_clips_is_drawn() -> None:
    def emptied(clips: np.ndarray) -> None:
        clips[:] = 0

    assert len(drawn(survey_of(emptied, test=emptied)).axes) == 4


def test_class_names_are_thinned_out_to_those_that_fit() -> None:
    survey = survey_of()
    names = [f"class {i}" for i in range(3 * MOST)]
    many = Survey(survey.parts, survey.rows, survey.body, survey.preprocessing, names)
    assert ticks(drawn(many), 1) == names[::3]
