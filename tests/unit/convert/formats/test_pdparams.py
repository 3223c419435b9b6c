"""Files of ``paddle.save`` are read as they were saved, and written as every Paddle reads them."""

import contextlib
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from convert import ConvertError, MismatchError, UnreadableError, read_pdparams, write_pdopt, write_pdparams
from convert.formats.kinds import open_path
from convert.formats.paddle_names import parameter_names
from convert.formats.pdparams import NAMES, SLICES, pdparams_views
from convert.pickle.symbols import Opaque
from tests.fixtures import cases
from tests.unit.convert.formats.test_paddle_names import NETWORK
from tests.unit.convert.pickle.test_unpickle import Call, same

W = cases.ramp(2, 3)
VALUES = {**cases.BY_DTYPE, "bfloat16": W.astype(ml_dtypes.bfloat16)}

every_release = pytest.mark.parametrize("release", cases.RELEASES)
every_protocol = pytest.mark.parametrize("protocol", [2, 3, 4])


def read(*path: str) -> Any:
    """A file of the fixtures."""
    return read_pdparams(cases.ROOT.joinpath(*path))


def saved(tmp_path: Path, value: object, protocol: int = 4) -> Path:
    """A file as ``paddle.save`` writes it."""
    path = tmp_path / "saved"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def arrays(tree: object) -> list[np.ndarray]:
    """The arrays of a tree."""
    if isinstance(tree, dict):
        return [array for value in tree.values() for array in arrays(value)]
    if isinstance(tree, list):
        return [array for value in tree for array in arrays(value)]
    return [tree] if isinstance(tree, np.ndarray) else []


@every_release
@every_protocol
def test_reads_state_dicts(release: str, protocol: int) -> None:
    """Tensors in their order, and last the table of names."""
    assert same(read(release, f"state_p{protocol}.pdparams"), {**cases.STATE, NAMES: cases.NAMES})


def test_reads_state_dicts_of_paddle_1() -> None:
    """Paddle 1 numbers batch norms of every kind together, and names the schedule's step otherwise."""
    names = {key: name.replace("norm2d", "norm") for key, name in cases.NAMES.items()}
    assert same(read(cases.PADDLE_1, "state_p2.pdparams"), {**cases.STATE, NAMES: names})
    state = read(cases.PADDLE_1, "momentum.pdopt")
    assert state.pop("LR_Scheduler") == {"step_num": 1}
    assert same(state.pop("global_step"), np.ones(1, "i4"))
    del state[NAMES]
    assert same(state, {name.replace("norm2d", "norm"): value for name, value in cases.VELOCITIES.items()})


@every_release
@every_protocol
def test_reads_nested_checkpoints(release: str, protocol: int) -> None:
    """Tensors are arrays anywhere in a nested checkpoint."""
    nested = read(release, f"nested_p{protocol}.pdparams")
    assert same(nested, {**cases.NESTED, "model": dict(nested["model"])})


@every_release
def test_reads_every_dtype(release: str) -> None:
    """Bfloat16 too, which Paddle saves as uint16, and tensors without elements or axes."""
    state = read(release, "dtypes.pdparams")
    del state[NAMES]
    assert same(state, VALUES)


def test_float8_stays_int8() -> None:
    """Its dtype is not in the file; a guess would turn real int8 into nonsense."""
    assert read("paddle-3.3.1", "float8.pdparams")["w"].dtype == np.int8


def test_reads_safetensors() -> None:
    """As Paddle writes them from 3.2 on."""
    state = read("paddle-3.3.1", "dtypes.safetensors")
    assert same({name: state[name] for name in VALUES if name in state}, {k: VALUES[k] for k in VALUES if k in state})
    assert {*VALUES} - {*state} == {"complex128"}


@every_release
def test_reads_optimizers(release: str) -> None:
    """Velocities by parameter, and the scheduler beside them."""
    state = read(release, "momentum.pdopt")
    assert state.pop("LR_Scheduler") == {"last_epoch": 1, "last_lr": cases.LEARNING_RATE / 2}
    assert state.pop(NAMES) == {name: name for name in cases.VELOCITIES}
    assert same(state, cases.VELOCITIES)


@every_release
def test_reads_single_tensors(release: str) -> None:
    """A tensor by itself is its array: pickled, or in Paddle's binary form."""
    assert same(read(release, "tensor.pdtensor"), W)
    assert same(read(release, "static.pdtensor"), W)
    for name, value in VALUES.items():
        assert same(read(release, "binary", f"{name}.pdtensor"), value)


@every_release
def test_reads_tensors_of_static_mode(release: str) -> None:
    """Static mode saves a tensor as a call of eval."""
    assert same(read(release, "static_nested_p2.pdparams"), {"tensor": W, "epoch": 3})


@every_release
def test_keeps_generators_opaque(release: str) -> None:
    """A random generator's state becomes an opaque object; other parts are read."""
    value = read(release, "generator.pdparams")
    assert all(isinstance(state, Opaque) for state in value["state"])
    assert same(value["w"], W)


@every_release
def test_joins_slices(release: str) -> None:
    """Large arrays, which Paddle cuts into slices, are joined."""
    state = read(release, "sliced_p2.pdparams")
    assert state.pop(NAMES) == cases.NAMES
    assert same({name: state[name] for name in cases.STATE}, cases.STATE)
    assert {*state} == {*cases.STATE}


@pytest.mark.parametrize(
    "value",
    [
        {SLICES: {"w": {"OriginShape": (2, 3), "slices": ["a", "b"]}}, "a": W[0]},
        {SLICES: {"w": {"OriginShape": (2, 3), "slices": ["a", "a"]}}, "a": W[0]},
        {SLICES: {"w": {"OriginShape": (2, 2), "slices": ["a", "b"]}}, "a": W[0], "b": W[1]},
        {SLICES: {"w": {"OriginShape": (-2, -3), "slices": ["a", "b"]}}, "a": W[0], "b": W[1]},
        {SLICES: {"w": {"OriginShape": (1,) * 99 + (6,), "slices": ["a", "b"]}}, "a": W[0], "b": W[1]},
        {SLICES: {"w": {"OriginShape": (2, 3), "slices": ["a", "b"]}}, "a": W[0], "b": W[1].astype("f8")},
        {SLICES: {"w": {"OriginShape": (2, 3), "slices": ["w"]}}, "w": W},
        {SLICES: {"w": {"OriginShape": (0,), "slices": []}}},
        {SLICES: {"w": {"OriginShape": (2, 3), "slices": [["a"]]}}, "a": W[0]},
        {SLICES: {"w": None}},
    ],
    ids=["missing", "twice", "other size", "negative", "many axes", "dtypes", "no slice", "none", "names", "no info"],
)
def test_refuses_slices_that_do_not_fit(value: object, tmp_path: Path) -> None:
    """No array is made up."""
    with pytest.raises(UnreadableError, match="slices"):
        read_pdparams(saved(tmp_path, value))


@every_protocol
def test_arrays_are_ready_for_torch(protocol: int, tmp_path: Path) -> None:
    """Arrays are aligned, writable, native and own their memory, from any position in the file."""
    for padding in range(1, 9):
        value = ["x" * padding, W, {"transposed": W.T, "big-endian": W.astype(">f4"), "bf16": W.astype(">u2")}]
        tree = read_pdparams(saved(tmp_path, value, protocol))
        for array in arrays(tree):
            assert array.flags.aligned
            assert array.flags.writeable
            assert array.flags.owndata
            assert array.dtype.isnative
    assert same(tree[-1]["bf16"].view("u2"), W.astype("u2"))


def test_user_pairs_stay_pairs_where_they_are_no_tensor(tmp_path: Path) -> None:
    """Paddle saves a tensor as a tuple of a name and an array; other pairs are left."""
    assert same(read_pdparams(saved(tmp_path, ["w", W])), ["w", W])
    assert same(read_pdparams(saved(tmp_path, [Call(tuple, ("w", W)), ("w", 1)])), [W, ("w", 1)])


def test_ordered_dicts_stay_ordered_dicts(tmp_path: Path) -> None:
    """The kind of mapping is kept."""
    assert same(read_pdparams(saved(tmp_path, OrderedDict(w=W))), OrderedDict(w=W))


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    """One array under two names is one array."""
    tree: Any = read_pdparams(saved(tmp_path, {"a": W, "b": W}))
    assert tree["a"] is tree["b"]


def test_suffix_says_nothing(tmp_path: Path) -> None:
    """The kind is told from the contents."""
    for name in ("model.safetensors", "model.json", "model.pdiparams", "__model__", "model"):
        write_pdparams(cases.STATE, tmp_path / name, names=cases.NAMES)
        assert same(read_pdparams(tmp_path / name), {**cases.STATE, NAMES: cases.NAMES})


SPARSE = """
import resource, sys
from convert.formats.kinds import open_path
from convert.formats.pdparams import pdparams_views
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(pdparams_views(open_path(sys.argv[1]))["w"].shape)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_large_files_open_in_little_memory(tmp_path: Path) -> None:
    """Names and shapes of 1 GiB take none of it: measured 0.1 MB."""
    count, small = 1 << 28, pickle.dumps({"w": np.zeros(1 << 16, "f4")}, 4)
    start = small.index(b"B" + (1 << 18).to_bytes(4, "little"))
    with (tmp_path / "sparse").open("wb") as file:
        file.write(small[:start].replace(b"J\0\0\1\0", b"J" + count.to_bytes(4, "little")))
        file.write(b"B" + (4 * count).to_bytes(4, "little"))
        file.seek(4 * count, os.SEEK_CUR)
        file.write(small[start + 5 + (1 << 18) :])
    command = [sys.executable, "-c", SPARSE, str(tmp_path / "sparse")]
    shape, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert shape == f"({count},)"
    assert int(kilobytes) < 100_000


def test_views_are_not_written_to(tmp_path: Path) -> None:
    """Views are read-only views of the file."""
    view: Any = pdparams_views(open_path(saved(tmp_path, W)))
    assert same(view, W)
    assert not view.flags.writeable


@every_protocol
def test_what_is_written_reads_back(protocol: int, tmp_path: Path) -> None:
    """Reading a written file gives the same tree, and writing that tree gives the same bytes."""
    state = read(cases.RELEASES[-1], f"state_p{protocol}.pdparams")
    write_pdparams(state, tmp_path / "a")
    assert same(read_pdparams(tmp_path / "a"), state)
    write_pdparams(read_pdparams(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_writes_every_dtype(tmp_path: Path) -> None:
    """Those of Paddle's tensors, in any byte order and layout."""
    names = dict.fromkeys([*VALUES, "big-endian", "transposed"], "w_0")
    write_pdparams({**VALUES, "big-endian": W.astype(">f4"), "transposed": W.T}, tmp_path / "a", names=names)
    assert same(read_pdparams(tmp_path / "a"), {**VALUES, "big-endian": W, "transposed": W.T.copy(), NAMES: names})


def test_what_is_written_is_a_pickle_of_python_2(tmp_path: Path) -> None:
    """Protocol 2, NumPy's names before 2.0: what Paddle's own unpickler has read in every release."""
    write_pdparams(cases.STATE, tmp_path / "a", names=cases.NAMES)
    data = (tmp_path / "a").read_bytes()
    assert data.startswith(b"\x80\x02")
    assert b"numpy._core" not in data
    loaded = pickle.loads(data.replace(b"numpy.core.", b"numpy._core."), encoding="latin1")
    assert same(loaded, {**cases.STATE, NAMES: cases.NAMES})


@pytest.mark.parametrize("value", [W.astype("u2"), W.astype(ml_dtypes.float8_e5m2), np.array(["w"]), np.array([None])])
def test_refuses_dtypes_that_paddle_does_not_have(value: np.ndarray, tmp_path: Path) -> None:
    """No file is left; uint16 would be read as bfloat16."""
    with pytest.raises(ValueError, match="cannot be written for Paddle"):
        write_pdparams({"w": value}, tmp_path / "a", names={"w": "w_0"})
    assert list(tmp_path.iterdir()) == []


def test_names_are_the_networks_where_none_are_given(tmp_path: Path) -> None:
    """Default names are those of a fresh process; keys of other networks are refused."""
    write_pdparams(dict.fromkeys(NETWORK, W), tmp_path / "a")
    assert read_pdparams(tmp_path / "a")[NAMES] == parameter_names(NETWORK)
    with pytest.raises(MismatchError, match=r"none of an ST-GCN's: fc\.weight$"):
        write_pdparams({"fc.weight": W}, tmp_path / "b")
    with pytest.raises(MismatchError, match=r"no parameter names are given for fc\.weight$"):
        write_pdparams({"fc.weight": W}, tmp_path / "b", names={"fc.bias": "linear_0.b_0"})


def test_optimizers_are_written_with_velocities_for_statistics(tmp_path: Path) -> None:
    """Paddle 2.0 and 2.1 demand them; they are zero."""
    velocities = {key: cases.STATE[key] for key in ("0.weight", "0.bias", "1.weight", "1.bias")}
    scheduler = {"last_epoch": 1, "last_lr": np.float64(0.05)}
    write_pdopt(velocities, scheduler, tmp_path / "a", names=cases.NAMES)
    state: Any = read_pdparams(tmp_path / "a")
    assert state.pop("LR_Scheduler") == scheduler
    assert state.pop(NAMES) == {name: name for name in state}
    zero = {f"batch_norm2d_1.{tensor}_velocity_0": np.zeros(3, "f4") for tensor in ("w_1", "w_2")}
    assert same(state, {**cases.VELOCITIES, **zero})


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    """The file appears whole or not at all."""
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="cannot be written"):
        write_pdparams({"w": W, "o": np.array([None])}, path, names={"w": "w_0", "o": "w_1"})
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif("PADDLE_FILES" not in os.environ, reason="PADDLE_FILES names no folder of files to read")
def test_reads_a_folder_of_files() -> None:
    """Every file under the folder is read, or refused."""
    for path in Path(os.environ["PADDLE_FILES"]).rglob("*"):
        with contextlib.suppress(ConvertError):
            read_pdparams(path)
