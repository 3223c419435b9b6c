"""Steps of training: Momentum, weight decay, cosine."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from convert.network.keys import convert_state_dict
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN
from tests.parity import reference
from tests.parity.page import Measured
from tests.parity.pairs import arrays, pair
from tests.parity.reference import paddle
from tests.parity.rounding import MOMENTUM, WEIGHT_DECAY, batch_norms, largest_difference, train_as_paddle

pytestmark = pytest.mark.paddle
EXACT = 1e-12
T_MAX = 60
CLIPS, FRAMES = 4, 12


def batches(steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Clips and labels, others in every step."""
    rng = np.random.default_rng(7)
    for _ in range(steps):
        yield rng.normal(size=(CLIPS, 2, FRAMES, 25, 1)), rng.integers(0, 30, CLIPS)


def train_theirs(network: reference.STGCN, lr: float, steps: int, nesterov: bool = False) -> list[float]:
    """Losses of Paddle's steps; the schedule steps after every one."""
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(lr, T_max=T_MAX)
    decay = paddle.regularizer.L2Decay(1e-4)
    optimizer = paddle.optimizer.Momentum(
        schedule, 0.9, network.parameters(), use_nesterov=nesterov, weight_decay=decay
    )
    network.train()
    losses = []
    for x, labels in batches(steps):
        loss = paddle.nn.functional.cross_entropy(network(paddle.to_tensor(x)), paddle.to_tensor(labels[:, None]))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
        losses.append(float(loss))
    return losses


def train_ours(network: STGCN, lr: float, steps: int, nesterov: bool = False) -> list[float]:
    """Losses of torch's steps, by the optimizer and the schedule that the Lightning module makes."""
    optimization = {"name": "sgd", "lr": lr, "momentum": MOMENTUM, "nesterov": nesterov, "weight_decay": WEIGHT_DECAY}
    module = LitSTGCN(
        {"num_classes": 30},
        PREPROCESSINGS["fixed"].plain,
        list(map(str, range(30))),
        optimizer=optimization,
        scheduler={"name": "cosine", "t_max": T_MAX},
    )
    module.backbone, module.head = network.backbone, network.head
    made = module.configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    network.train()
    losses = []
    for x, labels in batches(steps):
        loss = F.cross_entropy(network(torch.from_numpy(x)), torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def differences(theirs: reference.STGCN, ours: STGCN) -> dict[str, float]:
    """Largest difference of each kind of tensor, relative to the tensor's largest value."""
    expected, actual = convert_state_dict(arrays(theirs)), ours.state_dict()
    kinds = {"parameters": 0.0, "running_mean": 0.0, "running_var": 0.0}
    for name, value in expected.items():
        if name.endswith("num_batches_tracked"):
            continue
        kind = name.rsplit(".", 1)[1] if name.endswith(("running_mean", "running_var")) else "parameters"
        kinds[kind] = max(kinds[kind], largest_difference(value, actual[name]))
    return kinds


@pytest.mark.parametrize(
    ("steps", "lr", "tolerance", "nesterov"),
    [(1, 0.05, EXACT, False), (3, 0.005, EXACT, True), (20, 0.005, EXACT, False), (20, 0.05, 1e-9, False)],
    ids=["one", "nesterov", "twenty", "fast"],
)
def test_training(steps: int, lr: float, tolerance: float, nesterov: bool, measured: Measured) -> None:
    theirs, ours = pair("float64")
    train_as_paddle(ours)
    losses = train_theirs(theirs, lr, steps, nesterov), train_ours(ours, lr, steps, nesterov)
    what = f"{steps} step{'s' * (steps > 1)} at lr {lr}, {'Nesterov, ' * nesterov}float64"
    measured(f"losses, {what}", largest_difference(*losses), tolerance)
    for kind, difference in differences(theirs, ours).items():
        measured(f"{kind}, {what}", difference, tolerance)


def test_running_variance_is_biased_in_paddle(measured: Measured) -> None:
    theirs, ours = pair("float64")
    train_theirs(theirs, 0.005, 1)
    train_ours(ours, 0.005, 1)
    n = CLIPS * FRAMES  # of the input's batch norm
    before, _ = pair("float64")
    stored = [network.backbone.data_bn for network in (before, theirs)]
    batch_variance = (stored[1]._variance.numpy() - 0.9 * stored[0]._variance.numpy()) / 0.1
    ours_stored = ours.backbone.data_bn.running_var.numpy()
    unbiased = 0.9 * stored[0]._variance.numpy() + 0.1 * batch_variance * n / (n - 1)
    np.testing.assert_allclose(ours_stored, unbiased, rtol=1e-6)  # 0.9 as float32 in Paddle
    ratio = largest_difference(stored[1]._variance, ours_stored)
    assert ratio > 1e-4
    measured(f"biased running variance, one step, n = {n}", ratio, 1e-2)
    assert len(batch_norms(ours)) == 23
