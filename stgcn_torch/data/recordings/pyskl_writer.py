"""Writes the pickle that PYSKL and MMAction2 take; ``data.formats.pyskl`` reads it."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from convert.pickle.dump import dump
from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.recordings.collection import Collection, Row, classes_of

SPLITS = ("train", "val", "test")
SHAPES = ("img_shape", "original_shape")


def write_pyskl(collection: Collection, path: Path) -> None:
    """Write clips as ``annotations`` and ``split``, one clip at a time.

    The pickle has protocol 3 and NumPy 1's names of functions, so that Python 3 reads it with NumPy 1 or 2.
    """
    _, channels = collection.selection.told
    classes, labels = classes_of([row.label for row in collection.rows])
    annotations = [
        _annotation(row, clip, channels) | ({"label": labels[i]} if labels else {})
        for i, (row, clip) in enumerate(zip(collection.rows, collection, strict=True))
    ]
    split: dict[str, list[str]] = defaultdict(list)
    for row in collection.rows:
        for column, value in row.columns.items():
            if value in SPLITS:
                protocol = re.fullmatch(r"split(\d*)", column)
                split[f"{value}{protocol[1]}" if protocol else f"{column}_{value}"].append(_name(row))
            elif value == "in":
                split[column].append(_name(row))
    named = {"classes": classes} if classes and classes != [str(k) for k in range(len(classes))] else {}
    with path.open("xb") as file:
        file.writelines(dump({"split": split, "annotations": annotations} | named, protocol=3))


def _name(row: Row) -> str:
    return f"{row.source}#{row.person}" if row.person else row.source


def _annotation(row: Row, clip: Clip, channels: tuple[str, ...]) -> dict[str, Any]:
    poses = clip.transpose(3, 1, 2, 0)  # a view of the file of clips, without a copy in memory
    coordinates = [c for c, channel in enumerate(channels) if channel != "score"]
    annotation = {"frame_dir": _name(row), "total_frames": clip.shape[1], "keypoint": poses[..., : len(coordinates)]}
    for shape in SHAPES:
        if re.fullmatch(r"\d+x\d+", size := row.columns.get(shape, "")):
            annotation[shape] = tuple(map(int, size.split("x")))
    if "score" in channels:
        annotation["keypoint_score"] = poses[..., channels.index("score")]
    return annotation
