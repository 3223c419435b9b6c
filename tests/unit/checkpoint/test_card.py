"""What a network computes travels with its weights, in files of every kind and from one to the other."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from convert.cli import main
from stgcn_torch.checkpoint.card import RECORD, beside, read_card
from stgcn_torch.checkpoint.reader import load_model, load_module, read_checkpoint
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import CLASSES, LEG, TINY, one_line, trained, write_ckpt

CLIPS: dict[str, Any] = {
    "slots": 2, "people": "together", "frames": [8, 12, 20, 31], "fps": 25.0, "unit": 0.001, "scale": 0.7,
    "split": {"val": {"rule": "folds", "folds": 5, "fold": 1, "seed": 0}}, "hashes": "0123456789abcdef" * 3,
    "labels": "ab" * 32,
}  # fmt: skip


def module_with(**options: Any) -> LitSTGCN:
    """A module with everything that a card holds."""
    torch.manual_seed(0)
    model = {"num_classes": len(CLASSES)} | TINY | {"strides": [1, 3], "strategy": "distance", "dropout": 0.1} | options
    module = LitSTGCN(model, PREPROCESSINGS["fixed"].plain | {"window": 8}, CLASSES, training_clips=CLIPS)
    module.load_state_dict(trained(**{key: value for key, value in model.items() if key != "num_classes"}).state_dict())
    return module.eval()


def convert(*words: object) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0


@pytest.mark.parametrize(
    "way", [[".pt"], [".safetensors"], [".pdparams"], [".pdparams", ".pt", ".safetensors", ".pth"]]
)
def test_nothing_is_lost_on_any_way_there_and_back(tmp_path: Path, way: Sequence[str]) -> None:
    module = module_with()
    write_ckpt(module, path := tmp_path / "best.ckpt")
    for i, suffix in enumerate([*way, ".ckpt"]):
        convert(path, out := tmp_path / f"{i}{suffix}")
        path = out
        if suffix not in (".pdparams",):
            read = load_module(path)
            assert read.training_clips == module.training_clips
            assert read.preprocessing == module.preprocessing
            assert read.classes == module.classes
            assert read.hparams["model"]["strides"] == [1, 3]
            assert (read.hparams["model"]["layout"], read.hparams["model"]["strategy"]) == (LEG, "distance")
            assert read.assumed == ()
            x = torch.randn(2, 2, 8, 3, 1)
            assert torch.equal(read(x), module(x))
            assert torch.equal(load_model(path)(x), module(x))


def test_a_pt_stays_a_plain_state_dict(tmp_path: Path) -> None:
    write_ckpt(module_with(), tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", tmp_path / "weights.pt")
    state = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert state.keys() == module_with().state_dict().keys()
    with zipfile.ZipFile(tmp_path / "weights.pt") as archive:
        assert sum(name.endswith(RECORD) for name in archive.namelist()) == 1


def test_the_card_of_other_tensors_is_refused(tmp_path: Path) -> None:
    """As where a .pdparams was replaced and the file beside it was not."""
    for name, classes in (("a", 3), ("b", 3)):
        module = module_with()
        module.head.fcn.bias.data += ord(name)
        write_ckpt(module, tmp_path / f"{name}.ckpt")
        convert(tmp_path / f"{name}.ckpt", tmp_path / f"{name}.pdparams")
        assert classes == module.head.fcn.out_channels
    beside(tmp_path / "a.pdparams").write_bytes(beside(tmp_path / "b.pdparams").read_bytes())
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "a.pdparams"), str(tmp_path / "a.pt")])
    assert end.value.code == 4
    assert not (tmp_path / "a.pt").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"model": 1}', '{"model": {}, "preprocessing": {}, "classes": 1}', "[" * 10**5]
)
def test_a_damaged_card_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights.pt"
    torch.save(trained().state_dict(), path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"weights/{RECORD}", text)
    with pytest.raises(ValueError, match=r"card is damaged") as refusal:
        read_checkpoint(path)
    assert str(path) in one_line(refusal)


@pytest.mark.parametrize(
    "damage", [{"slots": 0}, {"slots": "2"}, {"frames": [1, 2]}, {"hashes": "xyz"}, {"scale": -1.0}, {"colour": 1}]
)
def test_damaged_facts_about_clips_are_one_line(tmp_path: Path, damage: dict[str, Any]) -> None:
    write_ckpt(module_with(), tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", path := tmp_path / "weights.pdparams")
    card = dict(read_card(path) or {})
    card["training_clips"] = card["training_clips"] | damage
    beside(path).write_text(json.dumps(card))
    with pytest.raises(SystemExit) as end:
        main([str(path), str(tmp_path / "weights.ckpt")])
    assert end.value.code == 2


def test_strides_that_nobody_says_are_asked_for(tmp_path: Path) -> None:
    torch.save(trained().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"^no tensor tells the strides of its 2 blocks.*say strides=") as refusal:
        load_model(tmp_path / "weights.pt")
    one_line(refusal)
    for out in ("a.ckpt", "a.pt", "a.pdparams"):
        with pytest.raises(SystemExit) as end:
            main([str(tmp_path / "weights.pt"), str(tmp_path / out), "--preprocessing", "fixed"])
        assert end.value.code == 2
    convert(tmp_path / "weights.pt", tmp_path / "b.ckpt", "--preprocessing", "fixed", "--strides", "1,2")
    assert load_model(tmp_path / "b.ckpt").backbone.strides == (1, 2)


def test_the_published_network_is_taken_for_it_with_a_word(tmp_path: Path) -> None:
    published = trained(channels=[64] * 4 + [128] * 3 + [256] * 3, strides=[1, 1, 1, 1, 2, 1, 1, 2, 1, 1])
    torch.save(published.state_dict(), tmp_path / "weights.pt")
    with pytest.warns(UserWarning, match=r"strides of its blocks are assumed, those of the published network"):
        assert load_model(tmp_path / "weights.pt").backbone.strides == published.backbone.strides
    other = trained(channels=[64] * 4 + [128] * 3 + [256] * 3, strides=[1, 1, 2, 1, 1, 2, 1, 1, 2, 1])
    torch.save(other.state_dict(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"^no tensor tells the strides of its 10 blocks"):
        load_model(tmp_path / "other.pt")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layout", ["fsd10", "coco"])
def test_weights_of_any_precision_keep_their_graph(tmp_path: Path, dtype: torch.dtype, layout: str) -> None:
    network = trained(layout=layout)
    state = {
        key: value.to(dtype) if value.is_floating_point() else value for key, value in network.state_dict().items()
    }
    torch.save(state, tmp_path / "weights.pt")
    checkpoint = read_checkpoint(tmp_path / "weights.pt", [1, 2])
    assert checkpoint.model["layout"] == layout
    assert torch.equal(checkpoint.build().backbone.A, network.backbone.A)


def test_a_preprocessing_that_was_assumed_is_said_each_time(tmp_path: Path) -> None:
    """By the centring that weights show; not where the user says it."""
    network = trained(layout="coco")
    mean = network.backbone.data_bn.running_mean.view(17, 2)
    mean[:] = torch.randn(17, 2) + 3
    mean[11] = 0  # as centred clips leave it
    network.backbone.data_bn.running_var.view(17, 2)[:] = 1.0
    network.backbone.data_bn.running_var.view(17, 2)[11] = 0.0
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    convert(tmp_path / "weights.pt", tmp_path / "assumed.ckpt", "--strides", "1,2")
    assert any("its preprocessing was assumed" in line for line in load_module(tmp_path / "assumed.ckpt").assumed)
    convert(tmp_path / "weights.pt", tmp_path / "told.ckpt", "--strides", "1,2", "--preprocessing", "fixed")
    assert not any("was assumed" in line for line in load_module(tmp_path / "told.ckpt").assumed)
    convert(tmp_path / "assumed.ckpt", tmp_path / "again.safetensors")
    assert any("its preprocessing was assumed" in line for line in load_module(tmp_path / "again.safetensors").assumed)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_run_in_half_precision_is_whole(tmp_path: Path, dtype: torch.dtype) -> None:
    """Its graph is exact however it is loaded, and nothing is called damaged."""
    module = module_with()
    exact = module.backbone.A.clone()
    write_ckpt(module.to(dtype), path := tmp_path / "half.ckpt")
    for loaded in (load_module(path), LitSTGCN.load_from_checkpoint(path, weights_only=True)):
        assert torch.equal(loaded.backbone.A, exact)
    convert(path, tmp_path / "half.pt")
    state = read_checkpoint(tmp_path / "half.pt").state
    assert state["head.fcn.weight"].dtype == torch.float32
    assert torch.equal(state["backbone.A"], exact)


@pytest.mark.parametrize(
    "damage",
    [
        {"training_clips": 5},
        {"training_clips": {"slots": 1, "frames": 5}},
        {"training_clips": {"slots": 1, "split": {"val": 5}}},
        {"training_clips": {"slots": 1, "split": {"train": {}}}},
        {"assumed": 5},
        {"assumed": [5]},
    ],
    ids=str,
)
def test_any_value_of_a_card_is_checked(tmp_path: Path, damage: dict[str, Any]) -> None:
    write_ckpt(module_with(), tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", path := tmp_path / "weights.pdparams")
    beside(path).write_text(json.dumps(dict(read_card(path) or {}) | damage))
    with pytest.raises(SystemExit) as end:
        main([str(path), str(tmp_path / "weights.ckpt")])
    assert end.value.code == 2
    convert(tmp_path / "best.ckpt", tensors := tmp_path / "weights.safetensors")
    card = dict(read_card(tensors) or {}) | damage
    save_file(load_file(tensors), tensors, {"stgcn_torch": json.dumps(card)})
    with pytest.raises(ValueError, match=r"its card is damaged") as refusal:
        load_model(tensors)
    one_line(refusal)


def test_a_card_without_strides_leaves_them_unknown(tmp_path: Path) -> None:
    write_ckpt(module_with(), tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", tensors := tmp_path / "weights.safetensors")
    card = dict(read_card(tensors) or {})
    card["model"] = {name: value for name, value in card["model"].items() if name != "strides"}
    save_file(load_file(tensors), tensors, {"stgcn_torch": json.dumps(card)})
    with pytest.raises(ValueError, match=r"^no tensor tells the strides"):
        load_model(tensors)
    assert load_model(tensors, [1, 3]).slots == 2


def test_a_card_beside_that_is_no_file_is_refused(tmp_path: Path) -> None:
    write_ckpt(module_with(), tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", path := tmp_path / "weights.pdparams")
    beside(path).unlink()
    beside(path).mkdir()
    with pytest.raises(SystemExit) as end:
        main([str(path), str(tmp_path / "weights.ckpt")])
    assert end.value.code == 2


def test_unknown_slots_are_warned_of(tmp_path: Path) -> None:
    module = module_with()
    module.hparams["training_clips"] = None
    write_ckpt(module, path := tmp_path / "old.ckpt")
    for load in (load_model, lambda path: LitSTGCN.load_from_checkpoint(path, weights_only=True)):
        with pytest.warns(UserWarning, match=r"does not say how many people its training clips had room for"):
            load(path)


def test_a_damaged_card_is_not_lost_in_silence(tmp_path: Path) -> None:
    """Of a .pt on its way through the converter, which would take other strides or none."""
    write_ckpt(module_with(), tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", path := tmp_path / "weights.pt")
    content = path.read_bytes()
    damaged = content.replace(b'"strides": [1, 3]', b'"strides": [1, 2]')
    assert damaged != content
    path.write_bytes(damaged)
    for given in ([], ["--strides", "1,3"]):
        with pytest.raises(SystemExit) as end:
            main([str(path), str(tmp_path / "back.ckpt"), *given])
        assert end.value.code == 2
    with pytest.raises(ValueError, match=r"differs from its checksum"):
        load_model(path)
