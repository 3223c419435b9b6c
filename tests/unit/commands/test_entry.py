"""Output that any terminal takes, and errors in one line."""

import io
import sys

import pytest

from stgcn_torch.commands import entry as commands


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "gbk"])
def test_a_terminal_of_few_characters_is_shown_all_names(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding=encoding))
    commands.write_any_character()
    print("阿克塞尔跳 • ÿ", flush=True)
    shown = held.getvalue().decode(encoding)
    assert shown.encode("ascii", "backslashreplace").decode() == r"\u963f\u514b\u585e\u5c14\u8df3 \u2022 \xff" + "\n"


def test_an_error_and_its_causes_are_one_line() -> None:
    error = ValueError("first:\n  then this\nfull_key: x")
    error.__cause__ = ValueError("then this")
    assert commands.in_one_line(error) == "first: then this"
    assert commands.in_one_line(KeyError()) == "KeyError"
