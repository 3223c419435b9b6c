"""Shards of a distributed checkpoint are joined by its metadata, or refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from convert import UnreadableError, read_pdparams
from convert.formats.distributed import distributed_views
from convert.formats.pdparams import NAMES
from convert.pickle.symbols import Opaque, Symbol
from tests.fixtures import cases
from tests.unit.convert.pickle.test_unpickle import same

MODULE = "paddle.distributed.flex_checkpoint.dcp.metadata"
W = cases.ramp(4, 3)
TABLE = "names"
Part = tuple[str, tuple[int, ...], tuple[int, ...]]  # file, offset, shape
HALVES: list[Part] = [("0_0.distcp", (0, 0), (2, 3)), ("1_0.distcp", (2, 0), (2, 3))]
SHARDS = {"0_0.distcp": {"w": W[:2]}, "1_0.distcp": {"w": W[2:]}}


def opaque(name: str, **state: object) -> Opaque:
    """An object of one of the classes of Paddle's metadata."""
    return Opaque(Symbol(MODULE, name), (), state)


def metadata(parts: Mapping[str, list[Part]], mapping: object = None, **more: object) -> Opaque:
    """Metadata of the parts of each tensor, with ``more`` attributes for each part."""
    return opaque(
        "Metadata",
        state_dict_metadata={
            key: [opaque("LocalTensorMetadata", global_offset=at, local_shape=shape, **more) for _, at, shape in listed]
            for key, listed in parts.items()
        },
        storage_metadata={
            opaque("LocalTensorIndex", tensor_key=key, global_offset=at, **more): file
            for key, listed in parts.items()
            for file, at, _ in listed
        },
        flat_mapping=mapping,
    )


def read(folder: Path, files: Mapping[str, object], sizes: int = 1000) -> Any:
    """Read a checkpoint whose files have these contents."""
    for name in files:
        (folder / name).write_bytes(bytes(sizes))
    return distributed_views(folder, lambda path: files[path.name], TABLE)


@pytest.mark.parametrize("folder", ["paddle-2.6.2/distributed", "paddle-3.3.1/distributed"])
def test_reads_what_two_processes_saved(folder: str) -> None:
    """Tensors in rows, in columns, in parts of unequal length, and whole in both; each with its name."""
    tree: Any = read_pdparams(cases.ROOT / folder)
    state = tree.get("model", tree)
    assert {*state.pop(NAMES)} == {*state} >= {*cases.SHARDED} - {"odd"}
    assert same(state, {name: cases.SHARDED[name] for name in state})


def test_reads_safetensors() -> None:
    """Safetensors shards have no name table."""
    assert same(read_pdparams(cases.ROOT / "paddle-3.3.1/distributed_safetensors"), {"model": cases.SHARDED})


def test_parts_stand_where_their_offsets_say(tmp_path: Path) -> None:
    """In any order, and in as many axes as there are."""
    parts = [(f"{k}_0.distcp", at, (2, 1)) for k, at in enumerate([(2, 2), (0, 0), (2, 0), (0, 1), (2, 1), (0, 2)])]
    files = {file: {"w": W[r : r + 2, c : c + 1]} for file, (r, c), _ in parts}
    assert same(read(tmp_path, {"0.metadata": metadata({"w": parts}), **files}), {"w": W})


def test_tensors_of_one_part_are_that_part(tmp_path: Path) -> None:
    """The tensor is not copied, even without axes or elements."""
    state = {"w": W, "scalar": cases.ramp(), "empty": cases.ramp(0, 3)}
    parts: dict[str, list[Part]] = {
        name: [("0_0.distcp", (0,) * array.ndim, array.shape)] for name, array in state.items()
    }
    tree = read(tmp_path, {"0.metadata": metadata(parts), "0_0.distcp": state})
    assert all(tree[name] is array for name, array in state.items())


def test_the_newest_checkpoint_is_read(tmp_path: Path) -> None:
    """A folder may hold several; their numbers are compared as numbers, not as text."""
    files = {
        "9.metadata": metadata({"old": [("0_9.distcp", (0,), (3,))]}),
        "0_9.distcp": {"old": W[0]},
        "10.metadata": metadata({"w": [("0_10.distcp", (0, 0), (4, 3))]}),
        "0_10.distcp": {"w": W},
    }
    assert same(read(tmp_path, files), {"w": W})


def test_what_was_nested_is_nested_again(tmp_path: Path) -> None:
    """The name tables are nested with the tensors."""
    shard = {"a.w": W, "a.b.w": W[0], "c": W[1], TABLE: {"a.w": "conv2d_0.w_0", "c": "conv2d_0.b_0"}}
    parts: dict[str, list[Part]] = {
        name: [("0_0.distcp", (0,) * array.ndim, array.shape)] for name, array in shard.items() if name != TABLE
    }
    mapping = {"a.w": ("a", "w"), "a.b.w": ("a", "b.w")}
    tree = read(tmp_path, {"0.metadata": metadata(parts, mapping), "0_0.distcp": shard})
    names = {TABLE: {"c": "conv2d_0.b_0"}}
    assert same(tree, {"a": {"w": W, TABLE: {"w": "conv2d_0.w_0"}, "b.w": W[0]}, "c": W[1], **names})


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    """A shard outside the folder counts as missing."""
    with pytest.raises(UnreadableError, match=r"lacks 1 of its 2 shards: 1_0\.distcp$"):
        read(tmp_path, {"0.metadata": metadata({"w": HALVES}), "0_0.distcp": {"w": W[:2]}})
    (tmp_path / "outside").write_bytes(b"")
    (tmp_path / "inside").mkdir()
    outside: list[Part] = [("../outside", (0, 0), (4, 3))]
    with pytest.raises(UnreadableError, match=r"lacks 1 of its 1 shards: \.\./outside$"):
        read(tmp_path / "inside", {"0.metadata": metadata({"w": outside})})


def test_missing_metadata_are_missed(tmp_path: Path) -> None:
    """Shards by themselves do not tell how they fit."""
    (tmp_path / "0_0.distcp").write_bytes(b"\x80\x04}.")
    with pytest.raises(UnreadableError, match=r"not the metadata \(0\.metadata\)"):
        read_pdparams(tmp_path)


def test_a_folder_is_no_shard(tmp_path: Path) -> None:
    """A link to the folder itself would be read without end."""
    fixture = cases.ROOT / "paddle-3.3.1/distributed"
    for name in ("0.metadata", "1_0.distcp"):
        (tmp_path / name).write_bytes((fixture / name).read_bytes())
    (tmp_path / "0_0.distcp").symlink_to(tmp_path)
    with pytest.raises(UnreadableError, match=r"0_0\.distcp: is a folder"):
        read_pdparams(tmp_path)


FIRST: list[Part] = [HALVES[0]]
REFUSED: dict[str, tuple[object, str]] = {
    "no metadata": ({"w": W}, "is no metadata"),
    "another class": (opaque("LocalTensorIndex"), "is no metadata"),
    "no parts": (metadata({"w": []}), "do not make up"),
    "no list": (opaque("Metadata", state_dict_metadata={"w": 1}, storage_metadata={}), "where the pieces of 'w' are"),
    "no offset": (metadata({"w": [("0_0.distcp", (-1, 0), (2, 3))]}), "is no metadata"),
    "other axes": (metadata({"w": [("0_0.distcp", (0,), (2, 3))]}), "where the pieces of 'w' are"),
    "another tensor": (metadata({"v": FIRST}), r"0_0\.distcp has none of shape \(2, 3\)"),
    "another shape": (metadata({"w": [("0_0.distcp", (0, 0), (3, 2))]}), r"0_0\.distcp has none of shape \(3, 2\)"),
    "a gap": (metadata({"w": [HALVES[0], ("1_0.distcp", (3, 0), (2, 3))]}), "do not make up"),
    "an overlap": (metadata({"w": [HALVES[0], ("1_0.distcp", (1, 0), (2, 3))]}), "do not make up"),
    "twice the same": (metadata({"w": [HALVES[0], ("0_0.distcp", (2, 0), (2, 3))]}), "do not make up"),
    "the second half": (metadata({"w": [HALVES[1]]}), "do not make up"),
    "a larger tensor": (metadata({"w": HALVES}, global_shape=(5, 3)), "do not make up"),
    "flattened": (metadata({"w": HALVES}, is_flattened=True), "flattened pieces"),
    "nested too deep": (metadata({"w": HALVES}, {"w": ("a",) * 1000}), "what 'w' is called"),
    "a number": (metadata({"w": HALVES}, {"w": (1,)}), "what 'w' is called"),
    "no path": (metadata({"w": HALVES}, {"w": ()}), "what 'w' is called"),
    "the table": (metadata({"w": HALVES}, {"w": (TABLE,)}), "what 'w' is called"),
    "twice": (metadata({"w": HALVES, "v": HALVES}, {"v": ("w",)}), "what 'v' is called"),
    "within a tensor": (metadata({"w": HALVES, "v": HALVES}, {"v": ("w", "v")}), "both as a tensor and around"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_metadata_that_do_not_fit_are_refused(name: str, tmp_path: Path) -> None:
    """No tensor is made up."""
    content, words = REFUSED[name]
    shards = {file: {**shard, **({"v": shard["w"]} if name in ("twice", "within a tensor") else {})}
              for file, shard in SHARDS.items()}  # fmt: skip
    with pytest.raises(UnreadableError, match=words):
        read(tmp_path, {"0.metadata": content, **shards})


def test_parts_that_overlap_as_much_as_they_leave_out_are_refused(tmp_path: Path) -> None:
    """Here the number of elements is right."""
    parts: list[Part] = [("0_0.distcp", (0, 0), (2, 1)), ("1_0.distcp", (0, 0), (2, 1)), ("2_0.distcp", (0, 2), (2, 1))]
    files = {file: {"w": cases.ramp(*shape)} for file, _, shape in parts}
    with pytest.raises(UnreadableError, match="overlap"):
        read(tmp_path, {"0.metadata": metadata({"w": parts}), **files})


def test_parts_of_other_dtypes_are_refused(tmp_path: Path) -> None:
    """A tensor has one dtype."""
    shards = {**SHARDS, "1_0.distcp": {"w": W[2:].astype("f8")}}
    with pytest.raises(UnreadableError, match="do not make up"):
        read(tmp_path, {"0.metadata": metadata({"w": HALVES}), **shards})


def test_a_shard_without_names_is_refused(tmp_path: Path) -> None:
    """A list of tensors, or one alone, is no part of a state dict."""
    with pytest.raises(UnreadableError, match=r"0_0\.distcp: holds no tensors by name"):
        read(tmp_path, {"0.metadata": metadata({"w": HALVES}), **SHARDS, "0_0.distcp": [W]})


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Many names of one part would each be a tensor of its own."""
    names = [f"w{k}" for k in range(50)]
    shards = {file: dict.fromkeys(names, shard["w"]) for file, shard in SHARDS.items()}
    parts = metadata(dict.fromkeys(names, HALVES))
    assert len(read(tmp_path, {"0.metadata": parts, **shards}, sizes=1000)) == 50
    with pytest.raises(UnreadableError, match="more than 4 times its size"):
        read(tmp_path, {"0.metadata": parts, **shards}, sizes=200)
