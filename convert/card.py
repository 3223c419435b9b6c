"""What safetensors of this project say beside their tensors: the network, its preprocessing and its classes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from convert.errors import MismatchError
from convert.network import Network
from stgcn_torch.data.preprocessing import Preprocessing

CARD = "stgcn_torch"  # the key of a safetensors file's metadata


def card_of(network: Network, preprocessing: Preprocessing | None) -> dict[str, Any]:
    """The card of a network, as plain values."""
    return {
        "model": network.model,
        "preprocessing": preprocessing.plain if preprocessing else None,
        "classes": list(network.classes or map(str, range(network.model["num_classes"]))),
    }


def read_card(path: Path) -> Mapping[str, Any] | None:
    """The card of a file; None if it is not in safetensors, or has none.

    Raises:
        MismatchError: The card is damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(CARD)
    except (SafetensorError, OSError):
        return None
    if text is None:
        return None
    try:
        card = json.loads(text)
    except (ValueError, RecursionError):
        card = None
    match card:
        case {"model": dict(), "preprocessing": dict() | None, "classes": list()}:
            return dict(card)
    raise MismatchError("its card is damaged")
