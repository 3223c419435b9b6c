"""stgcn_torch/page/__init__.py."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from stgcn_torch.explanation.page import page, write_page
from tests.explained import explanation

HOSTILE = '</script><script>alert(1)</script>{{script}}<!--<script>"'


def test_a_page_of_a_whole_window_is_below_two_megabytes(tmp_path: Path) -> None:
    """350 frames of 25 joints and two people, five classes, and a map as fine as the frames. Measured: 0.71 MB."""
    write_page(tmp_path / "page.html", [explanation(T=350, M=2, stride=1)])
    assert (tmp_path / "page.html").stat().st_size < 2_000_000


def test_it_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("an older page")
    with pytest.raises(ValueError, match="at least one explanation, got none"):
        write_page(path, [])
    assert path.read_text() == "an older page"
    assert list(tmp_path.iterdir()) == [path]


def test_it_loads_nothing() -> None:
    """No address is in it but the name space of SVG."""
    text = page([explanation()])
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src=|href=|@import|url\(|import |fetch\()", text)


def test_the_policy_lets_in_this_script_and_this_style_alone() -> None:
    text = page([explanation()])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    for tag in ("style>", 'script type="module">'):
        inner = text.split(f"<{tag}")[1].split(f"</{tag.split()[0].rstrip('>')}>")[0]
        assert base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode() in policy[1]


def test_a_name_neither_ends_the_data_nor_is_filled_in() -> None:
    usual, hostile = page([explanation()]), page([explanation(title=HOSTILE)])
    assert hostile.count("</script") == usual.count("</script")
    assert hostile.count("<!--") == usual.count("<!--")
    assert "{{script}}" in hostile
