"""The card in the metadata of this project's safetensors files: network, preprocessing and classes."""

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
    """The metadata of a network's file.

    Args:
        model: Arguments of ``STGCN``.
        preprocessing: Preprocessing of the training clips; None if unknown.
        classes: Class names; None to number the classes.
    """
    card = {
        "model": model,
        "preprocessing": preprocessing.plain if preprocessing else None,
        "classes": list(classes or map(str, range(model["num_classes"]))),
    }
    return {CARD: json.dumps(card)}


def read_card(path: Path) -> Mapping[str, Any] | None:
    """The card of a file, with ``model``, ``preprocessing`` and ``classes``; None if no safetensors file or no card.

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
