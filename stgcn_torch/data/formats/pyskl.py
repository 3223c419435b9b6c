"""Reader of PYSKL's and MMAction2's pickles: ``annotations``, one a clip, and ``split``, names of clips.

A pickle is read as data, without running code. A clip's ``keypoint`` is (M, T, V, C), or (T, V, C) of one person;
``keypoint_score`` is (M, T, V) where joints come from a detector. Labels are numbers or names of classes. The splits
``xsub_train`` and ``xsub_val`` become ``train`` and ``val`` in the column ``xsub`` of the manifest, ``train`` in the
column ``split``, ``train2`` in the column ``split2``; of any other name a column has ``in``.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convert.pickle.errors import about
from convert.pickle.files import contents
from convert.pickle.unpickle import unpickle_views
from stgcn_torch.data.recordings.joint_order import order_of_25
from stgcn_torch.data.recordings.labels import labels_of
from stgcn_torch.data.recordings.recording import Recording, Scene, files_in, scene_of, shown, shown_text
from stgcn_torch.data.recordings.third_number import third_number

SPLIT = re.compile(r"(?:(.+)_)?(train|val|test)(\d*)")
SHAPES = ("img_shape", "original_shape")  # height and width of the images, in pixels
CHANNELS = {(2, False): ("x", "y"), (2, True): ("x", "y", "score"), (3, False): ("x", "y", "z")}
CHANNELS[3, True] = (*CHANNELS[3, False], "score")
LAYOUTS = {(17, "2D"): "coco", (18, "2D"): "openpose", (25, "2D"): "fsd10", (25, "3D"): "ntu-rgb+d"}


def recordings(root: Path) -> list[Recording]:
    """The clips of a pickle, or of every pickle in a folder, in order; only names are read now.

    Raises:
        ValueError: A pickle is unsafe, unreadable, or holds something else.
    """
    files = [*files_in(root, ".pkl"), *files_in(root, ".pickle")] if root.is_dir() else [root]
    return [clip for path in files for clip in _clips(path)]


def _clips(path: Path) -> list[Recording]:
    with about(path):
        data = contents(path)
    content = unpickle_views(data, source=shown(path))
    annotations = content.get("annotations") if isinstance(content, Mapping) else content
    if isinstance(content, Mapping) and "keypoint" in content:
        annotations = [content]  # of one clip, as a demo writes it
    if not isinstance(annotations, list) or not all(isinstance(clip, Mapping) for clip in annotations):
        raise ValueError(f"{shown(path)} must hold a list of annotations, got {type(annotations).__name__}")
    splits = content.get("split") or {} if isinstance(content, Mapping) else {}
    columns = _columns(splits, shown(path))
    names = content.get("classes") if isinstance(content, Mapping) else None
    labels = labels_of([clip.get("label") for clip in annotations], names)
    clips = []
    for i, (clip, label) in enumerate(zip(annotations, labels, strict=True)):
        name = str(clip.get("frame_dir", clip.get("filename", i)))
        shapes = {key: "x".join(map(str, clip[key])) for key in SHAPES if _is_shape(clip.get(key))}
        facts = columns.get(name, {}) | shapes
        if isinstance(label, str):
            clips.append(Recording(shown_text(name), partial(_refused, label), columns=facts))
        else:
            clips.append(Recording(shown_text(name), partial(_scene, clip), label, columns=facts))
    return clips


def _refused(reason: str) -> Scene:
    raise ValueError(reason)


def _is_shape(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(type(size) is int for size in value)


def _columns(splits: object, source: str) -> dict[str, dict[str, str]]:
    if not isinstance(splits, Mapping) or not all(isinstance(names, list | tuple) for names in splits.values()):
        raise ValueError(f"{source}: split must be lists of clips by name, got {type(splits).__name__}")
    columns: dict[str, dict[str, str]] = defaultdict(dict)
    for split, names in splits.items():
        match = SPLIT.fullmatch(str(split))
        column, value = (f"{match[1] or 'split'}{match[3]}", match[2]) if match else (shown_text(str(split)), "in")
        for name in names:
            columns[str(name)][column] = value
    return columns


def _scene(clip: Mapping[Any, Any]) -> Scene:
    keypoint, score = clip.get("keypoint"), clip.get("keypoint_score")
    if isinstance(keypoint, np.ndarray) and keypoint.ndim == 3:  # of one person
        keypoint = keypoint[None]
        score = score[None] if isinstance(score, np.ndarray) and score.ndim == 2 else score
    if not isinstance(keypoint, np.ndarray) or keypoint.dtype.kind not in "fiu" or keypoint.ndim != 4:
        raise ValueError(f"keypoint must be an array (M, T, V, C) or (T, V, C), got {_kind(keypoint)}")
    M, T, V, C = keypoint.shape
    if score is not None and (not isinstance(score, np.ndarray) or score.dtype.kind != "f" or score.shape != (M, T, V)):
        raise ValueError(f"keypoint_score must be an array (M, T, V) = {(M, T, V)}, got {_kind(score)}")
    channels, why = CHANNELS.get((C, score is not None)), ""
    if channels is None:
        raise ValueError(f"keypoint must have 2 or 3 coordinates, got {C}")
    if channels == CHANNELS[3, False]:
        third, why = third_number(keypoint)
        channels = ("x", "y", third)
    parts = keypoint if score is None else np.concatenate([keypoint, score[..., None]], axis=3)
    layout = LAYOUTS.get((V, "3D" if "z" in channels else "2D"))
    scene = scene_of(parts.transpose(3, 1, 2, 0), channels, layout)
    told = ""
    if V == 25:
        layout, told = order_of_25(scene.people, channels)
    return replace(scene, layout=layout, told=told, third=why)


def _kind(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
