"""Lightning's checkpoints, written so that they are never half there."""

import io
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from stgcn_torch.files import written_whole


class WholeFileCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written beside the old one and then renamed over it.

    Lightning's own go through a temporary file that may lie on another disk, and are then copied: a disk that fills in
    the middle leaves half a file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint, or leave what is there as it was."""
        held = io.BytesIO()
        torch.save(checkpoint, held)  # in memory first: torch's own writer hides what the disk says
        try:
            with written_whole(path) as temporary:
                temporary.write_bytes(held.getvalue())  # no copy, and no view of memory that outlives an error
        except OSError as error:
            raise OSError(f"{path} could not be written: {error.strerror or error}") from None
