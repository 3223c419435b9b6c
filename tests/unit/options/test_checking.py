"""A value that an option cannot have is one line, which says what it must be and what was typed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.checking import absent, check, nearest
from stgcn_torch.options.declaration import declared
from tests.unit.options.test_catalogue import composed

PREDICT, TRAIN, VISUALIZE = composed("predict"), composed("train"), composed("visualize")
CONFIGS = {"predict": PREDICT, "train": TRAIN, "visualize": VISUALIZE}


def changed(config: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """A copy of a configuration with another value; without the option if the value is ...."""
    first, _, rest = name.partition(".")
    if rest:
        return config | {first: changed(config[first], rest, value)}
    return {key: part for key, part in (config | {name: value}).items() if part is not ...}


def refusal(command: str, changes: dict[str, object], typed: dict[str, str] | None = None) -> str:
    config = CONFIGS[command]
    for name, value in changes.items():
        config = changed(config, name, value)
    with pytest.raises(ValueError, match=r".") as caught:
        check(COMMANDS[command], config, typed or {})
    return str(caught.value)


CASES = [
    ("predict", {"slide": 0}, "slide must be a whole number from 1 on or null (frames), got 0"),
    ("predict", {"slide": 64.0}, "slide must be a whole number from 1 on or null (frames), got 64.0"),
    ("predict", {"top_k": True}, "top_k must be a whole number from 1 on, got true"),
    ("predict", {"top_k": None}, "top_k must be a whole number from 1 on, got null"),
    ("predict", {"weights": 2}, "weights must be a list of numbers from 0 on or null, such as [2,1], got 2"),
    ("predict", {"weights": [float("nan")]}, "weights must be a list of numbers from 0 on or null, such as [2,1]"),
    ("predict", {"ckpt_path": None}, "ckpt_path must be a path or a list of paths, such as [joint.ckpt,bone.ckpt]"),
    ("predict", {"ckpt_path": [1]}, "ckpt_path must be a path or a list of paths"),
    ("predict", {"unit": float("inf")}, "unit must be a number above 0 or null, got inf"),
    ("predict", {"unit": 0}, "unit must be a number above 0 or null, got 0"),
    ("predict", {"people": "all"}, "people must be each, together or null, got 'all'"),
    ("predict", {"preprocessing.nan": "keep"}, "preprocessing.nan must be refuse, missing or null, got 'keep'"),
    ("predict", {"foo": 1}, "foo is no option"),
    ("predict", {"input": "???"}, "input is missing: give input=recordings/"),
    ("predict", {"slide": 3, "stream": 4}, "slide= and stream= each say which frames"),
    ("train", {"seed": 1.5}, "seed must be a whole number from 0 to 4294967295, got 1.5"),
    ("train", {"optimizer.lr": float("nan")}, "optimizer.lr must be a number from 0 on, got nan"),
    ("train", {"optimizer.lr": 10**400}, "optimizer.lr must be a number from 0 on, got 1000"),
    ("train", {"optimizer": {"name": "lion", "lr": 1.0}}, "optimizer must have the options name"),
    ("train", {"scheduler": ...}, "scheduler is missing; scheduler=constant has none"),
    ("train", {"model": None}, "model must have the options strategy"),
    ("train", {"model.dropout": ...}, "model.dropout is missing: give model.dropout=VALUE"),
    ("train", {"fused": 3}, "fused must be true, false or null, got 3"),
    ("train", {"model.temporal_kernel": 4}, "model.temporal_kernel must be odd, got 4"),
    ("train", {"data.val": None, "patience": 3}, "patience needs validation clips"),
    ("train", {"model.strides": [1]}, "widths and model.strides must be as many, got 10 and 1"),
    ("train", {"data.val.folds": 1}, "data.val.folds must be a whole number from 2 on, got 1"),
    ("train", {"preprocessing.streams": []}, "preprocessing.streams must be a list out of joint"),
    ("train", {"trainer.callbacks": [1]}, "trainer.callbacks is no option"),
    (
        "train",
        {"model.strategy": "spatal"},
        "model.strategy must be spatial, spatial_fixed, distance or uniform, got 'spa",
    ),
    ("visualize", {"only": ["hop"]}, "only must be a list out of skeleton, hops"),
]


@pytest.mark.parametrize(("command", "changes", "message"), CASES, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_named(command: str, changes: dict[str, object], message: str) -> None:
    said = refusal(command, changes)
    assert said.startswith(message)
    assert "\n" not in said


def test_a_number_beyond_all_integers_is_given_on_as_a_float() -> None:
    assert check(COMMANDS["train"], changed(TRAIN, "optimizer.weight_decay", 3) | {"seed": 2**32 - 1}, {}) == {}
    numbers = check(COMMANDS["train"], changed(TRAIN, "optimizer.weight_decay", 10**20 + 1), {})
    assert repr(numbers) == "{'optimizer.weight_decay': 1e+20}"


def test_what_was_typed_is_quoted_and_comes_first() -> None:
    said = refusal("predict", {"top_k": 0, "slide": 1000.0}, {"slide": "1e3"})
    assert said.startswith("slide must be a whole number from 1 on or null (frames), got 1e3; top_k must be")


def test_what_must_be_given_is_told_before_anything_is_resolved() -> None:
    config = {"layout": "${data.root}/layout.yaml", "data": {"root": "???", "labels": "labels.npy"}, "seed": 0}
    assert absent(COMMANDS["train"], config) == ["data.root is missing: give data.root=my_set"]
    assert absent(COMMANDS["train"], PREDICT) == []


def test_nearest_names() -> None:
    known = [each.name for each in declared(COMMANDS["train"].options)]
    assert nearest("lr", known) == ["optimizer.lr"]
    assert nearest("model.dropot", known)[0] == "model.dropout"
    assert nearest("xyzzy", known) == []


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
nonsense = st.recursive(
    plain, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part), max_leaves=5
)


@given(data=st.data(), value=nonsense)
def test_no_value_of_any_type_ends_otherwise_than_in_one_line(data: st.DataObject, value: Any) -> None:
    """Of any option of any of these commands."""
    command = data.draw(st.sampled_from(sorted(CONFIGS)))
    config = CONFIGS[command]
    names = [each.name for each in declared(COMMANDS[command].options)]
    name = data.draw(st.sampled_from(names).filter(lambda name: _has(config, name)))
    problem = "nothing"
    try:
        check(COMMANDS[command], changed(config, name, value), {})
    except ValueError as error:
        problem = str(error)
    assert problem
    assert "\n" not in problem


def _has(config: Any, name: str) -> bool:
    *outer, _ = name.split(".")
    for part in outer:
        config = config.get(part) if isinstance(config, dict) else None
    return isinstance(config, dict)
