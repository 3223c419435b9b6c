"""A file that is written whole is there entirely, or as it was."""

import fcntl
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stgcn_torch.files import (
    PATIENCE,
    PAUSE,
    check_writable,
    folder_beside,
    locked,
    resolved,
    write_whole,
    written_whole,
)


def test_the_file_holds_what_was_written(tmp_path: Path) -> None:
    with written_whole(tmp_path / "results.json") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "results.json").read_text() == "new"


def test_the_old_file_stands_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_nothing_else_stays_behind(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a.ckpt"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_the_temporary_file_lies_beside_with_the_same_suffix(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a.safetensors") as temporary:
        assert temporary.parent == tmp_path  # on the same disk, so that renaming is one step
        assert temporary.suffix == ".safetensors"  # writers choose their format by it
        assert temporary.name.startswith(".")


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with written_whole(tmp_path / "new" / "folder" / "a.json") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "new" / "folder" / "a.json").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.ckpt"
    path.write_text("old")

    def write_half() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(error):
        write_half()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.ckpt", "old")]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a.ckpt"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(OSError, match="No space left"), written_whole(path) as temporary:
        temporary.write_text("new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.ckpt", "old")]


def test_the_bytes_are_on_the_disk_before_the_file_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    replace = Path.replace

    def renamed(source: Path, target: Path) -> Path:
        done.append("replace")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", lambda _: done.append("fsync"))
    monkeypatch.setattr(Path, "replace", renamed)
    with written_whole(tmp_path / "a.ckpt"):
        assert done == []
    assert done == ["fsync", "replace"]


@pytest.mark.parametrize("place", ["", "file/page.html"], ids=["a folder", "below a file"])
@pytest.mark.parametrize("checked", [True, False])
def test_an_error_names_the_path_that_was_asked_for_and_the_reason(tmp_path: Path, place: str, checked: bool) -> None:
    (tmp_path / "file").touch()
    path, before = tmp_path / place, sorted(tmp_path.iterdir())

    def write() -> None:
        if checked:
            check_writable(path)
            return
        with written_whole(path) as temporary:
            temporary.write_text("new")

    with pytest.raises(OSError, match="Errno") as raised:
        write()
    assert raised.value.filename == str(path)
    assert str(raised.value) == f"[Errno {raised.value.errno}] {os.strerror(raised.value.errno or 0)}: '{path}'"
    assert sorted(tmp_path.iterdir()) == before


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), written_whole(tmp_path / "a.json"):
        (tmp_path / "nowhere").read_text()


def test_what_can_be_written_is_not_written_yet(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder" / "a.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002], ids=oct)
def test_permissions_follow_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with written_whole(tmp_path / "a.ckpt"):
            pass
        (tmp_path / "plain").touch()
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.ckpt", "plain")}
    assert modes == {0o666 & ~mask}


def test_a_lock_is_held_by_one_and_let_go_of(tmp_path: Path) -> None:
    inside = threading.Event()

    def enter() -> None:
        with locked(tmp_path):
            inside.set()

    other = threading.Thread(target=enter)
    with locked(tmp_path):
        other.start()
        assert not inside.wait(0.2)
    other.join(timeout=30)
    assert inside.is_set()
    assert not list(tmp_path.iterdir())


def test_without_locks_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stgcn_torch.files.fcntl", None)  # as on Windows
    with locked(tmp_path), locked(tmp_path):
        pass


def test_what_is_flushed_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows flushes no file that was opened for reading."""
    flush = os.fsync

    def windows(handle: int) -> None:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        flush(handle)

    monkeypatch.setattr(os, "fsync", windows)
    with written_whole(tmp_path / "a.ckpt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.ckpt").read_text() == "new"


@pytest.mark.parametrize("times", [0, 1, PATIENCE, PATIENCE + 1])
def test_windows_is_asked_again_while_another_program_reads_the_file(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, rename, waited = [None] * times, Path.replace, []

    def windows(source: Path, target: Path) -> Path:
        if left:
            left.pop()
            raise PermissionError(13, "Permission denied", str(source), None, str(target))
        return rename(source, target)

    path = tmp_path / "a.ckpt"
    path.write_text("old")
    monkeypatch.setattr("stgcn_torch.files.WINDOWS", True)
    monkeypatch.setattr(Path, "replace", windows)
    monkeypatch.setattr("time.sleep", waited.append)

    def write() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("new")

    if times <= PATIENCE:
        write()
    else:
        with pytest.raises(PermissionError, match=r"Permission denied: .*a\.ckpt'$"):
            write()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["new" if times <= PATIENCE else "old"]
    assert waited == [PAUSE] * min(times, PATIENCE)


def test_elsewhere_a_file_that_may_not_be_replaced_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refused(source: Path, _: Path) -> None:
        tries.append(source)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError), written_whole(tmp_path / "a.ckpt"):
        pass
    assert len(tries) == 1


@pytest.mark.parametrize("write", [check_writable, lambda path: written_whole(path).__enter__()])
def test_a_folder_that_may_not_be_written_is_asked_once(
    write: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows says that every folder may be written, and ``tempfile`` then tries name after name."""
    tries = []

    def refused(path: str, *_: object, **__: object) -> int:
        tries.append(path)
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "access", lambda *_: True)
    with pytest.raises(PermissionError, match=r"a\.ckpt'$"):
        write(tmp_path / "a.ckpt")
    assert len(tries) == 1


def test_a_drive_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(FileNotFoundError, match=r"out/page\.html"):
        check_writable("/out/page.html")


def test_a_link_is_followed_unless_it_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    assert resolved(tmp_path / "one") == (tmp_path / "two").resolve()
    (tmp_path / "two").symlink_to(tmp_path / "one")
    for name in ("one", "two"):
        with pytest.raises(OSError, match=f"{name} is a link that leads to itself$"):
            write_whole(tmp_path / name, [b"new"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    assert all(path.is_symlink() for path in tmp_path.iterdir())


def test_a_folder_beside_is_on_the_same_disk_and_gone_in_the_end(tmp_path: Path) -> None:
    with folder_beside(tmp_path / "new" / "out") as folder:
        assert folder.parent == tmp_path  # above what is missing
        (folder / "part").touch()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_may_not_be_made_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refused(path: Path, *_: object, **__: object) -> None:
        tries.append(path)
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(PermissionError, match=r"out'$"), folder_beside(tmp_path / "out"):
        pass
    assert len(tries) == 1
