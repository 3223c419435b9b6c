"""``python -m tests.parity``: run the parity tests and write docs/parity.md."""

import importlib.util
import sys

import pytest

from tests.parity.page import PAGE, Writer, versions, written


def main() -> int:
    """Run every parity test; the page is written only if all pass."""
    writer = Writer()
    if importlib.util.find_spec("paddle") is None:
        print("python -m tests.parity: PaddlePaddle is not installed; it comes with [test]", file=sys.stderr)
        return 1
    outcome = pytest.main(["tests/parity", "--ignore=tests/parity/test_page.py", "-q"], plugins=[writer])
    if outcome == pytest.ExitCode.OK:
        PAGE.write_text(written(list(writer.rows.values()), versions()), encoding="utf-8")
        print(f"wrote {PAGE}")
    return int(outcome)


if __name__ == "__main__":
    sys.exit(main())
