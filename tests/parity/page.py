"""docs/parity.md: the table of what the parity tests measured, written by ``python -m tests.parity``."""

import ast
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
ORDER = [
    "partitions",
    "layers",
    "network",
    "gradients",
    "training",
    "resume_from_paddle",
    "conversion",
    "schedules",
    "initialization",
    "quirks",
    "loss",
    "golden",
]
LINE = re.compile(r"\| (?P<what>.+) \| (?P<error>\S+) \| (?P<tolerance>\S+) \|")

INTRODUCTION = """\
# Parity with PaddlePaddle

Written by `python -m tests.parity`; `pytest tests/parity` measures every line anew and holds it against its tolerance.
Paddle's side is `tests/parity/reference.py`, the article's network written for this purpose; its weights travel through
the converter's own name tables (`convert/network/keys.py`). An error is the largest absolute difference divided by the
largest absolute value of Paddle's array, unless a line says otherwise; 0 means equal to the last bit.

{versions}
"""

DIFFERENCES = """
## Files of other releases

Not part of the run above, as its file is not part of this project: the article's network as Paddle 2.6.2 wrote it after
three steps of training, with clips and the logits that it gave in evaluation mode. `convert-pdparams model.pdparams
out.pt --reference input.npy logits.npy`: logits within 3.8e-6 of Paddle's, whose largest is 18.3; top-1 agrees.

Likewise the same network as Paddle 1.8.5 trained it for two steps, in a process that had made other layers before: its
state dict, and the folder of tensors that `TracedLayer` saved, whose structured names follow from the parameters'.
Logits within 4.8e-7 of Paddle's from either, whose largest is 1.7; all 102 velocities of its `.pdopt` are placed by
name as its own table of names places them.

## Damaged files

Nor is this part of the run above. `python -m benchmarks.fuzzing` damages the project's files of every kind: pickles of
protocols 0 to 5 and of Paddle, tensor streams, combined files and their programs, lists of parameters, PIR,
safetensors, folders of tensors and of shards, torch's archives, the pickles in them, and its older files. Bits, opcodes
and chunks are turned, moved, doubled or left out, lengths lie, ends are missing. Of 40,000 cases of seed 0, 3,505 were
read as plain trees, 5,313 refused as unsafe, 31,157 as unreadable and 25 as not fitting; nothing else came out. An
audit hook saw nothing run, nothing imported and no file written, and none took more than 38 ms of processor time, or
more than the 2 GiB of memory that the process had. Python 3.11.7 on two cores: 283 s while others used them, and 57 s
in a run before, while they did less.

## What differs by design, and what it means

- **Running variance.** On the CPU Paddle's batch norms store the biased variance of a batch (divided by n), torch's the
  unbiased one (divided by n - 1). A converted network is not touched by it: its statistics are copied. A network that
  is trained on gets running variances larger by n / (n - 1), n being the numbers that a channel averages: 1.6e-5 for
  the input of 64 clips of 1000 frames, less than what the next batch changes. The comparisons of training steps above
  make torch store the biased one; the line *biased running variance* is the difference without that.
- **Constants.** Paddle's kernels take epsilon, both momenta and weight decay as float32 even where tensors are float64,
  and the backward pass of its pooling multiplies by a float32 1 / (T V). Comparisons in float64 use the same constants
  here; in float32 each side keeps its own.
- **Gradients in float32.** An activation that rounding puts on the other side of ReLU's corner adds or removes its
  whole gradient. The full network has millions, and in some batches one lies that close: among 12 batches, tried once
  by hand, either side differed from its own float64 by up to 8e-3 of the largest gradient. The narrow network has none.
- **Long runs in float32** are not compared: at these learning rates they are chaotic, and Paddle differs as much from
  itself when its weights change by their last bit.
- **Cross entropy.** Paddle's kernel counts no more than 64 for a clip: it cuts logits at 64 below the largest. torch
  does not. A loss that large means a network that has diverged.
- **Accuracy.** Paddle's `metric.accuracy` breaks ties by its own order of a top-k; here the first of the tied classes
  is the answer. They differ only where two logits are equal to the last bit.
"""


STATED: set[tuple[str, str, float]] = set()  # what the tests of this run have measured
ROUNDING = 1000  # the page's figure may be another machine's: errors of rounding differ, not by more than this
Measured = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Row:
    """One comparison: the test module it stands in, what was compared, the largest error, and what is allowed."""

    module: str
    what: str
    error: float
    tolerance: float


class Writer:
    """A pytest plugin that gathers what passing tests measured, the largest error of each comparison."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows of a test that has run."""
        for name, told in report.user_properties if report.when == "call" else ():
            if name == "parity":
                row = Row(*told)  # type: ignore[misc]
                known = self.rows.get((row.module, row.what))
                if known is None or row.error > known.error:
                    self.rows[row.module, row.what] = row


def versions() -> str:
    """What measures, in a sentence."""
    releases = ", ".join(f"{name} {version(name).split('+')[0]}" for name in ("paddlepaddle", "torch", "numpy"))
    return f"Measured with {releases}, Python {platform.python_version()}, on a CPU."


def written(rows: Sequence[Row], measured_with: str) -> str:
    """The page of these rows."""
    page = INTRODUCTION.format(versions=measured_with)
    for module in [f"test_{name}" for name in ORDER if any(row.module == f"test_{name}" for row in rows)]:
        page += (
            f"\n## {title(module)}\n\n`tests/parity/{module}.py`\n\n| compared | error | tolerance |\n|---|---|---|\n"
        )
        for row in rows:
            if row.module == module:
                page += f"| {row.what} | {shown(row.error)} | {shown(row.tolerance)} |\n"
    return page + DIFFERENCES


def rows_of(path: Path) -> list[Row]:
    """The rows that a page shows."""
    rows = []
    module = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if place := re.fullmatch(r"`tests/parity/(\w+)\.py`", line):
            module = place[1]
        elif (cells := LINE.fullmatch(line)) and module and cells["error"] not in ("error", "---"):
            rows.append(Row(module, cells["what"], float(cells["error"]), float(cells["tolerance"])))
    return rows


def title(module: str) -> str:
    """First line of a test module's docstring, without its full stop."""
    source = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or module).split("\n")[0].rstrip(".")


def shown(number: float) -> str:
    """A figure as the page shows it."""
    return "0" if number == 0 else f"{number:.1e}"
