"""Laws of JSON: the error of a file is one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.formats.json_files import detected, load_json, numbers, part


@pytest.mark.parametrize("content", [b'{"a": 1}', b'\xef\xbb\xbf{"a": 1}', b'{"a":\r\n1}\r\n'])
def test_an_object_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert load_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"a": 1} {"b": 2}', b"\xff\xfe{", b"[" * 100_000, b"1" * 5000, b'{"a": 1,}']
)
def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"^it is no JSON: [^\n]+$"):
        load_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", [{}, {"a": None}, {"a": "1"}, {"a": True}, [], None, 7], ids=str)
def test_a_part_has_its_type(content: Any) -> None:
    assert part({"a": 1}, "a", int) == 1
    with pytest.raises(ValueError, match=r"^it has no 'a' that is a int$"):
        part(content, "a", int)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "it has None where a list of numbers belongs"),
        ([2, "one"], "it has 'one' where a number belongs"),
        ([True, 2], "it has True where a number belongs"),
        ([1], r"it has 1 numbers for a person, must be 2 \(one joint\) or 4 \(two\)"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_numbers_are_numbers(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        numbers(values, {2: "one joint", 4: "two"})


def test_what_is_not_finite_is_kept_as_such() -> None:
    assert not np.isfinite(numbers([float("nan"), 10**400, 1e300, -(10**400)], {4: "two"})).any()


def test_numbers_may_be_written_as_text() -> None:
    assert numbers(["2", "-1.5e1"], {2: "one joint"}).tolist() == [2, -15]


def test_a_joint_is_detected_by_its_score_and_finite_values() -> None:
    pose = np.array(
        [[1, 2, 0.5], [1, 2, 0], [1, 2, -1], [np.nan, 2, 0.5], [1, np.inf, 0.5], [1, 2, np.nan]], np.float32
    )
    assert detected(pose).tolist() == [[1, 2, 0.5], *[[0, 0, 0]] * 5]
