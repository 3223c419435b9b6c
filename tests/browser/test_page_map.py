"""The page's numbers, its heat map and its time axis, in a real browser: what was computed, when it says."""

import re
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.browser.reading import COLUMN, DARKNESS, PICTURE, alone, frame_of, places, scrub, terms, wait
from tests.explained import CLASSES, explanation, names

PIXEL = 1.0  # how far a drawn edge may be from where it belongs
SUM = 1e-5  # of a map's mean and the bias, against the logit; measured: 0 here, 3.8e-7 for a trained network


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("T", [59, 350])
def test_the_cursor_stands_in_the_column_of_the_frame(show: Open, size: dict[str, int], T: int) -> None:
    page = show(explanation(T), size)
    for frame in (0, 1, T // 3, T - 1):
        scrub(page, frame)
        x, width = page.evaluate(COLUMN)
        assert frame_of(page) == frame
        assert x == pytest.approx((frame + 0.5) / T * width, abs=PIXEL)


@pytest.mark.parametrize(("stride", "u"), [(1, 20), (4, 0), (4, 5), (4, 14), (5, 3)])
def test_a_feature_is_drawn_around_its_frame(show: Open, stride: int, u: int) -> None:
    """Half a stride to either side of frame u * stride; the last one up to the end, where none is nearer."""
    T, v, last = 60, 3, -(-60 // stride) - 1
    maps = np.zeros((5, 1, last + 1, 25), np.float32)
    maps[:, 0, u, v] = 1
    page = alone(show(explanation(T, stride=stride, activation=maps)))
    dark = np.array(page.evaluate(DARKNESS, 18 * v + 3))
    marked = np.flatnonzero(dark > dark.min() + 100)
    first, after = max((u - 0.5) * stride + 0.5, 0), T if u == last else (u + 0.5) * stride + 0.5
    assert marked[0] == pytest.approx(first / T * len(dark), abs=PIXEL)
    assert marked[-1] + 1 == pytest.approx(after / T * len(dark), abs=PIXEL)
    scrub(page, u * stride)
    page.locator("#map").focus()
    for _ in range(v):
        page.keyboard.press("ArrowDown")
    assert page.locator("#cell").inner_text().endswith("+1.00")


def test_a_frame_has_the_value_of_the_nearest_feature(show: Open) -> None:
    """Of two as near, that of the later one, whose cell begins in the middle of that frame."""
    maps = np.zeros((5, 1, 15, 25), np.float32)
    maps[..., 0] = np.arange(15)
    page = alone(show(explanation(T=60, activation=maps)))
    for frame, u in [(1, 0), (2, 1), (5, 1), (6, 2), (57, 14), (59, 14)]:
        scrub(page, frame)
        assert float(page.locator("#cell").inner_text().split(": ")[1]) == u


def test_ticks_stand_under_their_frames(show: Open) -> None:
    page = show(explanation(T=350))
    box = page.locator("#cells").bounding_box()
    ticks = [tick for tick in page.locator("#axis span").all() if tick.inner_text().isdigit()]
    assert len(ticks) > 4
    for tick in ticks:
        there = tick.bounding_box()
        assert there["x"] + there["width"] / 2 - box["x"] == pytest.approx(
            (int(tick.inner_text()) + 0.5) / 350 * box["width"], abs=PIXEL
        )


def test_pointing_at_the_map_moves_to_that_frame_and_joint(show: Open) -> None:
    page = show(explanation())
    width = page.locator("#cells").bounding_box()["width"]
    page.locator("#cells").hover(position={"x": width * 40.5 / 60, "y": 18 * 2.5})
    assert frame_of(page) == 40
    assert page.locator("#cell").inner_text().startswith("RShoulder, frame 40")
    assert page.locator("#tip").inner_text().startswith("RShoulder")


def test_pointing_while_it_plays_says_what_is_there_and_a_click_moves_there(show: Open) -> None:
    page = show(explanation(T=350))
    page.locator("#play").click()
    page.locator("#cells").scroll_into_view_if_needed()
    width = page.locator("#cells").bounding_box()["width"]
    page.locator("#cells").hover(position={"x": width * 300.5 / 350, "y": 18 * 4.5})
    page.wait_for_timeout(100)
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    assert page.locator("#tip").inner_text().startswith("RWrist\nframe 300\n")
    assert int(page.locator("#frame").input_value()) < 200
    page.locator("#cells").click(position={"x": width * 300.5 / 350, "y": 18 * 4.5})
    assert page.locator("#play").get_attribute("aria-pressed") == "false"
    assert frame_of(page) == 300


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE], ids=["desktop", "phone"])
def test_the_body_is_seen_beside_the_map(show: Open, size: dict[str, int]) -> None:
    """Whatever part of the map is looked at: the body is in the viewport as a whole, and moves with the cursor."""
    page = show(explanation(), size)
    for v in (0, 12, 24):
        page.locator("#names span").nth(v).evaluate("name => name.scrollIntoView({block: 'center'})")
        body, name = page.locator("#beside").bounding_box(), page.locator("#names span").nth(v).bounding_box()
        for box in (body, name):
            assert 0 <= box["y"]
            assert box["y"] + box["height"] <= size["height"]
    before = places(page, "beside")
    scrub(page, 20)
    np.testing.assert_array_equal(places(page, "beside"), places(page))
    assert np.abs(places(page, "beside") - before).max() > 1


def test_a_cell_s_line_tells_what_its_moment_and_its_joint_add(show: Open) -> None:
    made = explanation(M=2)
    page = show(made)
    scrub(page, 20)
    maps = (made.activation[0] - made.activation[1]) / made.activation[0].size
    told = page.locator("#cell-parts").inner_text().replace("\N{MINUS SIGN}", "-")
    moment, joint = (float(part) for part in re.findall(r"[+-]?\d\.\d+", told))
    assert moment == pytest.approx(maps[0, 5].sum(), abs=6e-4)  # three digits are told
    assert joint == pytest.approx(maps[0, :, 0].sum(), abs=6e-4)


def test_what_a_cell_has_been_told_of_is_said(show: Open) -> None:
    """Of moments and of joints: from toe to toe there are ten bones, and four blocks lead over one each."""
    page = show(explanation(ahead=10))
    assert "has seen 9 frames before and 10 after its centre" in page.locator("#sight").inner_text()
    assert re.search(r"after all 4 blocks it has been told of \d+ to \d+ of the 25 joints", page.content())
    page = show(explanation(importance=np.ones((10, 3, 25, 25))))
    assert "after all 10 blocks it has been told of every joint" in page.locator("#sight").inner_text()
    page = show(explanation(importance=np.ones((12, 3, 25, 25))))
    assert re.search(r"after 10 of the 12 blocks it has been told of every joint", page.locator("#sight").inner_text())


def test_a_tap_on_the_map_does_too(show: Open) -> None:
    page = show(explanation(), PHONE, has_touch=True, is_mobile=True)
    width = page.locator("#cells").bounding_box()["width"]
    page.locator("#cells").tap(position={"x": width * 20.5 / 60, "y": 18 * 4.5})
    assert frame_of(page) == 20
    assert page.locator("#cell").inner_text().startswith("RWrist, frame 20")


def test_another_class_has_its_own_map_and_sum(show: Open) -> None:
    made = explanation()
    page = show(made)
    before, map_before = terms(page), page.evaluate(PICTURE)
    page.locator(".answer").nth(1).click()
    assert terms(page) != before
    assert page.evaluate(PICTURE) != map_before
    assert page.locator('.answer[aria-pressed="true"] .name').all_inner_texts() == [CLASSES[made.shown[1]]]


def test_the_mean_of_the_map_and_the_bias_make_the_logit(show: Open) -> None:
    """As the page computes it, for every class."""
    made = explanation(T=350, M=2)
    page = alone(show(made))
    for s, k in enumerate(made.shown):
        page.keyboard.press(str(s + 1))
        mean, bias, logit, probability = terms(page)
        assert mean + bias == pytest.approx(logit, abs=SUM)
        assert [bias, logit, probability] == [made.bias[k], made.logits[k], made.probabilities[k]]


def test_what_two_classes_differ_in_adds_up_to_the_difference_of_their_logits(show: Open) -> None:
    """As the page computes it, for every class against every other; the strongest other one unless asked."""
    made = explanation(T=350, M=2)
    page, logits, bias = show(made), made.logits[made.shown], made.bias[made.shown]
    for s in range(5):
        page.keyboard.press(str(s + 1))
        strongest = 1 if s == 0 else 0
        for other in (strongest, *({0, 1, 2, 3, 4} - {s, strongest})):
            page.locator("#against").select_option("strongest" if other == strongest else str(other))
            told, (mean, biases, difference, times) = page.locator("#asked").inner_text(), terms(page)
            assert told == f"What speaks for {names(made)[s]} rather than {names(made)[other]}"
            assert mean == pytest.approx((made.activation[s] - made.activation[other]).mean(dtype=float), abs=SUM)
            assert mean + biases == pytest.approx(difference, abs=SUM)
            assert [biases, difference] == [bias[s] - bias[other], logits[s] - logits[other]]
            assert times == pytest.approx(made.probabilities[made.shown[s]] / made.probabilities[made.shown[other]])
        page.locator("#against").select_option("strongest")


def test_the_runner_up_is_compared_with_the_top_class_and_a_lone_class_with_none(show: Open) -> None:
    made = explanation()
    page = show(made)
    chosen = page.locator("#against option:checked")
    assert chosen.inner_text() == f"the runner-up, {names(made)[1]}"
    page.locator(".answer").nth(1).click()
    assert chosen.inner_text() == f"the top class, {names(made)[0]}"
    assert page.locator("#counts").is_hidden()
    page = show(explanation(logits=np.array([800.0, 1, 0, 0, 0, 0]), shown=5))
    assert "more than \N{MULTIPLICATION SIGN} 1000" in page.locator("#sum").inner_text()
    page = show(explanation(shown=1))
    assert page.locator("#against option").all_inner_texts() == ["no other"]
    assert page.locator("#counts").is_visible()


def test_padding_is_marked_and_not_played(show: Open) -> None:
    page = show(explanation(live=20))
    assert "padding" in page.locator("#axis").inner_text()
    scrub(page, 30)
    assert "padding" in page.locator("#moment").inner_text()
    assert page.locator("#seen text").text_content() == "padding: nobody"
    assert "moments of padding" in page.locator("#parts").inner_text()
    page.locator("#speed").select_option(value="2")
    page.locator("#play").click()
    wait(page, lambda frame: frame >= 15)
    wait(page, lambda frame: frame < 10)  # and from the start again


def test_every_person_has_a_map(show: Open) -> None:
    page = show(explanation(M=2))
    assert len(places(page)) == 50
    before = page.evaluate(PICTURE)
    page.locator("#person").select_option(index=1)
    assert page.evaluate(PICTURE) != before
    assert page.locator("#whose").inner_text() == "Here of person 1."


def test_joints_are_ordered_by_either_opinion(show: Open) -> None:
    made = explanation()
    page = show(made)
    for order, values in (
        ("occlusion", made.occlusion[0, 0] - made.occlusion[1, 0]),
        ("activation", (made.activation[0, 0] - made.activation[1, 0]).mean(axis=0)),
        ("body", -np.arange(25)),
    ):
        page.locator("#order").select_option(order)
        assert page.locator("#joints th").all_inner_texts() == [made.body.joints[v] for v in np.argsort(-values)]


def test_edges_follow_block_and_partition(show: Open) -> None:
    made = explanation()
    page = show(made)
    for block, partition in ((0, 1), (3, 2)):
        page.locator("#block").select_option(index=block)
        page.locator("#partition").select_option(index=partition + 1)  # behind all
        assert page.locator("#graph [data-edge]").count() == np.count_nonzero(made.A[partition])
        factors = np.where(made.A != 0, made.importance[block], 1)
        k, v, w = np.unravel_index(np.abs(factors - 1).argmax(), factors.shape)
        first = page.locator("#changed li").first.inner_text()
        assert f"{factors[k, v, w]:.2f}" in first
        assert ("itself", "from further out", "from nearer the centre")[k] in first
        assert made.body.joints[v] in first
    options = page.locator("#partition option").all_inner_texts()
    assert options == ["all", "itself", "from further out", "from nearer the centre"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colours_differ_from_the_middle_in_grey(show: Open, scheme: str) -> None:
    """By the contrast that large text must have, 3 : 1 (WCAG 2.2), and the two differ by their shapes."""
    page = show(explanation(), color_scheme=scheme)

    def luminance(name: str) -> Any:
        text = page.evaluate("name => getComputedStyle(document.documentElement).getPropertyValue(name)", name)
        rgb = np.array([int(part, 16) for part in re.findall("[0-9a-f]{2}", text)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for name in ("--for", "--against"):
        high, low = sorted((luminance(name), luminance("--mid")), reverse=True)
        assert (high + 0.05) / (low + 0.05) > 3
