"""A real Chromium, without a network, and pages in it that may not complain."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.explanation.page import write_page

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:
    sync_playwright = None

Open = Callable[..., "Page"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    wanted = "" if chromium else "Chromium (on the path, or $CHROMIUM)"
    if sync_playwright is None:
        wanted = "playwright"
    if wanted and os.environ.get("CI"):
        pytest.fail(f"the page is tested in a browser, and there is no {wanted}")
    if wanted:
        pytest.skip(f"there is no {wanted}")
    options = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=options)
        yield started
        started.close()


@pytest.fixture
def show(browser: "Browser", tmp_path: Path) -> Iterator[Open]:
    """Opens the page of explanations; in the end none may have written to the console or asked for anything."""
    complaints: list[str] = []
    contexts = []

    def opened(
        explanations: Explanation | Sequence[Explanation], size: dict[str, int] = DESKTOP, **options: Any
    ) -> Page:
        several = [explanations] if isinstance(explanations, Explanation) else explanations
        path = tmp_path / f"{len(contexts)}.html"
        write_page(path, several)
        context = browser.new_context(viewport=size, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
