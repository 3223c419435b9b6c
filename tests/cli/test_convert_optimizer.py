"""``convert-pdparams --optimizer``: whatever holds a momentum and its schedule, to Paddle and to a checkpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convert import read_pdparams, write_pdopt
from convert.network.keys import restore_state_dict
from convert.pickle.dump import dump
from stgcn_torch.model import STGCN
from tests.cli.networks import Convert, arrays

PROGRESS = {"last_epoch": 2, "last_lr": 0.049863047384206834}  # of a cosine from 0.05 over 60 epochs
ARTICLE = ("--preprocessing", "article")
SCHEDULES: dict[str, dict[str, Any]] = {
    "warmup": {"last_epoch": 1, "last_lr": 0.01, "LinearWarmup_LR": {"last_epoch": 0, "last_lr": 0.05}},
    "plateau": {"last_epoch": 2, "last_lr": 0.05, "cooldown_counter": 0, "best": 0.25, "num_bad_epochs": 1},
    "1.8": {"step_num": 7},
}


def velocities(model: STGCN) -> dict[str, np.ndarray]:
    """No two of them alike, under Paddle's structured names."""
    named = model.named_parameters()
    return restore_state_dict({name: np.full(value.shape, i, np.float32) for i, (name, value) in enumerate(named)})


@pytest.fixture
def pdopt(model: STGCN, pdparams: Path) -> Path:
    path = pdparams.with_name("in.pdopt")
    write_pdopt(velocities(model), PROGRESS, path)
    return path


def held(path: Path) -> dict[str, Any]:
    tree = read_pdparams(path)
    assert isinstance(tree, dict)
    return tree


def rewritten(path: Path, **changed: Any) -> Path:
    """The file with parts of it changed, or left out where they are None."""
    parts = {name: value for name, value in (held(path) | changed).items() if value is not None}
    path.write_bytes(b"".join(dump(parts)))
    return path


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", SCHEDULES)
def test_any_schedule_goes_back_to_paddle_and_into_no_checkpoint(
    name: str, convert: Convert, pdparams: Path, pdopt: Path
) -> None:
    rewritten(pdopt, LR_Scheduler=SCHEDULES[name], global_step=np.array([7]))
    out = pdparams.with_name("out.pdparams")
    assert convert(pdparams, out, "--optimizer", pdopt)[0] == 0
    assert alike(held(out.with_suffix(".pdopt")), held(pdopt))
    code, _, error = convert(pdparams, out.with_suffix(".ckpt"), "--optimizer", pdopt, *ARTICLE)
    assert code == 2
    assert f"{pdopt}: its schedule is " in error
    assert "a .ckpt cannot go on with it, a .pdparams keeps it" in error


def test_a_constant_rate_is_told_by_the_user(convert: Convert, pdparams: Path, pdopt: Path) -> None:
    rewritten(pdopt, LR_Scheduler=None)
    back, out, report = (pdparams.with_name(name) for name in ("back.pdparams", "out.ckpt", "report.json"))
    assert convert(pdparams, back, "--optimizer", pdopt)[0] == 0
    assert alike(held(back.with_suffix(".pdopt")), held(pdopt))
    code, _, error = convert(pdparams, out, "--optimizer", pdopt, *ARTICLE)
    assert (code, "say it with --lr" in error) == (2, True)
    code, told, _ = convert(pdparams, out, "--optimizer", pdopt, "--lr", "0.02", *ARTICLE, "--json", report)
    assert code == 0
    assert "Momentum at a constant rate, its epochs are not told and count from 0" in told
    assert "assumed: momentum 0.9, weight decay 1e-4 are not in the file" in told
    assert torch.load(out, weights_only=True)["optimizer_states"][0]["param_groups"][0]["lr"] == 0.02
    assert json.loads(report.read_text())["optimizer"]["recipe"]["scheduler"] == {"name": "constant"}


def test_what_the_recipe_assumes_is_told(convert: Convert, pdparams: Path, pdopt: Path) -> None:
    _, told, _ = convert(pdparams, pdparams.with_name("out.ckpt"), "--optimizer", pdopt, *ARTICLE)
    assert "recipe article (cosine from 0.05 over 60 epochs), assumed: momentum 0.9, weight decay 1e-4 are not" in told


def test_plain_sgd_becomes_no_momentum(convert: Convert, pdparams: Path, pdopt: Path) -> None:
    pdopt.write_bytes(b"".join(dump({"LR_Scheduler": PROGRESS})))
    for name in ("out.ckpt", "out.pdparams"):
        code, _, error = convert(pdparams, pdparams.with_name(name), "--optimizer", pdopt, *ARTICLE)
        assert code == 2
        assert "no velocities: it is no Momentum's, or was saved before its first step" in error
        assert not pdparams.with_name(name).exists()


def test_one_nested_file_gives_both(convert: Convert, model: STGCN, pdopt: Path, tmp_path: Path) -> None:
    both, out = tmp_path / "both.pdparams", tmp_path / "out.pdparams"
    state = restore_state_dict(arrays(model))
    both.write_bytes(b"".join(dump({"model": state, "optimizer": held(pdopt), "epoch": 2})))
    assert convert(both, out, "--optimizer", both)[0] == 0
    assert alike(held(out.with_suffix(".pdopt")), held(pdopt))


def test_a_run_of_this_project_gives_its_momentum_to_paddle(convert: Convert, trained: Path, tmp_path: Path) -> None:
    last, out = trained / "checkpoints" / "last.ckpt", tmp_path / "out.pdparams"
    assert convert(last, out, "--optimizer", last)[0] == 0
    optimizer = torch.load(last, weights_only=True)["optimizer_states"][0]["state"]
    state, table = held(out.with_suffix(".pdopt")), held(out)["StructuredToParameterName@@"]
    assert np.array_equal(state[f"{table['backbone.data_bn.weight']}_velocity_0"], optimizer[0]["momentum_buffer"])
    code, _, error = convert(last, tmp_path / "out.ckpt", "--optimizer", last)
    assert (code, "goes on from it as it is" in error) == (1, True)


def test_damaged_velocities_are_warned_about(convert: Convert, pdparams: Path, pdopt: Path) -> None:
    name = next(name for name, value in held(pdopt).items() if isinstance(value, np.ndarray))
    rewritten(pdopt, **{name: np.full_like(held(pdopt)[name], np.nan)})
    code, _, error = convert(pdparams, pdparams.with_name("out.pdparams"), "--optimizer", pdopt)
    assert (code, "is not finite: training cannot go on from it" in error) == (0, True)


def test_an_error_names_its_file_once(convert: Convert, pdparams: Path, pdopt: Path) -> None:
    pdopt.write_text("no pickle")
    code, _, error = convert(pdparams, pdparams.with_name("out.pdparams"), "--optimizer", pdopt)
    assert (code, error.count(str(pdopt))) == (4, 1)


@pytest.mark.parametrize(
    ("given", "with_optimizer", "problem"),
    [
        (["--lr", "0"], False, "--lr and --t-max say what an optimizer's state leaves open"),
        (["--t-max", "0"], False, "--lr and --t-max say what an optimizer's state leaves open"),
        (["--lr", "0", "--t-max", "60"], True, "--lr must be above 0"),
        (["--lr", "0.05"], True, "one of the two is not enough"),
        (["--t-max", "60"], True, "one of the two is not enough"),
    ],
)
def test_a_rate_given_wrongly_is_a_usage_error(
    given: list[str], with_optimizer: bool, problem: str, convert: Convert, pdparams: Path, pdopt: Path
) -> None:
    optimizer = ["--optimizer", pdopt] if with_optimizer else []
    code, _, error = convert(pdparams, pdparams.with_name("out.ckpt"), *optimizer, *given, *ARTICLE)
    assert (code, problem in error) == (1, True)
