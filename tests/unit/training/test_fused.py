"""Training through the kernels is training: the same losses, weights and statistics."""

import copy
import importlib.util
from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.model import STGCN
from stgcn_torch.training.fused import FusedNetwork, failure, hindrance

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SMALL = {"channels": [8, 12, 12], "strides": [1, 2, 1], "temporal_kernel": 5}
TOLERANCE = 2e-4  # of the norm, float32, after three steps; measured: 1.5e-5


@needs_triton
@pytest.mark.parametrize(
    "options", [{}, {"edge_importance": False}, {"data_bn": False}, {"strategy": "uniform", "layout": "coco"}], ids=str
)
def test_three_steps_are_those_of_the_network(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = STGCN(5, **SMALL, **options).to(DEVICE)  # type: ignore[arg-type]
    V = network.backbone.A.shape[1]
    copied = copy.deepcopy(network)
    fused = FusedNetwork(copied.backbone, copied.head, captured=False, dtype=torch.float32)
    optimizers = [torch.optim.SGD(model.parameters(), 0.05, 0.9, weight_decay=1e-3) for model in (network, copied)]
    for _ in range(3):
        x, labels = torch.randn(2, 2, 13, V, 2, device=DEVICE), torch.randint(5, (2,), device=DEVICE)
        losses = []
        for run, optimizer in zip((network, fused), optimizers, strict=True):
            loss = F.cross_entropy(run(x), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[1] == pytest.approx(losses[0], rel=TOLERANCE)
    for name, value in network.state_dict().items():
        found = copied.state_dict()[name].float()
        assert float((found - value.float()).norm()) <= TOLERANCE * max(float(value.float().norm()), 0.1), name


@needs_triton
def test_features_in_half_precision_leave_weights_and_logits_in_float32() -> None:
    torch.manual_seed(0)
    network = STGCN(5, **SMALL).to(DEVICE)  # type: ignore[arg-type]
    x = torch.randn(2, 2, 13, 25, 1, device=DEVICE)
    expected = copy.deepcopy(network)(x)
    half = torch.bfloat16 if DEVICE == "cuda" else torch.float16  # the interpreter multiplies no bfloat16
    logits = FusedNetwork(network.backbone, network.head, captured=False, dtype=half)(x)
    F.cross_entropy(logits, torch.tensor([1, 2], device=DEVICE)).backward()  # type: ignore[no-untyped-call]
    assert logits.dtype == torch.float32
    error = float((logits - expected).detach().abs().max() / expected.detach().abs().max())
    assert 0 < error < 0.02  # measured: 1e-3 in float16
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == torch.float32, name


@needs_triton
def test_what_hinders_the_kernels_is_named() -> None:
    assert hindrance(STGCN(5, **SMALL).backbone) is None  # type: ignore[arg-type]
    assert "dropout" in str(hindrance(STGCN(5, dropout=0.5).backbone))
    synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(STGCN(5, **SMALL))  # type: ignore[arg-type]
    assert "synchronised" in str(hindrance(synchronised.backbone))
    more = STGCN(5, **SMALL)  # type: ignore[arg-type]
    more.backbone.st_gcn_networks[0].branch = nn.Conv2d(4, 4, 1)
    assert "have more in them" in str(hindrance(more.backbone))
    other = STGCN(5, **SMALL)  # type: ignore[arg-type]
    other.backbone.st_gcn_networks[1].tcn[1] = nn.GELU()
    assert "made otherwise" in str(hindrance(other.backbone))
    joints = [f"j{i}" for i in range(129)]
    layout = {"joints": joints, "bones": [[joints[0], joint] for joint in joints[1:]], "center": joints[0]}
    assert "129 joints" in str(hindrance(STGCN(5, layout=layout, **SMALL).backbone))  # type: ignore[arg-type]


@needs_triton
@pytest.mark.parametrize(
    "error", [MemoryError("shared: too much\nof it"), RuntimeError("Failed to find C compiler. Please specify one")]
)
def test_what_a_gpu_or_its_compiler_cannot_do_is_found_out(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    network = STGCN(5, channels=[4, 4], strides=[1, 2]).to(DEVICE)
    before = copy.deepcopy(network.state_dict())
    half = torch.bfloat16 if DEVICE == "cuda" else torch.float16  # the interpreter multiplies no bfloat16
    assert failure(network.backbone, network.head, half) is None
    monkeypatch.setattr("stgcn_torch.kernels.triton.unit.unit", Mock(side_effect=error))
    message = str(error).partition("\n")[0]
    assert failure(network.backbone, network.head, half) == f"a step fails with {type(error).__name__}: {message}"
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} is left as it was"


def test_without_triton_the_kernels_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", Mock(return_value=None))
    assert hindrance(STGCN(5, **SMALL).backbone) == "Triton is not installed"  # type: ignore[arg-type]


@needs_triton
def test_where_nothing_can_be_captured_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = Mock(side_effect=RuntimeError("no graphs here\nand more"))
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", refused)
    torch.manual_seed(0)
    network = STGCN(5, channels=[4], strides=[1]).to(DEVICE)
    fused = FusedNetwork(network.backbone, network.head, captured=True, dtype=torch.float32)
    x = torch.randn(2, 2, 6, 25, 1, device=DEVICE)
    torch.testing.assert_close(fused(x), copy.deepcopy(network)(x), rtol=0, atol=1e-5)
    fused(x)
    assert refused.call_count == 1
    assert caplog.messages == ["batches are not replayed from a CUDA graph: no graphs here"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_a_captured_step_is_the_same_to_the_bit() -> None:
    def trained(captured: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        network = STGCN(5, **SMALL).cuda()  # type: ignore[arg-type]
        fused = FusedNetwork(network.backbone, network.head, captured=captured)
        optimizer = torch.optim.SGD(network.parameters(), 0.05, 0.9)
        for N in (4, 4, 3, 4):  # a smaller batch in between is not replayed
            loss = F.cross_entropy(fused(torch.randn(N, 2, 13, 25, 1, device="cuda")), torch.arange(N, device="cuda"))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return network.state_dict()

    replayed = trained(captured=True)
    for name, value in trained(captured=False).items():
        assert torch.equal(replayed[name], value), name
