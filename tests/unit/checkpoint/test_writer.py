"""A checkpoint is written whole, or the old one stays."""

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from stgcn_torch.checkpoint.writer import WholeFileCheckpointIO


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers, alone or among others."""
    torch.manual_seed(0)


@pytest.fixture
def limited() -> Iterator[Callable[[int], None]]:
    """Limit the size of files that this process can write, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_only(path: Path, content: bytes) -> None:
    """The file is alone in its folder, with this content."""
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == content


def test_a_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    for epoch in range(2):
        WholeFileCheckpointIO().save_checkpoint({"epoch": epoch}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_lightning_reads_what_it_wrote_through_it(tmp_path: Path) -> None:
    WholeFileCheckpointIO().save_checkpoint({"a": torch.ones(2)}, tmp_path / "last.ckpt")
    checkpoint = WholeFileCheckpointIO().load_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    assert torch.equal(checkpoint["a"], torch.ones(2))


def test_a_write_that_breaks_off_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    WholeFileCheckpointIO().save_checkpoint({"epoch": 0}, path)
    before = path.read_bytes()

    def half(target: Path, _: object) -> None:
        with target.open("wb") as file:
            file.write(before[: len(before) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match=r"last\.ckpt could not be written: No space left on device$"):
        WholeFileCheckpointIO().save_checkpoint({"epoch": 1}, path)
    assert_only(path, before)


def test_an_error_keeps_no_view_of_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view in the frames of an error would keep its memory from being released."""
    payloads: list[object] = []

    def full(_: Path, data: object) -> None:
        payloads.append(data)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        WholeFileCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")
    assert [type(data) for data in payloads] == [bytes]


def test_a_disk_that_is_full_when_flushed_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    WholeFileCheckpointIO().save_checkpoint({"epoch": 0}, path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device"):
        WholeFileCheckpointIO().save_checkpoint({"epoch": 1}, path)
    assert_only(path, before)


def test_a_disk_that_fills_in_mid_write_leaves_the_checkpoint_before(
    tmp_path: Path, limited: Callable[[int], None]
) -> None:
    path = tmp_path / "last.ckpt"
    WholeFileCheckpointIO().save_checkpoint({"epoch": 0}, path)
    before = path.read_bytes()
    limited(100_000)
    with pytest.raises((OSError, RuntimeError)):
        WholeFileCheckpointIO().save_checkpoint({"weights": torch.ones(100_000)}, path)
    assert_only(path, before)
