"""The code of docs/streaming.md runs as it stands, and a camera's frames get the answers of their recording."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.data.preprocessing.steps import preprocess
from tests.cli.commands import ROOT
from tests.cli.readme import FENCE

TOLERANCE = 1e-5  # of the largest logit; measured: 9.1e-8
PRESENTED, CAMERA = (
    code for language, code in FENCE.findall((ROOT / "docs" / "streaming.md").read_text(encoding="utf-8"))
)


@pytest.fixture
def clip(skating: Path) -> np.ndarray[Any, Any]:
    """The live frames of a recording, twice, which is more than a stream's delay."""
    recorded = np.load(skating / "test_data.npy")[0]
    return np.tile(recorded[:, : np.flatnonzero(recorded.any(axis=(0, 2, 3)))[-1] + 1], (1, 2, 1, 1))


@pytest.fixture
def beside(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trained best.ckpt in the folder."""
    (tmp_path / "best.ckpt").symlink_to(trained / "checkpoints" / "best.ckpt")
    monkeypatch.chdir(tmp_path)


def logits_of(clip: np.ndarray[Any, Any]) -> torch.Tensor:
    """What the network says of a recording, neither padded nor sampled."""
    module = load_module("best.ckpt")
    x = preprocess(clip, module.preprocessing.of(module.preprocessing.plain | {"window": clip.shape[1]}), module.body)
    with torch.inference_mode():
        return module.logits(torch.from_numpy(x)[None])


@pytest.mark.slow
def test_a_camera_is_told_what_its_recording_is(
    beside: None, clip: np.ndarray[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert clip[2, :, 8].all(), "the centre is detected in every frame"
    session: dict[str, Any] = {"camera": list(np.moveaxis(clip, 1, 0))}
    exec(CAMERA, session)
    expected = logits_of(clip)
    torch.testing.assert_close(session["logits"], expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))
    told = [line.rsplit(" ", 1) for line in capsys.readouterr().out.splitlines()]
    assert len(told) == clip.shape[1] - session["stream"].delay > 0
    assert all(name in session["module"].classes and 0 < float(share) <= 1 for name, share in told)


@pytest.mark.slow
def test_the_code_at_the_top_takes_preprocessed_frames(beside: None, clip: np.ndarray[Any, Any]) -> None:
    module = load_module("best.ckpt")
    made = module.preprocessing.of(module.preprocessing.plain | {"window": clip.shape[1]})
    x = torch.from_numpy(preprocess(clip, made, module.body))[None]
    session: dict[str, Any] = {"camera": list(x.unbind(dim=2))}
    exec(PRESENTED, session)
    expected = logits_of(clip)
    torch.testing.assert_close(session["logits"], expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))
    torch.testing.assert_close(session["exact"], expected.softmax(dim=1))
