"""Weights put into a network, or why they do not fit."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stgcn_torch.architecture import misfits

State = Mapping[str, Tensor]


def check_fits(state: State, wanted: State) -> None:
    """Raise ValueError that lists every tensor that is missing, unexpected or of another shape."""
    problems = misfits(state, {key: tensor.shape for key, tensor in wanted.items()})
    if problems:
        shown = "; ".join(problems[:6]) + (f"; and {len(problems) - 6} more" if len(problems) > 6 else "")
        raise ValueError(f"the weights do not fit the network: {shown}")


def check_head(model: Mapping[str, Any]) -> None:
    """Raise ValueError for a network that has no head."""
    if not model["num_classes"]:
        raise ValueError("the weights are a backbone's, without a head to classify; train init_from= starts from them")


def take_weights(network: torch.nn.Module, state: State) -> list[str]:
    """Copy weights into a network that may have another head; returns the tensors that were not taken.

    Raises:
        ValueError: A tensor outside the head is missing or does not fit, such as the graph of another layout.
    """
    wanted = network.state_dict()
    body = {key: value for key, value in state.items() if not key.startswith("head.")}
    check_fits(body, {key: value for key, value in wanted.items() if not key.startswith("head.")})
    if not torch.allclose(body["backbone.A"].cpu().float(), wanted["backbone.A"].cpu(), atol=1e-6):
        raise ValueError("the weights belong to another graph than the network's; choose their layout and strategy")
    head = {key: value for key, value in state.items() if key.startswith("head.")}
    fitting = {key: value for key, value in head.items() if key in wanted and value.shape == wanted[key].shape}
    if len(fitting) < len(head):
        fitting = {}  # a head is one thing: half of another's is no head
    network.load_state_dict(body | fitting, strict=False)
    return sorted(set(head) - set(fitting))
