"""Inference models and 1.x directories are read by name, from the folder or any of its files."""

import json
import os
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
from convert.formats.paddle_names import parameter_names
from convert.formats.static import by_structured_name
from convert.formats.tensors import BY_NUMBER, tensors
from tests.fixtures import cases
from tests.unit.convert.formats.test_paddle_names import NETWORKS, shapes_of
from tests.unit.convert.pickle.test_unpickle import same

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
    """The program has parameter names; the .info file has structured names too."""
    (model / "model.pdmodel").rename(model / "moved")
    assert {*read_pdparams(model)} == {*cases.STATE}
    (model / "moved").rename(model / "model.pdmodel")
    (model / "model.pdiparams.info").unlink()
    assert {*read_pdparams(model)} == {*PARAMETERS}


@both
def test_a_program_may_be_anywhere(model: Path) -> None:
    """Passed by the program argument, under any name."""
    program = next(path for path in model.iterdir() if path.suffix in (".pdmodel", ".json"))
    program.rename(model / "elsewhere")
    state: Any = read_static(model / "model.pdiparams", program=model / "elsewhere")
    assert len(state) == len(PARAMETERS)


@pytest.mark.parametrize("path", ["inference", "inference/__model__", "inference/__params__"])
def test_reads_models_of_paddle_1(path: str) -> None:
    """Paddle 1 names the program __model__ and the tensors __params__."""
    assert same(read_pdparams(cases.ROOT / cases.PADDLE_1 / path), VARIABLES)


@pytest.mark.parametrize("release", [cases.PADDLE_1, *cases.RELEASES])
def test_reads_a_file_for_each_variable(release: str) -> None:
    """With a program beside them, as Paddle 1 saves them, or without."""
    directory = cases.ROOT / release / "variables"
    assert same(read_pdparams(directory), VARIABLES)
    assert same(read_pdparams(directory / "fc_0.w_0"), VARIABLES["fc_0.w_0"])
    if (directory / "__model__").exists():
        assert same(read_pdparams(directory / "__model__"), VARIABLES)


def state_of(options: dict[str, Any]) -> dict[str, np.ndarray]:
    """Paddle's tensors of a network, each with a different value."""
    return {key: np.full(shape, index, "f4") for index, (key, shape) in enumerate(shapes_of(**options).items())}


def in_one_file(arrays: dict[str, np.ndarray], program: Path, tensors_file: Path) -> None:
    """An inference model of Paddle 3, under any names."""
    program.write_text(pir({name: value.shape for name, value in arrays.items()}))
    tensors_file.write_bytes(b"".join(stream(arrays[name]) for name in sorted(arrays)))


def in_one_file_each(arrays: dict[str, np.ndarray], folder: Path) -> None:
    """A file for each tensor, as Paddle 1 saves them."""
    for name, value in arrays.items():
        (folder / name).write_bytes(stream(value))


SMALL = NETWORKS["small"]
networks = pytest.mark.parametrize("options", [{**SMALL, "V": 25}, SMALL], ids=["25 joints", "13 joints"])


@networks
def test_tensors_of_an_st_gcn_are_found_by_name_alone(options: dict[str, Any], tmp_path: Path) -> None:
    """Paddle 3 saves no structured names; they follow from the parameters' names and shapes."""
    state = state_of(options)
    names = parameter_names(state)
    in_one_file({names[key]: state[key] for key in state}, tmp_path / "model.json", tmp_path / "model.pdiparams")
    assert same(dict(sorted(read_pdparams(tmp_path).items())), dict(sorted(state.items())))


@networks
@pytest.mark.parametrize("paddle_1", [False, True], ids=["paddle", "paddle 1"])
def test_tensors_in_a_file_each_are_found_by_name_alone(
    options: dict[str, Any], paddle_1: bool, tmp_path: Path
) -> None:
    """Networks traced by Paddle 1 also have the graph."""
    state = state_of(options)
    in_one_file_each({name: state[key] for key, name in parameter_names(state, paddle_1=paddle_1).items()}, tmp_path)
    assert same(dict(sorted(read_pdparams(tmp_path).items())), dict(sorted(state.items())))


def persistables(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors that Paddle saves beside the weights in training."""
    names = parameter_names(state)
    velocities = {f"{names[key]}_velocity_0": state[key] + 1 for key in state if key.endswith((".weight", ".bias"))}
    return velocities | {"learning_rate_0": np.ones(1, "f4"), "@LR_DECAY_COUNTER@": np.ones(1, "i8")}


def test_what_is_kept_beside_weights_keeps_its_name(tmp_path: Path) -> None:
    """The weights still get structured names."""
    state = state_of(SMALL)
    names, extras = parameter_names(state), persistables(state)
    in_one_file_each({names[key]: state[key] for key in state} | extras, tmp_path)
    assert same(dict(sorted(read_pdparams(tmp_path).items())), dict(sorted((state | extras).items())))


def test_optimizers_and_other_networks_keep_their_names() -> None:
    """Other tensors and values that are no arrays are left."""
    state = state_of(SMALL)
    names = parameter_names(state)
    for values in (persistables(state), PARAMETERS, VARIABLES, {}, {"a": 1}):
        assert by_structured_name(values) is values
    pruned = {names[key]: state[key] for key in state if "networks.2.tcn.0" not in key}
    assert by_structured_name(pruned) is pruned
    twice = {names[key]: state[key] for key in state} | {"conv2d_00.w_0": state["head.fcn.weight"]}
    assert by_structured_name(twice) is twice
    assert {*by_structured_name({names[key]: state[key] for key in state} | {"epoch": 3})} == {*state, "epoch"}


OTHERWISE_CALLED = [
    ("model.json", "model.bin"),
    ("model", "params"),
    ("a.json", "b.pdiparams"),
    ("__model__", "params"),
]


@pytest.mark.parametrize(("program", "parameters"), OTHERWISE_CALLED)
def test_models_are_found_under_any_name(program: str, parameters: str, tmp_path: Path) -> None:
    """By the folder or either file, if the folder has one model; other JSON files are ignored."""
    in_one_file(VARIABLES, tmp_path / program, tmp_path / parameters)
    (tmp_path / "report.json").write_text('{"input": 1}')
    for path in (tmp_path, tmp_path / program, tmp_path / parameters):
        assert same(read_pdparams(path), VARIABLES)


def test_of_several_models_the_namesakes_belong_together(tmp_path: Path) -> None:
    """Under any suffix."""
    in_one_file(VARIABLES, tmp_path / "a.program", tmp_path / "a.bin")
    in_one_file(PARAMETERS, tmp_path / "b.program", tmp_path / "b.bin")
    for name in ("a.bin", "a.program"):
        assert same(read_pdparams(tmp_path / name), VARIABLES)
    (tmp_path / "b.bin").rename(tmp_path / "c.bin")
    with pytest.raises(UnreadableError, match="no program says what they are called"):
        read_pdparams(tmp_path / "c.bin")
    with pytest.raises(UnreadableError, match=r"the file of its tensors, b\.pdiparams, is not beside it"):
        read_pdparams(tmp_path / "b.program")


def test_tensors_that_have_a_program_are_of_no_other(tmp_path: Path) -> None:
    """Even if they are the only tensors in the folder."""
    in_one_file(VARIABLES, tmp_path / "a.json", tmp_path / "a.pdiparams")
    (tmp_path / "train.json").write_text(pir({"x": (1,)}))
    with pytest.raises(UnreadableError, match=r"the file of its tensors, train\.pdiparams, is not beside it"):
        read_pdparams(tmp_path / "train.json")


def test_a_report_beside_tensors_is_no_program(tmp_path: Path) -> None:
    """Even a report with the usual name of a program."""
    in_one_file(VARIABLES, tmp_path / "program", tmp_path / "m.pdiparams")
    (tmp_path / "m.json").write_text('{"input": 1}')
    assert same(read_pdparams(tmp_path), VARIABLES)


def test_the_prefix_of_a_model_will_do(tmp_path: Path) -> None:
    """As in Paddle's functions; a file at the path itself takes precedence."""
    in_one_file(VARIABLES, tmp_path / "m.v1.json", tmp_path / "m.v1.pdiparams")
    assert same(read_pdparams(tmp_path / "m.v1"), VARIABLES)
    (tmp_path / "m.v1").write_bytes(stream(cases.ramp(3)))
    assert same(read_pdparams(tmp_path / "m.v1"), cases.ramp(3))


@pytest.mark.parametrize("name", [".DS_Store", "._fc_0.w_0", ".pdiparams"])
def test_hidden_files_are_passed_over(name: str, tmp_path: Path) -> None:
    """Desktops and file systems leave them."""
    in_one_file_each(VARIABLES, tmp_path)
    (tmp_path / name).write_bytes(b"\0\0\0\1Bud1")
    assert same(read_pdparams(tmp_path), VARIABLES)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """Whatever lies beside a file."""
    (tmp_path / "w").write_bytes(stream(cases.ramp(3)) * 2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="no program says"):
        read_pdparams(tmp_path / "w")


def test_a_folder_with_a_state_dict_is_no_model(tmp_path: Path) -> None:
    """It says which file would do."""
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "a.pdparams").write_bytes(pickle.dumps(PARAMETERS))
    with pytest.raises(UnreadableError, match=r"is a folder; choose one of its files \(a\.pdparams\)$"):
        read_pdparams(tmp_path)


@pytest.mark.parametrize("dtype", BY_NUMBER.values(), ids=str)
@pytest.mark.parametrize("levels", [0, 2])
def test_reads_every_dtype(dtype: np.dtype, levels: int) -> None:
    """Including float8, whose dtype this format stores; levels of detail are skipped."""
    for shape in [(), (0, 3), (2, 300)]:
        array = (np.arange(np.prod(shape, dtype=int)) % 2).astype(dtype).reshape(shape)
        (read,) = tensors(memoryview(stream(array, levels)))
        assert same(read, array)
    assert {np.dtype(ml_dtypes.float8_e4m3fn), np.dtype(ml_dtypes.float8_e5m2)} < {*BY_NUMBER.values()}


@pytest.mark.parametrize("release", cases.RELEASES)
def test_selected_rows_are_refused_by_name(release: str) -> None:
    """No network here has such a tensor."""
    with pytest.raises(UnreadableError, match=r"holds SelectedRows, rows of an embedding, .* \(tensor 0, at byte 0\)$"):
        read_pdparams(cases.ROOT / release / "rows.pdtensor")


@pytest.mark.parametrize("rows", [[], [2], [9, 9], range(99)], ids=["none", "one", "twice", "all"])
def test_rows_of_any_number_are_told_from_tensors(rows: list[int], tmp_path: Path) -> None:
    """Even if the number of rows may be a number of levels of detail."""
    rows_data = selected(rows, len(rows) + 10, cases.ramp(len(rows), 2))
    for data in (rows_data, stream(cases.ramp(3)) + rows_data):
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
    """Row indices must be in range, and as many as the tensor's rows."""
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
        ({"w": 1, "README": b"weights of the model"}, "README: is text, not weights"),
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
    """An .info file that gives one tensor another's name is refused."""
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


@pytest.mark.parametrize("name", ["model.pdmodel", "model.json", "model"])
def test_a_folder_with_a_program_alone_is_no_weights(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(pir({}))
    with pytest.raises(UnreadableError, match=rf"holds a program, {name}, and not its tensors"):
        read_static(tmp_path)
