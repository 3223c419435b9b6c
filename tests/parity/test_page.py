"""docs/parity.md shows what these tests measure."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.parity.page import (
    DIFFERENCES,
    INTRODUCTION,
    ORDER,
    PAGE,
    STATED,
    Row,
    Writer,
    rows_of,
    shown,
    title,
    written,
)

ROWS = [Row("test_layers", "head, float32", 1.26e-7, 1e-5), Row("test_partitions", "subsets", 0, 0)]


def test_every_line_holds() -> None:
    rows = rows_of(PAGE)
    assert rows
    assert [row for row in rows if not row.error <= row.tolerance] == []


def test_every_section_is_a_test_module() -> None:
    for row in rows_of(PAGE):
        assert Path(__file__).with_name(f"{row.module}.py").is_file()
        assert f"## {title(row.module)}\n" in PAGE.read_text(encoding="utf-8")


def test_every_test_module_that_measures_has_its_section() -> None:
    measuring = {
        file.stem
        for file in Path(__file__).parent.glob("test_*.py")
        if "measured(" in file.read_text(encoding="utf-8") and file != Path(__file__)
    }
    assert {row.module for row in rows_of(PAGE)} == measuring == {f"test_{name}" for name in ORDER}


def test_the_text_is_that_of_the_script() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(INTRODUCTION.partition("{")[0])
    assert page.endswith(DIFFERENCES)


def test_no_line_is_stale(request: pytest.FixtureRequest) -> None:
    """Runs last: what a test module has measured by then is all that the page shows of it."""
    if not STATED or any(
        "::" in word or word.startswith(("-k", "-m", "--l")) for word in request.config.invocation_params.args
    ):
        pytest.skip("only a run of whole modules shows which lines are stale")
    for module in {module for module, _, _ in STATED}:
        shown_of = {(row.module, row.what, row.tolerance) for row in rows_of(PAGE) if row.module == module}
        assert shown_of == {line for line in STATED if line[0] == module}


def test_the_page_names_the_release_that_is_installed() -> None:
    try:
        release = version("paddlepaddle")
    except PackageNotFoundError:
        pytest.skip("PaddlePaddle is not installed; it comes with [test]")
    assert f"paddlepaddle {release}" in PAGE.read_text(encoding="utf-8")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(written(ROWS, "Measured with care."), encoding="utf-8")
    assert [(row.module, row.what, shown(row.error), row.tolerance) for row in rows_of(page)] == [
        ("test_partitions", "subsets", "0", 0),
        ("test_layers", "head, float32", "1.3e-07", 1e-5),
    ]


def test_the_largest_error_of_a_comparison_is_kept() -> None:
    writer = Writer()
    for error in (1e-9, 3e-9, 2e-9):
        report = pytest.TestReport(
            "id", ("", 0, ""), {}, "passed", None, "call", user_properties=[("parity", ("m", "what", error, 1e-8))]
        )
        writer.pytest_runtest_logreport(report)
    assert [row.error for row in writer.rows.values()] == [3e-9]
