"""Kinds of files are recognised by contents; errors for other files say in plain words what they are."""

import io
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from convert import UnreadableError, read_pdparams
from convert.cli import main
from convert.formats import kinds
from convert.formats.kinds import KINDS, File, Folder, kind, open_path
from tests.fixtures import cases
from tests.unit.convert.pickle.test_unpickle import Call

W = cases.ramp(2, 3)


def archive(*names: str) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(name, b"x")
    return file.getvalue()


def tar() -> bytes:
    """A tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tarred:
        tarred.addfile(tarfile.TarInfo("model.pdparams"))
    return file.getvalue()


def npy() -> bytes:
    """A NumPy file."""
    file = io.BytesIO()
    np.save(file, W)
    return file.getvalue()


NOISE = np.random.default_rng(0).bytes(1 << 14)
UNREADABLE = {
    "is empty": b"",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "is a web page": b"\n<!DOCTYPE html>\n<html><body>Not found</body></html>",
    "is a tar archive": tar(),
    "is compressed": b"\x1f\x8b\x08\x00",
    "is a NumPy array": npy(),
    "is an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "begins with zeros": bytes(100),
    "is it encrypted": NOISE,
    r"begins with typedef $": b"typedef int x;",
    r"begins with \{\"a\": 1\}$": b'{"a": 1}',
    r"begins with \\xff\\xfe$": b"\xff\xfe",
}


@pytest.mark.parametrize("words", UNREADABLE)
def test_says_what_an_unreadable_file_is(words: str) -> None:
    """In plain words."""
    with pytest.raises(UnreadableError, match=words):
        kind(memoryview(UNREADABLE[words]))


def test_the_message_says_which_file(tmp_path: Path) -> None:
    """One line, the path first."""
    path = tmp_path / "model.pdparams"
    path.write_bytes(UNREADABLE["is a web page"])
    with pytest.raises(UnreadableError, match=r"model\.pdparams: is a web page, saved in the file's place$"):
        read_pdparams(path)


@pytest.mark.parametrize("name", ["archive/data.pkl", "model.pdparams"])
def test_archives_are_left_to_the_reader_of_torch(name: str, tmp_path: Path) -> None:
    """The reader of Paddle's files refuses any zip archive."""
    path = tmp_path / "model.pdparams"
    path.write_bytes(archive(name))
    assert open_path(path).kind == "zip archive"
    with pytest.raises(UnreadableError, match=r"model\.pdparams: is a zip archive, where a file of Paddle belongs"):
        read_pdparams(path)


def test_a_folder_opens_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also unreadable files are opened once; files are mapped only when their contents are used."""
    looks: list[int] = []
    monkeypatch.setattr(kinds, "kind", lambda data: looks.append(len(data)) or kind(data))
    (tmp_path / "a").write_bytes(pickle.dumps({}))
    (tmp_path / "b").write_bytes(b"typedef int x;")
    (tmp_path / ".hidden").write_bytes(b"")
    folder = open_path(tmp_path)
    assert isinstance(folder, Folder)
    for _ in range(3):
        assert folder.get("a", "pickle") is folder["a"]
        assert folder.get("a", "tensors") is folder.get("none", "pickle") is folder.get("b", *KINDS) is None
        with pytest.raises(UnreadableError, match=r"b: is text, not weights"):
            folder["b"]
    assert folder.names == ["a", "b"]
    assert len(looks) == 2
    assert "data" not in vars(folder["a"])
    assert folder["a"].folder["a"] is folder["a"]
    monkeypatch.setattr(kinds, "MAX_FILES", 1)
    assert folder.of_kind(*KINDS) == []


@pytest.mark.parametrize("release", cases.RELEASES)
def test_a_conversion_looks_at_each_path_once(release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a file, a program with its tensors, and a folder, no file is opened twice."""
    looks: list[Path] = []
    look = File.__init__
    monkeypatch.setattr(File, "__init__", lambda file, path: looks.append(path) or look(file, path))
    sources = [path for path in (cases.ROOT / release).rglob("*") if path.name != "written.json"]
    for source in sources:
        looks.clear()
        with pytest.raises(SystemExit):
            main([str(source), str(tmp_path / "out.pt"), "--dry-run"])
        assert len(looks) == len({*looks})
        assert looks or source.is_dir()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [{"w": W}, {}, OrderedDict(w=W), [W, 1], [], W, ("w", W), Call(tuple, ("w", W)), Call(eval, "data", {"data": W})],
    ids=["dict", "empty dict", "ordered dict", "list", "empty list", "array", "tuple", "tensor", "static tensor"],
)
def test_knows_pickles(value: object, protocol: int) -> None:
    """Every protocol; protocols 0 and 1 have no header."""
    assert kind(memoryview(pickle.dumps(value, protocol))) == "pickle"


def test_noise_within_a_pickle_is_no_encryption() -> None:
    """Weights may be noise themselves."""
    assert kind(memoryview(pickle.dumps(np.frombuffer(NOISE, np.uint8), 4))) == "pickle"


@pytest.mark.parametrize("release", [cases.PADDLE_1, *cases.RELEASES])
def test_knows_the_files_of_paddle(release: str) -> None:
    """Each is of the kind that its release makes it."""
    kinds = {
        **{".pdiparams": "tensors", ".info": "pickle", ".pdmodel": "program", ".json": "PIR program"},
        **{".distcp": "pickle", ".metadata": "pickle"},
        **{".pdparams": "pickle", ".pdopt": "pickle", ".safetensors": "safetensors"},
        **{"__model__": "program", "__params__": "tensors", "tensor.pdtensor": "pickle", "static.pdtensor": "pickle"},
    }
    for path in (cases.ROOT / release).rglob("*"):
        if path.is_file() and path.name != "written.json":
            expected = kinds.get(path.name) or kinds.get(path.suffix, "tensors")
            assert kind(memoryview(path.read_bytes())) == expected
            assert expected in KINDS
