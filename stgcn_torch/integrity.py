"""Damage to a checkpoint: checksums of a file's records, a digest of its tensors, and values that are not finite."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Tensors = Mapping[str, Any]  # tensors or arrays
Array = np.ndarray[Any, np.dtype[np.uint8]]
CHUNK = 1 << 20  # bytes
# Errors that zipfile is known to raise for a damaged directory.
DAMAGED = (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, OSError, ArithmeticError, LookupError, struct.error)
FOLDER = 0x10  # attribute of a folder
ZIP = b"PK\x03\x04"
COUNT = ".num_batches_tracked"
CARD = "stgcn_torch"  # the key under which a file has what belongs to its tensors
DIGEST = "sha256"  # the key under which a file has the digest of its tensors


def check_records(path: Path) -> None:
    """Raise ValueError if a record of a zip file differs from its checksum; other files pass.

    ``torch.load`` compares no checksum. A record whose checksum is 0 was written without one, as
    ``torch.serialization.set_crc32_options(False)`` has it, and passes.
    """
    if not is_zip(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = [record.filename for record in archive.infolist() if not _is_whole(archive, record)]
    except DAMAGED as error:
        raise ValueError(f"it is damaged: {error}") from None
    if damaged:
        raise ValueError(f"it is damaged: {', '.join(damaged[:3])} differs from its checksum")


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(len(ZIP)) == ZIP


def _is_whole(archive: zipfile.ZipFile, record: zipfile.ZipInfo) -> bool:
    if record.external_attr & FOLDER and not record.filename.endswith("/"):  # torch would read nothing
        return False
    if not record.CRC:
        return True
    try:
        with archive.open(record) as file:
            while file.read(CHUNK):
                pass
    except (zipfile.BadZipFile, zlib.error):  # a record that is cut short is another error
        return False
    return True


def digest(state: Tensors) -> str:
    """SHA-256 of tensors: name, type, shape and bytes of each, in the order of the names.

    Without the counts of batches, which Paddle's files do not have.
    """
    total = hashlib.sha256()
    for name in sorted(name for name in state if not name.endswith(COUNT)):
        content, kind = _bytes_of(state[name])
        total.update(f"{name} {kind} {tuple(state[name].shape)}\n".encode())
        total.update(content.data)
    return total.hexdigest()


def _bytes_of(tensor: Any) -> tuple[Array, str]:
    """The bytes of a tensor or an array, in the order of its elements, and the name of its type."""
    if isinstance(tensor, np.ndarray | np.generic):
        array = np.ascontiguousarray(tensor)
        return array.reshape(-1).view(np.uint8), str(array.dtype)
    import torch  # imported here, as the converter does without

    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return flat.numpy(), str(tensor.dtype).removeprefix("torch.")


def check_digest(state: Tensors, expected: object) -> None:
    """Raise ValueError if tensors differ from the digest that was stored with them; None passes."""
    if expected is not None and digest(state) != expected:
        raise ValueError("it is damaged: its tensors differ from their SHA-256")


def not_finite(state: Tensors) -> list[str]:
    """Names of the tensors with NaN or infinite values."""
    return [name for name, tensor in state.items() if not _is_finite(tensor)]


def _is_finite(tensor: Any) -> bool:
    if isinstance(tensor, np.ndarray | np.generic):
        return bool(np.isfinite(tensor).all())
    return bool(tensor.isfinite().all())


def check_finite(state: Tensors) -> None:
    """Raise ValueError that names tensors with NaN or infinite values, whose network answers nothing."""
    if names := not_finite(state):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        listed = ", ".join(names[:3]) + more
        raise ValueError(f"its weights are not finite ({listed}): its training diverged, or it is damaged")
