"""What centring leaves in the weights: a network trained on centred clips shows it, whatever was lost beside it.

The input batch norm of such a network has a gain of 316 at its centre joint: a clip that is not centred drowns in it.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal

import numpy as np

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.skeleton import Skeleton

Centring = Literal["centred", "raw", "unknown"]

KEPT = 0.9  # of data_bn's statistics in each step, by torch's default and Paddle's
EPS = 1e-5  # of data_bn

# A joint's mean square over the other joints'. Measured on the synthetic set, the larger of x and y: 0 hip-centred,
# 0.48 raw, 0.29 centred in the first frame. Between the two the weights do not tell.
CENTRED, RAW = 1e-3, 1e-1
SCALES = 10  # times: people near the camera and far from it differ by less, units by more


def centring(state: Mapping[str, Any], joint: int, coordinates: Sequence[int] | None = None) -> Centring:
    """Whether a joint lay at the origin in every frame that the weights were trained on.

    With w = 0.9ⁿ after n steps from mean 0 and variance 1, and m and s² averages over the batches seen, ``data_bn``
    holds mean (1 − w) m and variance w + (1 − w) s². A joint at the origin has m = s = 0: mean exactly 0, variance w,
    which goes to 0; so have averages (EMA) of such weights. Variance alone does not tell: after 50 steps w is 0.005, as
    much as real coordinates vary. For a joint that moves, m² + s² over the other joints' does.

    Args:
        state: Tensors or arrays under the names of ``STGCN.state_dict``. Without a count of batches (Paddle stores
            none, which conversion makes 0) w counts as 0; a wrong count is bounded by the least variance.
        joint: Index of the joint.
        coordinates: The channels that are plain coordinates; None for all. A score, a bone and a motion do not tell.

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
    """One line that says how a preprocessing contradicts the weights' centring; None where it does not.

    Every joint may have been the centre. Centring on a clip's first frame leaves the path in: it counts as none. Ask
    of a preprocessing that was given or assumed, not of the weights' own: clips that are centred on disk need none.
    """
    coordinates = _coordinates(preprocessing)
    if not coordinates:
        return None
    joint = preprocessing.center_joint(body) if preprocessing.center_of == "frame" else None
    centred = [v for v in range(len(body.joints)) if centring(state, v, coordinates) == "centred"]
    if joint in centred:
        return None
    if centred:
        joint, trained, does = centred[0], "at the origin in every frame", "leaves it elsewhere"
        remedy = _centring_on(joint, preprocessing, body)
    elif joint is not None and centring(state, joint, coordinates) == "raw":
        trained, does = "away from the origin", "puts it there in every frame"
        remedy = "preprocessing=article, or preprocessing.center=null"
    else:
        return None
    gain = (_by_joint(state, "running_var")[joint, coordinates].min() + EPS) ** -0.5
    return (
        f"the weights were trained with {body.joints[joint]} {trained} (gain {gain:.0f} in data_bn), "
        f"but the preprocessing {does}; try {remedy}"
    )


def other_scale(
    state: Mapping[str, Any], preprocessing: Preprocessing, clip: np.ndarray[Any, np.dtype[Any]]
) -> str | None:
    """One line that says how much larger or smaller a clip is than those the weights saw; None where it is not.

    The root mean square of its coordinates is compared with that which ``data_bn`` holds: pixels are a thousand times
    the coordinates of a network that was trained on parts of the picture's width.

    Args:
        state: Tensors or arrays under the names of ``STGCN.state_dict``.
        preprocessing: What was done to the clip.
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
    seen = (mean**2 / (1 - w) + variance - w) / (1 - w)  # m² + s², as in ``centring``: w would pass for large clips
    trained, found = (float(np.sqrt(square.mean())) for square in (seen, live.astype(np.float64) ** 2))
    if not np.isfinite(trained) or 0 in (trained, found) or 1 / SCALES < found / trained < SCALES:
        return None
    return (
        f"coordinates are {found / trained:.2g} times as large as those the weights were trained on; "
        f"bring them into the same unit, such as unit={trained / found:.2g} for recordings"
    )


def _untrained(state: Mapping[str, Any], variance: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The part of ``data_bn``'s statistics that is still their start: w of ``centring``."""
    n = max(int(state.get("backbone.data_bn.num_batches_tracked", 0)), 0)
    return float(min(KEPT**n, variance.min())) if n else 0.0


def _coordinates(preprocessing: Preprocessing) -> list[int]:
    """The input channels that are plain coordinates of joints."""
    channels = product(preprocessing.streams, preprocessing.keep)
    return [i for i, (stream, name) in enumerate(channels) if stream == "joint" and name != "score"]


def _centring_on(joint: int, preprocessing: Preprocessing, body: Skeleton) -> str:
    """What to say on the command line for a joint to be at the origin in every frame."""
    name, changes = body.joints[joint], []
    if preprocessing.center_joint(body) != joint:
        changes.append(f"preprocessing.center={'layout' if joint == body.center else name}")
    if preprocessing.center_of != "frame":
        changes.append("preprocessing.center_of=frame")
    change = " ".join(changes)
    if joint != body.center:
        return f"{change} (if the data lack {name}: preprocessing.center=null)"
    named = "paddlevideo" if joint == PREPROCESSINGS["paddlevideo"].center else "fixed"
    return f"preprocessing={named}, or {change}"


def _by_joint(state: Mapping[str, Any], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A statistic of ``data_bn`` as (V, C)."""
    V = state["backbone.A"].shape[-1]
    statistic = state[f"backbone.data_bn.{name}"]
    if hasattr(statistic, "cpu"):  # a tensor, of any device; torch itself is not imported here
        statistic = statistic.cpu()
    return np.asarray(statistic, np.float64).reshape(V, -1)  # joint-major
