"""One page that explains predictions: self-contained, opened by a double click, without a network.

The page consists of the files in this folder: ``page.html`` with the style of ``page.css``, the scripts as one module,
and the explanations as JSON.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.explanation.page import content
from stgcn_torch.files import written_whole

SCRIPTS = ("data", "compare", "answer", "stage", "map", "margins", "joints", "graph", "player")  # the last one starts


def write_page(path: str | Path, explanations: Sequence[Explanation]) -> None:
    """Write the page of some explanations.

    Args:
        path: The file; appears whole or not at all.
        explanations: At least one; the page shows one at a time.

    Raises:
        ValueError: There is none, or a number that the page needs is not finite.
    """
    text = page(explanations)
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def page(explanations: Sequence[Explanation]) -> str:
    """The page of some explanations, as HTML."""
    if not explanations:
        raise ValueError("a page needs at least one explanation, got none")
    style, script = _read("page.css"), "\n".join(_read(f"{name}.js") for name in SCRIPTS)
    parts = {
        # Only this script and this style are allowed, so that text from strangers' files can neither run nor load
        # anything. Positions and colours are set through properties of elements, which no policy forbids.
        "policy": f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'",
        "style": style,
        "script": script,
        "data": content.content(explanations).replace("<", "\\u003c"),  # so that no name ends the block
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html"))


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
