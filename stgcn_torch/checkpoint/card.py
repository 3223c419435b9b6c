"""What safetensors of this project say beside their tensors: the network, its preprocessing and its classes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from stgcn_torch.data.preprocessing.steps import Preprocessing

CARD = "stgcn_torch"  # the key of a safetensors file's metadata


def card_of(
    model: Mapping[str, Any], preprocessing: Preprocessing | None, classes: Sequence[str] | None
) -> dict[str, str]:
    """The metadata of a file that holds a network.

    Args:
        model: Arguments of ``STGCN``.
        preprocessing: Of the clips that it was trained with; None if nobody knows.
        classes: Their names; None numbers them.
    """
    card = {
        "model": model,
        "preprocessing": preprocessing.plain if preprocessing else None,
        "classes": list(classes or map(str, range(model["num_classes"]))),
    }
    return {CARD: json.dumps(card)}


def read_card(path: Path) -> Mapping[str, Any] | None:
    """The card of a file, with ``model``, ``preprocessing`` and ``classes``; None if it is no safetensors, or has none.

    Raises:
        ValueError: The card is damaged.
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
        raise ValueError(f"{path}: its card is damaged") from None
    match card:
        case {"model": dict(), "preprocessing": dict() | None, "classes": list()}:
            return dict(card)
    raise ValueError(f"{path}: its card is damaged")
