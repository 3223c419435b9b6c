"""Reader of class folders: one ``.npy`` (T, V, C) per clip, in a folder named for its class.

The folders above the class, if any, name the clip's group: ``Skater_A/Axel/Axel_1.npy`` is an Axel of group Skater_A.
Clips right in the root have no class, which is enough for ``predict``.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from stgcn_torch.data.arrays import open_npy
from stgcn_torch.data.recordings.recording import Recording, Scene, files_in, recording, scene_of
from stgcn_torch.data.recordings.third_number import third_number

CHANNELS = {2: ("x", "y"), 3: ("x", "y", "z"), 4: ("x", "y", "z", "score")}


def recordings(root: Path) -> list[Recording]:
    """The clips under a folder, in the order of their paths, numbers by value.

    Raises:
        ValueError: The folder holds no ``.npy`` file.
    """
    arrays = files_in(root, ".npy")
    files = [path for path in arrays if path.parent != root] or arrays
    if not files:
        raise ValueError(f"{root} holds no clips; put one .npy (T, V, C) per clip into a folder named for its class")
    return [recording(path, root, read_clip) for path in files]


def read_clip(path: Path) -> Scene:
    """One person's clip from an array (T, V, C) of ``CHANNELS``; ValueError if the file holds no such array."""
    array = open_npy(path)
    if array.ndim != 3 or array.dtype.kind not in "fiu" or not array.size:
        raise ValueError(f"{path} must hold numbers (T, V, C), got {array.dtype} {array.shape}")
    if array.shape[2] not in CHANNELS:
        raise ValueError(f"{path} must have 2 to 4 channels, got shape {array.shape} for (T, V, C)")
    channels, why = CHANNELS[array.shape[2]], ""
    if array.shape[2] == 3:
        third, why = third_number(np.asarray(array))
        channels = ("x", "y", third)
    scene = scene_of(np.asarray(array).transpose(2, 0, 1)[..., None], channels)
    return replace(scene, as_stored=True, third=why)
