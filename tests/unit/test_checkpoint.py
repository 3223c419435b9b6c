"""One door for checkpoints: what was written is what is read, and what is no checkpoint is refused in one line."""

import os
import pickle
import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import save_file
from torch import Tensor

from stgcn_torch.checkpoint import (
    WholeFileCheckpointIO,
    check_fits,
    load_model,
    load_module,
    read_checkpoint,
    take_weights,
)
from stgcn_torch.data.preprocessing import PREPROCESSINGS
from stgcn_torch.lit import LitSTGCN
from stgcn_torch.model import STGCN

LEG = {"joints": ["Hip", "Knee", "Ankle"], "bones": [["Knee", "Hip"], ["Ankle", "Knee"]], "center": "Hip"}
TINY: dict[str, Any] = {"layout": LEG, "channels": [4, 8], "strides": [1, 2], "temporal_kernel": 3}
CLASSES = ["Axel", "Lutz", "Salchow"]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers, alone or among others."""
    torch.manual_seed(0)


def trained(**options: Any) -> STGCN:
    """A small network in evaluation mode with nothing at its first value."""
    network = STGCN(**({"num_classes": len(CLASSES)} | TINY | options)).eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("backbone.A"):
            tensor.add_(torch.rand_like(tensor))
    return network


def module_of(**options: Any) -> LitSTGCN:
    """A small Lightning module."""
    preprocessing = PREPROCESSINGS["fixed"].plain | {"window": 8}
    return LitSTGCN({"num_classes": len(CLASSES)} | TINY | options, preprocessing, CLASSES).eval()


def write_ckpt(module: LitSTGCN, path: Path) -> None:
    """Save as a run does."""
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, logger=False, plugins=[WholeFileCheckpointIO()], enable_progress_bar=False
    )
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path, weights_only=True)


def same_state(state: Any, expected: Any) -> bool:
    """Whether two state dicts have the same names and bits."""
    return set(state) == set(expected) and all(torch.equal(state[key], expected[key]) for key in expected)


def one_line(refusal: pytest.ExceptionInfo[ValueError]) -> str:
    """The message, which must be one line."""
    message = str(refusal.value)
    assert message
    assert "\n" not in message
    return message


# Round trips


def test_a_lightning_checkpoint_says_all_about_itself(tmp_path: Path) -> None:
    module = module_of(strategy="distance", edge_importance=False)
    write_ckpt(module, tmp_path / "last.ckpt")
    held = read_checkpoint(tmp_path / "last.ckpt")
    assert held.preprocessing == module.preprocessing
    assert held.classes == tuple(CLASSES)
    assert held.model == {"in_channels": 2} | module.hparams["model"]
    assert same_state(held.state, module.state_dict())


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
    network, x = load_model(path), torch.randn(2, 2, 8, 3, 1)
    assert not network.training
    assert same_state(network.state_dict(), module.state_dict())
    assert torch.equal(network(x), module(x))


def test_a_state_dict_may_lie_under_its_name(tmp_path: Path) -> None:
    network = trained()
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, tmp_path / "weights.pt")
    assert same_state(load_model(tmp_path / "weights.pt").state_dict(), network.state_dict())


def test_torch_s_older_file_format_is_read_as_well(tmp_path: Path) -> None:
    network = trained()
    torch.save(network.state_dict(), tmp_path / "weights.pt", _use_new_zipfile_serialization=False)
    assert same_state(load_model(tmp_path / "weights.pt").state_dict(), network.state_dict())


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
    assert torch.equal(load_model(tmp_path / "weights.pt")(x), network(x))


def test_a_graph_of_no_known_layout_becomes_one_of_its_own(tmp_path: Path) -> None:
    network = trained()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    held = read_checkpoint(tmp_path / "weights.pt")
    joints, bones = held.model["layout"]["joints"], held.model["layout"]["bones"]
    assert len(joints) == 3
    assert {frozenset(map(int, bone)) for bone in bones} == {frozenset({0, 1}), frozenset({1, 2})}
    assert torch.equal(held.build().backbone.A, network.backbone.A)


def test_the_graph_in_the_file_is_the_one_that_is_used(tmp_path: Path) -> None:
    network = trained(layout="coco", strategy="spatial_fixed")
    network.backbone.A.mul_(0.5)  # a graph that no strategy makes
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    assert torch.equal(load_model(tmp_path / "weights.pt").backbone.A, network.backbone.A)


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
    module = load_module(path, PREPROCESSINGS["article"].plain)
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
    """A good checkpoint in the format that the name says."""
    state = trained().state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.stem != "older")
    return path.read_bytes()


@pytest.mark.parametrize("name", ["weights.pt", "older.pt", "weights.safetensors"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = written(path)
    assert load_model(path)
    for length in [*range(64), *range(64, len(whole) - 1, len(whole) // 97)]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"is no readable checkpoint|is refused|holds no state dict") as refusal:
            read_checkpoint(path)
        assert one_line(refusal).startswith(str(path))


def refusal_of(path: Path) -> str:
    """Why a file is refused; empty if it is read, for a weight may have changed and nobody can tell."""
    try:
        read_checkpoint(path)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's remark on a damaged byte
@pytest.mark.parametrize("name", ["weights.pt", "older.pt", "weights.safetensors"])
def test_a_damaged_file_is_read_or_refused_but_never_dies(tmp_path: Path, name: str) -> None:
    path, rng = tmp_path / name, random.Random(0)
    whole = written(path)
    refused: list[str] = []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 2, 8])):
            damaged[rng.randrange(min(len(whole), 4000))] = rng.randrange(256)
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
    held = trained().state_dict() | {"backbone.A": Canary(folder)}
    if protocol is None:
        torch.save(held, path)
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


@pytest.mark.parametrize(("held", "message"), NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS)
def test_a_torch_file_of_something_else_is_refused(tmp_path: Path, held: Any, message: str) -> None:
    path = tmp_path / "weights.pt"
    torch.save(held, path)
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


def test_all_that_does_not_fit_is_listed_at_once() -> None:
    wanted = {"a": torch.zeros(2), "b": torch.zeros(3), "c": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"the weights do not fit the network") as refusal:
        check_fits({"b": torch.zeros(4), "c": torch.zeros(1), "d": torch.zeros(1)}, wanted)
    assert one_line(refusal).endswith(": missing a; unexpected d; b has shape (4,), wanted (3,)")
    check_fits(wanted, wanted)


def test_more_problems_than_a_line_holds_are_counted() -> None:
    with pytest.raises(ValueError, match=r"missing 5; and 4 more$") as refusal:
        check_fits({}, {str(i): torch.zeros(1) for i in range(10)})
    one_line(refusal)


def test_weights_of_other_widths_are_refused(tmp_path: Path) -> None:
    module = module_of()
    write_ckpt(module, tmp_path / "last.ckpt")
    held = torch.load(tmp_path / "last.ckpt", weights_only=True)
    held["hyper_parameters"]["model"]["channels"] = [4, 6]
    torch.save(held, tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"1\.gcn\.conv\.weight has shape \(24, 4, 1, 1\), wanted \(18, ") as refusal:
        load_model(tmp_path / "last.ckpt")
    one_line(refusal)


# Weights for another task


def test_weights_are_taken_with_their_head_where_the_classes_are_as_many() -> None:
    network, source = trained(), trained()
    assert take_weights(network, source.state_dict()) == []
    assert same_state(network.state_dict(), source.state_dict())


@pytest.mark.parametrize("into", ["network", "module"])
def test_another_number_of_classes_keeps_the_new_head_and_says_so(into: str) -> None:
    source = trained().state_dict()
    network = trained(num_classes=7) if into == "network" else module_of(num_classes=7)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    assert take_weights(network, source) == ["head.fcn.bias", "head.fcn.weight"]
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[key] if key.startswith("head.") else source[key]), key


def test_half_a_head_is_not_taken() -> None:
    network, source = trained(), trained().state_dict()
    before = network.head.fcn.weight.clone()
    del source["head.fcn.bias"]
    source["head.fcn.scale"] = torch.ones(3)
    assert take_weights(network, source) == ["head.fcn.scale", "head.fcn.weight"]
    assert torch.equal(network.head.fcn.weight, before)


REFUSED_SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "other joints": ({"layout": "coco"}, "backbone.A has shape (3, 17, 17), wanted (3, 3, 3)"),
    "other partitions": ({"strategy": "uniform"}, "backbone.A has shape (1, 3, 3), wanted (3, 3, 3)"),
    "other widths": ({"channels": [4, 6]}, "1.gcn.conv.weight has shape (18, 4, 1, 1), wanted (24, 4, 1, 1)"),
    "fewer blocks": ({"channels": [4], "strides": [1]}, "missing backbone.st_gcn_networks.1.gcn.conv.weight"),
    "no edge importance": ({"edge_importance": False}, "missing backbone.edge_importance.0"),
    "as many joints, other bones": ({"layout": LEG | {"center": "Knee"}}, "belong to another graph"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED_SOURCES.values(), ids=REFUSED_SOURCES)
def test_weights_of_another_body_are_refused_and_none_taken(options: dict[str, Any], message: str) -> None:
    network = trained()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match=r".") as refusal:
        take_weights(network, trained(**options).state_dict())
    assert message in one_line(refusal)
    assert same_state(network.state_dict(), before)


def test_two_layouts_of_as_many_joints_are_told_apart() -> None:
    with pytest.raises(ValueError, match=r"belong to another graph"):
        take_weights(trained(layout="ntu-rgb+d"), trained(layout="fsd10").state_dict())


# Writing


@pytest.fixture
def limited() -> Iterator[Callable[[int], None]]:
    """A disk that takes files of so many bytes, as far as this process sees."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_only(path: Path, content: bytes) -> None:
    """The file is alone in its folder and as it was."""
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
    held = WholeFileCheckpointIO().load_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    assert torch.equal(held["a"], torch.ones(2))


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
    """A view in an error's frames would stop the memory it looks at from being closed when garbage is collected."""
    given: list[object] = []

    def full(_: Path, data: object) -> None:
        given.append(data)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        WholeFileCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")
    assert [type(data) for data in given] == [bytes]


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
