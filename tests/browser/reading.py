"""What is read off a page."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page

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


def alone(page: "Page") -> "Page":
    """The page, with the chosen class compared with no other."""
    page.locator("#against").select_option("none")
    return page


def terms(page: "Page") -> list[float]:
    """The sum: mean, bias, logit, probability; of two classes their differences, and how often likelier one is."""
    return [float(term.get_attribute("data-value")) for term in page.locator("#sum dd").all()]
