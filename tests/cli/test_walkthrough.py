"""The walkthrough keeps its word: its code runs and prints what is shown, and what it points to is there.

All of ``docs/walkthrough*.md`` is held to it; a translation has the code and the figures of the first page.
"""

import ast
import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.cli.commands import ROOT
from tests.cli.readme import FENCE, TEXT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("walkthrough*.md"))
PICTURE = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="figures/(?P<dark>\w+)-dark\.png">'
    r'<img alt="(?P<alt>[^"]+)" src="figures/(?P<light>\w+)\.png"></picture>'
)

every_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what it holds, and the line of the page before its first."""

    language: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(found[1], found[2], text.count("\n", 0, found.start(2))) for found in FENCE.finditer(text)]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the page's headings: lower case, hyphens for spaces, no other signs."""
    headings = [re.sub(r"[^\w\- ]", "", title.lower()) for title in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)]
    assert len(set(headings)) == len(headings), f"{page.name}: two headings have one anchor"
    return {heading.replace(" ", "-") for heading in headings}


@every_page
def test_every_block_prints_what_is_shown(page: Path) -> None:
    found, session = blocks(page), {"__name__": "walkthrough"}
    shown_after = {i: block.code for i, block in enumerate(found[1:]) if block.language == "text"}
    assert all(found[i].language == "python" for i in shown_after), f"{page.name}: output without code before it"
    with torch.random.fork_rng():
        for i, block in enumerate(found):
            if block.language != "python":
                continue
            out = io.StringIO()
            code = compile("\n" * block.line + block.code, str(page), "exec")  # a traceback names the page's own line
            with contextlib.redirect_stdout(out):
                exec(code, session)
            assert out.getvalue() == shown_after.get(i, ""), f"{page.name}, the block at line {block.line + 1}"


@every_page
def test_every_command_is_one_of_the_readme(page: Path) -> None:
    """Whose own tests run it."""
    readme = {part for _, code in FENCE.findall(TEXT) for line in code.splitlines() for part in line.split(" && ")}
    readme |= set(re.findall(r"`([^`\n]+)`", TEXT))
    assert {block.language for block in blocks(page)} == {"python", "text", "sh"}
    lines = {line for block in blocks(page) if block.language == "sh" for line in block.code.splitlines()}
    assert lines - readme == set()


@every_page
def test_every_module_named_is_there(page: Path) -> None:
    named = {Path(*name.split(".")) for name in re.findall(r"python -m ([\w.]+)", page.read_text(encoding="utf-8"))}
    assert {str(name) for name in named if not (ROOT / name).with_suffix(".py").exists()} == set()


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or (target.suffix == ".md" and anchor in anchors(target)), f"{page.name}: {link}"


@every_page
def test_every_picture_says_what_it_shows_in_light_and_dark(page: Path) -> None:
    found = list(PICTURE.finditer(prose(page)))
    assert len(found) == prose(page).count("<img") > 0
    assert [picture["dark"] for picture in found] == [picture["light"] for picture in found]


@every_page
def test_every_picture_is_there(page: Path) -> None:
    files = re.findall(r'(?:src|srcset)="([^"]+)"', prose(page))
    assert [file for file in files if not (page.parent / file).exists()] == []


@every_page
def test_every_measured_figure_stands_where_it_was_measured(page: Path) -> None:
    """Measurements are given to three digits, and written by their benchmarks into these pages."""
    measured = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("puzzle.md", "results.md"))
    figures = set(re.findall(r"(?<![\d.])0\.\d{3}(?!\d)", prose(page)))
    assert figures - set(re.findall(r"0\.\d{3}(?!\d)", measured)) == set()


def test_a_translation_has_the_same_code_and_figures() -> None:
    """Its comments and docstrings may be translated; nothing that runs may."""
    first, *others = PAGES
    for page in others:
        assert [code_of(block) for block in blocks(page)] == [code_of(block) for block in blocks(first)], page.name
        assert PICTURE.sub(r"\g<light>", prose(page)).count("figures/") == 0
        names = [[picture["light"] for picture in PICTURE.finditer(prose(each))] for each in (page, first)]
        assert names[0] == names[1], page.name


def code_of(block: Block) -> str:
    """What a block holds; of Python, what is run."""
    if block.language != "python":
        return block.code
    tree = ast.parse(block.code)
    for step in ast.walk(tree):
        if isinstance(step, ast.FunctionDef) and ast.get_docstring(step) is not None:
            step.body = step.body[1:]
    return ast.dump(tree)
