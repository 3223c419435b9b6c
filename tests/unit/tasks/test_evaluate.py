"""Evaluation counts what the network says, by its copy for inference."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stgcn_torch.commands.run_objects import quiet_trainer
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.model import STGCNBackbone
from stgcn_torch.tasks.evaluate import evaluate
from stgcn_torch.training.lit import LitSTGCN

BODY = {"joints": ["left", "middle", "right"], "bones": [["left", "middle"], ["right", "middle"]], "center": "middle"}
PREPROCESSING = Preprocessing(window=20, center=None, crops=2, frames=24, crop=0.8)
RTOL = 1e-5  # of the loss, float32; measured: 1e-7


@pytest.fixture
def module() -> LitSTGCN:
    """A network whose statistics are not those of its start."""
    torch.manual_seed(0)
    model = {"num_classes": 3, "layout": BODY, "channels": [4, 6], "strides": [1, 2]}
    module = LitSTGCN(model, PREPROCESSING.plain, ["a", "b", "c"])
    module.train().backbone(torch.randn(4, 2, 20, 3, 1))
    return module.eval()


@pytest.fixture
def data(tmp_path: Path, module: LitSTGCN) -> SkeletonData:
    """Clips of 1 to 24 frames with a second person in some, the first 12 of them for validation."""
    generator = np.random.default_rng(0)
    clips = generator.normal(size=(24, 3, 24, 3, 2)).astype("f4")
    for i, clip in enumerate(clips):
        clip[:, i + 1 :] = 0
        clip[..., 1] *= i % 3 == 0
    np.save(tmp_path / "clips.npy", clips)
    np.save(tmp_path / "labels.npy", generator.integers(0, 3, 24))
    val = {"rule": "every", "step": 2, "offset": 0}
    return SkeletonData(tmp_path, "clips.npy", "labels.npy", PREPROCESSING, module.body, val=val, batch_size=5)


def test_the_copy_for_inference_gives_the_networks_results(
    module: LitSTGCN, data: SkeletonData, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = quiet_trainer("cpu", "32-true")
    plain = trainer.validate(module, data.val_dataloader(), verbose=False)[0]
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    monkeypatch.setattr(STGCNBackbone, "forward", lambda *_: pytest.fail("the network itself was run"))
    results = evaluate(module, data, "val", quiet_trainer("cpu", "32-true"))
    assert results["confusion"] == module.confusion.tolist()
    assert results["loss"] == pytest.approx(plain["val/loss"], rel=RTOL)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_weights_that_change_are_the_next_evaluations(module: LitSTGCN, data: SkeletonData) -> None:
    first = evaluate(module, data, "val", quiet_trainer("cpu", "32-true"))
    with torch.no_grad():
        module.head.fcn.bias.add_(torch.tensor([100.0, 0.0, 0.0]))
    second = evaluate(module, data, "val", quiet_trainer("cpu", "32-true"))
    assert first["confusion"] != second["confusion"]
    assert all(row[0] == sum(row) for row in second["confusion"])


def test_a_split_that_is_not_there_is_told(module: LitSTGCN, data: SkeletonData) -> None:
    with pytest.raises(ValueError, match="there is no test split to evaluate on; the data hold out val"):
        evaluate(module, data, "test", quiet_trainer("cpu", "32-true"))
