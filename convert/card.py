"""What safetensors of this project say beside their tensors: the network, its preprocessing and its classes."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

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


def read_card(path: Path) -> object:
    """What a file of safetensors has for a card; None if it has none, or none that is JSON."""
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(CARD, "null")
        return json.loads(text)
    except (SafetensorError, ValueError, RecursionError, OSError):
        return None
