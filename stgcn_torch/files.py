"""Writing files so that they appear whole or not at all, and by one process at a time."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nobody waits for a lock
    fcntl = None  # type: ignore[assignment]


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, which takes its name when the block ends well and is removed when it does not.

    A full disk, an error or a kill in mid-write leaves what stood at ``path`` as it was.

    Raises:
        OSError: It cannot be written; names ``path`` and the reason.
    """
    path = Path(path)
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with _named(path, temporary):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())  # mkstemp gives it to its owner alone
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raise OSError, as ``written_whole`` would, if no file can be written at ``path``; leaves nothing there."""
    path = Path(path)
    with _named(path):
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        folder = next(above for above in path.absolute().parents if above.exists())
        tempfile.TemporaryFile(dir=folder).close()


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

    A network disk may know no such locks, and then nobody waits.
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
