"""Inference models and 1.x directories are read by name, whatever of them is at hand."""

import json
import pickle
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from convert import MismatchError, UnreadableError, read_pdparams, read_static
from convert.names import NETWORK, parameter_names
from convert.tensors import BY_NUMBER, tensors
from tests.fixtures import cases
from tests.unit.test_unpickle import same

PARAMETERS = {cases.NAMES[key]: value for key, value in cases.STATE.items()}
VARIABLES = {"fc_0.b_0": np.zeros(3, "f4"), "fc_0.w_0": cases.ramp(2, 3)}
OLD, NEW = "paddle-2.6.2", "paddle-3.3.1"


def stream(array: np.ndarray, levels: int = 0) -> bytes:
    """A tensor in Paddle's binary form, with levels of detail as 1.x files may have."""
    code = next(number for number, dtype in BY_NUMBER.items() if dtype == array.dtype)
    description = bytes([0x08, code]) + b"".join(b"\x10" + varint(length) for length in array.shape)
    detail = struct.pack("<Q", levels) + levels * struct.pack("<Q2Q", 16, 0, 1)
    return b"\0" * 4 + detail + b"\0" * 4 + struct.pack("<i", len(description)) + description + array.tobytes()


def varint(number: int) -> bytes:
    """A number of a protocol buffer."""
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7) if number > 0x7F else bytes([number])


def pir(shapes: dict[str, tuple[int, ...]]) -> str:
    """A program of Paddle 3 with these parameters."""
    operations = [
        {"#": "p", "A": [0, 1, 1, name], "O": {"%": 1, "TT": {"#": "0.t_dtensor", "D": [{}, list(shape), "NCHW"]}}}
        for name, shape in shapes.items()
    ]
    blocks = [{"#": "block_0", "args": [], "ops": [*operations, {"#": "1.data", "A": []}]}]
    program = {"regions": [{"#": "region_0", "blocks": blocks}]}
    return json.dumps({"base_code": {"magic": "pir", "version": 4}, "program": program})


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of a release's inference model."""
    return shutil.copytree(cases.ROOT / request.param / "inference", tmp_path / "inference")


both = pytest.mark.parametrize("model", [OLD, NEW], indirect=True)
old = pytest.mark.parametrize("model", [OLD], indirect=True)
new = pytest.mark.parametrize("model", [NEW], indirect=True)


@both
@pytest.mark.parametrize("path", [".", "model.pdiparams", "the program"])
def test_reads_inference_models(model: Path, path: str) -> None:
    """By the folder, the tensors' file or the program's; under structured names where the release saves them."""
    program = "model.pdmodel" if (model / "model.pdmodel").exists() else "model.json"
    expected = cases.STATE if program == "model.pdmodel" else PARAMETERS
    state: Any = read_pdparams(model / path.replace("the program", program))
    assert {*state} == {*expected}
    assert all(same(state[key], expected[key]) for key in expected)


@old
def test_either_of_two_files_tells_the_names(model: Path) -> None:
    """The program has the parameters' names, the list of parameters the structured ones too."""
    (model / "model.pdmodel").rename(model / "moved")
    assert {*read_pdparams(model)} == {*cases.STATE}
    (model / "moved").rename(model / "model.pdmodel")
    (model / "model.pdiparams.info").unlink()
    assert {*read_pdparams(model)} == {*PARAMETERS}


@both
def test_a_program_may_be_anywhere(model: Path) -> None:
    """Under any name, if it is given."""
    program = next(path for path in model.iterdir() if path.suffix in (".pdmodel", ".json"))
    program.rename(model / "elsewhere")
    state: Any = read_static(model / "model.pdiparams", program=model / "elsewhere")
    assert len(state) == len(PARAMETERS)


@pytest.mark.parametrize("path", ["inference", "inference/__model__", "inference/__params__"])
def test_reads_models_of_paddle_1(path: str) -> None:
    """Which calls the program __model__ and the tensors __params__."""
    assert same(read_pdparams(cases.ROOT / cases.PADDLE_1 / path), VARIABLES)


@pytest.mark.parametrize("release", [cases.PADDLE_1, *cases.RELEASES])
def test_reads_a_file_for_each_variable(release: str) -> None:
    """With a program beside them, as Paddle 1 saves them, or without."""
    directory = cases.ROOT / release / "variables"
    assert same(read_pdparams(directory), VARIABLES)
    assert same(read_pdparams(directory / "fc_0.w_0"), VARIABLES["fc_0.w_0"])
    if (directory / "__model__").exists():
        assert same(read_pdparams(directory / "__model__"), VARIABLES)


def test_tensors_of_an_st_gcn_are_found_by_name_alone(tmp_path: Path) -> None:
    """Paddle 3 saves no structured names; they follow from the parameters'."""
    state = {key: np.full((2, index), index, "f4") for index, key in enumerate(NETWORK)}
    names = parameter_names(NETWORK)
    by_name = {names[key]: value for key, value in state.items()}
    (tmp_path / "model.json").write_text(pir({name: value.shape for name, value in by_name.items()}))
    (tmp_path / "model.pdiparams").write_bytes(b"".join(stream(by_name[name]) for name in sorted(by_name)))
    read: Any = read_pdparams(tmp_path)
    assert {*read} == {*state}
    assert all(same(read[key], state[key]) for key in state)


def test_tensors_of_paddle_1_are_found_by_name_alone(tmp_path: Path) -> None:
    """A network that it traced has a file for each, among them the graph."""
    state = {key: np.full((2, index), index, "f4") for index, key in enumerate(NETWORK)}
    for key, name in parameter_names(NETWORK, paddle_1=True).items():
        (tmp_path / name).write_bytes(stream(state[key]))
    read: Any = read_pdparams(tmp_path)
    assert {*read} == {*state}
    assert all(same(read[key], state[key]) for key in state)


@pytest.mark.parametrize("dtype", BY_NUMBER.values(), ids=str)
@pytest.mark.parametrize("levels", [0, 2])
def test_reads_every_dtype(dtype: np.dtype, levels: int) -> None:
    """Float8 too, whose dtype this form tells; levels of detail are passed over."""
    for shape in [(), (0, 3), (2, 300)]:
        array = (np.arange(np.prod(shape, dtype=int)) % 2).astype(dtype).reshape(shape)
        (read,) = tensors(memoryview(stream(array, levels)))
        assert same(read, array)
    assert {np.dtype(ml_dtypes.float8_e4m3fn), np.dtype(ml_dtypes.float8_e5m2)} < {*BY_NUMBER.values()}


@pytest.mark.parametrize("release", cases.RELEASES)
def test_selected_rows_are_refused_by_name(release: str) -> None:
    """What they hold is no tensor of any network here."""
    with pytest.raises(UnreadableError, match=r"holds SelectedRows, rows of an embedding, .* \(tensor 0, at byte 0\)$"):
        read_pdparams(cases.ROOT / release / "rows.pdtensor")


@pytest.mark.parametrize("rows", [[], [2], [9, 9], range(99)], ids=["none", "one", "twice", "all"])
def test_rows_of_any_number_are_told_from_tensors(rows: list[int], tmp_path: Path) -> None:
    """Even where their number might be that of levels of detail."""
    held = selected(rows, len(rows) + 10, cases.ramp(len(rows), 2))
    for data in (held, stream(cases.ramp(3)) + held):
        (tmp_path / "w").write_bytes(data)
        with pytest.raises(UnreadableError, match="holds SelectedRows"):
            read_pdparams(tmp_path / "w")


def selected(rows: Sequence[int], height: int, values: np.ndarray) -> bytes:
    """Rows in Paddle's binary form: a version, how many, which, of how many, and a tensor without levels of detail."""
    return struct.pack(f"<IQ{len(rows)}qq", 0, len(rows), *rows, height) + stream(values)[12:]


@pytest.mark.parametrize(
    "data",
    [
        selected([0, 10], 10, cases.ramp(2, 2)),
        selected([-1, 2], 10, cases.ramp(2, 2)),
        selected([0, 2], 10, cases.ramp(3, 2)),
        selected([0, 2], 10, cases.ramp(2, 2))[:-1],
    ],
    ids=["row", "negative", "number", "short"],
)
def test_what_only_looks_like_rows_is_damaged(data: bytes, tmp_path: Path) -> None:
    """The rows are of the tensor, and as many as it has."""
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(UnreadableError, match=r"^(?!.*SelectedRows)"):
        read_pdparams(tmp_path / "w")


@both
def test_a_program_of_other_tensors_does_not_fit(model: Path) -> None:
    """Neither by their number nor by their shapes."""
    for file in model.glob("*.info"):
        file.unlink()
    data = (model / "model.pdiparams").read_bytes()
    (model / "model.pdiparams").write_bytes(data + stream(cases.ramp(3)))
    with pytest.raises(MismatchError, match=r"holds 7 tensors, and its program names 6$"):
        read_pdparams(model)
    shapes = [(3,), (3,), (3,), (3,), (3,), (3, 2, 3, 2)]
    (model / "model.pdiparams").write_bytes(b"".join(stream(cases.ramp(*shape)) for shape in shapes))
    with pytest.raises(MismatchError, match=r"conv2d_1\.w_0 .* \(3, 2, 3, 2\), the program has \(3, 2, 3, 1\)$"):
        read_pdparams(model)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds 0 files"),
        ({"a.pdiparams": 1, "b.pdiparams": 1}, "holds 2 models"),
        ({"w": 1, "v": 2}, r"v: holds 2 tensors, where one belongs"),
        ({"w": 1, "README": b"weights of the model"}, "README: is of no kind known here"),
        ({"w": 1, "x": b"\x80\x02}."}, "x: is a pickle, where tensors belong"),
        ({"m.pdiparams": 3}, "holds 3 tensors, and no program says"),
        ({"m.pdiparams": 3, "m.pdmodel": b""}, r"m\.pdmodel: is empty"),
        ({"m.pdiparams": 3, "m.pdmodel": b"\x80\x02}."}, "is a pickle, where a program belongs"),
        ({"m.pdiparams": 3, "m.json": b'{"base_code": 1}'}, r"m\.json: is JSON, but no program"),
        ({"m.pdiparams": 3, "m.json": b'{"base_code": {'}, "damaged or ends too soon"),
        ({"m.pdiparams": 3, "m.pdiparams.info": pickle.dumps({"w": 1})}, "does not list parameters"),
        (
            {"m.pdiparams": 1, "m.pdiparams.info": pickle.dumps({name: {"structured_name": "w"} for name in "ab"})},
            "does not list parameters",
        ),
    ],
    ids=str,
)
def test_says_what_is_wrong_with_a_directory(files: dict[str, int | bytes], words: str, tmp_path: Path) -> None:
    """Or with a file in it: which, and why."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else stream(cases.ramp(3)) * content)
    with pytest.raises(UnreadableError, match=words):
        read_pdparams(tmp_path)


@old
def test_names_that_clash_are_refused(model: Path) -> None:
    """A list of parameters that calls one as another is called loses neither."""
    entry = {"structured_name": "conv2d_1.b_0"}
    (model / "model.pdiparams.info").write_bytes(pickle.dumps({"conv2d_1.w_0": entry}))
    with pytest.raises(MismatchError, match="two tensors by the same name"):
        read_pdparams(model)


def test_folders_in_folders_are_refused(tmp_path: Path) -> None:
    """None is passed over."""
    (tmp_path / "w").write_bytes(stream(cases.ramp(3)))
    (tmp_path / "more").mkdir()
    with pytest.raises(UnreadableError, match="more: is a folder"):
        read_pdparams(tmp_path)


@new
def test_a_program_by_itself_is_no_weights(model: Path) -> None:
    """It says which file is missing."""
    (model / "model.pdiparams").unlink()
    with pytest.raises(UnreadableError, match=r"is a program, and the file of its tensors, model\.pdiparams, is not"):
        read_pdparams(model / "model.json")


@pytest.mark.parametrize("name", ["model.pdmodel", "model.json"])
def test_a_folder_with_a_program_alone_is_no_weights(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(UnreadableError, match=rf"holds a program, {name}, and not its tensors"):
        read_static(tmp_path)
