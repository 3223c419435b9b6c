"""What ``convert-pdparams`` finds out about a network, assumes, and says."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convert import read_pdparams, write_pdparams
from convert.network.keys import restore_state_dict
from stgcn_torch.checkpoint.reader import load_model, load_module, read_checkpoint
from stgcn_torch.checkpoint.weights import take_weights
from stgcn_torch.model import CHANNELS as CHANNELS_OF_PAPER
from stgcn_torch.model import STGCN
from stgcn_torch.model import STRIDES as STRIDES_OF_PAPER
from tests.cli.networks import Convert, arrays, for_paddle, network, same


def without_graph(made: STGCN, path: Path) -> Path:
    state = restore_state_dict(arrays(made))
    del state["backbone.A"]
    write_pdparams(state, path)
    return path


def test_a_missing_graph_of_25_joints_is_taken_for_fsd10_and_told(
    convert: Convert, model: STGCN, tmp_path: Path
) -> None:
    path = without_graph(model, tmp_path / "in.pdparams")
    code, _, told = convert(path, tmp_path / "out.pt")
    assert code == 0
    assert "taken for fsd10" in told
    assert same(tmp_path / "out.pt", model)


def test_any_other_missing_graph_is_asked_for(convert: Convert, tmp_path: Path) -> None:
    made = network(layout="ntu-rgb+d", in_channels=3)
    path = without_graph(made, tmp_path / "in.pdparams")
    code, _, told = convert(path, tmp_path / "out.pt")
    assert code == 2
    assert "say the layout" in told
    assert convert(path, tmp_path / "out.pt", "--layout", "ntu-rgb+d")[0] == 0
    assert same(tmp_path / "out.pt", made)


def test_another_layout_than_the_files_is_refused(convert: Convert, pdparams: Path) -> None:
    code, _, told = convert(pdparams, pdparams.with_name("out.pt"), "--layout", "ntu-rgb+d")
    assert code == 2
    assert "its graph is that of fsd10, not of ntu-rgb+d" in told


def test_all_that_does_not_fit_is_told_at_once(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    state = model.state_dict()
    del state["backbone.edge_importance.1"], state["head.fcn.bias"]
    state["backbone.st_gcn_networks.1.tcn.0.weight"] = torch.zeros(3)
    torch.save(state, tmp_path / "in.pt")
    code, told, error = convert(tmp_path / "in.pt", tmp_path / "out.pt")
    assert code == 2
    assert told == ""
    for part in ("missing backbone.edge_importance.1", "missing head.fcn.bias", "has shape (3,), wanted (8,)"):
        assert part in error
    assert not (tmp_path / "out.pt").exists()


def test_centring_is_assumed_from_the_weights_and_told(convert: Convert, tmp_path: Path) -> None:
    made = network()
    made.backbone.data_bn.running_mean.view(25, 2)[8] = 0
    made.backbone.data_bn.running_var.view(25, 2)[8] = 0
    for_paddle(made, tmp_path / "in.pdparams")
    _, told, _ = convert(tmp_path / "in.pdparams", tmp_path / "out.ckpt")
    assert "paddlevideo (window 350), assumed: the weights are centred" in told
    assert load_module(tmp_path / "out.ckpt").preprocessing.center == 8
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "other.ckpt", "--preprocessing", "article")
    assert code == 0
    assert "MidHip at the origin" in error


def test_weights_centred_on_another_joint_are_not_taken_for_raw(convert: Convert, tmp_path: Path) -> None:
    made = network()
    made.backbone.data_bn.running_mean.view(25, 2)[1] = 0
    made.backbone.data_bn.running_var.view(25, 2)[1] = 0
    for_paddle(made, tmp_path / "in.pdparams")
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "out.ckpt")
    assert code == 1
    assert "say --preprocessing" in error


def test_a_checkpoint_wants_to_know_the_preprocessing(convert: Convert, tmp_path: Path) -> None:
    for_paddle(network(data_bn=False), tmp_path / "in.pdparams")
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "out.ckpt")
    assert code == 1
    assert "say --preprocessing" in error
    assert not (tmp_path / "out.ckpt").exists()


def test_answers_are_compared_with_a_reference(convert: Convert, pdparams: Path, model: STGCN) -> None:
    clips = np.random.default_rng(0).normal(size=(3, 2, 20, 25, 1)).astype(np.float32)
    with torch.no_grad():
        logits = model(torch.from_numpy(clips)).numpy()
    np.save(pdparams.with_name("x.npy"), clips)
    np.save(pdparams.with_name("y.npy"), logits + 0.25)
    report = pdparams.with_name("report.json")
    reference = ["--reference", pdparams.with_name("x.npy"), pdparams.with_name("y.npy")]
    code, told, _ = convert(pdparams, pdparams.with_name("out.pt"), *reference, "--json", report)
    assert code == 0
    found = json.loads(report.read_text())["reference"]
    assert found["largest_difference"] == pytest.approx(0.25, abs=1e-5)
    assert (found["top1_agreement"], found["clips"]) == (1, 3)
    assert "top-1 agrees in 100.0%" in told


def test_the_report_names_every_tensor_with_its_hash(convert: Convert, pdparams: Path, model: STGCN) -> None:
    report = pdparams.with_name("report.json")
    convert(pdparams, pdparams.with_name("out.pt"), "--json", report)
    told = json.loads(report.read_text())
    assert told["sha256"] == hashlib.sha256(pdparams.read_bytes()).hexdigest()
    bias = told["tensors"]["head.fcn.bias"]
    assert bias["sha256"] == hashlib.sha256(model.head.fcn.bias.detach().numpy().tobytes()).hexdigest()
    assert list(told["tensors"]) == list(model.state_dict())
    assert told["model"]["layout"] == "fsd10"
    assert told["renamed"]["backbone.data_bn._mean"] == "backbone.data_bn.running_mean"


def test_a_damaged_network_is_told_and_not_converted(convert: Convert, tmp_path: Path) -> None:
    made = network()
    made.head.fcn.bias.data[0] = torch.nan
    made.backbone.data_bn.running_var[0] = -1
    for_paddle(made, tmp_path / "in.pdparams")
    _, told, _ = convert(tmp_path / "in.pdparams", tmp_path / "out.pt", "--dry-run")
    assert "NOT FINITE: head.fcn.bias" in told
    assert "NEGATIVE: backbone.data_bn.running_var" in told
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "out.pt")
    assert (code, "head.fcn.bias is not finite, its training diverged or it is damaged" in error) == (2, True)
    assert not (tmp_path / "out.pt").exists()


def test_all_problems_are_told_whatever_their_kind(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    """Names, shapes, and the kernel that says how wide a block is, in one go; each unknown name with its nearest."""
    state = model.state_dict()
    block = "backbone.st_gcn_networks"
    state[f"{block}.0.tcn.2.weigth"] = state.pop(f"{block}.0.tcn.2.weight")
    state[f"{block}.1.tcn.3.bias"] = torch.zeros(3)
    del state[f"{block}.1.residual.0.bias"]
    torch.save(state, tmp_path / "in.pt")
    code, _, error = convert(tmp_path / "in.pt", tmp_path / "out.pt")
    assert code == 2
    assert f"unexpected {block}.0.tcn.2.weigth (nearest is {block}.0.tcn.2.weight)" in error
    assert f"missing {block}.0.tcn.2.weight" in error
    assert f"missing {block}.1.residual.0.bias" in error
    assert f"{block}.1.tcn.3.bias has shape (3,), wanted (8,)" in error


def test_strides_are_guessed_for_a_look_alone(convert: Convert, pdparams: Path) -> None:
    _, told, error = convert(pdparams, pdparams.with_name("out.pt"), "--dry-run")
    assert "1,2 (guessed; --strides says them)" in told
    assert error == ""
    _, told, error = convert(pdparams, pdparams.with_name("other.pt"), "--strides", "2,1")
    assert "2,1 (as asked for)" in told
    assert "assumed" not in error


def test_published_widths_have_the_published_strides(convert: Convert, tmp_path: Path) -> None:
    made = network(channels=CHANNELS_OF_PAPER, strides=STRIDES_OF_PAPER)
    code, told, error = convert(for_paddle(made, tmp_path / "in.pdparams"), tmp_path / "out.pt")
    assert (code, error) == (0, "")
    assert "1,1,1,1,2,1,1,2,1,1 (assumed, as published; --strides says others)" in told


@pytest.mark.parametrize("preprocessing", [[], ["--preprocessing", "article"]])
def test_a_card_is_read_again(
    preprocessing: list[str], convert: Convert, pdparams: Path, model: STGCN, tmp_path: Path
) -> None:
    """What safetensors of this project say beside their tensors goes on into whatever is made of them."""
    model.backbone.data_bn.running_mean.fill_(0)  # of which no preprocessing can be told
    for_paddle(model, pdparams)
    card, out = tmp_path / "card.safetensors", tmp_path / "out.ckpt"
    assert convert(pdparams, card, "--strides", "2,2", *preprocessing)[0] == 0
    code, told, _ = convert(card, tmp_path / "again.safetensors")
    assert "2,2 (the checkpoint's own)" in told
    assert "hyper_parameters" not in told
    for path in (card, tmp_path / "again.safetensors"):
        assert [block.tcn[2].stride[0] for block in load_model(path).backbone.st_gcn_networks] == [2, 2]
    code, told, error = convert(card, out)
    if preprocessing:
        assert (code, "the checkpoint's own" in told) == (0, True)
        assert load_module(out).preprocessing.center is None
    else:
        assert (code, "say --preprocessing" in error) == (1, True)


def test_a_backbone_without_a_head_is_one_to_start_from(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    state = {name: value for name, value in arrays(model).items() if not name.startswith("head.")}
    write_pdparams(restore_state_dict(state), tmp_path / "in.pdparams")
    code, told, error = convert(tmp_path / "in.pdparams", tmp_path / "out.pt")
    assert (code, "no classes" in told, "it is a backbone" in error) == (0, True, True)
    other = network(num_classes=9)
    take_weights(other, read_checkpoint(tmp_path / "out.pt").state)
    assert all(
        torch.equal(value, torch.from_numpy(state[f"backbone.{name}"]))
        for name, value in other.backbone.state_dict().items()
    )
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "out.ckpt", "--preprocessing", "article")
    assert (code, "has a head, and this file none" in error) == (2, True)
    with pytest.raises(ValueError, match="a backbone's, without a head"):
        load_model(tmp_path / "out.pt")


def test_what_is_damaged_is_warned_about(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    model.head.fcn.bias.data[0] = torch.inf
    model.backbone.data_bn.running_var[0] = -1
    model.backbone.A *= 2
    _, _, error = convert(for_paddle(model, tmp_path / "in.pdparams"), tmp_path / "out.pt", "--dry-run")
    assert "head.fcn.bias is not finite" in error
    assert "backbone.data_bn.running_var is negative, a variance" in error
    assert "columns of backbone.A do not add up to 1" in error


def test_casts_are_told(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    write_pdparams(restore_state_dict(arrays(model.double())), tmp_path / "in.pdparams")
    _, told, _ = convert(tmp_path / "in.pdparams", tmp_path / "out.pt", "--json", tmp_path / "report.json")
    assert "cast to float32 from float64" in told
    assert json.loads((tmp_path / "report.json").read_text())["cast"]["head.fcn.bias"] == "float64"


def test_a_table_with_one_name_for_two_is_not_used(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    state = restore_state_dict(arrays(model))
    write_pdparams(state, tmp_path / "in.pdparams", names=dict.fromkeys(state, "conv2d_0.w_0"))
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "out.pdparams")
    assert (code, "one name for two tensors" in error) == (0, True)
    names = read_pdparams(tmp_path / "out.pdparams")
    assert isinstance(names, dict)
    assert len({*names["StructuredToParameterName@@"].values()}) == len(state)


@pytest.mark.parametrize("protocol", range(6))
def test_the_protocol_is_told(protocol: int, convert: Convert, model: STGCN, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pickle.dumps(restore_state_dict(arrays(model)), protocol))
    _, told, _ = convert(tmp_path / "in", tmp_path / "out.pt")
    assert f"a pickle of protocol {protocol}, as" in told
    assert "with NumPy 2" in told


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_that_runs_something_is_not_safe(
    zipped: bool, convert: Convert, model: STGCN, tmp_path: Path
) -> None:
    state: dict[str, Any] = {"state_dict": model.state_dict(), "hook": print}
    torch.save(state, tmp_path / "in.pt", _use_new_zipfile_serialization=zipped)
    code, _, error = convert(tmp_path / "in.pt", tmp_path / "out.pt")
    assert code == 3
    assert "wants to import __builtin__.print (byte " in error
