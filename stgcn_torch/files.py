"""Writing files so that they appear whole or not at all, and by one process at a time."""

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from errno import EISDIR, ENOENT
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nobody waits for a lock
    fcntl = None  # type: ignore[assignment]

WINDOWS = os.name == "nt"
PATIENCE = 20  # times that Windows is asked to replace a file which another program has open
PAUSE = 0.1  # seconds between them


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, which takes its name when the block ends well and is removed when it does not.

    A full disk, an error or a kill in mid-write leaves what stood at ``path`` as it was.

    Raises:
        OSError: It cannot be written; names ``path`` and the reason.
    """
    path = Path(path)
    temporary = beside(path)
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    try:
        with _named(path, temporary):
            yield temporary
            with temporary.open("r+b") as file:  # Windows flushes only what may be written
                os.fsync(file.fileno())
            replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: str | Path, parts: Iterable[bytes]) -> None:
    """Write a file in one go, as ``written_whole``; a link stays, and its file is written."""
    write_together({Path(path): parts})


def write_together(contents: Mapping[Path, Iterable[bytes]]) -> None:
    """Write several files, none of which appears before all are on the disk."""
    with ExitStack() as written:
        for path, parts in contents.items():
            temporary = written.enter_context(written_whole(resolved(path)))
            with temporary.open("wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())


def resolved(path: Path) -> Path:
    """Where a path leads, links followed; OSError if they lead in a circle."""
    try:
        target = path.resolve()
    except RuntimeError:  # Python 3.11 and 3.12
        target = path
    if target.is_symlink():  # Python 3.13 gives such a link back
        raise OSError(f"{path} is a link that leads to itself")
    return target


@contextmanager
def folder_beside(path: str | Path) -> Iterator[Path]:
    """A new folder near ``path``, on the same disk: where it would lie, or above what is missing; removed in the end.

    Raises:
        OSError: It cannot be made; names ``path`` and the reason.
    """
    path = Path(path)
    with _named(path):
        folder = beside(existing_parent(path) / path.name)
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # Windows keeps files that are still mapped


def beside(path: Path) -> Path:
    """A name in the same folder that no file has, with the same suffix.

    Not by ``tempfile``: on Windows it asks two thousand million times where a folder may not be written.
    """
    return path.parent / f".{path.name}.{secrets.token_hex(4)}{path.suffix}"


def replace(temporary: Path, path: Path) -> None:
    """Replace ``path``; on Windows, try again while another program has it open.

    Raises:
        OSError: It cannot be done.
    """
    for _ in range(PATIENCE if WINDOWS else 0):
        with suppress(PermissionError):
            temporary.replace(path)
            return
        time.sleep(PAUSE)
    temporary.replace(path)


def check_writable(path: str | Path) -> None:
    """Raise OSError, as ``written_whole`` would, if no file can be written at ``path``; leaves nothing there."""
    path = Path(path)
    with _named(path):
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    with _named(path):
        probe = beside(existing_parent(path) / path.name)
        probe.touch(exist_ok=False)
        probe.unlink()


def existing_parent(path: str | Path) -> Path:
    """The nearest folder above a path that exists.

    Raises:
        FileNotFoundError: There is none: Windows has no such drive.
    """
    for above in Path(path).absolute().parents:
        if above.exists():
            return above
    raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path))


@contextmanager
def _named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """An OSError of the block names ``path``, not the temporary file; other files keep their names."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (temporary and error.filename not in (None, str(temporary), temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a folder's lock; another process that wants it waits. A killed process lets go of it.

    A network disk may know no such locks, and Windows has none for folders: then nobody waits.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
