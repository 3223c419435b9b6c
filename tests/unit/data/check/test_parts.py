"""Splits are opened as in training, and an array with its axes in another order is recognised."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.check.parts import axis_order, open_parts
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.skeleton import LAYOUTS

XYS = ("x", "y", "score")
BODY = LAYOUTS["coco"]
SHAPE = (20, 3, 12, 17, 1)


def options(**change: Any) -> dict[str, Any]:
    return {"clips": "data.npy", "labels": "labels.npy", "val": None, "test": None} | change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """20 clips of 4 classes and two skaters."""
    np.save(tmp_path / "data.npy", np.random.default_rng(0).uniform(0.1, 1, SHAPE))
    np.save(tmp_path / "labels.npy", np.arange(20) % 4)
    rows = "".join(f"{i},{'ab'[i // 10]}\n" for i in range(20))
    (tmp_path / "manifest.csv").write_text(f"index,group\n{rows}")
    return tmp_path


RULES = {
    "nothing": {},
    "folds": {"val": {"rule": "folds", "folds": 4, "fold": 0, "seed": 0}},
    "every and groups": {
        "val": {"rule": "every", "step": 3, "offset": 1},
        "test": {"rule": "groups", "column": "group", "value": "a"},
    },
    "file": {"test": {"rule": "file", "clips": "data.npy", "labels": "labels.npy"}},
}


@pytest.mark.parametrize("name", RULES)
def test_the_splits_are_those_of_training(folder: Path, name: str) -> None:
    parts, found = open_parts(folder, options(**RULES[name]), XYS, BODY, None)
    data = SkeletonData(folder, "data.npy", "labels.npy", Preprocessing(), BODY, **RULES[name])
    assert found == []
    assert {part.name: part.indices.tolist() for part in parts} == {
        split: clips.indices.tolist() for split, clips in data.datasets.items()
    }
    for part in parts:
        np.testing.assert_array_equal(part.labels, data.datasets[part.name].labels)
    assert parts[0].name == "train"


def test_groups_come_with_the_clips(folder: Path) -> None:
    parts, _ = open_parts(folder, options(val={"rule": "every", "step": 2, "offset": 0}), XYS, BODY, None)
    for part in parts:
        assert {key: of.tolist() for key, of in part.groups.items()} == {"group": ["ab"[i // 10] for i in part.indices]}
    (folder / "manifest.csv").write_text("clip,skater\n1,Ann\n")  # of the user's own, which no rule asks for
    assert open_parts(folder, options(), XYS, BODY, None)[0][0].groups == {}


@pytest.mark.parametrize("order", [(0, 2, 3, 1, 4), (0, 1, 3, 2, 4), (0, 4, 2, 3, 1)])
def test_axes_in_another_order_are_found_and_the_remedy_puts_them_right(folder: Path, order: tuple[int, ...]) -> None:
    data = np.load(folder / "data.npy")
    np.save(folder / "data.npy", data.transpose(order))
    parts, (found,) = open_parts(folder, options(), XYS, BODY, None)
    assert (parts, found.severity, found.name) == ([], "error", "axes")
    _, _, source = found.remedy.partition("-c ")
    subprocess.run([sys.executable, "-c", source.strip('"')], check=True)
    np.testing.assert_array_equal(np.load(folder / "data_in_order.npy"), data)


def test_clips_without_an_axis_of_people_are_given_one(folder: Path) -> None:
    data = np.load(folder / "data.npy")
    np.save(folder / "data.npy", data[..., 0].transpose(0, 2, 3, 1))  # (N, T, V, C)
    _, (found,) = open_parts(folder, options(), XYS, BODY, None)
    assert "transpose(0, 3, 1, 2)[..., None]" in found.remedy


def test_another_layout_is_named(folder: Path) -> None:
    _, (found,) = open_parts(folder, options(), XYS, LAYOUTS["fsd10"], None)
    assert found.remedy == "layout=coco or layout=h36m"


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((20, 3, 12, 17, 1), (0, 1, 2, 3, 4)),
        ((20, 12, 1, 17, 3), (0, 4, 1, 3, 2)),
        ((20, 12, 17, 3), (0, 3, 1, 2)),
        ((20, 17, 17, 3), None),  # which are the frames?
        ((20, 12, 25, 3), None),
        ((20, 3, 17), None),
    ],
)
def test_an_order_is_told_only_where_one_fits(shape: tuple[int, ...], order: tuple[int, ...] | None) -> None:
    assert axis_order(shape, 3, 17) == order


@pytest.mark.parametrize("labels", [np.arange(20) % 5, np.arange(20) - 1, np.zeros(7, int)], ids=["4", "-1", "7 of 20"])
def test_labels_out_of_range_are_found(folder: Path, labels: np.ndarray) -> None:
    np.save(folder / "labels.npy", labels)
    parts, (found,) = open_parts(folder, options(), XYS, BODY, 4)
    assert (parts, found.severity, found.name) == ([], "error", "labels")


def test_trouble_in_every_file_is_told_at_once(folder: Path) -> None:
    np.save(folder / "test.npy", np.ones((4, 3, 12, 25, 1)))
    np.save(folder / "labels.npy", np.arange(20) - 1)
    rule = {"rule": "file", "clips": "test.npy", "labels": "labels.npy"}
    _, found = open_parts(folder, options(test=rule), XYS, BODY, None)
    assert [finding.name for finding in found] == ["labels", "axes"]


def test_what_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        open_parts(folder / "none", options(), XYS, BODY, None)
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.npy"):
        open_parts(folder, options(clips="none.npy"), XYS, BODY, None)
    with pytest.raises(ValueError, match="rule file of test must name clips and labels"):
        open_parts(folder, options(test={"rule": "file"}), XYS, BODY, None)
