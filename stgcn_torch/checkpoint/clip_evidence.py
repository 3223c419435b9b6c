"""Traces of centring in the weights: they show whether a network was trained on centred clips.

The input batch norm of such a network has a gain of 316 at its centre joint, so this joint dominates a clip that is not
centred.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal

import numpy as np

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.skeleton import Skeleton

Centring = Literal["centred", "raw", "unknown"]

DECAY = 0.9  # of data_bn's running statistics in each step, the default of torch and Paddle
EPS = 1e-5  # of data_bn

# Ratio of a joint's mean square to the other joints'. Measured on the synthetic set, the larger of x and y: 0 for
# hip-centred clips, 0.48 for raw ones, 0.29 for clips centred in the first frame. Between the two limits the weights do
# not decide.
CENTRED, RAW = 1e-3, 1e-1


def centring(state: Mapping[str, Any], joint: int, coordinates: Sequence[int] | None = None) -> Centring:
    """Whether a joint lay at the origin in every frame that the weights were trained on.

    With w = 0.9ⁿ after n steps from mean 0 and variance 1, and m and s² averages over the batches seen, ``data_bn``
    holds mean (1 − w) m and variance w + (1 − w) s². A joint at the origin has m = s = 0: mean exactly 0, variance w,
    which goes to 0; so have averages (EMA) of such weights. Variance alone does not decide: after 50 steps w is 0.005,
    as much as real coordinates vary. For a moving joint, the ratio of m² + s² to the other joints' does.

    Args:
        state: Tensors or arrays by the names of ``STGCN.state_dict``. Without a batch count (Paddle stores none, and
            conversion sets 0) w is taken as 0; w is never taken larger than the least variance.
        joint: Index of the joint.
        coordinates: The channels that are plain coordinates; None for all. Scores, bones and motions do not count.

    Returns:
        ``unknown`` for weights that are untrained, not finite or without ``data_bn``, for a joint that shares its
        exact zeros with others (which may all be absent from the data), and between ``CENTRED`` and ``RAW``. A single
        joint that is absent from all data counts as ``centred``.
    """
    if "backbone.data_bn.running_mean" not in state:
        return "unknown"
    mean, variance = (_by_joint(state, name)[:, coordinates or slice(None)] for name in ("running_mean", "running_var"))
    if not (np.isfinite(mean).all() and np.isfinite(variance).all()):
        return "unknown"
    still = (mean == 0).all(axis=1)
    if still[joint]:
        return "centred" if still.sum() == 1 else "unknown"
    w = _untrained(state, variance)
    square = mean**2 / (1 - w) + variance - w  # (1 - w) (m² + s²)
    others = np.delete(square, joint, axis=0).mean(axis=0)
    if (square[joint] <= CENTRED * others).all():
        return "centred"
    return "raw" if (square[joint] > RAW * others).any() else "unknown"


def contradiction(state: Mapping[str, Any], preprocessing: Preprocessing, body: Skeleton) -> str | None:
    """One line on how a preprocessing contradicts the weights' centring; None if it does not.

    Every joint may have been the centre. Centring on a clip's first frame counts as no centring, as the joint still
    moves. For use with preprocessings asked for or assumed, not the checkpoint's own, which may rely on clips centred
    on disk.
    """
    coordinates = _coordinates(preprocessing)
    if not coordinates:
        return None
    joint = preprocessing.center_joint(body) if preprocessing.center_of == "frame" else None
    centred = [v for v in range(len(body.joints)) if centring(state, v, coordinates) == "centred"]
    if joint in centred:
        return None
    if centred:
        joint, place, effect = centred[0], "at the origin in every frame", "leaves it elsewhere"
        remedy = _centring_on(joint, preprocessing, body)
    elif joint is not None and centring(state, joint, coordinates) == "raw":
        place, effect = "away from the origin", "puts it there in every frame"
        remedy = "preprocessing=article, or preprocessing.center=null"
    else:
        return None
    gain = (_by_joint(state, "running_var")[joint, coordinates].min() + EPS) ** -0.5
    return (
        f"the weights were trained with {body.joints[joint]} {place} (gain {gain:.0f} in data_bn), "
        f"but the preprocessing {effect}; try {remedy}"
    )


def times_as_large(
    state: Mapping[str, Any], preprocessing: Preprocessing, clip: np.ndarray[Any, np.dtype[Any]]
) -> float | None:
    """How many times as large as the training clips a clip is; None if it cannot be told.

    The root mean square of the clip's coordinates is compared with that in ``data_bn``: pixels are about a thousand
    times the coordinates of a network trained on fractions of the image width.

    Args:
        state: Tensors or arrays by the names of ``STGCN.state_dict``.
        preprocessing: Preprocessing of the clip.
        clip: (C, T, V, M), preprocessed, before streams are computed.
    """
    coordinates = _coordinates(preprocessing)
    if not coordinates or "backbone.data_bn.running_mean" not in state:
        return None
    live = clip[[i for i, name in enumerate(preprocessing.keep) if name != "score"]][:, (clip != 0).any(axis=0)]
    if not live.size or not np.isfinite(live).all():
        return None
    mean, variance = (_by_joint(state, name)[:, coordinates] for name in ("running_mean", "running_var"))
    w = _untrained(state, variance)
    # m² + s² as in ``centring``; without the correction, w would look like large clips.
    squares = (mean**2 / (1 - w) + variance - w) / (1 - w)
    trained, scale = (float(np.sqrt(square.mean())) for square in (squares, live.astype(np.float64) ** 2))
    return scale / trained if np.isfinite(trained) and 0 not in (trained, scale) else None


def _untrained(state: Mapping[str, Any], variance: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Share of the initial values in ``data_bn``'s statistics: w of ``centring``."""
    n = max(int(state.get("backbone.data_bn.num_batches_tracked", 0)), 0)
    return float(min(DECAY**n, variance.min())) if n else 0.0


def _coordinates(preprocessing: Preprocessing) -> list[int]:
    """The input channels that are plain coordinates of joints."""
    channels = product(preprocessing.streams, preprocessing.keep)
    return [i for i, (stream, name) in enumerate(channels) if stream == "joint" and name != "score"]


def _centring_on(joint: int, preprocessing: Preprocessing, body: Skeleton) -> str:
    """Command-line overrides that put a joint at the origin in every frame."""
    name, changes = body.joints[joint], []
    if preprocessing.center_joint(body) != joint:
        changes.append(f"preprocessing.center={'layout' if joint == body.center else name}")
    if preprocessing.center_of != "frame":
        changes.append("preprocessing.center_of=frame")
    change = " ".join(changes)
    if joint != body.center:
        return f"{change} (if the data lack {name}: preprocessing.center=null)"
    preset = "paddlevideo" if joint == PREPROCESSINGS["paddlevideo"].center else "fixed"
    return f"preprocessing={preset}, or {change}"


def _by_joint(state: Mapping[str, Any], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A statistic of ``data_bn`` as (V, C)."""
    V = state["backbone.A"].shape[-1]
    statistic = state[f"backbone.data_bn.{name}"]
    if hasattr(statistic, "cpu"):  # a tensor on any device; torch is not imported here
        statistic = statistic.cpu()
    return np.asarray(statistic, np.float64).reshape(V, -1)  # joint-major
