"""Answers that Paddle gave, checked without Paddle."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from convert.network.keys import convert_state_dict
from stgcn_torch.graph import adjacency
from stgcn_torch.model import STGCN
from tests.parity.golden.write import CLASSES, FILE, clips, values
from tests.parity.page import Measured
from tests.parity.rounding import largest_difference, take_constants, train_as_paddle

RELEASE = "3.3.1"
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
# An activation that rounding puts on the other side of ReLU's corner takes its gradient along: 1.5e-6 and, on a CPU
# without vector instructions, 5.7e-5 were measured.
GRADIENTS = {torch.float32: 1e-2, torch.float64: 1e-12}
every_type = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
Golden = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def golden() -> Golden:
    """The stored arrays."""
    with np.load(FILE, allow_pickle=False) as file:
        return dict(file)


def network(golden: Golden, dtype: torch.dtype) -> STGCN:
    """The network that Paddle answered for."""
    shapes = {
        str(name): tuple(map(int, str(shape).split(",")))
        for name, shape in zip(golden["names"], golden["shapes"], strict=True)
    }
    state = convert_state_dict(values(shapes) | {"backbone.A": golden["A"].astype(np.float32)})
    made = STGCN(CLASSES)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    made = made.to(dtype).eval()
    made.backbone.A.copy_(torch.from_numpy(golden["A"]))  # in float64 there
    if dtype == torch.float64:  # in float32 users have torch's own
        take_constants(made)
    return made


def test_the_release_is_recorded(golden: Golden) -> None:
    assert str(golden["paddle"]) == RELEASE


def test_the_graph(golden: Golden, measured: Measured) -> None:
    assert golden["A"].shape == (3, 25, 25)
    measured(f"graph against Paddle {RELEASE}, float64", float(np.abs(adjacency("fsd10") - golden["A"]).max()), 0)


@every_type
def test_features_and_logits(golden: Golden, dtype: torch.dtype, measured: Measured) -> None:
    made, name = network(golden, dtype), str(dtype).removeprefix("torch.")
    x = torch.from_numpy(clips()).to(dtype)
    with torch.no_grad():
        features, logits = made.backbone(x), made(x)
    measured(f"features, {name}", largest_difference(golden["features"], features), TOLERANCE[dtype])
    measured(f"logits, {name}", largest_difference(golden["logits"], logits), TOLERANCE[dtype])


@every_type
def test_loss_and_gradients(golden: Golden, dtype: torch.dtype, measured: Measured) -> None:
    made, name = network(golden, dtype), str(dtype).removeprefix("torch.")
    train_as_paddle(made)
    loss = F.cross_entropy(made(torch.from_numpy(clips()).to(dtype)), torch.tensor([3, 27]))
    loss.backward()
    measured(f"loss, {name}", largest_difference(golden["loss"], loss), TOLERANCE[dtype])
    stored = [key for key in golden if key.startswith("gradient/")]
    theirs = convert_state_dict({key.removeprefix("gradient/"): golden[key] for key in stored})
    ours = dict(made.named_parameters())
    assert len(theirs) > 60
    scale = max(np.abs(gradient).max() for gradient in theirs.values())
    worst = max(np.abs(gradient - ours[key].grad.numpy()).max() for key, gradient in theirs.items())
    measured(f"gradients of all tensors up to 2000 numbers, {name}", float(worst / scale), GRADIENTS[dtype])
