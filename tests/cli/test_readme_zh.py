"""README.zh.md says what README.md says: the same commands, links and code, in the same order."""

import re

import pytest

from tests.cli.commands import ROOT

ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))
COMMENT = re.compile(r" +#.*")

PARTS = {
    "headings": r"^#+(?= )",
    "rows of tables": r"^\|(?= )",
    "blocks of commands": r"^```\n(.*?)^```$",
    "commands to type": r"`((?:python -m|convert-pdparams) [^`]*)`",
    "pictures": r'<img src="([^"]*)"',
    "items of lists": r"^- ",
}


@pytest.mark.parametrize("part", PARTS)
def test_both_languages_have_the_same(part: str) -> None:
    found = [re.findall(PARTS[part], text, re.MULTILINE | re.DOTALL) for text in (ENGLISH, CHINESE)]
    assert found[0]
    assert found[0] == found[1]


def test_code_differs_in_its_comments_alone() -> None:
    english, chinese = (
        [COMMENT.sub("", code) for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
        for text in (ENGLISH, CHINESE)
    )
    assert english
    assert english == chinese


def test_figures_are_the_same() -> None:
    """Whoever measures anew must write both."""
    english, chinese = (sorted(re.findall(r"\d+\.\d+(?:e-\d+)?|\d+e-\d+", text)) for text in (ENGLISH, CHINESE))
    assert english == chinese


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_links_lead_somewhere(text: str) -> None:
    paths = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
