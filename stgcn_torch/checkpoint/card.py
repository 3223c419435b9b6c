"""The card: what a network computes, beside its tensors, in the files that have no Lightning hyperparameters.

In the metadata of ``.safetensors``, as a record of the zip of ``.pt``, and in ``NAME.pdparams.json`` beside
``NAME.pdparams``.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.integrity import CARD, DAMAGED, DIGEST, Tensors, digest, is_zip

RECORD = "stgcn_torch.json"  # in the folder of records of a .pt
LARGEST = 1 << 26  # bytes of a card


def card_of(
    state: Tensors,
    model: Mapping[str, Any],
    preprocessing: Preprocessing | None,
    classes: Sequence[str] | None,
    clips: TrainingClips | None = None,
    assumed: Sequence[str] = (),
) -> dict[str, Any]:
    """The card of a network, as plain values.

    Args:
        state: Its tensors.
        model: Arguments of ``STGCN``.
        preprocessing: Preprocessing of the training clips; None if unknown.
        classes: Class names; None to number the classes.
        clips: Facts about the training clips; None if unknown.
        assumed: Parts that no file said, such as preprocessing.
    """
    return {
        "model": model,
        "preprocessing": preprocessing.plain if preprocessing else None,
        "classes": list(classes or map(str, range(model["num_classes"]))),
        "training_clips": clips.plain if clips else None,
        "assumed": list(assumed),
        DIGEST: digest(state),
    }


def assumed_parts(value: object) -> tuple[str, ...]:
    """What a file says was assumed; ValueError if that is no list of names."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise ValueError(f"assumed must be a list of names, got {value!r:.60}")
    return tuple(value)


def text_of(card: Mapping[str, Any]) -> str:
    """A card as the text that files hold."""
    return json.dumps(card, allow_nan=False)


def read_card(path: Path) -> Mapping[str, Any] | None:
    """The card of a file, with ``model``, ``preprocessing`` and ``classes``; None if it has none.

    Raises:
        ValueError: The card is damaged.
    """
    try:
        texts = (read(path) for read in (_of_zip, _of_safetensors, _beside))
        text = next((text for text in texts if text is not None), None)
    except UnicodeDecodeError:
        raise ValueError(f"{path}: its card is damaged") from None
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


def beside(path: Path) -> Path:
    """The file with the card of a ``.pdparams``."""
    return path.with_name(path.name + ".json")


def _of_safetensors(path: Path) -> str | None:
    try:
        if is_zip(path):
            return None
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get(CARD)
    except (SafetensorError, OSError):
        return None


def _of_zip(path: Path) -> str | None:
    if not is_zip(path):
        return None
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGED:  # which the reader of its tensors says
        return None
    with archive:
        entries = [entry for entry in archive.infolist() if entry.filename.partition("/")[2] == RECORD]
        if not entries:
            return None
        if entries[0].file_size > LARGEST:
            raise ValueError(f"{path}: its card is larger than {LARGEST >> 20} MiB")
        try:  # a card that is there must not be lost in silence
            return archive.read(entries[0]).decode("utf-8")
        except (*DAMAGED, zlib.error):
            raise ValueError(f"{path}: its card is damaged") from None


def _beside(path: Path) -> str | None:
    file = beside(path)
    if path.suffix != ".pdparams" or not file.exists():
        return None
    if not file.is_file() or file.stat().st_size > LARGEST:
        raise ValueError(f"{file} is no card: it is no file, or larger than {LARGEST >> 20} MiB")
    return file.read_text(encoding="utf-8")
