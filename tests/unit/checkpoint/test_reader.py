"""Every kind of checkpoint is read as written; other files are refused in one line."""

import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from stgcn_torch.checkpoint.reader import load_model, load_module, read_checkpoint
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from tests.checkpoints import CLASSES, module_of, one_line, same_state, trained, write_ckpt


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers, alone or among others."""
    torch.manual_seed(0)


# Round trips


def test_a_lightning_checkpoint_says_all_about_itself(tmp_path: Path) -> None:
    module = module_of(strategy="distance", edge_importance=False)
    write_ckpt(module, tmp_path / "last.ckpt")
    contents = read_checkpoint(tmp_path / "last.ckpt")
    assert contents.preprocessing == module.preprocessing
    assert contents.classes == tuple(CLASSES)
    assert contents.model == {"in_channels": 2} | module.hparams["model"]
    assert same_state(contents.state, module.state_dict())


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".safetensors"])
def test_a_network_comes_back_bit_by_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    module = module_of()
    module.load_state_dict(trained().state_dict())
    if suffix == ".ckpt":
        write_ckpt(module, path)
    elif suffix == ".safetensors":
        save_file(module.state_dict(), path)
    else:
        torch.save(module.state_dict(), path)
    network, x = load_model(path, None if suffix == ".ckpt" else [1, 2]), torch.randn(2, 2, 8, 3, 1)
    assert not network.training
    assert same_state(network.state_dict(), module.state_dict())
    assert torch.equal(network(x), module(x))


def test_a_state_dict_may_lie_under_its_name(tmp_path: Path) -> None:
    network = trained()
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, tmp_path / "weights.pt")
    assert same_state(load_model(tmp_path / "weights.pt", [1, 2]).state_dict(), network.state_dict())


def test_torch_s_older_file_format_is_read_as_well(tmp_path: Path) -> None:
    network = trained()
    torch.save(network.state_dict(), tmp_path / "weights.pt", _use_new_zipfile_serialization=False)
    assert same_state(load_model(tmp_path / "weights.pt", [1, 2]).state_dict(), network.state_dict())


ARCHITECTURES: dict[str, dict[str, Any]] = {
    "small": {},
    "no edge importance": {"edge_importance": False},
    "no data_bn": {"data_bn": False},
    "three coordinates": {"in_channels": 3},
    "other widths": {"channels": [6, 6, 10], "strides": [1, 1, 2]},
    "one block": {"channels": [5], "strides": [1]},
    "wide kernel": {"temporal_kernel": 9},
    "one partition": {"strategy": "uniform"},
    "two partitions": {"strategy": "distance"},
    "one class": {"num_classes": 1},
}


@pytest.mark.parametrize("options", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_architecture_is_read_from_the_shapes(tmp_path: Path, options: dict[str, Any]) -> None:
    network = trained(**options)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    x = torch.randn(2, options.get("in_channels", 2), 7, 3, 1)
    assert torch.equal(load_model(tmp_path / "weights.pt", network.backbone.strides)(x), network(x))


@pytest.mark.parametrize("strides", [[], [1], [1, 2, 1], ["a", "b"], [1, 0], [1, 2.0], [True, 2], "12", 2])
def test_strides_that_are_none_are_refused(tmp_path: Path, strides: Any) -> None:
    torch.save(trained().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"^strides must be 2 whole numbers from 1 on, a block each, got "):
        load_model(tmp_path / "weights.pt", strides)


def test_a_graph_of_no_known_layout_becomes_one_of_its_own(tmp_path: Path) -> None:
    network = trained()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    contents = read_checkpoint(tmp_path / "weights.pt", [1, 2])
    joints, bones = contents.model["layout"]["joints"], contents.model["layout"]["bones"]
    assert len(joints) == 3
    assert {frozenset(map(int, bone)) for bone in bones} == {frozenset({0, 1}), frozenset({1, 2})}
    assert torch.equal(contents.build().backbone.A, network.backbone.A)


def test_the_graph_in_the_file_is_the_one_that_is_used(tmp_path: Path) -> None:
    network = trained(layout="coco", strategy="spatial_fixed")
    network.backbone.A.mul_(0.5)  # a graph that no strategy makes
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    assert torch.equal(load_model(tmp_path / "weights.pt", [1, 2]).backbone.A, network.backbone.A)


def test_a_module_keeps_the_preprocessing_that_it_was_trained_with(tmp_path: Path) -> None:
    module = module_of()
    write_ckpt(module, tmp_path / "last.ckpt")
    loaded = load_module(tmp_path / "last.ckpt")
    assert not loaded.training
    assert loaded.preprocessing == module.preprocessing
    assert loaded.classes == tuple(CLASSES)
    assert same_state(loaded.state_dict(), module.state_dict())


def test_given_parts_are_laid_over_a_checkpoint_s_preprocessing(tmp_path: Path) -> None:
    module = module_of()
    write_ckpt(module, tmp_path / "last.ckpt")
    changed = load_module(tmp_path / "last.ckpt", {"window": 16}).preprocessing
    assert changed.plain == module.preprocessing.plain | {"window": 16}


def test_weights_alone_want_to_be_told_their_preprocessing(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(trained().state_dict(), path)
    with pytest.raises(ValueError, match=r"say preprocessing=NAME, one of paddlevideo, article, fixed") as refusal:
        load_module(path)
    assert str(path) in one_line(refusal)
    module = load_module(path, PREPROCESSINGS["article"].plain, [1, 2])
    assert module.preprocessing == PREPROCESSINGS["article"]
    assert module.classes == ("0", "1", "2")


# Refusals


@pytest.mark.parametrize("name", ["none.ckpt", "none.pt", "none.safetensors", ""])
def test_a_missing_file_is_called_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"^no file ") as refusal:
        load_model(tmp_path / name)
    assert str(refusal.value) == f"no file {tmp_path / name}"


@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt", ".pdiparams"])
def test_a_paddle_file_is_sent_to_the_converter(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"STGCN_fsd{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"is a Paddle file; convert-pdparams \S+ \S+\.ckpt converts it") as refusal:
        load_model(path)
    assert one_line(refusal).startswith(str(path))


def written(path: Path) -> bytes:
    """Write a valid checkpoint in the format of the file name, and return its bytes."""
    state = trained().state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.stem != "older")
    return path.read_bytes()


@pytest.mark.parametrize("name", ["weights.pt", "older.pt", "weights.safetensors"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = written(path)
    assert load_model(path, [1, 2])
    for length in [*range(64), *range(64, len(data) - 1, len(data) // 97)]:
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"is no readable checkpoint|is refused|holds no state dict") as refusal:
            read_checkpoint(path)
        assert one_line(refusal).startswith(str(path))


def refusal_of(path: Path) -> str:
    """The error of a file; empty if the file is read, as a changed weight cannot be noticed."""
    try:
        read_checkpoint(path)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's remark on a damaged byte
@pytest.mark.parametrize("name", ["weights.pt", "older.pt", "weights.safetensors"])
def test_a_damaged_file_is_read_or_refused_but_never_dies(tmp_path: Path, name: str) -> None:
    path, rng = tmp_path / name, random.Random(0)
    data = written(path)
    refused: list[str] = []
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 2, 8])):
            damaged[rng.randrange(min(len(data), 4000))] = rng.randrange(256)
        path.write_bytes(damaged)
        refused.append(refusal_of(path))
    assert any(refused)
    assert "\n" not in "".join(refused)


@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"PK\x03\x04", b"<html>404</html>", b"\x80\x02}q\x00.", b"0", b"G", bytes(99)]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is no readable checkpoint|is refused") as refusal:
        load_model(path)
    assert one_line(refusal).startswith(str(path))


class Canary:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("suffix", [".pt", ".ckpt"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's remark before it refuses
@pytest.mark.parametrize("protocol", [None, 2, 4], ids=["in a torch file", "protocol 2", "protocol 4"])
def test_refuses_code_in_a_pickle_and_runs_none(tmp_path: Path, suffix: str, protocol: int | None) -> None:
    path, folder = tmp_path / f"weights{suffix}", tmp_path / "ran"
    contents = trained().state_dict() | {"backbone.A": Canary(folder)}
    if protocol is None:
        torch.save(contents, path)
    else:
        path.write_bytes(pickle.dumps({"weights": Canary(folder)}, protocol))
    for read in (load_model, load_module, read_checkpoint):
        with pytest.raises(ValueError, match=r"is refused: .*more than tensors and plain values") as refusal:
            read(path)
        one_line(refusal)
    assert not folder.exists()
    pickle.loads(pickle.dumps(Canary(folder)))
    assert folder.exists(), "the canary would not have sung"


NO_CHECKPOINTS: dict[str, tuple[Any, str]] = {
    "a number": (1, "holds no state dict, got int"),
    "a list": ([torch.zeros(2)], "holds no state dict, got list"),
    "nothing": ({}, "are not named as an ST-GCN's"),
    "another network": ({"fc.weight": torch.zeros(2, 2)}, "are not named as an ST-GCN's"),
    "more than tensors": ({"epoch": 3}, "holds no state dict of tensors"),
    "numbered tensors": ({0: torch.zeros(2)}, "holds no state dict of tensors"),
    "a state dict that is none": ({"state_dict": 1}, "holds no state dict of tensors"),
    "another module of Lightning": ({"state_dict": {}, "hyper_parameters": {"lr": 0.1}}, "but none of LitSTGCN"),
    "hyperparameters that are none": ({"state_dict": {}, "hyper_parameters": None}, "but none of LitSTGCN"),
    "no weights": ({"hyper_parameters": {"model": {}, "preprocessing": {}, "classes": []}}, "but none of LitSTGCN"),
}


@pytest.mark.parametrize(("contents", "message"), NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS)
def test_a_torch_file_of_something_else_is_refused(tmp_path: Path, contents: Any, message: str) -> None:
    path = tmp_path / "weights.pt"
    torch.save(contents, path)
    with pytest.raises(ValueError, match=r".") as refusal:
        load_model(path)
    assert message in one_line(refusal)
    assert str(path) in str(refusal.value)


CHANGES: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "a graph of two axes": (lambda s: s.update({"backbone.A": torch.zeros(3, 3)}), "backbone.A must be (K, V, V)"),
    "a graph with sides": (lambda s: s.update({"backbone.A": torch.zeros(3, 3, 4)}), "backbone.A must be (K, V, V)"),
    "a graph of four partitions": (lambda s: s.update({"backbone.A": torch.ones(4, 3, 3)}), "K=4 partitions"),
    "a flat head": (lambda s: s.update({"head.fcn.weight": torch.zeros(3, 8)}), "of four axes"),
    "no first convolution": (lambda s: s.pop("backbone.st_gcn_networks.0.gcn.conv.weight"), "lack backbone.st_gcn"),
    "a kernel is missing": (lambda s: s.pop("backbone.st_gcn_networks.0.tcn.2.weight"), "missing backbone.st_gcn"),
    "no first block": (
        lambda s: [s.pop(key) for key in list(s) if ".0.tcn." in key],
        "lack the temporal convolution of backbone.st_gcn_networks.0",
    ),
    "no head": (lambda s: [s.pop(key) for key in list(s) if key.startswith("head.")], "a backbone's, without a head"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_weights_that_are_nearly_a_network_s_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = dict(trained().state_dict())
    change(state)
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r".") as refusal:
        load_model(tmp_path / "weights.pt")
    assert message in one_line(refusal)


def test_weights_of_other_widths_are_refused(tmp_path: Path) -> None:
    module = module_of()
    write_ckpt(module, tmp_path / "last.ckpt")
    contents = torch.load(tmp_path / "last.ckpt", weights_only=True)
    contents["hyper_parameters"]["model"]["channels"] = [4, 6]
    torch.save(contents, tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"1\.gcn\.conv\.weight has shape \(24, 4, 1, 1\), wanted \(18, ") as refusal:
        load_model(tmp_path / "last.ckpt")
    one_line(refusal)
