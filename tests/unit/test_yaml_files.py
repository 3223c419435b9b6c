"""A YAML file of a stranger gives plain values or one line, soon."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stgcn_torch.yaml_files import MAX_BYTES, MAX_NESTING, MAX_NODES, load_yaml

EXPLODING = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
BAD = {
    "a tab": ("joints:\t[a", r"\(line \d+\)"),
    "a key twice": ("joints: [a]\nbones: []\njoints: [b]\n", r"the key 'joints' stands twice \(line 1\)"),
    "a key twice, inside": ("x:\n  y: {b: 1, b: 2}\n", r"the key 'b' stands twice \(line 2\)"),
    "a tag": ("!!python/object/apply:os.system [ls]", "it has a tag, "),
    "a type": ("a: !!bool x", "it has a tag, "),
    "a set": ("!!set {a}", "it has a tag, "),
    "a time": ("a: !!timestamp x", "it has a tag, "),
    "a tag of its own": ("a: !joint b", "it has a tag, !joint, where plain values belong"),
    "two documents": ("a: 1\n---\nb: 2\n", "expected a single document"),
    "anchors that explode": (EXPLODING, f"more than {MAX_NODES} entries"),
    "an anchor in itself": ("&a [*a]", "the anchor a holds itself"),
    "an anchor of nothing": ("[*nothing]", "found undefined alias"),
    "deep lists": ("[" * 3000 + "]" * 3000, f"nested more than {MAX_NESTING} levels"),
    "deep mappings": ("".join("  " * i + "a:\n" for i in range(200)), f"nested more than {MAX_NESTING} levels"),
    "many entries": ("[" + "1," * 60_000 + "]", f"more than {MAX_NODES} entries"),
    "too large": ("#" * (MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes"),
    "an unhashable key": ("{[a]: 1}", "found unhashable key"),
    "an open bracket": ("[a", "did not find expected"),
    "control characters": ("a: \x01", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line(name: str, tmp_path: Path) -> None:
    text, words = BAD[name]
    path = tmp_path / "layout.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        load_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(ValueError, match="it is not UTF-8"):
        load_yaml(tmp_path / "a.yaml")
    with pytest.raises(FileNotFoundError, match="no file"):
        load_yaml(tmp_path / "none.yaml")


def test_anchors_and_merges_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("﻿base: &b {x: 1}\nmore: {<<: *b, y: 2}\nagain: *b\n", encoding="utf-8")
    assert load_yaml(tmp_path / "a.yaml") == {"base": {"x": 1}, "more": {"x": 1, "y": 2}, "again": {"x": 1}}


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abcäß: #-", max_size=5),
    lambda parts: (
        st.lists(parts, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), parts, max_size=3)
    ),
    max_leaves=20,
)


@given(value=plain)
def test_what_yaml_writes_is_read(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    assert load_yaml(path) == value
