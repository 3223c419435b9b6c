"""The network is the paper's: its parts, its symmetries, and the same numbers when it is written out by hand."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stgcn_torch.graph import hop_distance
from stgcn_torch.kernels import AGGREGATORS
from stgcn_torch.model import CHANNELS, STGCN, STRIDES, SpatialGraphConv, STGCNBlock, initialize
from stgcn_torch.skeleton import LAYOUTS, skeleton

LEG = {"joints": ["Hip", "Knee", "Ankle"], "bones": [["Knee", "Hip"], ["Ankle", "Knee"]], "center": "Hip"}
TINY: dict[str, Any] = {"layout": LEG, "channels": [3, 4], "strides": [1, 2], "temporal_kernel": 3}

# Largest error of logits up to 4 in float64; measured: 8.9e-16 for the network by hand, 8.9e-16 for the symmetries.
ATOL = 1e-12
# Float32 through ten blocks, logits up to 6, gradients relative to their largest; measured between the kernels: 0 on a
# CPU, and of either against float64: 1.1e-6 (logits) and 2.5e-6 (gradients).
ATOL_FLOAT32 = 2e-5


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers, alone or among others."""
    torch.manual_seed(0)


@pytest.fixture
def deterministic() -> Iterator[None]:
    """Refuse operations that are not reproducible, and fill fresh memory with NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def trained(**options: Any) -> STGCN:
    """A small float64 network in evaluation mode with nothing at its first value, as after training."""
    network = STGCN(**({"num_classes": 5} | TINY | options)).double().eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and not name.endswith("backbone.A"):
            tensor.add_(torch.randn_like(tensor), alpha=0.3)
    return network


def clips(N: int = 2, C: int = 2, T: int = 7, V: int = 3, M: int = 2) -> Tensor:
    """Random float64 clips."""
    return torch.randn(N, C, T, V, M, dtype=torch.float64)


def paddle_keys() -> list[str]:
    """The names in Paddle's state dict, with torch's for batch norm statistics."""

    def bn(name: str) -> list[str]:
        return [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]

    def conv(name: str) -> list[str]:
        return [f"{name}.weight", f"{name}.bias"]

    keys = ["backbone.A", *bn("backbone.data_bn"), *conv("head.fcn")]
    keys += [f"backbone.edge_importance.{i}" for i in range(10)]
    for i in range(10):
        block = f"backbone.st_gcn_networks.{i}"
        keys += conv(f"{block}.gcn.conv") + bn(f"{block}.tcn.0") + conv(f"{block}.tcn.2") + bn(f"{block}.tcn.3")
        if i in (4, 7):
            keys += conv(f"{block}.residual.0") + bn(f"{block}.residual.1")
    return keys


def test_state_dict_has_paddle_s_149_keys_and_23_batch_counters() -> None:
    keys = paddle_keys()
    counters = [key.replace("running_mean", "num_batches_tracked") for key in keys if key.endswith("running_mean")]
    assert (len(keys), len(counters)) == (149, 23)
    assert sorted(STGCN(30).state_dict()) == sorted(keys + counters)


def test_parameters_are_as_many_as_paddle_s() -> None:
    assert sum(p.numel() for p in STGCN(30).parameters()) == 3_090_880


def test_tensors_have_paddle_s_shapes() -> None:
    shapes = {key: tuple(tensor.shape) for key, tensor in STGCN(30).state_dict().items()}
    widths = (2, *CHANNELS)
    expected = {"backbone.A": (3, 25, 25), "backbone.data_bn.weight": (50,), "head.fcn.weight": (30, 256, 1, 1)}
    for i in range(10):
        block = f"backbone.st_gcn_networks.{i}"
        expected |= {
            f"backbone.edge_importance.{i}": (3, 25, 25),
            f"{block}.gcn.conv.weight": (3 * widths[i + 1], widths[i], 1, 1),
            f"{block}.tcn.2.weight": (widths[i + 1], widths[i + 1], 9, 1),
        }
    expected |= {f"backbone.st_gcn_networks.{i}.residual.0.weight": (widths[i + 1], widths[i], 1, 1) for i in (4, 7)}
    assert {key: shapes[key] for key in expected} == expected


def test_the_graph_is_saved_but_not_learned() -> None:
    network = STGCN(2, **TINY)
    assert "backbone.A" in network.state_dict()
    assert "backbone.A" not in dict(network.named_parameters())


@pytest.mark.parametrize("M", [1, 2])
@pytest.mark.parametrize("T", [1, 7, 33])
def test_any_number_of_frames_and_people_gives_one_row_of_logits_per_clip(T: int, M: int) -> None:
    network = STGCN(5, layout="coco", channels=[4, 8], strides=[1, 2]).eval()
    x = torch.randn(3, 2, T, 17, M)
    assert network(x).shape == (3, 5)
    assert network.backbone(x).shape == (3, 8)


def test_people_may_be_reordered() -> None:
    network, x = trained(), clips(M=3)
    torch.testing.assert_close(network(x[..., [2, 0, 1]]), network(x), rtol=0, atol=ATOL)


def test_joints_may_be_reordered_with_the_graph() -> None:
    network, x, order = trained(), clips(), [2, 0, 1]
    expected = network(x)
    for name, tensor in network.state_dict().items():
        if name == "backbone.A" or ".edge_importance." in name:
            tensor.copy_(tensor[:, order][:, :, order].clone())
        elif ".data_bn." in name and tensor.ndim:
            tensor.copy_(tensor.view(3, 2)[order].flatten().clone())  # joint-major: channel v * C + c
    torch.testing.assert_close(network(x[:, :, :, order]), expected, rtol=0, atol=ATOL)
    assert not torch.allclose(network(x), expected), "the order of the joints means nothing at all"


def test_a_clip_means_the_same_alone_and_in_a_batch() -> None:
    network, x = trained(), clips(N=4)
    alone = torch.cat([network(clip[None]) for clip in x])
    torch.testing.assert_close(network(x), alone, rtol=0, atol=ATOL)


def test_absent_people_take_part_in_the_mean() -> None:
    network, x = trained(), clips(M=1)
    present, absent = network.backbone(x), network.backbone(torch.zeros_like(x))
    both = network.backbone(torch.cat([x, torch.zeros_like(x)], dim=-1))
    torch.testing.assert_close(both, (present + absent) / 2, rtol=0, atol=ATOL)
    assert not torch.allclose(both, present)


def test_padded_frames_take_part_in_the_mean() -> None:
    network, x = trained(strides=[1, 1]), clips()
    padded = network.backbone(torch.cat([x, torch.zeros_like(x)], dim=2))
    assert not torch.allclose(padded, network.backbone(x))


def test_edge_importance_of_ones_is_no_edge_importance() -> None:
    weighted, plain, x = trained(), trained(edge_importance=False), clips()
    with torch.no_grad():
        for importance in weighted.backbone.edge_importance or ():
            importance.fill_(1)
    rest = {key: value for key, value in weighted.state_dict().items() if ".edge_importance." not in key}
    plain.load_state_dict(rest)
    assert torch.equal(plain(x), weighted(x))


def test_each_block_has_edge_importance_of_its_own() -> None:
    network, x = trained(), clips()
    expected = network(x)
    for i in range(2):
        changed = trained()
        changed.load_state_dict(network.state_dict())
        changed.state_dict()[f"backbone.edge_importance.{i}"][0, 0, 0] += 1
        assert not torch.allclose(changed(x), expected)


def test_without_data_bn_the_input_is_taken_as_it_is() -> None:
    normalized, plain, x = trained(), trained(data_bn=False), clips()
    data_bn = normalized.backbone.data_bn
    assert isinstance(data_bn, nn.BatchNorm1d)
    data_bn.load_state_dict(nn.BatchNorm1d(6).state_dict())  # zero mean, unit variance
    rest = {key: value for key, value in normalized.state_dict().items() if ".data_bn." not in key}
    plain.load_state_dict(rest)
    torch.testing.assert_close(plain(x / math.sqrt(1 + data_bn.eps)), normalized(x), rtol=0, atol=ATOL)


def test_data_bn_sees_joint_by_joint_and_person_by_person() -> None:
    network, x = STGCN(5, **TINY).double().train(), clips(N=4, M=2)
    network(x)
    data_bn = network.backbone.data_bn
    assert isinstance(data_bn, nn.BatchNorm1d)
    mean = x.mean(dim=(0, 2, 4)).T.flatten()  # (C, V) to v * C + c
    torch.testing.assert_close(data_bn.running_mean, 0.1 * mean, rtol=0, atol=ATOL)


def silence(block: nn.Module) -> None:
    """Make what the block adds to its residual zero."""
    last = block.get_submodule("tcn.3")
    assert isinstance(last, nn.BatchNorm2d)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def test_only_the_first_block_has_no_residual() -> None:
    network = STGCN(5, **(TINY | {"channels": [2, 2, 4, 4], "strides": [1, 1, 2, 1]})).eval()
    first, same, other, last = network.backbone.st_gcn_networks
    A, x = network.backbone.A, torch.randn(1, 2, 7, 3)
    for block in network.backbone.st_gcn_networks:
        silence(block)
    assert not first(x, A).any()
    assert torch.equal(same(x, A), x.relu())
    wider = other(x, A)
    assert torch.equal(wider, other.get_submodule("residual")(x).relu())
    assert wider.any()
    assert torch.equal(last(wider, A), wider)


def test_the_first_block_drops_nothing() -> None:
    dropped = [block.get_submodule("tcn.4") for block in STGCN(5, dropout=0.4).backbone.st_gcn_networks]
    assert [drop.p for drop in dropped if isinstance(drop, nn.Dropout)] == [0.0] + [0.4] * 9


def test_dropout_is_for_training_only() -> None:
    network, x = trained(dropout=0.5), clips()
    assert torch.equal(network(x), network(x))
    network.train()
    assert not torch.equal(network(x), network(x))


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_networks_agree_whatever_their_kernel(name: str) -> None:
    reference = STGCN(30, aggregation="einsum", layout="coco")
    network = STGCN(30, aggregation=name, layout="coco")
    network.load_state_dict(reference.state_dict())
    x = torch.randn(2, 2, 7, 17, 1)
    expected, actual = reference(x), network(x)
    torch.testing.assert_close(actual, expected, rtol=0, atol=ATOL_FLOAT32)
    dy = torch.randn_like(expected)
    expected.backward(dy)
    actual.backward(dy)
    for (key, one), other in zip(reference.named_parameters(), network.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        scale = max(1.0, float(one.grad.abs().max()))
        assert (one.grad - other.grad).abs().max() <= ATOL_FLOAT32 * scale, key


# Initialisation: the network's own size gives n draws, so a sample mean lies within 5 standard errors of the true one,
# std / sqrt(n), and a sample deviation within 5 of std / sqrt(2n), for all but one seed in a million.


def assert_normal(draws: Tensor, mean: float, std: float) -> None:
    """The draws come from Normal(mean, std), not cut off."""
    draws, n = draws.detach(), draws.numel()
    assert abs(float(draws.mean()) - mean) < 5 * std / math.sqrt(n)
    assert abs(float(draws.std()) - std) < 5 * std / math.sqrt(2 * n)
    if n > 10_000:
        assert float((draws - mean).abs().max()) > 3 * std


def test_paddle_draws_convolutions_by_their_fan_in() -> None:
    for module in STGCN(30).modules():
        if isinstance(module, nn.Conv2d):
            assert_normal(module.weight, 0, math.sqrt(2 / module.weight[0].numel()))


def test_paddlevideo_draws_every_convolution_alike() -> None:
    for module in STGCN(30, initialization="paddlevideo").modules():
        if isinstance(module, nn.Conv2d):
            assert_normal(module.weight, 0, 0.02)


def batch_norms(network: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """All batch norms."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]


def test_batch_norm_weights_are_one_in_paddle_and_drawn_around_one_in_paddlevideo() -> None:
    assert all((bn.weight == 1).all() for bn in batch_norms(STGCN(30)))
    drawn = torch.cat([bn.weight for bn in batch_norms(STGCN(30, initialization="paddlevideo"))])
    assert_normal(drawn, 1, 0.02)


@pytest.mark.parametrize("initialization", ["paddle", "paddlevideo"])
def test_biases_are_zero_and_edge_importance_one_at_first(initialization: str) -> None:
    for key, parameter in STGCN(30, initialization=initialization).named_parameters():
        if key.endswith("bias"):
            assert not parameter.any(), key
        elif ".edge_importance." in key:
            assert (parameter == 1).all(), key


def test_initialization_follows_the_seed() -> None:
    first = STGCN(2, **TINY)
    torch.manual_seed(0)
    again = STGCN(2, **TINY)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("temporal_kernel", [1, 3, 9])
def test_a_stride_keeps_the_first_of_so_many_frames(stride: int, temporal_kernel: int) -> None:
    block = STGCNBlock(2, 4, 3, stride=stride, temporal_kernel=temporal_kernel).eval()
    dense = STGCNBlock(2, 4, 3, residual=False, temporal_kernel=temporal_kernel).eval()
    dense.load_state_dict({k: v for k, v in block.state_dict().items() if "residual" not in k})
    silent = block.get_submodule("residual.1")
    assert isinstance(silent, nn.BatchNorm2d)
    nn.init.zeros_(silent.weight)
    for T in range(1, 10):
        x, A = torch.randn(1, 2, T, 3), torch.rand(3, 3, 3)
        y = block(x, A)
        assert y.shape == (1, 4, math.ceil(T / stride), 3)
        torch.testing.assert_close(y, dense(x, A)[:, :, ::stride], rtol=0, atol=ATOL_FLOAT32)


@pytest.mark.parametrize("temporal_kernel", [1, 3, 9])
def test_a_block_sees_its_temporal_kernel_s_frames(temporal_kernel: int) -> None:
    block = STGCNBlock(2, 64, 3, temporal_kernel=temporal_kernel, residual=False).double().eval()
    x, A = torch.randn(1, 2, 21, 3, dtype=torch.float64), torch.rand(3, 3, 3, dtype=torch.float64)
    changed = x.clone()
    changed[:, :, 10] += 1
    touched = (block(changed, A) != block(x, A)).any(dim=(0, 1, 3)).nonzero().flatten().tolist()
    assert touched == list(range(10 - temporal_kernel // 2, 10 + temporal_kernel // 2 + 1))


@pytest.mark.parametrize(("max_hop", "dilation", "K"), [(1, 1, 3), (2, 1, 5), (3, 1, 7), (2, 2, 3)])
def test_a_block_sees_the_joints_within_max_hop(max_hop: int, dilation: int, K: int) -> None:
    network = STGCN(5, max_hop=max_hop, dilation=dilation, channels=[64], strides=[1]).double().eval()
    (block,), A = network.backbone.st_gcn_networks, network.backbone.A
    assert A.shape == (K, 25, 25)
    body = LAYOUTS["fsd10"]
    x = torch.randn(1, 2, 5, 25, dtype=torch.float64)
    changed = x.clone()
    changed[..., body.center] += 1
    touched = (block(changed, A) != block(x, A)).any(dim=(0, 1, 2)).nonzero().flatten()
    neighbours = np.isin(hop_distance(25, body.bones)[body.center], range(0, max_hop + 1, dilation))
    assert touched.tolist() == np.flatnonzero(neighbours).tolist()


def test_channels_are_the_widths_of_the_blocks() -> None:
    network = STGCN(5, in_channels=3, channels=[4, 6, 6], strides=[1, 1, 2], layout="coco")
    state = network.state_dict()
    shapes = [
        state[f"backbone.st_gcn_networks.{i}.{conv}.weight"].shape for i in range(3) for conv in ("gcn.conv", "tcn.2")
    ]
    assert [shape[:2] for shape in shapes] == [(12, 3), (4, 4), (18, 4), (6, 6), (18, 6), (6, 6)]
    assert network.head.fcn.in_channels == 6


def test_strides_are_those_of_the_blocks() -> None:
    frames: list[int] = []
    network = STGCN(5, channels=[2] * 10, layout="coco").eval()
    for block in network.backbone.st_gcn_networks:
        block.register_forward_hook(lambda *call: frames.append(call[2].shape[2]))
    network(torch.randn(1, 2, 350, 17, 1))
    assert STRIDES == (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    assert frames == [350] * 4 + [175] * 3 + [88] * 3


def test_the_graph_convolution_is_partition_major() -> None:
    gcn = SpatialGraphConv(1, 2, K=3)
    with torch.no_grad():
        gcn.conv.bias.zero_()  # type: ignore[union-attr]
        gcn.conv.weight.copy_(torch.tensor([1.0, 2, 10, 20, 100, 200]).view(6, 1, 1, 1))  # channel k * 2 + d
        y = gcn(torch.ones(1, 1, 1, 1), torch.tensor([1.0, 0.5, 0.25]).view(3, 1, 1))
    assert y.flatten().tolist() == [1 + 5 + 25, 2 + 10 + 50]


@pytest.mark.usefixtures("deterministic")
def test_the_same_seed_gives_the_same_gradients() -> None:
    gradients = []
    for _ in range(2):
        torch.manual_seed(3)
        network = STGCN(5, layout="coco", channels=[4, 8], strides=[1, 2], dropout=0.5)
        network(torch.randn(3, 2, 7, 17, 2)).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for first, again in zip(*gradients, strict=True):
        assert first is not None
        assert again is not None
        assert first.isfinite().all()
        assert torch.equal(first, again)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an even kernel": ({"temporal_kernel": 4}, "temporal_kernel must be odd and positive, got 4"),
    "a negative kernel": ({"temporal_kernel": -1}, "temporal_kernel must be odd and positive, got -1"),
    "fewer strides": ({"strides": [1]}, "channels and strides must be as many, got 2 and 1"),
    "no blocks": ({"channels": [], "strides": []}, "channels and strides must be as many, got 0 and 0"),
    "no width": ({"channels": [3, 0]}, "channels and strides must be at least 1"),
    "no stride": ({"strides": [1, 0]}, "channels and strides must be at least 1"),
    "no coordinates": ({"in_channels": 0}, "in_channels, channels and strides must be at least 1, got 0"),
    "no classes": ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
    "layout": ({"layout": "fsd"}, "layout 'fsd' is unknown"),
    "strategy": ({"strategy": "spacial"}, "strategy 'spacial' is unknown"),
    "aggregation": ({"aggregation": "sparse"}, "aggregation 'sparse' is unknown"),
    "initialization": ({"initialization": "torch"}, "initialization 'torch' is unknown; choose paddle or paddlevideo"),
    "max_hop": ({"max_hop": 0}, "max_hop and dilation must be at least 1"),
    "dilation": ({"dilation": 0}, "max_hop and dilation must be at least 1"),
    "dropout": ({"dropout": 1.5}, "between 0 and 1, but got 1.5"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        STGCN(**({"num_classes": 5} | TINY | change))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_initialize_refuses_before_it_draws() -> None:
    network = STGCN(5, **TINY)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match="initialization 'he' is unknown"):
        initialize(network, "he")
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


# The network written out a second time, joint by joint, in float64 and NumPy.

Arrays = dict[str, np.ndarray]
EPS = 1e-5


def bn_by_hand(x: np.ndarray, p: Arrays, name: str, training: bool) -> np.ndarray:
    """Normalise axis 1 by the statistics of the others, or by those saved."""
    over = tuple(axis for axis in range(x.ndim) if axis != 1)
    shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
    mean = x.mean(over) if training else p[f"{name}.running_mean"]
    var = x.var(over) if training else p[f"{name}.running_var"]
    scale = p[f"{name}.weight"] / np.sqrt(var + EPS)
    return (x - mean.reshape(shape)) * scale.reshape(shape) + p[f"{name}.bias"].reshape(shape)


def gcn_by_hand(x: np.ndarray, A: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Equation 10, one edge at a time."""
    N, _, T, V = x.shape
    K = len(A)
    D = len(weight) // K
    y = np.zeros((N, D, T, V))
    for k in range(K):
        rows = slice(k * D, (k + 1) * D)
        for v in range(V):
            for w in range(V):
                for t in range(T):
                    y[:, :, t, w] += (x[:, :, t, v] @ weight[rows, :, 0, 0].T + bias[rows]) * A[k, v, w]
    return y


def conv_by_hand(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """A convolution over frames, zeros before and after."""
    N, _, T, V = x.shape
    width = weight.shape[2]
    frames = range(0, T, stride)
    y = np.zeros((N, len(weight), len(frames), V))
    for s, t in enumerate(frames):
        y[:, :, s] = bias[:, None]
        for i in range(width):
            seen = t + i - width // 2
            if 0 <= seen < T:
                y[:, :, s] += np.einsum("dc,ncv->ndv", weight[:, :, i, 0], x[:, :, seen])
    return y


def network_by_hand(x: np.ndarray, p: Arrays, strides: list[int], training: bool) -> np.ndarray:
    """Clips (N, C, T, V, M) to logits."""
    N, C, T, V, M = x.shape
    people = np.stack([x[n, :, :, :, m] for n in range(N) for m in range(M)])  # C T V each
    rows = np.stack([people[:, c, :, v] for v in range(V) for c in range(C)], axis=1)
    rows = bn_by_hand(rows, p, "backbone.data_bn", training)
    y = rows.reshape(N * M, V, C, T).transpose(0, 2, 3, 1)
    for i, stride in enumerate(strides):
        block = f"backbone.st_gcn_networks.{i}"
        A = p["backbone.A"] * p[f"backbone.edge_importance.{i}"]
        z = gcn_by_hand(y, A, p[f"{block}.gcn.conv.weight"], p[f"{block}.gcn.conv.bias"])
        z = np.maximum(bn_by_hand(z, p, f"{block}.tcn.0", training), 0)
        z = conv_by_hand(z, p[f"{block}.tcn.2.weight"], p[f"{block}.tcn.2.bias"], stride)
        z = bn_by_hand(z, p, f"{block}.tcn.3", training)
        if i > 0:
            r = conv_by_hand(y, p[f"{block}.residual.0.weight"], p[f"{block}.residual.0.bias"], stride)
            z = z + bn_by_hand(r, p, f"{block}.residual.1", training)
        y = np.maximum(z, 0)
    features = y.mean(axis=(2, 3)).reshape(N, M, -1).mean(axis=1)
    return np.asarray(features @ p["head.fcn.weight"][:, :, 0, 0].T + p["head.fcn.bias"])


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("T", [1, 5, 6])
def test_the_network_written_out_by_hand_gives_the_same(T: int, training: bool) -> None:
    network, x = trained().train(training), clips(T=T)
    p = {key: tensor.numpy().copy() for key, tensor in network.state_dict().items()}
    assert skeleton(LEG).center == 0
    expected = network_by_hand(x.numpy(), p, [1, 2], training)
    np.testing.assert_allclose(network(x).detach().numpy(), expected, rtol=0, atol=ATOL)


def test_the_backbone_s_answer_is_the_mean_of_the_last_block_s_features() -> None:
    backbone = STGCN(3, channels=[4, 8], strides=[2, 3]).eval().backbone
    x = torch.randn(2, 2, 13, 25, 3)
    features = backbone.features(x)
    assert features.shape == (2, 3, 8, 3, 25)
    # in another order of summing; measured: 3.0e-8 here, at most 1.2e-7 over seeds 0 to 9
    torch.testing.assert_close(features.mean(dim=(1, 3, 4)), backbone(x), atol=1e-6, rtol=0)
