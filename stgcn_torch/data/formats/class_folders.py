"""Reader of class folders: one ``.npy`` (T, V, C) per clip, in a folder named for its class.

The folders above the class, if any, name the clip's group: ``Skater_A/Axel/Axel_1.npy`` is an Axel of group Skater_A.
"""

from functools import partial
from pathlib import Path

import numpy as np

from stgcn_torch.data.arrays import open_npy
from stgcn_torch.data.formats.recording import Recording
from stgcn_torch.data.preprocessing import Clip


def recordings(root: str | Path) -> list[Recording]:
    """The clips under a folder, in the order of their paths, numbers by value.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no ``.npy`` file in a class folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}")
    files = sorted((path for path in root.rglob("*.npy") if path.parent != root), key=_by_number)
    if not files:
        raise ValueError(f"{root} holds no clips; put one .npy (T, V, C) per clip into a folder named for its class")
    return [
        Recording(
            source=path.relative_to(root).as_posix(),
            label=path.parent.name,
            group=path.parent.parent.relative_to(root).as_posix(),
            read=partial(read_clip, path),
        )
        for path in files
    ]


def read_clip(path: Path) -> Clip:
    """One person's clip (C, T, V, 1) from an array (T, V, C); ValueError if it is none."""
    array = open_npy(path)
    if array.ndim != 3 or array.dtype.kind not in "fiu" or not array.size:
        raise ValueError(f"{path} must hold numbers (T, V, C), got {array.dtype} {array.shape}")
    return np.asarray(array).transpose(2, 0, 1)[..., None]


def _by_number(path: Path) -> tuple[object, ...]:
    stem = path.stem.rstrip("0123456789")
    number = path.stem[len(stem) :]
    return (path.parent.as_posix(), stem, int(number or 0), path.name)
