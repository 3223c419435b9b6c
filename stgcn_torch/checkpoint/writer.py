"""Writing of Lightning's checkpoints; a file appears whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from stgcn_torch.files import written_whole


class WholeFileCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint writer, which writes a temporary file beside the old one and renames it.

    Lightning's own writer copies from a temporary file that may lie on another disk; a full disk then leaves half a
    file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint; on an error, an existing file stays as it is."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)  # in memory first: torch's own writer hides errors of the disk
        try:
            with written_whole(path) as temporary:
                temporary.write_bytes(buffer.getvalue())  # no copy, and no view of memory that outlives an error
        except OSError as error:
            raise OSError(f"{path} could not be written: {error.strerror or error}") from None
