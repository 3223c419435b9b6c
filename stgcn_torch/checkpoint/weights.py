"""Copying of weights into a network, and checks that they fit."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stgcn_torch.architecture import HALF_PRECISION, exact_adjacency, misfits

State = Mapping[str, Tensor]
HALVES = (torch.float16, torch.bfloat16)


def check_fits(state: State, expected: State) -> None:
    """Raise ValueError that lists every tensor that is missing, unexpected or of another shape."""
    problems = misfits(state, {key: tensor.shape for key, tensor in expected.items()})
    if problems:
        listed = "; ".join(problems[:6]) + (f"; and {len(problems) - 6} more" if len(problems) > 6 else "")
        raise ValueError(f"the weights do not fit the network: {listed}")


def in_single_precision(state: State, model: Mapping[str, Any]) -> State:
    """The tensors as float32; in place of a graph of half precision that of its layout, which is exact."""
    A, exact = state.get("backbone.A"), None
    if A is not None and A.dtype in HALVES:
        exact = exact_adjacency(model, A.float(), HALF_PRECISION[str(A.dtype).removeprefix("torch.")])
    single = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return single | ({} if exact is None else {"backbone.A": torch.from_numpy(exact)})


def check_head(model: Mapping[str, Any]) -> None:
    """Raise ValueError for a network that has no head."""
    if not model["num_classes"]:
        raise ValueError("the weights are a backbone's, without a head to classify; train init_from= starts from them")


def take_weights(network: torch.nn.Module, state: State, *, head: bool = True) -> list[str]:
    """Copy weights into a network that may have another head; returns the tensors that were not taken.

    Args:
        network: The network.
        state: Tensors by the names of ``STGCN.state_dict``.
        head: Whether the head is taken if its shape fits.

    Raises:
        ValueError: A tensor outside the head is missing or does not fit, such as the graph of another layout.
    """
    expected = network.state_dict()
    backbone = {key: value for key, value in state.items() if not key.startswith("head.")}
    check_fits(backbone, {key: value for key, value in expected.items() if not key.startswith("head.")})
    if not torch.allclose(backbone["backbone.A"].cpu().float(), expected["backbone.A"].cpu(), atol=1e-6):
        raise ValueError("the weights belong to another graph than the network's; choose their layout and strategy")
    tensors = {key: value for key, value in state.items() if key.startswith("head.")}
    fitting = {key: value for key, value in tensors.items() if key in expected and value.shape == expected[key].shape}
    if len(fitting) < len(tensors) or not head:
        fitting = {}  # a head is taken whole or not at all
    network.load_state_dict(backbone | fitting, strict=False)
    return sorted(set(tensors) - set(fitting))
