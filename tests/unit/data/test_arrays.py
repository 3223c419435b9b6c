"""Laws of the files: arrays are memory-mapped, and an unreadable file is refused in one line with the reason."""

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert import UnsafeError
from stgcn_torch.data.arrays import (
    open_clips,
    open_npy,
    read_groups,
    read_labels,
    read_lines,
    read_units,
    validate_clip,
)
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.skeleton import Skeleton

BODY = Skeleton("five", ("A", "B", "C", "D", "E"), ((0, 1), (2, 1), (3, 1), (4, 1)), 1)
CHANNELS = ("x", "y", "score")
SHAPE = (4, 3, 7, 5, 2)


def saved(folder: Path, array: Any, name: str = "clips.npy") -> Path:
    np.save(folder / name, array)
    return folder / name


def clips(shape: tuple[int, ...] = SHAPE, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(dtype)


def npy_bytes() -> bytes:
    file = io.BytesIO()
    np.save(file, clips())
    return file.getvalue()


def archive_bytes() -> bytes:
    file = io.BytesIO()
    np.savez(file, clips())
    return file.getvalue()


def with_header(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(400)


BROKEN = {
    "empty": b"",
    "text": b"hello\nworld",
    "pickle": pickle.dumps([1, 2]),
    "zip": b"PK\x03\x04 and no more",
    "archive": archive_bytes(),
    **{f"cut_at_{size}": npy_bytes()[:size] for size in (1, 5, 6, 7, 8, 9, 10, 60, 127, 128, 129, 3000)},
    "cut_at_the_last_byte": npy_bytes()[:-1],
    "negative_axis": with_header("(-3, 4)"),
    "huge_axis": with_header("(99999999999999999999,)"),
    "huge_product": with_header("(4294967296, 4294967296)"),
    "axis_of_bool": with_header("(True, 4)"),
    "open_bracket": with_header("((3, 4)"),
    "nested": with_header("(" + "-" * 60 + "1,)"),
    "no_shape": with_header("None"),
}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i2", "u1", "i8"])
def test_clips_are_the_numbers_in_the_file(tmp_path: Path, dtype: str) -> None:
    array = (100 * clips()).astype(dtype)
    opened = open_clips(saved(tmp_path, array), CHANNELS, BODY)
    np.testing.assert_array_equal(opened, array)
    assert opened.dtype == np.dtype(dtype)


def test_clips_are_mapped_not_read(tmp_path: Path) -> None:
    opened = open_clips(saved(tmp_path, clips()), CHANNELS, BODY)
    assert isinstance(opened, np.memmap)
    assert not opened.flags.writeable


def test_a_file_larger_than_memory_opens(tmp_path: Path) -> None:
    path = tmp_path / "sparse.npy"
    shape = (200_000, 3, 2500, 5, 1)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + 8 * int(np.prod(shape)))  # 60 GB of holes, which take no room
    assert open_clips(path, CHANNELS, BODY).shape == shape


def test_clips_in_fortran_order_are_the_same_clips(tmp_path: Path) -> None:
    array = clips()
    opened = open_clips(saved(tmp_path, np.asfortranarray(array)), CHANNELS, BODY)
    np.testing.assert_array_equal(opened, array)
    assert isinstance(opened, np.memmap)


@pytest.mark.parametrize("shape", [(3, 7, 5, 2), (3, 7, 5)])
def test_one_clip_is_an_array_of_one_if_asked_for(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = clips(shape)
    opened = open_clips(saved(tmp_path, array), CHANNELS, BODY, single=True)
    np.testing.assert_array_equal(opened, array.reshape(1, 3, 7, 5, -1))


@pytest.mark.parametrize("shape", [(), (4,), (3, 7, 5), (3, 7, 5, 2), (1, 4, 3, 7, 5, 2)], ids=str)
def test_refuses_another_number_of_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = saved(tmp_path, clips(shape))
    with pytest.raises(ValueError, match=r"clips\.npy must have the 5 axes \(N, C, T, V, M\), got shape \(.*\)$"):
        open_clips(path, CHANNELS, BODY)


@pytest.mark.parametrize(
    ("order", "complaints"),
    [
        ("NTVCM", ["axis 1 (C) should have the 3 channels x, y, score, got 7; axis 3 has 3",
                   "axis 3 (V) should have the 5 joints of five, got 3; axis 2 has 5"]),
        ("NCVTM", ["axis 3 (V) should have the 5 joints of five, got 7; axis 2 has 5"]),
        ("NTCVM", ["axis 1 (C) should have the 3 channels x, y, score, got 7; axis 2 has 3"]),
        ("NMTVC", ["axis 1 (C) should have the 3 channels x, y, score, got 2; axis 4 has 3"]),
        ("CNTVM", ["axis 1 (C) should have the 3 channels x, y, score, got 4; axis 0 has 3"]),
        ("NCTMV", ["axis 3 (V) should have the 5 joints of five, got 2; axis 4 has 5"]),
    ],
)  # fmt: skip
def test_says_which_axis_looks_wrong(tmp_path: Path, order: str, complaints: list[str]) -> None:
    path = saved(tmp_path, clips().transpose(["NCTVM".index(axis) for axis in order]))
    with pytest.raises(ValueError, match=r"^.*clips\.npy has shape .* for \(N, C, T, V, M\): .*$") as refused:
        open_clips(path, CHANNELS, BODY)
    for complaint in complaints:
        assert complaint in str(refused.value)


def test_hints_at_no_axis_where_none_fits(tmp_path: Path) -> None:
    path = saved(tmp_path, clips((4, 3, 7, 9, 2)))
    with pytest.raises(ValueError, match=r"axis 3 \(V\) should have the 5 joints of five, got 9$"):
        open_clips(path, CHANNELS, BODY)


@pytest.mark.parametrize("dtype", ["c8", "U3", "S3", "?", "M8[s]", "f4,i4"])
def test_refuses_what_are_no_numbers(tmp_path: Path, dtype: str) -> None:
    path = saved(tmp_path, np.zeros(SHAPE, dtype))
    with pytest.raises(ValueError, match=r"^.*clips\.npy must hold numbers, got .*$"):
        open_clips(path, CHANNELS, BODY)


def test_refuses_objects(tmp_path: Path) -> None:
    path = saved(tmp_path, np.full(SHAPE, None))
    with pytest.raises(ValueError, match=r"^.*clips\.npy cannot be read: it is no \.npy array of numbers$"):
        open_clips(path, CHANNELS, BODY)


@pytest.mark.parametrize("axis", range(5))
def test_refuses_an_array_without_values(tmp_path: Path, axis: int) -> None:
    path = saved(tmp_path, np.zeros([0 if i == axis else size for i, size in enumerate(SHAPE)], "f4"))
    with pytest.raises(ValueError, match=r"^.*clips\.npy is empty: shape \(.*0.*\)$"):
        open_clips(path, CHANNELS, BODY)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_refuses_a_broken_file_in_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "clips.npy"
    path.write_bytes(BROKEN[name])
    with pytest.raises(ValueError, match=r"clips\.npy cannot be read: .+") as refused:
        open_npy(path)
    assert "\n" not in str(refused.value)


def test_says_that_a_file_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "clips.npy"
    path.write_bytes(npy_bytes()[:3000])
    with pytest.raises(ValueError, match=r"cannot be read: it is truncated at 3000 bytes$"):
        open_npy(path)


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "clips.npy"
    path.write_bytes(archive_bytes())
    assert zipfile.is_zipfile(path)
    with pytest.raises(ValueError, match=r"cannot be read: it is no \.npy array of numbers$"):
        open_clips(path, CHANNELS, BODY)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (
        lambda path: open_npy(path),
        lambda path: open_clips(path, CHANNELS, BODY),
        lambda path: read_labels(path, 4),
        lambda path: read_groups(path, "skater", 4),
    ):
        with pytest.raises(FileNotFoundError, match=r"^no file .*nowhere\.npy"):
            read(tmp_path / "nowhere.npy")


def test_a_clip_of_numbers_is_valid() -> None:
    validate_clip(clips()[0], 0, Preprocessing())


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_names_the_first_value_that_is_no_number(wrong: float) -> None:
    clip = clips()[0]
    clip[1, 4, 2, 1] = clip[2, 0, 0, 0] = wrong
    expected = (
        r"^clip 17 has 2 NaN or infinite values, the first at channel 1, frame 4, joint 2, person 1; "
        r"preprocessing\.nan=missing treats such joints as undetected$"
    )
    with pytest.raises(ValueError, match=expected):
        validate_clip(clip, 17, Preprocessing())
    validate_clip(clip, 17, Preprocessing(nan="missing"))


def test_refuses_an_empty_clip_unless_told_to_keep_it() -> None:
    clip = np.zeros(SHAPE[1:], "f4")
    with pytest.raises(ValueError, match=r"^clip 3 is empty: all values are zero; preprocessing\.empty=keep takes it"):
        validate_clip(clip, 3, Preprocessing())
    validate_clip(clip, 3, Preprocessing(empty="keep"))


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "f4", "f8", ">i4"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_labels_are_whole_numbers_of_any_type(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    path = saved(tmp_path, np.array([2, 0, 1, 29], dtype).reshape(shape), "labels.npy")
    labels = read_labels(path, 4, 30)
    assert labels.tolist() == [2, 0, 1, 29]
    assert labels.dtype == np.int64


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("protocol", range(6))
def test_labels_come_from_a_pickle_of_names_and_labels(tmp_path: Path, protocol: int, kind: type) -> None:
    path = tmp_path / "labels.pkl"
    names = ["S001C001P001R001A001.skeleton", "two", "three"]
    for labels in ([2, 0, 1], np.array([2, 0, 1])):
        path.write_bytes(pickle.dumps(kind([names, labels]), protocol))
        assert read_labels(path, 3, 3).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], r"must hold 4 labels, one per clip, got shape \(3,\)$"),
        ([0, 1, 2, 1, 0], r"must hold 4 labels, one per clip, got shape \(5,\)$"),
        ([[0, 1, 2, 1]], r"must hold 4 labels, one per clip, got shape \(1, 4\)$"),
        ([[0, 1]] * 4, r"must hold 4 labels, one per clip, got shape \(4, 2\)$"),
        (7, r"must hold 4 labels, one per clip, got shape \(\)$"),
        ([0, -1, 2, -2], r"labels must be at least 0 and below 3, got -1 for clip 1 \(2 such\)$"),
        ([0, 1, 3, 1], r"labels must be at least 0 and below 3, got 3 for clip 2 \(1 such\)$"),
        ([0, 1.5, 2, 1], r"must hold whole numbers, got 1\.5$"),
        ([0, 1, np.nan, 1], r"must hold whole numbers, got nan$"),
        ([0, 1, np.inf, 1], r"must hold whole numbers, got inf$"),
        ([0, 1, 1e30, 1], r"must hold whole numbers, got 1e\+30$"),
        ([True, False, True, True], r"must hold whole numbers, got bool such as .*True.*$"),
        (["a", "b", "a", "b"], r"must hold whole numbers, got <U1 such as .*'a'.*$"),
    ],
    ids=str,
)
def test_refuses_labels_that_are_no_classes(tmp_path: Path, labels: Any, message: str) -> None:
    path = saved(tmp_path, np.array(labels), "labels.npy")
    with pytest.raises(ValueError, match=r"^.*labels\.npy:? " + message):
        read_labels(path, 4, 3)


def test_refuses_a_negative_label_where_the_classes_are_not_counted(tmp_path: Path) -> None:
    path = saved(tmp_path, np.array([0, -5]), "labels.npy")
    with pytest.raises(ValueError, match=r"labels must be at least 0, got -5 for clip 1 \(1 such\)$"):
        read_labels(path, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"names": 1}, r"must hold a pair \(names, labels\), got dict$"),
        ([0, 1, 2], r"must hold a pair \(names, labels\), got list$"),
        ("ab", r"must hold a pair \(names, labels\), got str$"),
        ((["a", "b"], [[0, 1], [2]]), r"must hold one label per name, got lists of several lengths$"),
        ((["a", "b"], ["x", "y"]), r"must hold whole numbers, got <U1 such as .*'x'.*$"),
        ((["a", "b"], {"x": 0, "y": 1}), r"must hold 2 labels, one per clip, got shape \(\)$"),
        ((["a", "b"], [0, 2**80]), r"must hold whole numbers, got object such as 0$"),
    ],
    ids=str,
)
def test_refuses_a_pickle_that_is_no_pair_of_names_and_labels(
    tmp_path: Path,
    content: Any,
    message: str,
) -> None:
    path = tmp_path / "labels.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"^.*labels\.pkl " + message):
        read_labels(path, 2)


class Touch:
    """An object whose pickle makes a file if the reader runs code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Make the file."""
        return os.open, (str(self.path), os.O_CREAT | os.O_WRONLY)


@pytest.mark.parametrize("name", ["labels.pkl", "labels.pickle"])
@pytest.mark.parametrize("protocol", range(6))
def test_runs_nothing_that_a_pickle_asks_for(tmp_path: Path, protocol: int, name: str) -> None:
    canary = tmp_path / "canary"
    hostile = pickle.dumps((["a", Touch(canary)], [0, Touch(canary)]), protocol)
    (tmp_path / name).write_bytes(hostile)
    with pytest.raises(UnsafeError, match=rf"^.*{name}.*$") as refused:
        read_labels(tmp_path / name, 2)
    assert isinstance(refused.value, ValueError)
    assert not canary.exists()
    os.close(pickle.loads(hostile)[1][1])
    assert canary.exists()  # it would have run


def test_an_object_array_of_labels_is_not_unpickled(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    objects = np.empty(2, dtype=object)
    objects[:] = [0, Touch(canary)]
    path = saved(tmp_path, objects, "labels.npy")
    with pytest.raises(ValueError, match=r"^.*labels\.npy cannot be read: it is no \.npy array of numbers$"):
        read_labels(path, 2)
    assert not canary.exists()


def test_a_column_of_the_manifest_is_a_group_per_clip(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text('clip,skater\na.json,"Ito, A."\nb.json,7\n', encoding="utf-8")
    assert read_groups(path, "skater", 2).tolist() == ["Ito, A.", "7"]


def test_refuses_a_column_that_the_manifest_has_not(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("clip,skater\na,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^.*manifest\.csv has no column 'judge'; choose one of clip, skater$"):
        read_groups(path, "judge", 1)


@pytest.mark.parametrize("rows", ["", "a,1\n", "a,1\nb,2\nc,3\n"])
def test_refuses_a_manifest_of_another_number_of_clips(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("clip,skater\n" + rows, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^.*manifest\.csv must have 2 rows, one per clip, got [013]$"):
        read_groups(path, "skater", 2)


@pytest.mark.parametrize("text", [b"Axel\nLutz \n", b"\xef\xbb\xbfAxel\r\n\r\nLutz"])
def test_lines_are_as_any_editor_saves_them(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "classes.txt").write_bytes(text)
    assert read_lines(tmp_path / "classes.txt") == ["Axel", "Lutz"]


def test_lines_of_no_file_are_none(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "classes.txt") == []


def test_refuses_lines_that_are_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes(b"Axel\nSchlu\xdfpose\n")
    with pytest.raises(ValueError, match=r"^.*classes\.txt must be UTF-8, got byte 0xdf in line 2$"):
        read_lines(tmp_path / "classes.txt")


def test_groups_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"group\r\nJos\xe9\r\n")
    assert read_groups(tmp_path / "manifest.csv", "group", 1).tolist() == ["Jos\\xe9"]


@pytest.mark.parametrize(
    ("rows", "least", "units", "said"),
    [
        (["a,1", "b,1", "c,2", "d,3"], 2, [0, 0, 2, 3], ""),
        (["a,1", "b,2", "b,1", "c,3"], 2, [0, 0, 0, 3], ""),  # two people of one recording, and one of them elsewhere
        (["a,1", "a,1", "b,2", "c,"], 2, [0, 0, 2, 3], ""),
        (["a,", "a,", ",2", ",2"], 2, [0, 0, 2, 2], ""),
        (
            ["a,1", "a,1", "b,1", "c,1"],
            3,
            [0, 0, 2, 3],
            "subjects and recordings make 1 of all clips, too few",
        ),
        (["a,1", "a,1", "b,1", "b,1"], 3, None, "subjects and recordings make 1 of all clips, too few"),
        (["a,", "b,", "c,", "d,"], 2, None, ""),
        (["a,", "a,", "c,", "d,"], 3, [0, 0, 2, 3], ""),
    ],
)
def test_units_are_clips_of_one_subject_or_recording(
    tmp_path: Path, rows: list[str], least: int, units: list[int] | None, said: str
) -> None:
    (tmp_path / "manifest.csv").write_text("source,group\n" + "\n".join(rows))
    found, line = read_units(tmp_path / "manifest.csv", 4, least)
    assert (None if found is None else found.tolist()) == units
    assert line.startswith(said)
    assert bool(line) == bool(said)
    assert read_units(tmp_path / "none.csv", 4, least) == (None, "")
    assert read_units(tmp_path / "manifest.csv", 5, least) == (None, "")
