"""Damaged files against the reader: ``python -m benchmarks.fuzzing``.

Each case takes one of the project's files, damages it, and reads it. Whatever the damage, what comes out is a plain
tree or one line of ``ConvertError``, soon and in little memory, and nothing runs: an audit hook watches for commands,
code, imports, and files that are written. A case that breaks this is saved, and ``--case`` runs it again.
"""

import argparse
import pickle
import pickletools
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from convert import ConvertError, read_pdparams
from convert.formats.archive import archive
from convert.formats.torch_files import read_pt
from convert.pickle.symbols import Opaque
from tests.fixtures import cases

SECONDS = 2.0  # of processor time for a case; measured: at most 0.1
GIBIBYTES = 2  # of memory that the reader may have; its files have kilobytes
MAX_DAMAGE = 4  # moves of pieces; other changes are fewer
PLAIN = str | bytes | bytearray | int | float | None | np.ndarray | np.generic | np.dtype
LINE = re.compile(r".{1,1000}")
TOKEN = re.compile(rb'"[^"]*"|[\w.+-]+|[^\w"]')  # of JSON
STATE_DICT = {
    "w": np.arange(6, dtype="f4").reshape(2, 3),
    "t": ("w_0", np.ones((2, 3), ">f8").T),
    "n": {"w": "w_0"},
    "s": np.int64(3),
    "l": [1, -2.5, None, True, {"x"}],
}

# What no reader does: audit events of Python, each with all that begin like it.
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "subprocess.", "pty."),
    *("import", "exec", "compile", "code.__new__", "marshal.", "pickle.", "ctypes.", "socket.", "urllib."),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "shutil."),
)


class Violation(BaseException):
    """A case did what none may; no handler of the reader's can take it for an error of the file's."""


@dataclass(frozen=True)
class Sample:
    """A file to damage.

    Attributes:
        kind: What it is.
        path: The file, among the others that belong to it.
        data: What is damaged: its contents, or a part of them.
        cut: Where that falls into pieces, which may be moved.
        read: The reader of it.
        whole: The file's contents, from what is damaged.
    """

    kind: str
    path: Path
    data: bytes
    cut: Callable[[bytes], list[bytes]]
    read: Callable[[Path], object] = read_pdparams
    whole: Callable[[bytes], bytes] = bytes


@dataclass
class Tally:
    """What became of the cases of a kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0  # seconds


def opcodes(data: bytes) -> list[bytes]:
    """A pickle cut between its opcodes, and those that follow it; what follows them stays whole."""
    starts = [start for _, _, start in pickletools.genops(data)]
    end = starts[-1] + 1
    rest = data[end:]
    more = opcodes(rest) if rest.startswith(b"\x80\x02") else [rest]
    return [data[start:end] for start, end in pairwise([*starts, end])] + [piece for piece in more if piece]


def tokens(data: bytes) -> list[bytes]:
    """JSON cut between its tokens."""
    return TOKEN.findall(data)


def chunks(data: bytes, size: int = 8) -> list[bytes]:
    """Bytes cut where most formats have their numbers."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def samples(folder: Path) -> list[Sample]:
    """The project's files, copied into a folder and sorted by what they are."""
    shutil.copytree(cases.ROOT, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    found = [Sample(f"pickle, protocol {p}", _new(folder, f"{p}.pdparams", _pickled(p)), _pickled(p), opcodes)
             for p in range(6)]  # fmt: skip
    for path in sorted(path for path in folder.glob("paddle-*/**/*") if path.is_file()):
        for kind, (pattern, cut) in FIXTURES.items():
            if re.search(pattern, str(path.relative_to(folder))):
                found.append(Sample(kind, path, path.read_bytes(), cut))
    for kind, pattern in FOLDERS.items():
        for path in sorted(folder.glob(pattern)):
            data = path.read_bytes()
            cut = opcodes if data.startswith(b"\x80") else chunks
            found.append(Sample(kind, path, data, cut, lambda path: read_pdparams(path.parent)))
    return found + list(_torch_samples(folder))


# Kinds, the paths of their files, and where they are cut.
FIXTURES: dict[str, tuple[str, Callable[[bytes], list[bytes]]]] = {
    "pickle of Paddle": (r"\.(pdparams|pdopt)$|(static|/tensor)\.pdtensor$", opcodes),
    "tensor stream": (r"binary/.*\.pdtensor$", chunks),
    "combined tensors": (r"\.pdiparams$|__params__$", chunks),
    "list of parameters": (r"\.info$", opcodes),
    "program": (r"\.pdmodel$|__model__$", chunks),
    "PIR program": (r"model\.json$", tokens),
    "safetensors": (r"\.safetensors$", chunks),
}
# Kinds of folders, and the files in them.
FOLDERS = {"folder of tensors": "paddle-*/variables/fc*", "folder of shards": "paddle-*/distributed*/*"}


def _pickled(protocol: int) -> bytes:
    return pickle.dumps(STATE_DICT, protocol)


def _new(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def _torch_samples(folder: Path) -> Iterator[Sample]:
    """Checkpoints of torch: the archive, the pickle in it, and the format before archives."""
    state = {"model": {"w": torch.arange(6.0).view(2, 3).T, "p": torch.nn.Parameter(torch.ones(2)).bfloat16()}}
    tree = state | {"tied": state["model"]["w"], "epoch": 3, "options": argparse.Namespace(lr=0.1)}
    zipped, legacy = folder / "model.pt", folder / "legacy.pt"
    torch.save(tree, zipped)
    torch.save(tree, legacy, _use_new_zipfile_serialization=False)
    yield Sample("torch archive", zipped, zipped.read_bytes(), chunks, read_pt)
    yield Sample("torch, before 1.6", legacy, legacy.read_bytes(), opcodes, read_pt)
    with zipfile.ZipFile(zipped) as file:
        records = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    yield Sample(
        "pickle of torch",
        folder / "pickle.pt",
        records["data.pkl"],
        opcodes,
        read_pt,
        lambda data: archive({**records, "data.pkl": data}.items()),
    )


def damaged(data: bytes, cut: Callable[[bytes], list[bytes]], rng: random.Random) -> bytes:
    """The data with its pieces moved, or a few changes wherever they fall, or both."""
    whole = rng.random() < 0.5
    if not whole:
        data = b"".join(moved(cut(data), rng))
    for _ in range(rng.randrange(whole, MAX_DAMAGE)):
        data = rng.choice(CHANGES)(data, rng)
    return data


def moved(pieces: list[bytes], rng: random.Random) -> list[bytes]:
    """The pieces with a few of them taken out, doubled, or put elsewhere."""
    for _ in range(rng.randint(1, MAX_DAMAGE)):
        at, count, to = rng.randrange(len(pieces) or 1), rng.choice((1, 1, 2, 5)), rng.randrange(len(pieces) + 1)
        part = pieces[at : at + count]
        rest = pieces if rng.random() < 1 / 3 else [*pieces[:at], *pieces[at + count :]]
        pieces = rest if rng.random() < 1 / 3 else [*rest[:to], *part, *rest[to:]]
    return pieces


def flipped(data: bytes, rng: random.Random) -> bytes:
    """The data with some bits of a byte turned."""
    return overwritten(data, rng, lambda byte: bytes([byte ^ rng.randint(1, 255)]))


def lengthened(data: bytes, rng: random.Random) -> bytes:
    """The data with a length, count or offset that lies, of any width."""
    width = rng.choice((1, 2, 4, 8))
    lie = rng.choice((0, 1, len(data), (1 << 8 * width) - 1, 1 << 8 * width - 1, (1 << 8 * width - 1) - 1, 1 << 40))
    return overwritten(data, rng, lambda _: (lie % (1 << 8 * width)).to_bytes(width, "little"))


def overwritten(data: bytes, rng: random.Random, new: Callable[[int], bytes]) -> bytes:
    """The data with something else at some place."""
    if not data:
        return data
    at = rng.randrange(len(data)) if rng.random() < 0.7 else rng.randrange(min(len(data), 64))  # a header, more often
    value = new(data[at])
    return data[:at] + value + data[at + len(value) :]


def truncated(data: bytes, rng: random.Random) -> bytes:
    """The data up to some place."""
    return data[: rng.randrange(len(data) + 1)]


CHANGES = (flipped, flipped, flipped, lengthened, lengthened, truncated)


class Watch:
    """What runs while a file is read: an audit hook, which Python never takes off again."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        """Note what no reader does."""
        if not self.on:
            return
        writes = event == "open" and (re.search(r"[wax+]", str(args[1])) or (isinstance(args[2], int) and args[2] & 3))
        if writes or event.startswith(FORBIDDEN):
            self.seen.append(f"{event} {args!r:.200}")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Violation if anything ran in the block, or if it took too long."""
        self.seen.clear()
        self.on = True
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.on = False
        if self.seen:
            raise Violation(f"runs {'; '.join(self.seen)}")


def too_long(*_: object) -> None:
    """Violation; the handler of the timer's signal."""
    raise Violation(f"takes more than {SECONDS} s")


def outcome(sample: Sample, watch: Watch) -> str:
    """What the reader makes of the file: ``read``, or the name of its error; Violation if it does harm."""
    with watch.watching():
        try:
            assert_plain(sample.read(sample.path))
        except ConvertError as problem:
            error = problem
        except Exception as problem:  # any, as this is what the reader must never do
            raise Violation(f"raises {problem!r}") from problem
        else:
            return "read"
    if not LINE.fullmatch(str(error)) or str(sample.path.parent) not in str(error):
        raise Violation(f"says {str(error)!r}")
    return type(error).__name__


def assert_plain(value: object) -> None:
    """Violation unless it is data that recursion can walk, with no name among it."""
    if isinstance(value, Opaque):
        assert_plain([value.args, value.state])
    elif isinstance(value, dict):
        assert_plain([*value, *value.values()])
    elif isinstance(value, list | tuple | set):
        for part in value:
            assert_plain(part)
    elif not isinstance(value, PLAIN):
        raise Violation(f"holds a {type(value).__name__}")
    # Beside NumPy's own dtypes only those that ml_dtypes registers.
    elif isinstance(value, np.ndarray) and value.dtype.kind not in "biufcSU" and value.dtype.isbuiltin != 2:
        raise Violation(f"holds an array of {value.dtype}")


def case(seed: int, number: int, by_kind: dict[str, list[Sample]]) -> tuple[Sample, bytes]:
    """The sample of a case and the contents that it gets, always the same."""
    rng = random.Random(f"{seed}/{number}")
    kinds = list(by_kind)
    sample = rng.choice(by_kind[kinds[number % len(kinds)]])
    return sample, damaged(sample.data, sample.cut, rng)


def ready(folder: Path) -> dict[str, list[Sample]]:
    """The samples by kind, each read once unharmed: what is imported late is imported now."""
    by_kind: dict[str, list[Sample]] = {}
    for sample in samples(folder):
        by_kind.setdefault(sample.kind, []).append(sample)
        sample.path.write_bytes(sample.whole(sample.data))
        sample.read(sample.path)
    return by_kind


def fuzz(seed: int, numbers: Iterable[int], folder: Path, saved: Path) -> tuple[dict[str, Tally], list[str]]:
    """Run cases.

    Args:
        seed: Of all of them.
        numbers: Which.
        folder: An empty one to work in.
        saved: Where to put files that did harm.

    Returns:
        What became of the cases by kind, and a line for each that did harm.
    """
    by_kind, watch = ready(folder), Watch()
    tallies, violations = {kind: Tally() for kind in by_kind}, []
    for number in numbers:
        sample, data = case(seed, number, by_kind)
        whole, tally = sample.whole(data), tallies[sample.kind]
        sample.path.write_bytes(whole)
        start = time.process_time()
        try:
            tally.outcomes[outcome(sample, watch)] += 1
        except Violation as problem:
            path = saved / f"fuzz-{seed}-{number}-{sample.path.name}"
            path.write_bytes(whole)
            violations.append(f"case {number} of seed {seed} ({sample.kind}) {problem}; saved as {path}")
        tally.slowest = max(tally.slowest, time.process_time() - start)
        sample.path.write_bytes(sample.whole(sample.data))
    return tallies, violations


def table(tallies: dict[str, Tally]) -> str:
    """What became of the cases, a line for each kind and one for all."""
    outcomes = ("read", "UnsafeError", "UnreadableError", "MismatchError")
    total = Tally(
        sum((tally.outcomes for tally in tallies.values()), Counter()), max(t.slowest for t in tallies.values())
    )
    lines = [f"{'kind':24} {'cases':>7} {' '.join(f'{name:>15}' for name in outcomes)} {'slowest':>10}"]
    for kind, tally in {**tallies, "all": total}.items():
        counts = " ".join(f"{tally.outcomes[name]:15}" for name in outcomes)
        lines.append(f"{kind:24} {tally.outcomes.total():7} {counts} {1000 * tally.slowest:7.1f} ms")
    return "\n".join(lines)


def main() -> None:
    """Print the table; leave with 1 if a case did harm."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cases", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this one alone")
    parser.add_argument("--saved", type=Path, default=Path(), help="folder for files that did harm")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (GIBIBYTES << 30, GIBIBYTES << 30))
    signal.signal(signal.SIGPROF, too_long)
    numbers = range(options.cases) if options.case is None else [options.case]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tallies, violations = fuzz(options.seed, numbers, Path(folder), options.saved)
    print(table(tallies))
    print(f"seed {options.seed}, {time.perf_counter() - start:.0f} s, {len(violations)} did harm")
    print("\n".join(violations), end="")
    sys.exit(bool(violations))


if __name__ == "__main__":
    main()
