"""The page's data: explanations as JSON, with arrays as base64 of little-endian numbers."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from stgcn_torch.architecture import known_graph
from stgcn_torch.data.preprocessing.steps import detected
from stgcn_torch.drawing.graph import Graph
from stgcn_torch.drawing.partitions import titles
from stgcn_torch.drawing.pose import standing
from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.explanation.page.scene import UNIT, Scene, scene
from stgcn_torch.skeleton import Skeleton

ANSWERS = 5  # classes listed, at least

Clip = Float[np.ndarray, "C T V M"]
Partition = Float[np.ndarray, "K V V"]


def content(explanations: Sequence[Explanation]) -> str:
    """The explanations as JSON, in ASCII.

    Raises:
        ValueError: A number that the page needs is not finite.
    """
    return json.dumps([plain_values(explanation) for explanation in explanations], separators=(",", ":"))


def plain_values(explanation: Explanation) -> dict[str, Any]:
    """One explanation as plain values, with the keys of the page's scripts."""
    e = explanation
    for name in ("logits", "probabilities", "bias", "activation", "occlusion", "importance"):
        if not np.isfinite(getattr(e, name)).all():
            raise ValueError(f"{e.title}: {name} must be finite to be shown, got NaN or infinity")
    S, M, U, V = e.activation.shape
    raw = _frames(e.raw, e.frames)
    raw_mask = detected(raw, tuple(e.raw_channels)) & (e.frames >= 0)[:, None, None]
    # The centre is zero and not missing, so the raw mask counts; an interpolated joint is in the clip's mask only.
    mask = raw_mask | detected(e.clip, tuple(e.channels))
    edges = np.argwhere(e.A != 0)
    factors = e.importance[:, *edges.T]
    left = {v for v, _ in e.body.pairs}
    return {
        "title": e.title,
        "S": S,
        "M": M,
        "U": U,
        "V": V,
        "T": len(e.frames),
        "partitions": partitions(e.A, e.body),
        "spread": spread(e.A, len(e.importance)),
        "joints": list(e.body.joints),
        "bones": [list(bone) for bone in e.body.bones],
        "left": [v in left for v in range(V)],
        "answers": _answers(e),
        "activation": _base64(e.activation, "<f4"),
        "occlusion": _base64(e.occlusion, "<f4"),
        "present": mask.any(axis=(0, 1)).tolist(),
        "seen": _scene_values(scene(e.clip, e.channels, e.body, mask)),
        "raw": _scene_values(scene(raw, e.raw_channels, e.body, raw_mask)),
        "warnings": list(e.warnings),
        "frames": np.where(e.frames < 0, -1, e.frames + e.start).tolist(),
        "start": int(mask.any(axis=(1, 2)).argmax()),  # the first frame with anybody
        "stride": int(e.stride),
        "reach": int(e.reach),
        "ahead": int(e.ahead),
        "occluded": e.occluded,
        "averaged": e.averaged,
        "edges": edges.tolist(),
        "weights": _rounded(e.A[*edges.T]),
        "importance": _rounded(factors),
        "pose": _rounded(standing(e.body)),
        "preprocessing": list(e.preprocessing),
    }


def partitions(A: Partition, body: Skeleton) -> list[str]:
    """A short description of each partition if a known strategy gives this adjacency; else its number."""
    known = known_graph(A, body)
    return titles(Graph(body, A, known["strategy"])) if known else [f"subset {k}" for k in range(len(A))]


def spread(A: Partition, blocks: int) -> list[tuple[int, int]]:
    """After each block, the number of joints that a joint's features depend on, with itself: smallest and largest."""
    edges = (A != 0).any(axis=0)  # [v, w]: v to w
    reached, counts = edges, []
    for _ in range(blocks):
        count = reached.sum(axis=0)
        counts.append((int(count.min()), int(count.max())))
        reached = reached | reached @ edges  # the residual connection keeps earlier joints, except in the first block
    return counts


def _answers(e: Explanation) -> list[dict[str, Any]]:
    """The explained classes in their order, then the most likely of the others, at least ``ANSWERS`` in all."""
    likely = np.argsort(-e.probabilities, kind="stable").tolist()
    rest = [k for k in likely if k not in e.shown][: max(0, ANSWERS - len(e.shown))]
    return [
        {
            "name": e.classes[k],
            "logit": float(e.logits[k]),
            "probability": float(e.probabilities[k]),
            "bias": float(e.bias[k]),
        }
        for k in (*e.shown, *rest)
    ]


def _frames(raw: Clip, frames: Int[np.ndarray, " T"]) -> Clip:
    """The raw clip at each frame of the window; zeros in padding."""
    return np.where((frames >= 0)[:, None, None], raw[:, np.maximum(frames, 0)], 0)


def _scene_values(drawing: Scene) -> dict[str, Any]:
    return {
        "D": drawing.points.shape[-1],
        "unit": UNIT,
        "points": _base64(drawing.points, "<i2"),
        "aside": list(drawing.aside),
        "follows": drawing.follows,
    }


def _base64(values: np.ndarray[Any, Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values.astype(kind)).tobytes()).decode()


def _rounded(values: np.ndarray[Any, Any]) -> Any:
    return np.round(values.astype(np.float64), 5).tolist()
