"""The page in the hands of people, in a real browser: any screen, keys alone, any clip, names from strangers."""

import re
from typing import Any

import numpy as np
import pytest

from stgcn_torch.skeleton import LAYOUTS, skeleton
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.browser.reading import TEXTS, alone, frame_of, places, terms, wait
from tests.explained import CLASSES, explanation


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_network_and_without_a_complaint(show: Open, size: dict[str, int], scheme: str) -> None:
    page = show(explanation(), size, color_scheme=scheme)
    assert page.locator("h1").inner_text() == page.title() == "A clip of somebody who sways"
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in re.findall(r"\d+", paper)[:3]) > 384
    assert light == (scheme == "light")


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


def test_another_clip_brings_all_that_belongs_to_it(show: Open) -> None:
    second = explanation(T=30, M=2, body=LAYOUTS["coco"], title="Another", stride=2)
    page = show([explanation(), second])
    page.locator("#clip").select_option(index=1)
    assert page.locator("h1").inner_text() == page.title() == "Another"
    assert page.locator("#frame").get_attribute("max") == "29"
    assert page.locator("#names span").all_inner_texts() == list(LAYOUTS["coco"].joints)
    assert len(places(page)) == 34
    assert terms(alone(page))[2] == second.logits[second.shown[0]]


def test_what_makes_an_answer_doubtful_stands_under_the_title(show: Open) -> None:
    line = "coordinates are 2.6e+03 times as large as those the weights were trained on"
    page = show([explanation(warnings=[line]), explanation()], PHONE)
    warned = page.locator("#warnings li")
    assert warned.all_inner_texts() == [line]
    assert warned.bounding_box()["y"] < PHONE["height"] / 2
    page.locator("#clip").select_option(index=1)
    assert page.locator("#warnings").is_hidden()


def test_one_crop_of_several_says_so_beside_the_probabilities(show: Open) -> None:
    page = show([explanation(averaged="this page explains one crop", shown=3), explanation()])
    assert page.locator("#averaged").inner_text() == "this page explains one crop"
    assert page.locator(".keys").inner_text().endswith("1\N{EN DASH}3 class")
    page.locator("#clip").select_option(index=1)
    assert page.locator("#averaged").is_hidden()
    assert page.locator(".keys").inner_text().endswith("1\N{EN DASH}5 class")


def test_frames_are_those_that_the_title_names(show: Open) -> None:
    """Of somebody who arrives late."""
    page = show(explanation(start=40))
    assert page.locator("#moment").inner_text().endswith("frame 40 as given")
    page.keyboard.press("End")
    assert page.locator("#raw-note").inner_text() == "frame 99"


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
