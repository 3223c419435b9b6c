"""Every comparison states what it measured: held against its tolerance here, and written to docs/parity.md."""

from collections.abc import Callable

import pytest

from tests.parity.page import PAGE, Row, Writer, rows_of

Measured = Callable[[str, float, float], None]


@pytest.fixture
def measured(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Measured:
    """Holds ``measured(what, error, tolerance)``: the error is within the tolerance, and the page has the line."""
    module = request.node.path.stem

    def check(what: str, error: float, tolerance: float) -> None:
        record_property("parity", Row(module, what, error, tolerance))
        assert error <= tolerance, f"{what}: {error:.1e} is above {tolerance:.1e}"
        if not any(isinstance(plugin, Writer) for plugin in request.config.pluginmanager.get_plugins()):
            assert (module, what, tolerance) in {(row.module, row.what, row.tolerance) for row in rows_of(PAGE)}, (
                "docs/parity.md lacks this comparison; python -m tests.parity writes it"
            )

    return check
