"""An exported file answers as the checkpoint's own network does, and says what it must be fed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.prediction.exported import CARD, Exported, open_onnx, open_pt2
from stgcn_torch.skeleton import skeleton
from stgcn_torch.tasks import export as exporting
from stgcn_torch.tasks.export import export
from stgcn_torch.training.lit import LitSTGCN
from tests.unit.inference.test_folded import lived_in

TOLERANCE = 1e-5  # of probabilities, and of the largest logit; measured: 2.2e-7
SMALL = {"channels": [6, 8, 8], "strides": [1, 2, 2]}
OPENED = {".onnx": open_onnx, ".pt2": open_pt2}


def module_of(made: Preprocessing | None = None, **model: Any) -> LitSTGCN:
    """A module whose statistics, biases and edge importance are as training leaves them."""
    made = made or Preprocessing(window=20)
    model = {**SMALL, **model}
    module = LitSTGCN(model={"num_classes": 7, **model}, preprocessing=made.plain, classes=tuple("abcdefg"))
    network = lived_in(in_channels=made.in_channels, **model)
    module.load_state_dict(network.state_dict())
    return module.eval()


def clips_of(module: LitSTGCN, N: int, T: int, M: int) -> Tensor:
    """Random clips, the first with a tail of padding and, of several people, only one there."""
    clips = torch.randn(N, len(module.preprocessing.keep), T, len(module.body.joints), M)
    clips[0, :, T // 2 + 1 :] = 0
    clips[0, ..., 1:] = 0
    return clips


def differs(run: Callable[[Tensor], Tensor], expected: Callable[[Tensor], Tensor], clips: Tensor) -> float:
    """The largest difference, of the largest expected value."""
    with torch.inference_mode():
        wanted = expected(clips)
        return float((run(clips) - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize(("suffix", "output"), [(".onnx", "probabilities"), (".onnx", "logits"), (".pt2", "logits")])
def test_answers_as_the_network_does_at_any_size(suffix: str, output: str, tmp_path: Path) -> None:
    module = module_of()
    export(module, tmp_path / f"net{suffix}", output)
    run = OPENED[suffix](tmp_path / f"net{suffix}")
    sizes = [(1, 20, 1), (4, 20, 1), (3, 17, 2), (2, 101, 3), (1, 5, 1)]
    if suffix == ".onnx":
        sizes += [(1, 1, 1), (5, 2, 1), (1, 4, 2)]
    for N, T, M in sizes:
        clips = clips_of(module, N, T, M)
        expected = (lambda x: module.logits(x).softmax(dim=1)) if output == "probabilities" else module.logits
        assert differs(run, expected, clips) < TOLERANCE, (N, T, M)


@pytest.mark.parametrize("suffix", sorted(OPENED))
def test_streams_are_part_of_the_graph(suffix: str, tmp_path: Path) -> None:
    module = module_of(Preprocessing(window=20, streams=("joint", "bone_motion"), keep=("x", "y", "score")))
    export(module, tmp_path / f"net{suffix}", "logits")
    run = OPENED[suffix](tmp_path / f"net{suffix}")
    for size in ((2, 20, 2), (1, 13, 1)):
        assert differs(run, module.logits, clips_of(module, *size)) < TOLERANCE


@pytest.mark.parametrize(("suffix", "output"), [(".onnx", "probabilities"), (".pt2", "logits")])
def test_crops_are_averaged_as_in_evaluation(suffix: str, output: str, tmp_path: Path) -> None:
    module = module_of(Preprocessing(window=12, frames=31, crops=3, crop=0.6))
    export(module, tmp_path / f"net{suffix}", output)
    run = OPENED[suffix](tmp_path / f"net{suffix}")
    expected = (lambda x: module(x).exp()) if output == "probabilities" else module
    for N, M in ((1, 1), (3, 2)):
        assert differs(run, expected, clips_of(module, N, 31, M)) < TOLERANCE


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".onnx", {"strategy": "distance", "max_hop": 2, "temporal_kernel": 5, "channels": [9, 4], "strides": [3, 1]}),
        (".pt2", {"edge_importance": False, "data_bn": False, "layout": "coco"}),
        (".onnx", {"layout": {"joints": ["a", "b"], "bones": [["b", "a"]], "center": "a", "name": "arm"}}),
    ],
    ids=["other graph", "bare", "own layout"],
)
def test_any_network_can_be_exported(suffix: str, options: dict[str, Any], tmp_path: Path) -> None:
    module = module_of(Preprocessing(window=9, center=None), **options)
    assert export(module, tmp_path / f"net{suffix}") < TOLERANCE


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[LitSTGCN, Path, Path]:
    """A module, and its network as ONNX and as .pt2."""
    folder = tmp_path_factory.mktemp("exported")
    module = module_of(Preprocessing(window=20, center=1, channels=("x", "y"), streams=("bone",)))
    for name in ("net.onnx", "net.pt2"):
        export(module, folder / name)
    return module, folder / "net.onnx", folder / "net.pt2"


def test_onnx_says_what_it_takes_and_gives(told: tuple[LitSTGCN, Path, Path]) -> None:
    module, path, _ = told
    session = onnxruntime.InferenceSession(path)
    (clips,), (answers,) = session.get_inputs(), session.get_outputs()
    assert (clips.name, clips.shape, clips.type) == ("clips", ["N", 2, "T", 25, "M"], "tensor(float)")
    assert (answers.name, answers.shape) == ("probabilities", ["N", 7])
    card = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert card["classes"] == list("abcdefg")
    assert Preprocessing.of(card["preprocessing"]) == module.preprocessing
    body = skeleton(card["layout"])
    assert (body.name, body.joints, body.center) == ("fsd10", module.body.joints, module.body.center)
    assert body.parents == module.body.parents
    assert card["version"].startswith("stgcn-torch ")


def test_pt2_says_the_same_as_onnx(told: tuple[LitSTGCN, Path, Path]) -> None:
    extra = {CARD: ""}
    torch.export.load(told[2], extra_files=extra)
    assert json.loads(extra[CARD]) == {prop.key: json.loads(prop.value) for prop in onnx.load(told[1]).metadata_props}


def test_files_name_no_folders_of_the_machine_they_were_made_on(told: tuple[LitSTGCN, Path, Path]) -> None:
    folders = [str(Path(str(place.__file__)).parent).encode() for place in (exporting, torch)]
    assert [(path.name, folder) for path in told[1:] for folder in folders if folder in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("suffix", "stood", "change"),
    [(".onnx", b"an older file", 1.001), (".pt2", None, float("nan")), (".pt2", b"an older file", 1.001)],
)
def test_a_graph_that_answers_otherwise_gets_no_name(
    suffix: str, stood: bytes | None, change: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"net{suffix}"
    if stood:
        path.write_bytes(stood)

    class Other(Exported):
        def __init__(self, module: LitSTGCN, output: str) -> None:
            super().__init__(module, output)
            self.folded.scale *= change

    monkeypatch.setattr(exporting, "Exported", Other)
    with pytest.raises(
        ValueError, match=r"does not answer as the checkpoint does: logits differ by .*nothing was writ"
    ):
        export(module_of(), path, "logits")
    assert [(left, left.read_bytes()) for left in tmp_path.iterdir()] == ([(path, stood)] if stood else [])


def test_a_graph_that_is_wrong_of_a_network_that_is_certain_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(Exported):
        def __init__(self, module: LitSTGCN, output: str) -> None:
            super().__init__(module, output)
            self.folded.scale *= 1.001

    module = module_of()
    with torch.no_grad():
        module.head.fcn.weight *= 1e4  # every probability is 0 or 1, right or wrong
    monkeypatch.setattr(exporting, "Exported", Other)
    with pytest.raises(ValueError, match=r"logits differ by .*nothing was written"):
        export(module, tmp_path / "net.pt2", "probabilities")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [1e-6, 1e3])
def test_logits_are_compared_by_their_size(size: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of()
    for parameter in module.head.parameters():
        parameter.data *= size
    assert 0 < export(module, tmp_path / "net.pt2", "logits") < TOLERANCE

    class Other(Exported):
        def forward(self, clips: Tensor) -> Tensor:
            return super().forward(clips) * 1.0001

    monkeypatch.setattr(exporting, "Exported", Other)
    with pytest.raises(ValueError, match=r"logits differ by 1\.0e-04 of the largest for clips"):
        export(module, tmp_path / "net.pt2", "logits")


def test_an_existing_file_is_replaced_and_the_module_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "net.pt2").write_bytes(b"an older file")
    module = module_of()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    export(module, tmp_path / "net.pt2")
    assert open_pt2(tmp_path / "net.pt2")(clips_of(module, 1, 20, 1)).shape == (1, 7)
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt2"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_pt2_wants_a_few_frames(tmp_path: Path) -> None:
    module = module_of(Preprocessing(window=4))
    with pytest.raises(
        ValueError, match=r"^a \.pt2 of this network takes clips of at least 5 frames, the window has 4; "
    ):
        export(module, tmp_path / "net.pt2")
    assert export(module, tmp_path / "net.onnx") < TOLERANCE
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("net.pb", "logits", r"^out must end in \.onnx or \.pt2, got 'net\.pb'$"),
        ("net", "logits", r"^out must end in \.onnx or \.pt2, got 'net'$"),
        ("net.onnx", "classes", r"^output 'classes' is unknown; choose probabilities or logits$"),
    ],
)
def test_refuses_what_it_cannot_write(name: str, output: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        export(module_of(), tmp_path / name, output)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ValueError, match=rf"^out=FILE\.onnx needs the package {package}; install stgcn-torch\[export\]"
    ):
        export(module_of(), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
    assert export(module_of(), tmp_path / "net.pt2") < TOLERANCE


def test_networks_are_compared_on_clips_as_they_were_trained_on() -> None:
    module = module_of(Preprocessing(window=20, streams=("joint", "bone")))
    norm = module.backbone.data_bn
    norm.running_mean.copy_(torch.arange(100.0))  # 4 v + c
    norm.running_var.fill_(1e-6)
    clips = exporting.likely_clips(module, (3, 2, 21, 25, 2), torch.Generator().manual_seed(0))
    there = clips[1:2].mean(dim=(0, 2, 4))
    expected = 4 * torch.arange(25.0) + torch.arange(2.0)[:, None]
    torch.testing.assert_close(there, expected, rtol=0, atol=1e-3)  # measured: 4.3e-4, a mean of 42 draws of 1e-3
    assert not clips[-1, :, 7:].any()
    assert not clips[0, ..., 1].any()
