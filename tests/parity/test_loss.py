"""Loss and accuracy."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.training.lit import LitSTGCN
from tests.parity.page import Measured
from tests.parity.reference import paddle
from tests.parity.rounding import largest_difference

pytestmark = pytest.mark.paddle
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
SMOOTHING = {"float32": 1e-6, "float64": 1e-7}  # Paddle rounds the label's 0.1 / K and 0.9 to float32 in either


def scores(dtype: str, scale: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels."""
    rng = np.random.default_rng(5)
    rare = rng.integers(0, 30, 64) * rng.integers(0, 2, 64)  # half of the clips are of class 0
    return (scale * rng.normal(size=(64, 30))).astype(dtype), rare


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("scale", [0.0, 1.0, 8.0])
def test_cross_entropy_of_labels_with_an_axis(dtype: str, scale: float, measured: Measured) -> None:
    logits, labels = scores(dtype, scale)
    theirs = paddle.nn.functional.cross_entropy(paddle.to_tensor(logits), paddle.to_tensor(labels[:, None]))
    ours = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    measured(f"cross entropy, labels (N, 1), {dtype}", largest_difference(theirs, ours), TOLERANCE[dtype])


@pytest.mark.parametrize("gap", [10.0, 63.9, 80.0, 1000.0])
def test_paddle_counts_no_more_than_64_for_a_clip(gap: float) -> None:
    logits, labels = np.array([[gap, 0.0, 0.0]]), np.array([1])
    theirs = float(paddle.nn.functional.cross_entropy(paddle.to_tensor(logits), paddle.to_tensor(labels[:, None])))
    ours = float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))
    assert ours == pytest.approx(gap, rel=1e-4)
    assert theirs == pytest.approx(min(gap, 64), rel=1e-4)


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_label_smoothing(dtype: str, measured: Measured) -> None:
    logits, labels = scores(dtype)
    smooth = paddle.nn.functional.label_smooth(
        paddle.nn.functional.one_hot(paddle.to_tensor(labels), 30).astype(dtype), epsilon=0.1
    )
    theirs = paddle.nn.functional.cross_entropy(paddle.to_tensor(logits), smooth, soft_label=True)
    ours = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), label_smoothing=0.1)
    measured(f"cross entropy, label smoothing 0.1, {dtype}", largest_difference(theirs, ours), SMOOTHING[dtype])


def ours_of(logits: np.ndarray, labels: np.ndarray, k: int = 1) -> float:
    """Accuracy as the Lightning module counts it."""
    K = logits.shape[1]
    tiny = {"num_classes": K, "channels": [1], "strides": [1]}
    metric = LitSTGCN(tiny, PREPROCESSINGS["fixed"].plain, list(map(str, range(K)))).test_metrics[f"top{k}"]
    return float(metric(torch.from_numpy(logits), torch.from_numpy(labels)))


def theirs_of(logits: np.ndarray, labels: np.ndarray, k: int = 1) -> float:
    """Accuracy as PaddleVideo counts it; it wants labels (N, 1)."""
    return float(paddle.metric.accuracy(paddle.to_tensor(logits), paddle.to_tensor(labels[:, None]), k=k))


@pytest.mark.parametrize("k", [1, 5])
def test_accuracy_without_ties(k: int, measured: Measured) -> None:
    logits, labels = scores("float32")
    measured(
        "top-1 and top-5 accuracy, labels (N, 1)", abs(theirs_of(logits, labels, k) - ours_of(logits, labels, k)), 0
    )


def test_a_tie_goes_to_one_class_in_either() -> None:
    tied = np.ones((1, 4), np.float32)
    for accuracy in (theirs_of, ours_of):
        assert sorted(accuracy(tied, np.array([k])) for k in range(4)) == [0, 0, 0, 1]
    assert ours_of(tied, np.array([0])) == 1  # the first; Paddle's choice follows its own order of a top-k
    partly = np.array([[0, 2, 2, 1]], np.float32)
    assert {k for k in range(4) if ours_of(partly, np.array([k]))} == {1}
    assert {k for k in range(4) if theirs_of(partly, np.array([k]))} in ({1}, {2})
