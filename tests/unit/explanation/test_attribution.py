"""A map adds up to its logit, and an occluded joint equals one that was never detected."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.explanation.attribution import MISSING, class_activation, occlusion
from stgcn_torch.inference.exact import for_inference
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN

EXACT = 1e-5  # of the largest logit, in float32; measured over the cases below: 2.1e-7
HAND = {"joints": ["wrist", "palm", "tip"], "bones": [["palm", "wrist"], ["tip", "palm"]], "center": "wrist"}
WHOLE = {"num_classes": 7, "channels": [8, 8, 16, 16], "strides": [1, 2, 1, 2]}


def trained(network: Any) -> Any:
    """A network with random tensors, as if trained: none is 0 or 1 throughout."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "running_var" in name or "importance" in name or (name.endswith("weight") and tensor.ndim == 1):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point() and tensor.ndim == 1:
                tensor.normal_(std=0.5)
    return network.eval()


def drawn(*shape: int, live: int | None = None) -> Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    if live is not None:
        x[:, :, live:] = 0
    return x


@pytest.mark.parametrize(
    ("options", "x"),
    [
        ({}, drawn(2, 2, 40, 25, 1)),
        ({}, drawn(2, 2, 40, 25, 1, live=17)),
        ({}, drawn(2, 2, 37, 25, 2)),
        ({}, drawn(1, 2, 1, 25, 1)),
        ({"strategy": "uniform"}, drawn(2, 2, 40, 25, 1)),
        ({"edge_importance": False}, drawn(2, 2, 40, 25, 1)),
        ({"data_bn": False}, drawn(2, 2, 40, 25, 1)),
        ({"layout": HAND, "in_channels": 3, "channels": [64] * 4}, drawn(2, 3, 300, 3, 1)),
    ],
    ids=["dense", "padded", "two people, odd T", "one frame", "uniform", "no edge importance", "no data_bn", "a hand"],
)
def test_a_map_s_mean_and_the_bias_are_the_logit(options: dict[str, Any], x: Tensor) -> None:
    network = trained(STGCN(**WHOLE | options))
    made = class_activation(network, x)
    assert made.shape == (len(x), 7, x.shape[4], -(-x.shape[2] // 4), x.shape[3])
    with torch.no_grad():
        logits = network(x)
        error = (made.mean(dim=(2, 3, 4)) + network.head.fcn.bias - logits).abs().max() / logits.abs().max()
    assert error < EXACT


def test_classes_may_be_chosen_and_ordered() -> None:
    network, x = trained(STGCN(**WHOLE)), drawn(2, 2, 20, 25, 1)
    torch.testing.assert_close(class_activation(network, x, [5, 0]), class_activation(network, x)[:, [5, 0]])


def test_a_person_s_map_does_not_depend_on_the_others() -> None:
    network, x = trained(STGCN(**WHOLE)), drawn(1, 2, 20, 25, 3)
    alone = class_activation(network, x[..., 1:2])
    torch.testing.assert_close(class_activation(network, x)[:, :, 1:2], alone)


def test_a_map_is_that_of_what_a_feature_sees() -> None:
    """Frames beyond the backbone's reach change nothing."""
    network, x = trained(STGCN(**WHOLE)), drawn(1, 2, 120, 25, 1)
    reach, stride = network.backbone.reach, network.backbone.stride
    assert (reach, stride) == (4 + 4 + 8 + 8, 4)
    other = x.clone()
    other[:, :, 60] += 1
    changed = (class_activation(network, x) != class_activation(network, other)).any(dim=4).flatten(0, 2).any(dim=0)
    seen = [abs(stride * t - 60) <= reach for t in range(len(changed))]
    assert changed.tolist() == seen


def lit(streams: Sequence[str]) -> LitSTGCN:
    made = {"window": 20, "streams": list(streams)}
    model = {"num_classes": 4, "channels": [16, 16], "strides": [1, 2]}
    return trained(LitSTGCN(model, made, [f"class {k}" for k in range(4)]))  # type: ignore[no-any-return]


@pytest.mark.parametrize("streams", [["joint"], ["bone"], ["joint", "bone_motion"]], ids="-".join)
def test_what_a_joint_was_worth_is_what_the_logits_lose_without_it(streams: list[str]) -> None:
    module, joints = lit(streams), drawn(1, 2, 20, 25, 2)[0]
    falls = occlusion(module.logits, joints, torch.zeros(2, 20, 2))
    for v, m in ((0, 0), (MISSING + 1, 0), (24, 1)):
        without = joints.clone()
        without[:, :, v, m] = 0
        with torch.no_grad():
            fall = module.logits(joints[None]) - module.logits(without[None])
        # of logits of about 1, here with the other person; measured: 9.6e-7
        torch.testing.assert_close(falls[:, m, v], fall[0], atol=1e-5, rtol=0)
        assert fall.abs().max() > 1e-3
    assert class_activation(module, stack_streams(joints[None], streams, module.body.parents)).shape[3] == 10


def test_a_joint_that_is_not_there_is_worth_nothing_and_is_not_asked_about() -> None:
    module, joints = lit(["joint"]), drawn(1, 2, 20, 25, 2)[0]
    joints[..., 1], joints[:, :, 5:] = 0, 0
    asked = []

    def logits(x: Tensor) -> Tensor:
        asked.append(len(x))
        return module.logits(x)

    falls = occlusion(logits, joints, torch.zeros(2, 20, 2))
    assert not falls[:, 1].any()
    assert not falls[:, 0, 5:].any()
    assert falls[:, 0, :5].all()
    assert asked == [1, 1, 5]


def test_a_missing_joint_lies_where_absent_ones_do() -> None:
    module, joints = lit(["joint"]), drawn(1, 2, 20, 25, 1)[0]
    absent = joints[:, :, 3].clone()
    falls = occlusion(module.logits, joints, absent)
    assert not falls[:, 0, 3].any()
    assert falls[:, 0, :3].all()


def test_a_network_made_for_inference_says_the_same() -> None:
    module, joints = lit(["joint", "joint_motion"]), drawn(1, 2, 20, 25, 2, live=12)[0]
    absent = torch.zeros(2, 20, 2)
    fast = occlusion(for_inference(module).logits, joints, absent)
    # of logits of about 1; measured: 4.8e-7
    torch.testing.assert_close(fast, occlusion(module.logits, joints, absent), atol=1e-5, rtol=0)
