"""The fuzz run sees what it is there to see, and finds nothing in its first cases."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import fuzzing
from benchmarks.fuzzing import Sample, Violation, Watch, case, outcome, ready
from convert import UnreadableError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def watch() -> Watch:
    """One for all tests, as it is never taken off."""
    return Watch()


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A case may take a tenth of a second."""
    monkeypatch.setattr(fuzzing, "SECONDS", 0.1)
    before = signal.signal(signal.SIGPROF, fuzzing.too_long)
    yield
    signal.signal(signal.SIGPROF, before)


def sample(folder: Path, read: Callable[[Path], object]) -> Sample:
    """A file with another reader."""
    return Sample("x", folder / "x", b"", fuzzing.chunks, read)


def raises(problem: BaseException) -> object:
    """What a reader does that refuses a file."""
    raise problem


def forever() -> object:
    """What a reader does that hangs."""
    while True:
        pass


HARM: dict[str, tuple[Callable[[Path], object], str]] = {
    "a command": (lambda _: os.system("true"), "runs os.system"),
    "a process": (lambda _: subprocess.run(["true"], check=True).returncode, "runs subprocess.Popen"),
    "code": (lambda _: exec("1"), "runs compile.*exec"),
    "an expression": (lambda _: eval("1"), "runs compile.*exec"),
    "an import": (lambda _: importlib.import_module("antigravity_of_no_module"), "runs import|raises"),
    "a file": (lambda path: path.write_bytes(b""), "runs open"),
    "a file by number": (lambda path: os.close(os.open(path, os.O_RDWR | os.O_CREAT)), "runs open"),
    "a file less": (lambda path: path.unlink(missing_ok=True), "runs os.remove"),
    "another error": (lambda _: raises(KeyError("x")), "raises KeyError"),
    "memory": (lambda _: raises(MemoryError()), "raises MemoryError"),
    "an object": (lambda path: {"w": [path]}, "holds a PosixPath"),
    "two lines": (lambda path: raises(UnreadableError(f"{path}: is\nodd")), "says"),
    "no path": (lambda _: raises(UnreadableError("is odd")), "says"),
}


@pytest.mark.parametrize("harm", HARM)
def test_harm_is_seen(harm: str, watch: Watch, tmp_path: Path) -> None:
    """Whatever a reader might do that it must not."""
    read, words = HARM[harm]
    with pytest.raises(Violation, match=words):
        outcome(sample(tmp_path, read), watch)


def test_hanging_is_seen(watch: Watch, tmp_path: Path, bounded: None) -> None:
    """A reader that would go on for ever is stopped."""
    with pytest.raises(Violation, match=r"takes more than 0\.1 s"):
        outcome(sample(tmp_path, lambda _: forever()), watch)


def test_what_readers_do_is_no_harm(watch: Watch, tmp_path: Path) -> None:
    """To open a file, to return a tree, to refuse."""
    (tmp_path / "x").write_bytes(b"x")
    assert outcome(sample(tmp_path, lambda path: {"w": path.read_bytes()}), watch) == "read"
    refusing = sample(tmp_path, lambda path: raises(UnreadableError(f"{path}: is odd")))
    assert outcome(refusing, watch) == "UnreadableError"


def test_cases_are_the_same_again(tmp_path: Path) -> None:
    """So that one can be run alone; and most differ from the file."""
    samples = ready(tmp_path)
    made = [case(0, number, samples) for number in range(200)]
    assert made == [case(0, number, samples) for number in range(200)]
    assert sum(data != sample.data for sample, data in made) > 180
    assert made != [case(1, number, samples) for number in range(200)]


def test_damaged_files_do_no_harm(tmp_path: Path) -> None:
    """The first cases of the run, in a process of their own, which has a bound of memory too."""
    command = [sys.executable, "-m", "benchmarks.fuzzing", "--cases", "2000", "--saved", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert run.stdout.splitlines()[-2].split()[:2] == ["all", "2000"]
    assert list(tmp_path.iterdir()) == []
