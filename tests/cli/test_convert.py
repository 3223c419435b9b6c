"""``convert-pdparams`` as a user types it: what goes in, what comes out, what is said, and every exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from convert import read_pdparams, write_pdopt
from convert.network.keys import restore_state_dict
from stgcn_torch.checkpoint.reader import load_model, load_module
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN
from tests.cli.commands import Command, environment
from tests.cli.networks import HAND, Convert, for_paddle, network, same


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".ckpt"])
def test_every_form_holds_the_network(suffix: str, convert: Convert, pdparams: Path, model: STGCN) -> None:
    out = pdparams.with_name(f"out{suffix}")
    code, told, _ = convert(pdparams, out, "--preprocessing", "paddlevideo")
    assert code == 0
    assert str(out) in told
    assert same(out, model)


def test_a_state_dict_loads_as_torch_loads_one(convert: Convert, pdparams: Path, model: STGCN) -> None:
    out = pdparams.with_name("out.pt")
    convert(pdparams, out)
    network().load_state_dict(torch.load(out, weights_only=True))


def test_paddle_to_here_and_back_is_the_identity(convert: Convert, pdparams: Path) -> None:
    there, back = pdparams.with_name("there.pt"), pdparams.with_name("back.pdparams")
    assert convert(pdparams, there)[0] == convert(there, back)[0] == 0
    before, after = read_pdparams(pdparams), read_pdparams(back)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert list(before) == list(after)
    for name, value in before.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, after[name])
            assert value.dtype == after[name].dtype
        else:
            assert value == after[name]


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_preprocessing_and_strides_travel_along(suffix: str, convert: Convert, tmp_path: Path) -> None:
    made = network(strides=[2, 2])
    for_paddle(made, tmp_path / "in.pdparams")
    out = tmp_path / f"out{suffix}"
    assert convert(tmp_path / "in.pdparams", out, "--preprocessing", "paddlevideo", "--strides", "2,2")[0] == 0
    module = load_module(out)
    assert module.preprocessing.center == 8
    assert [block.tcn[2].stride[0] for block in module.backbone.st_gcn_networks] == [2, 2]
    x = torch.randn(2, 2, 350, 25, 1)
    with torch.no_grad():
        assert torch.equal(module.logits(x), made(x))


def test_a_checkpoint_is_lightnings(convert: Convert, pdparams: Path, model: STGCN) -> None:
    out = pdparams.with_name("out.ckpt")
    convert(pdparams, out, "--preprocessing", "article")
    module = LitSTGCN.load_from_checkpoint(out, map_location="cpu", weights_only=True)
    assert torch.equal(module.head.fcn.weight, model.head.fcn.weight)
    assert module.preprocessing.window == 1000


def test_ten_blocks_and_25_joints_are_nothing_special(convert: Convert, tmp_path: Path) -> None:
    made = network(layout=HAND, channels=[4, 4, 6, 6], strides=[1, 1, 2, 1], in_channels=3, num_classes=3)
    for_paddle(made, tmp_path / "in.pdparams")
    code, told, _ = convert(tmp_path / "in.pdparams", tmp_path / "out.pt", "--strides", "1,1,2,1")
    assert code == 0
    assert "4 blocks, 3 coordinates, 3 classes" in told
    assert same(tmp_path / "out.pt", made)


@pytest.mark.parametrize("edge_importance", [True, False])
@pytest.mark.parametrize("data_bn", [True, False])
def test_what_the_network_does_without_is_told(
    edge_importance: bool, data_bn: bool, convert: Convert, tmp_path: Path
) -> None:
    made = network(edge_importance=edge_importance, data_bn=data_bn)
    for_paddle(made, tmp_path / "in.pdparams")
    code, told, _ = convert(tmp_path / "in.pdparams", tmp_path / "out.pt")
    assert code == 0
    assert ("no edge_importance" in told) == (not edge_importance)
    assert ("no data_bn" in told) == (not data_bn)
    assert same(tmp_path / "out.pt", made)


@pytest.mark.parametrize("wrapper", ["_layers.", "module.", "model."])
def test_wrapped_and_nested_networks_are_found(wrapper: str, convert: Convert, model: STGCN, tmp_path: Path) -> None:
    state = {wrapper + name: tensor for name, tensor in model.state_dict().items()}
    torch.save({"epoch": 3, "model": state, "best": 0.5}, tmp_path / "in.pth")
    code, told, _ = convert(tmp_path / "in.pth", tmp_path / "out.pt")
    assert code == 0
    assert "2 left (epoch, best)" in told
    assert same(tmp_path / "out.pt", model)


def test_of_several_networks_the_key_chooses(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    other = network(num_classes=7)
    torch.save({"teacher": model.state_dict(), "student": other.state_dict()}, tmp_path / "in.pth")
    code, _, told = convert(tmp_path / "in.pth", tmp_path / "out.pt")
    assert code == 2
    assert "teacher, student" in told
    assert convert(tmp_path / "in.pth", tmp_path / "out.pt", "--key", "student")[0] == 0
    assert same(tmp_path / "out.pt", other)
    assert convert(tmp_path / "in.pth", tmp_path / "out.pt", "--key", "nobody", "--force")[0] == 2


@pytest.mark.parametrize("zipped", [True, False])
def test_the_original_st_gcn_converts(zipped: bool, convert: Convert, model: STGCN, tmp_path: Path) -> None:
    state = {name.partition(".")[2]: tensor for name, tensor in model.state_dict().items()}  # its names have no prefix
    torch.save(state, tmp_path / "in.pt", _use_new_zipfile_serialization=zipped)
    code, told, _ = convert(tmp_path / "in.pt", tmp_path / "out.pt")
    assert code == 0
    assert "st-gcn" in told
    assert same(tmp_path / "out.pt", model)


def test_this_projects_own_run_goes_to_paddle(convert: Convert, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdparams"
    assert convert(trained / "checkpoints" / "best.ckpt", out)[0] == 0
    state = load_model(trained / "checkpoints" / "best.ckpt").state_dict()
    held = read_pdparams(out)
    assert isinstance(held, dict)
    np.testing.assert_array_equal(held["backbone.data_bn._mean"], state["backbone.data_bn.running_mean"])


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_what_a_run_of_this_project_tells_is_kept(suffix: str, convert: Convert, trained: Path, tmp_path: Path) -> None:
    best, out = trained / "checkpoints" / "best.ckpt", tmp_path / f"out{suffix}"
    code, told, _ = convert(best, out)
    assert code == 0
    assert "the checkpoint's own" in told
    before, after = load_module(best), load_module(out)
    assert (after.preprocessing, after.classes) == (before.preprocessing, before.classes)
    x = torch.randn(2, 2, 32, 25, 1)
    with torch.no_grad():
        assert torch.equal(after(x), before(x))


def test_a_dry_run_writes_nothing(convert: Convert, pdparams: Path) -> None:
    before = sorted(pdparams.parent.iterdir())
    assert convert(pdparams, pdparams.with_name("out.pt"), "--dry-run")[0] == 0
    assert sorted(pdparams.parent.iterdir()) == before


def test_what_exists_is_replaced_only_by_force(convert: Convert, pdparams: Path, model: STGCN) -> None:
    out = pdparams.with_name("out.pt")
    out.write_text("mine")
    code, _, error = convert(pdparams, out)
    assert code == 1
    assert "--force" in error
    assert out.read_text() == "mine"
    assert convert(pdparams, out, "--force")[0] == 0
    assert same(out, model)


def test_an_optimizer_goes_back_to_paddle_with_its_network(convert: Convert, pdparams: Path, model: STGCN) -> None:
    velocities = {name: np.full_like(value.detach().numpy(), 0.5) for name, value in model.named_parameters()}
    optimizer = pdparams.with_name("in.pdopt")
    write_pdopt(restore_state_dict(velocities), {"last_epoch": 2, "last_lr": 0.04}, optimizer)
    out = pdparams.with_name("out.pdparams")
    assert convert(pdparams, out, "--optimizer", optimizer)[0] == 0
    before, after = read_pdparams(optimizer), read_pdparams(out.with_suffix(".pdopt"))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert before.keys() == after.keys()
    assert before["LR_Scheduler"] == after["LR_Scheduler"]
    assert all(np.array_equal(before[name], after[name]) for name in before if name.endswith("_velocity_0"))


BAD: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 4, "is empty"),
    "web page": (b"<!DOCTYPE html><html>", 4, "web page"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", 4, "Git LFS"),
    "code": (b"cos\nsystem\n(S'true'\ntR.", 3, "os.system"),
    "truncated": (b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00}", 4, ""),
    "no network": (b"\x80\x02}.", 2, "no state dict"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_ends_with_one_line_and_its_code(kind: str, convert: Convert, tmp_path: Path) -> None:
    data, expected, words = BAD[kind]
    path = tmp_path / "in.pdparams"
    path.write_bytes(data)
    code, told, error = convert(path, tmp_path / "out.pt")
    assert (code, told) == (expected, "")
    assert error.startswith("convert-pdparams: ")
    assert error.count("\n") == 1
    assert words in error
    assert str(path) in error
    assert not (tmp_path / "out.pt").exists()


def test_a_report_never_replaces_what_is_read_or_written(convert: Convert, pdparams: Path) -> None:
    before, out = pdparams.read_bytes(), pdparams.with_name("out.pt")
    for report in (pdparams, out, pdparams.parent):
        code, told, error = convert(pdparams, out, "--json", report, "--force")
        assert (code, told, error.count("\n")) == (1, "", 1)
    assert pdparams.read_bytes() == before
    assert not out.exists()
    out.with_name("report.json").write_text("mine")
    assert convert(pdparams, out, "--json", out.with_name("report.json"))[0] == 1
    assert out.with_name("report.json").read_text() == "mine"


def test_a_file_may_be_replaced_by_its_own_conversion(convert: Convert, pdparams: Path, model: STGCN) -> None:
    assert convert(pdparams, pdparams)[0] == 1
    assert convert(pdparams, pdparams, "--force")[0] == 0
    held = read_pdparams(pdparams)
    assert isinstance(held, dict)
    np.testing.assert_array_equal(held["head.fcn.bias"], model.head.fcn.bias.detach().numpy())


def test_names_cannot_write_to_the_terminal(convert: Convert, model: STGCN, tmp_path: Path) -> None:
    torch.save({"model": model.state_dict(), "a\x1b[31m\nb": 1}, tmp_path / "in.pt")
    _, told, _ = convert(tmp_path / "in.pt", tmp_path / "out.pt")
    assert "\x1b" not in told
    torch.save({**model.state_dict(), "bad\x1b[31m\nname": torch.zeros(1)}, tmp_path / "in.pt")
    code, _, error = convert(tmp_path / "in.pt", tmp_path / "other.pt")
    assert (code, error.count("\n")) == (2, 1)
    assert "\x1b" not in error


@pytest.mark.parametrize("C", [1, 4])
def test_networks_that_no_clip_fits_convert_but_have_no_checkpoint(C: int, convert: Convert, tmp_path: Path) -> None:
    made = network(in_channels=C)
    for_paddle(made, tmp_path / "in.pdparams")
    assert convert(tmp_path / "in.pdparams", tmp_path / "out.pt")[0] == 0
    assert same(tmp_path / "out.pt", made)
    code, _, error = convert(tmp_path / "in.pdparams", tmp_path / "out.ckpt", "--dry-run")
    assert code == 1
    assert "say --preprocessing" in error


def test_a_report_of_a_damaged_network_is_json(convert: Convert, tmp_path: Path) -> None:
    made = network()
    made.backbone.A[0, 0, 0] = torch.nan
    for_paddle(made, tmp_path / "in.pdparams")
    convert(tmp_path / "in.pdparams", tmp_path / "out.pt", "--dry-run", "--json", tmp_path / "report.json")

    def refuse(token: str) -> None:
        raise AssertionError(token)

    told = json.loads((tmp_path / "report.json").read_text(), parse_constant=refuse)
    assert told["checks"]["not_finite"] == ["backbone.A"]


@pytest.mark.parametrize("damage", ["text", "empty", "garbage", "archive", "cut"])
def test_a_reference_that_is_no_array_is_refused_in_one_line(damage: str, convert: Convert, pdparams: Path) -> None:
    good, bad = pdparams.with_name("x.npy"), pdparams.with_name("y.npy")
    np.save(good, np.zeros((1, 2, 9, 25, 1), np.float32))
    if damage == "text":
        np.save(bad, np.array(["a"]))
    elif damage == "archive":
        with bad.open("wb") as file:
            np.savez(file, a=np.zeros(3))
    else:
        bad.write_bytes({"empty": b"", "garbage": b"hello", "cut": good.read_bytes()[:90]}[damage])
    code, told, error = convert(pdparams, pdparams.with_name("out.pt"), "--reference", good, bad)
    assert code in (2, 4)
    assert (told, error.count("\n")) == ("", 1)
    assert "pickle" not in error
    assert str(bad) in error


def test_the_prefix_of_an_inference_model_is_one(convert: Convert, tmp_path: Path) -> None:
    """As Paddle's own functions take it; that of nothing is no file."""
    prefix, out = tmp_path / "model", tmp_path / "out.pt"
    assert convert(prefix, out) == (1, "", f"convert-pdparams: no file {prefix}\n")
    (tmp_path / "model.pdiparams").touch()
    assert convert(prefix, out) == (4, "", f"convert-pdparams: {prefix}.pdiparams: is empty\n")


@pytest.mark.parametrize("strides", ["0,1", "-1,1", "a", "1,99999999999", "1,,1", ""])
def test_strides_are_whole_numbers_from_one(strides: str, convert: Convert, pdparams: Path) -> None:
    code, _, error = convert(pdparams, pdparams.with_name("out.pt"), f"--strides={strides}")
    assert (code, error.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["in"],
        ["", "out.pt"],
        ["in", "out.bin"],
        ["nowhere", "out.pt"],
        ["in", "out.pt", "--layout", "x"],
        ["in", "o.pt", "--no"],
    ],
)
def test_usage_errors_are_one_line_and_code_1(arguments: list[str], convert: Convert) -> None:
    code, told, error = convert(*arguments)
    assert (code, told) == (1, "")
    assert error.count("\n") == 1


def test_the_command_is_installed_and_loads_no_torch_for_a_state_dict(pdparams: Path) -> None:
    source = (
        "import sys, convert.cli\n"
        "try: convert.cli.main(sys.argv[1:])\n"
        "finally: print(sorted({'torch', 'paddle', 'pytorch_lightning', 'hydra'} & set(sys.modules)))"
    )
    out = pdparams.with_name("out.pt")
    done = subprocess.run(
        [sys.executable, "-c", source, str(pdparams), str(out), "--strides", "1,2"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n")


def test_a_converted_network_predicts(convert: Convert, pdparams: Path, command: Command) -> None:
    convert(pdparams, pdparams.with_name("out.ckpt"), "--preprocessing", "article")
    clip = np.random.default_rng(0).uniform(0.1, 0.4, (3, 60, 25, 1)).astype(np.float32)
    np.save(pdparams.with_name("clip.npy"), clip)
    done = command("predict", "ckpt_path=out.ckpt", "input=clip.npy")
    assert "1 clips" in done.stdout


def test_a_dry_run_replaces_no_report(convert: Convert, pdparams: Path) -> None:
    report = pdparams.with_name("report.json")
    report.write_text("mine")
    code, _, error = convert(pdparams, pdparams.with_name("out.pt"), "--dry-run", "--json", report)
    assert (code, "--force" in error, report.read_text()) == (1, True, "mine")


def test_a_report_that_cannot_be_written_leaves_no_out(convert: Convert, pdparams: Path) -> None:
    code, _, error = convert(pdparams, pdparams.with_name("out.pt"), "--json", pdparams / "report.json")
    assert (code, error.count("\n")) == (1, 1)
    assert not pdparams.with_name("out.pt").exists()


def test_a_link_to_itself_is_refused_in_one_line(convert: Convert, pdparams: Path) -> None:
    loop = pdparams.with_name("loop.pt")
    loop.symlink_to(loop)
    code, _, error = convert(pdparams, loop, "--force")
    assert (code, "leads to itself" in error or "Too many levels" in error, error.count("\n")) == (1, True, 1)


def test_a_link_stays_and_its_file_is_written(convert: Convert, pdparams: Path, model: STGCN) -> None:
    (pdparams.parent / "deep").mkdir()
    link = pdparams.with_name("link.pt")
    link.symlink_to("deep/out.pt")
    assert convert(pdparams, link)[0] == 0
    assert link.is_symlink()
    assert same(pdparams.parent / "deep" / "out.pt", model)


@pytest.mark.parametrize("card", ["[" * 100_000, "{", "[]", "{}", '{"model": 1, "preprocessing": null, "classes": []}'])
def test_a_damaged_card_is_refused(card: str, convert: Convert, model: STGCN, tmp_path: Path) -> None:
    save_file(model.state_dict(), tmp_path / "in.safetensors", {"stgcn_torch": card})
    code, _, error = convert(tmp_path / "in.safetensors", tmp_path / "out.pt")
    assert (code, "in.safetensors: its card is damaged" in error) == (2, True)
    with pytest.raises(ValueError, match="its card is damaged"):
        load_model(tmp_path / "in.safetensors")


@pytest.mark.parametrize("damage", [{"channels": 5}, {"streams": None}, {"window": "many"}, {"strides": 1.5}])
def test_a_card_of_nonsense_is_one_line(damage: dict[str, Any], model: STGCN, tmp_path: Path) -> None:
    made = PREPROCESSINGS["fixed"].plain | {name: value for name, value in damage.items() if name != "strides"}
    card = {"model": {"strides": damage.get("strides", [1, 2])}, "preprocessing": made, "classes": ["a", "b"]}
    save_file(model.state_dict(), tmp_path / "in.safetensors", {"stgcn_torch": json.dumps(card)})
    with pytest.raises(ValueError, match=r"in\.safetensors: its card is damaged \(.+\)$"):
        load_model(tmp_path / "in.safetensors")


def test_a_layout_of_ones_own_is_kept_or_given_in_a_file(convert: Convert, tmp_path: Path) -> None:
    named = HAND | {"joints": [f"j{v}" for v in range(13)], "center": "j6"}
    named["bones"] = [[f"j{v}", f"j{(v - 1) // 2}"] for v in range(1, 13)]
    path = for_paddle(network(layout=named), tmp_path / "in.pdparams")
    (tmp_path / "hand.yaml").write_text(json.dumps(named))  # which is YAML too
    first, again = tmp_path / "first.ckpt", tmp_path / "again.ckpt"
    assert convert(path, first, "--layout", tmp_path / "hand.yaml", "--preprocessing", "article")[0] == 0
    assert convert(first, again)[0] == 0
    for made in (first, again):
        module = load_module(made)
        assert (module.body.joints[6], module.body.center) == ("j6", 6)
    code, _, error = convert(path, tmp_path / "other.pt", "--layout", "ntu-rgb+d")
    assert (code, "not of ntu-rgb+d" in error) == (2, True)
    for wrong in ("moon", "none.yaml"):
        assert convert(path, tmp_path / "other.pt", "--layout", wrong)[0] == 1
