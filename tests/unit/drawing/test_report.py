"""The report of a run agrees with its counts."""

import json
import math
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from stgcn_torch.drawing.report import (
    Z95,
    confusion_figure,
    curves_figure,
    one_line,
    summarize,
    wilson_interval,
    write_report,
)

CONFUSION = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 4]])
CLASSES = ["Axel", "Lutz", "Salchow"]
METRICS = {"val/top5": 1.0, "val/mean_class": (3 / 4 + 4 / 6) / 2, "val/loss": 0.7}
ROWS = [
    {
        "epoch": 0,
        "lr": 0.05,
        "train/loss": 2.0,
        "val/loss": 1.5,
        "val/top1": 0.4,
        "val/top5": 0.9,
        "val/mean_class": 0.3,
    },
    {
        "epoch": 1,
        "lr": 0.04,
        "train/loss": 1.0,
        "val/loss": 1.2,
        "val/top1": 0.6,
        "val/top5": 1.0,
        "val/mean_class": 0.5,
    },
]

BY_HAND = [
    # 0 of n: (0, z²/(n + z²)), and n of n its mirror image; half of n: 1/2 ± z/(2 sqrt(n + z²)).
    (0, 10, 0.0, 3.841459 / 13.841459),
    (10, 10, 10 / 13.841459, 1.0),
    (5, 10, 0.5 - 1.959964 / (2 * math.sqrt(13.841459)), 0.5 + 1.959964 / (2 * math.sqrt(13.841459))),
    # p = 0.8, n = 10: centre (0.8 + 0.19207) / 1.38415 = 0.71674, half 1.95996 / 1.38415 * sqrt(0.016 + 0.00960)
    (8, 10, 0.49016, 0.94332),
    (1, 1, 1 / 4.841459, 1.0),
]
ATOL = 5e-6  # of the values by hand, five digits

COUNTS = [(correct, count) for count in (1, 2, 7, 30, 417) for correct in {0, 1, count // 3, count // 2, count}]


@pytest.mark.parametrize(("correct", "count", "low", "high"), BY_HAND)
def test_wilson_interval_by_hand(correct: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(correct, count) == pytest.approx((low, high), abs=ATOL)


@pytest.mark.parametrize(("correct", "count"), COUNTS)
def test_the_interval_holds_the_share_and_lies_in_zero_to_one(correct: int, count: int) -> None:
    low, high = wilson_interval(correct, count)
    assert 0 <= low <= correct / count <= high <= 1
    assert low < high


@pytest.mark.parametrize(("correct", "count"), COUNTS)
def test_the_share_is_z_deviations_from_either_bound(correct: int, count: int) -> None:
    for bound in wilson_interval(correct, count):
        if 1e-9 < bound < 1 - 1e-9:
            deviation = math.sqrt(bound * (1 - bound) / count)
            assert abs(correct / count - bound) == pytest.approx(Z95 * deviation, rel=1e-9)


@pytest.mark.parametrize(("correct", "count"), COUNTS)
def test_the_interval_of_the_failures_is_the_mirror_image(correct: int, count: int) -> None:
    low, high = wilson_interval(correct, count)
    assert wilson_interval(count - correct, count) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("correct", "count"), COUNTS)
def test_the_interval_shrinks_with_the_count(correct: int, count: int) -> None:
    few, many = wilson_interval(correct, count), wilson_interval(4 * correct, 4 * count)
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_the_interval_covers_the_truth_about_95_times_in_100(share: float) -> None:
    count = 400
    chance = [math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1)]
    covered = sum(
        c for k, c in enumerate(chance) if wilson_interval(k, count)[0] <= share <= wilson_interval(k, count)[1]
    )
    assert 0.94 <= covered <= 0.96


def test_a_summary_counts_the_confusion_matrix() -> None:
    results = summarize("val", METRICS, CONFUSION, CLASSES)
    assert (results["split"], results["clips"], results["top1"]) == ("val", 10, 0.7)
    assert results["top1_95"] == list(wilson_interval(7, 10))
    assert (results["top5"], results["mean_class"], results["loss"]) == (1.0, METRICS["val/mean_class"], 0.7)
    assert results["classes"] == {
        "Axel": {"clips": 4, "accuracy": 3 / 4},
        "Lutz": {"clips": 0, "accuracy": None},  # no clips, so no accuracy: not zero
        "Salchow": {"clips": 6, "accuracy": 4 / 6},
    }
    assert results["confusion"] == [[3, 1, 0], [0, 0, 0], [2, 0, 4]]


def test_a_line_says_the_split_the_accuracies_and_the_count() -> None:
    line = one_line(summarize("val", METRICS, CONFUSION, CLASSES))
    low, high = wilson_interval(7, 10)
    assert line == (f"val: top-1 0.7000 (95 % {low:.4f} to {high:.4f}), top-5 1.0000, mean-class 0.7083, 10 clips")


def test_results_are_read_back_as_they_were(tmp_path: Path) -> None:
    results = summarize("val", METRICS, CONFUSION, CLASSES)
    write_report(tmp_path, results)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == results


@pytest.mark.parametrize(("rows", "pictures"), [((), {"confusion.png"}), (ROWS, {"confusion.png", "curves.png"})])
def test_pictures_open_and_nothing_else_is_left(tmp_path: Path, rows: Any, pictures: set[str]) -> None:
    write_report(tmp_path / "new", summarize("val", METRICS, CONFUSION, CLASSES), rows)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"results.json"} | pictures
    for name in pictures:
        image = matplotlib.image.imread(tmp_path / "new" / name)
        assert min(image.shape[:2]) > 300
        assert image[..., :3].std() > 0.05, "the picture is blank"


def test_a_report_replaces_an_older_one(tmp_path: Path) -> None:
    for top5 in (0.5, 1.0):
        write_report(tmp_path, summarize("val", METRICS | {"val/top5": top5}, CONFUSION, CLASSES))
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["top5"] == 1.0


def test_curves_show_every_row_at_its_epoch() -> None:
    loss, accuracy, rate = curves_figure(ROWS).axes
    drawn = {
        str(line.get_label()): np.asarray(line.get_xydata()).tolist()
        for axes in (loss, accuracy, rate)
        for line in axes.lines
    }
    assert drawn == {
        name: [[row["epoch"] + 1, row[name]] for row in ROWS]
        for name in ("train/loss", "val/loss", "val/top1", "val/top5", "val/mean_class", "lr")
    }
    assert accuracy.get_ylim() == (0, 1)


def test_curves_leave_out_what_was_not_measured() -> None:
    loss, accuracy, _ = curves_figure([{"epoch": 0, "lr": 0.05, "train/loss": 2.0}]).axes
    assert [line.get_label() for line in loss.lines] == ["train/loss"]
    assert not accuracy.lines


def test_the_confusion_matrix_shows_shares_and_counts_of_its_rows() -> None:
    axes = confusion_figure(CONFUSION, CLASSES).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown, np.array([[3 / 4, 1 / 4, 0], [0, 0, 0], [2 / 6, 0, 4 / 6]]), rtol=1e-15)
    counts = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert counts == {(0, 0): "3", (0, 1): "1", (2, 0): "2", (2, 2): "4"}
    assert axes.get_title() == "7 of 10 correct"


def labels_of(figure: Figure) -> list[str]:
    """Those of the rows, which must be those of the columns."""
    axes = figure.axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == [label.get_text() for label in axes.get_xticklabels()]
    return rows


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$x_1$", "$x_1$"),  # no formula
        (r"50 $ \frac", r"50 $ \frac"),  # nor a broken one
        ("two\n lines\t", "two lines"),
        ("Сальхов", "Сальхов"),
        ("W" * 200, "W" * 23 + "…"),
        ("bell \x07", "0 (no font)"),
        ("\U0010fffd", "0 (no font)"),  # of nobody's font
        ("\N{WATCH}", "\N{WATCH}"),  # not in the usual font, but in one that matplotlib brings
        ("", ""),
    ],
    ids=ascii,
)
def test_a_class_name_is_drawn_as_it_is_or_numbered(name: str, shown: str, tmp_path: Path) -> None:
    figure = confusion_figure(CONFUSION, [name, "Lutz", name])
    figure.savefig(tmp_path / "confusion.png")  # a warning of a missing glyph would be an error
    assert labels_of(figure) == [shown, "Lutz", "2 (no font)" if shown == "0 (no font)" else shown]
    assert not any(label.get_parse_math() for label in figure.axes[0].get_xticklabels())


@pytest.mark.parametrize("K", [1, 30, 99])
def test_any_number_of_classes_fits_a_picture(tmp_path: Path, K: int) -> None:
    confusion_figure(np.eye(K, dtype=int), [f"class {i}" for i in range(K)]).savefig(tmp_path / "confusion.png")
