"""A preprocessing that contradicts the weights is told in one line, and the command goes on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.commands import Command

ARTICLE = ["preprocessing=article", "preprocessing.window=32"]
WARNING = "the weights were trained with MidHip at the origin in every frame"


@pytest.mark.parametrize("overrides", [[], ARTICLE], ids=["its own", "article"])
def test_evaluate_warns_where_the_centring_is_lost(
    overrides: list[str], command: Command, trained: Path, tiny: list[str]
) -> None:
    data = [word for word in tiny if word.startswith("data.")]
    done = command("evaluate", f"ckpt_path={trained}/checkpoints/best.ckpt", *data, *overrides)
    assert "top-1" in done.stdout
    said = done.stderr.splitlines()
    replaced = [line for line in said if "the preprocessing asked for replaces its own: " in line]
    warned = [line for line in said if line not in replaced]
    assert len(warned) == len(overrides[:1])
    assert all(line.startswith(f"evaluate: {WARNING}") and "preprocessing=paddlevideo" in line for line in warned)


def test_clips_that_were_centred_on_disk_are_no_reason_to_warn(
    command: Command, trained: Path, tiny: list[str], tmp_path: Path
) -> None:
    held = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    held["hyper_parameters"]["preprocessing"]["center"] = None  # as if its clips had come with the hip at the origin
    torch.save(held, tmp_path / "own.ckpt")
    data = [word for word in tiny if word.startswith("data.")]
    assert command("evaluate", "ckpt_path=own.ckpt", *data, "preprocessing.nan=missing").stderr == ""


@pytest.mark.parametrize("overrides", [["preprocessing=fixed", ARTICLE[1]], ARTICLE], ids=["fixed", "article"])
def test_predict_warns_of_weights_alone(overrides: list[str], command: Command, trained: Path, tmp_path: Path) -> None:
    held = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save(held["state_dict"], tmp_path / "weights.pt")
    np.save(tmp_path / "clip.npy", np.random.default_rng(0).uniform(0.1, 0.5, (3, 60, 25, 1)))
    strides = "strides=[2,1,1,1,2,1,1,2,1,1]"
    done = command("predict", "ckpt_path=weights.pt", "input=clip.npy", strides, *overrides)
    assert "1 clips" in done.stdout
    slots, *said = done.stderr.splitlines()
    assert slots.startswith("predict: weights.pt: it does not say how many people its training clips had room for")
    assert [line[: len(f"predict: {WARNING}")] for line in said] == (
        [f"predict: {WARNING}"] if overrides is ARTICLE else []
    )
