"""Reader of arrays of clips (N, C, T, V, M), or of one (C, T, V, M) or (C, T, V), with their labels if there are any.

Labels of ``NAMEdataREST.npy`` are in ``NAMElabelREST.npy``, ``NAMElabelsREST.npy`` or the same in ``.pkl``, as in the
skating competition (``train_data.npy``), PaddleVideo's NTU arrays and PP-Human's (``train_data_ur_fall_50.npy``); NAME
becomes the split. Layout and channels come from
``layout.yaml`` and ``channels.txt`` in the same folder, which ``prepare`` writes; without them both are unknown.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from stgcn_torch.data.arrays import Clips, open_npy, read_labels, read_lines
from stgcn_torch.data.recordings.recording import UNNAMED, Label, Recording, Scene, scene_of, shown
from stgcn_torch.skeleton import Skeleton, skeleton
from stgcn_torch.yaml_files import load_yaml


def recordings(root: Path) -> list[Recording]:
    """The clips of every array in a folder, or of one file, in order; only labels are read now.

    Raises:
        ValueError: A file holds no array of clips, or the labels do not fit its clips.
    """
    files = sorted(root.glob("*data*.npy")) if root.is_dir() else [root]
    return [clip for path in files for clip in _clips(path)]


def is_array(path: Path) -> bool:
    """Whether a file holds an array of clips, by its number of axes."""
    try:
        return open_npy(path).ndim == 5
    except (ValueError, OSError):
        return False


def told(folder: Path) -> tuple[Skeleton | None, tuple[str, ...] | None]:
    """Layout and channels of the arrays in a folder, each None without its file; ValueError for an unreadable file."""
    layout, channels = folder / "layout.yaml", folder / "channels.txt"
    try:
        body = skeleton(load_yaml(layout)) if layout.is_file() else None
    except ValueError as error:
        raise ValueError(f"{shown(layout)} is no layout: {' '.join(str(error).split())}") from None
    return body, tuple(read_lines(channels)) or None


def _clips(path: Path) -> list[Recording]:
    body, channels = told(path.parent)
    array = open_npy(path)
    if array.ndim in (3, 4):  # one clip, which predict accepts too
        array = array[None] if array.ndim == 4 else array[None, ..., None]
    if array.ndim != 5 or array.dtype.kind not in "fiu":
        raise ValueError(f"{shown(path)} must hold numbers (N, C, T, V, M), got {array.dtype} {array.shape}")
    prefix, word_data, rest = path.stem.partition("data")
    names = [f"{prefix}{word}{rest}{suffix}" for word in ("label", "labels") for suffix in (".npy", ".pkl")]
    label_files = [file for name in names if word_data and (file := path.with_name(name)).is_file()]
    labels = read_labels(label_files[0], len(array)).tolist() if label_files else [None] * len(array)
    columns = {"split": prefix.strip("_")} if word_data and prefix.strip("_") else {}
    return [
        Recording(
            f"{shown(Path(path.name))}:{i}",
            partial(_scene, array, i, body, channels),
            None if label is None else Label(str(label), label),
            columns=columns,
        )
        for i, label in enumerate(labels)
    ]


def _scene(array: Clips, index: int, body: Skeleton | None, channels: tuple[str, ...] | None) -> Scene:
    clip = np.asarray(array[index])
    return replace(scene_of(clip, channels or (UNNAMED,) * len(clip), body), as_stored=True)
