"""Every comparison states what it measured: held against its tolerance and against docs/parity.md."""

from collections.abc import Callable

import pytest

from tests.parity.page import PAGE, ROUNDING, STATED, Measured, Writer, rows_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The page is looked at when all else has been measured."""
    items.sort(key=lambda item: item.path.name == "test_page.py" and item.name == "test_no_line_is_stale")


@pytest.fixture
def measured(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Measured:
    """Holds ``measured(what, error, tolerance)``: the error is within the tolerance, and the page tells it."""
    module = request.node.path.stem

    def check(what: str, error: float, tolerance: float) -> None:
        record_property("parity", (module, what, float(error), tolerance))  # plain: processes send it
        STATED.add((module, what, tolerance))
        assert error <= tolerance, f"{what}: {error:.1e} is above {tolerance:.1e}"
        if any(isinstance(plugin, Writer) for plugin in request.config.pluginmanager.get_plugins()):
            return  # which makes the page
        lines = {(row.module, row.what, row.tolerance): row.error for row in rows_of(PAGE)}
        assert (module, what, tolerance) in lines, (
            "docs/parity.md lacks this comparison; python -m tests.parity writes it"
        )
        told = lines[module, what, tolerance]
        if tolerance < 1e-2:  # above are comparisons whose error takes one of two sizes
            allowed = max(ROUNDING * told, tolerance / 3)  # the page's may be zero by luck
            assert error <= allowed, f"{what}: {error:.1e}, and docs/parity.md says {told:.1e}"

    return check
