"""Text is read as strangers write it: of any byte order, gzipped, with Windows' ends of lines."""

import gzip
from pathlib import Path

import pytest

from stgcn_torch.data.formats import text_files
from stgcn_torch.data.formats.json_files import load_json
from stgcn_torch.data.formats.registry import format_of
from stgcn_torch.data.formats.tables import read_table
from stgcn_torch.data.formats.text_files import bytes_of

TEXT = '{"people": [{"é": 1}]}\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [".json", ".JSON"])
def test_json_of_any_encoding_is_told_and_read(tmp_path: Path, encoding: str, packed: bool, suffix: str) -> None:
    path, content = tmp_path / f"a_1{suffix}", TEXT.encode(encoding)
    if packed:
        path, content = path.with_name(f"{path.name}.gz"), gzip.compress(content)
    path.write_bytes(content)
    assert load_json(path) == {"people": [{"é": 1}]}
    assert format_of(tmp_path) == format_of(path) == "openpose"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_tables_of_any_encoding_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("frame;joint;x;y\r\n0;é;1;2\r\n".encode(encoding)))
    assert read_table(path).joints == ("é",)


def test_a_damaged_or_endless_archive_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json.gz"
    for content in (b"no", gzip.compress(b"[1]")[:-9], gzip.compress(b"[1]")[:12] + b"\xff" * 20):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^it is no gzip file: .+$"):
            load_json(path)
    path.write_bytes(gzip.compress(b" " * 10_000))
    monkeypatch.setattr(text_files, "UNPACKED", 9_999)
    with pytest.raises(ValueError, match=r"^it unpacks to more than 0 MiB$"):
        bytes_of(path)
