"""The bodies that the page draws, in a real browser: upright, whole, and moved by the player alone."""

import numpy as np
import pytest

from stgcn_torch.drawing.pose import standing
from stgcn_torch.skeleton import LAYOUTS
from tests.browser.conftest import Open
from tests.browser.reading import alone, frame_of, places, scrub, wait
from tests.explained import SCALE, explanation, names, people


def test_play_moves_the_body_and_pause_stops_it(show: Open) -> None:
    page = show(explanation())
    before = places(page)
    page.locator("#play").click()
    wait(page, lambda frame: frame > 3)
    page.locator("#play").click()
    stopped = frame_of(page)
    assert np.abs(places(page) - before).max() > 1
    page.wait_for_timeout(150)
    assert frame_of(page) == stopped


def test_nothing_moves_by_itself(show: Open) -> None:
    page = show(explanation())
    page.wait_for_timeout(200)
    assert frame_of(page) == 0
    assert page.locator("#play").get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("D", [2, 3])
def test_every_joint_lies_in_the_picture_in_every_frame(show: Open, D: int) -> None:
    """Also one far off, which is said."""
    raw = people(LAYOUTS["fsd10"], 40, 2, D)
    raw[:2, 12, 4, 1] = -30 * SCALE
    page = show(explanation(T=40, M=2, D=D, raw=raw))
    for frame in range(40):
        scrub(page, frame)
        for stage in ("seen", "raw"):
            found = places(page, stage)
            assert (found > 10).all()
            assert (found < 400 - 10).all()
        assert ("1 beyond the picture" in page.locator("#raw-note").inner_text()) == (frame == 12)


@pytest.mark.parametrize("D", [2, 3])
@pytest.mark.parametrize("stage", ["seen", "raw"])
def test_a_body_stands_and_is_not_mirrored(show: Open, D: int, stage: str) -> None:
    """Its joints lie as on the person who faces the viewer: y was down in the clip, and z away from the viewer."""
    body = LAYOUTS["fsd10"]
    found = places(show(explanation(D=D)), stage)
    pose = standing(body) * [1, -1]  # y is down on a screen
    found, pose = (points - points.mean(axis=0) for points in (found, pose))
    assert np.corrcoef(found.ravel(), pose.ravel())[0, 1] > 0.999
    assert found[body.index("LWrist"), 0] > found[body.index("RWrist"), 0]
    assert found[body.index("Nose"), 1] < found[body.index("LHeel"), 1]


def test_a_body_in_space_turns_about_the_vertical(show: Open) -> None:
    page = show(explanation(D=3))
    before = places(page)
    page.locator('[data-turn="15"]').click()
    after = places(page)
    np.testing.assert_allclose(after[:, 1], before[:, 1], atol=1e-6)
    assert np.abs(after[:, 0] - before[:, 0]).max() > 3
    for _ in range(23):
        page.locator('[data-turn="15"]').click()
    np.testing.assert_allclose(places(page), before, atol=1e-6)


def test_a_flat_body_has_no_buttons_to_turn_it(show: Open) -> None:
    assert show(explanation()).locator("#turn").is_hidden()


def test_undetected_joints_are_not_drawn(show: Open) -> None:
    raw = people(LAYOUTS["fsd10"], 60, 1, 2)
    raw[:, 5, 7] = 0
    made = explanation(raw=raw)
    made.clip[:, 5, 7] = 0
    page = show(made)
    for frame, missing in ((4, []), (5, [7])):
        scrub(page, frame)
        for stage in ("seen", "raw"):
            assert np.flatnonzero(np.isnan(places(page, stage)[:, 0])).tolist() == missing


def test_a_joint_is_filled_where_it_speaks_for_the_class_and_hollow_where_for_the_other(show: Open) -> None:
    made = explanation(stride=1)
    page = show(made)
    scrub(page, 9)
    marked = "[...document.querySelectorAll('#seen .joint')].map(e => e.classList.contains('hollow'))"
    assert page.evaluate(marked) == (made.activation[0, 0, 9] < made.activation[1, 0, 9]).tolist()
    assert page.locator("#filled").inner_text() == "filled: speaks for {} rather than {}".format(*names(made))
    assert page.locator("#hollow").inner_text() == "hollow: for {1} rather than {0}".format(*names(made))
    alone(page)
    assert page.evaluate(marked) == (made.activation[0, 0, 9] < 0).tolist()
    assert page.locator("#filled").inner_text() == f"filled: adds to the logit of {names(made)[0]}"
    assert page.locator("#hollow").inner_text() == "hollow: takes from it"
