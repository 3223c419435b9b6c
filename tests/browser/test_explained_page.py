"""stgcn_torch/page in a real browser: what it shows is what was computed, at the moment that it says."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stgcn_torch.drawing.pose import standing
from stgcn_torch.skeleton import LAYOUTS, skeleton
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.explained import CLASSES, SCALE, explanation, people

if TYPE_CHECKING:
    from playwright.sync_api import Page

PIXEL = 1.0  # how far a drawn edge may be from where it belongs
SUM = 1e-5  # of a map's mean and the bias, against the logit; measured: 2e-9

PLACES = """id => [...document.querySelectorAll(`#${id} circle.joint`)].map(joint =>
    joint.style.display === "none" ? null : [Number(joint.getAttribute("cx")), Number(joint.getAttribute("cy"))])"""
COLUMN = """() => {
    const cursor = document.getElementById("cursor").getBoundingClientRect();
    const cells = document.getElementById("cells").getBoundingClientRect();
    return [cursor.left + cursor.width / 2 - cells.left, cells.width];
}"""
PICTURE = 'document.getElementById("cells").toDataURL()'
DARKNESS = """row => {
    const canvas = document.getElementById("cells");
    const pixels = canvas.getContext("2d").getImageData(0, row, canvas.width, 1).data;
    return Array.from({length: canvas.width}, (_, x) => 765 - pixels[4 * x] - pixels[4 * x + 1] - pixels[4 * x + 2]);
}"""
TEXTS = """() => {
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const within = walker.currentNode.parentElement;
        if (within.closest("title, option, .unseen, .tip") || !walker.currentNode.data.trim()) continue;
        const clip = within.closest(".names span, .joints th")?.getBoundingClientRect();
        for (const box of range.getClientRects()) {
            const right = clip ? Math.min(box.right, clip.right) : box.right;
            found.push([walker.currentNode.data.trim(), box.left, box.top, right, box.bottom]);
        }
    }
    return found;
}"""


def scrub(page: "Page", frame: int) -> None:
    page.evaluate(
        """frame => {
            const slider = document.getElementById("frame");
            slider.value = frame;
            slider.dispatchEvent(new Event("input"));
        }""",
        frame,
    )


def wait(page: "Page", reached: Callable[[int], bool]) -> None:
    """Until the player has reached a frame; playwright's own waiting asks for more than the page's policy allows."""
    until = time.monotonic() + 5
    while not reached(int(page.locator("#frame").input_value())):
        assert time.monotonic() < until
        page.wait_for_timeout(10)


def frame_of(page: "Page") -> int:
    """The frame that the slider, the words beside it and the words under the map all name."""
    frame = int(page.locator("#frame").input_value())
    for place in ("#moment", "#cell", "#seen-note"):
        said = re.search(r"frame (\d+)", page.locator(place).inner_text())
        assert said is not None
        assert int(said[1]) == frame
    return frame


def places(page: "Page", stage: str = "seen") -> np.ndarray:
    """Where the joints are drawn: (joints of all people, 2), NaN where one is not."""
    found = page.evaluate(PLACES, stage)
    return np.array([[np.nan, np.nan] if place is None else place for place in found])


def terms(page: "Page") -> list[float]:
    """The sum: mean, bias, logit, probability."""
    return [float(term.get_attribute("data-value")) for term in page.locator("#sum dd").all()]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_network_and_without_a_complaint(show: Open, size: dict[str, int], scheme: str) -> None:
    page = show(explanation(), size, color_scheme=scheme)
    assert page.locator("h1").inner_text() == page.title() == "A clip of somebody who sways"
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in re.findall(r"\d+", paper)[:3]) > 384
    assert light == (scheme == "light")


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
    page = show(explanation(T, stride=stride, activation=maps))
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
    page = show(made)
    for s, k in enumerate(made.shown):
        page.keyboard.press(str(s + 1))
        mean, bias, logit, probability = terms(page)
        assert mean + bias == pytest.approx(logit, abs=SUM)
        assert [bias, logit, probability] == [made.bias[k], made.logits[k], made.probabilities[k]]


def test_the_keyboard_does_it_all(show: Open) -> None:
    page = show(explanation())
    for key, frame in [("End", 59), ("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10)]:
        page.keyboard.press(key)
        assert frame_of(page) == frame
    page.keyboard.press("Space")
    wait(page, lambda frame: frame > 11)
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-pressed") == "false"
    page.keyboard.press("3")
    assert page.locator(".answer").nth(2).get_attribute("aria-pressed") == "true"


def test_the_keys_of_a_focused_slider_step_once(show: Open) -> None:
    page = show(explanation())
    page.locator("#frame").focus()
    page.keyboard.press("ArrowRight")
    assert frame_of(page) == 1


def test_tab_reaches_everything_and_shows_where_it_is(show: Open) -> None:
    page = show([explanation(M=2, D=3), explanation()])
    wanted = page.evaluate(
        """[...document.querySelectorAll("button, select, input, [tabindex]")]
            .filter(control => control.checkVisibility()).length"""
    )
    reached = set()
    for _ in range(wanted):
        page.keyboard.press("Tab")
        place, outline = page.evaluate(
            """[[...document.querySelectorAll("*")].indexOf(document.activeElement),
                getComputedStyle(document.activeElement).outlineStyle]"""
        )
        reached.add(place)
        assert outline == "solid"
    assert len(reached) == wanted


def test_controls_are_named_and_large_enough_for_a_thumb(show: Open) -> None:
    page = show([explanation(M=2, D=3), explanation()], PHONE)
    for control in page.locator("button:visible, select:visible, input:visible").all():
        assert control.evaluate("e => (e.ariaLabel || e.labels[0]?.textContent || e.textContent).trim().length > 0")
        assert control.bounding_box()["height"] >= 36


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(show: Open, width: int) -> None:
    names = ["a class with a name that takes several lines on a phone " * 2, "W" * 60, *CLASSES[2:]]
    page = show(explanation(M=2, live=40, classes=names, title="recording_" * 12), {"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("layout", ["fsd10", "mediapipe"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_text_lies_on_another(show: Open, size: dict[str, int], layout: str) -> None:
    page = show([explanation(M=2, live=47, body=LAYOUTS[layout]), explanation()], size)
    texts, boxes = zip(*((text, box) for text, *box in page.evaluate(TEXTS)), strict=True)
    left, top, right, bottom = np.array(boxes).T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    along = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    on = np.triu((across > 1) & (along > 3), 1)  # boxes of lines hold the gap between them
    assert [(texts[i], texts[j]) for i, j in np.argwhere(on)] == []


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


def test_a_joint_is_filled_where_it_speaks_for_the_class_and_hollow_where_against(show: Open) -> None:
    made = explanation(stride=1)
    page = show(made)
    scrub(page, 9)
    hollow = page.evaluate("[...document.querySelectorAll('#seen .joint')].map(e => e.classList.contains('hollow'))")
    assert hollow == (made.activation[0, 0, 9] < 0).tolist()


def test_padding_is_marked_and_not_played(show: Open) -> None:
    page = show(explanation(live=20))
    assert "padding" in page.locator("#axis").inner_text()
    scrub(page, 30)
    assert "padding" in page.locator("#moment").inner_text()
    assert page.locator("#seen text").text_content() == "padding: zeros"
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
    assert page.locator("#whose").inner_text() == "Here of person 2."


def test_another_clip_brings_all_that_belongs_to_it(show: Open) -> None:
    second = explanation(T=30, M=2, body=LAYOUTS["coco"], title="Another", stride=2)
    page = show([explanation(), second])
    page.locator("#clip").select_option(index=1)
    assert page.locator("h1").inner_text() == page.title() == "Another"
    assert page.locator("#frame").get_attribute("max") == "29"
    assert page.locator("#names span").all_inner_texts() == list(LAYOUTS["coco"].joints)
    assert len(places(page)) == 34
    assert terms(page)[2] == second.logits[second.shown[0]]


def test_joints_are_ordered_by_either_opinion(show: Open) -> None:
    made = explanation()
    page = show(made)
    for order, values in (
        ("occlusion", made.occlusion[0, 0]),
        ("activation", made.activation[0, 0].mean(axis=0)),
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
        assert f"partition {k + 1}" in first
        assert made.body.joints[v] in first


def test_a_stranger_s_names_are_text(show: Open) -> None:
    """The fixture fails if a dialog opens."""
    names = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", *CLASSES[2:]]
    title = '"><svg onload=alert(3)>'
    page = show(explanation(classes=names, title=title, preprocessing=["<b>bold</b>"], shown=6))
    assert page.locator("h1").inner_text() == title
    assert sorted(page.locator(".answer .name").all_inner_texts()) == sorted(names)
    assert page.locator("#preprocessing").inner_text() == "<b>bold</b>"
    assert page.locator("img, main script, h1 svg").count() == 0


FINGER = skeleton({"joints": ["base", "middle", "tip"], "bones": [["middle", "base"], ["tip", "middle"]], "center": 0})
ODD: dict[str, dict[str, Any]] = {
    "one frame": {"T": 1},
    "more stride than frames": {"T": 3, "stride": 8},
    "nobody": {"live": 0, "raw": np.zeros((3, 1, 25, 1), np.float32)},
    "a map of zeros": {"activation": np.zeros((5, 1, 15, 25), np.float32)},
    "no importance": {"importance": np.ones((2, 3, 25, 25))},
    "one class": {"classes": ("only",)},
    "unknown joints": {"body": FINGER},
    "one partition": {"body": FINGER, "strategy": "uniform"},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_explanations_are_shown(show: Open, name: str) -> None:
    """Without a complaint, and the player runs."""
    page = show(explanation(**ODD[name]))
    page.keyboard.press("End")
    page.keyboard.press("Space")
    page.wait_for_timeout(50)
    page.locator("#block").select_option(index=1)
    page.locator("#order").select_option("body")
    assert "NaN" not in page.content()
    assert page.locator("#joints tr").count() == page.locator("#names span").count()


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
