"""Conversion of clips between joint layouts by the joints' names; missing joints are built where anatomy allows.

NumPy on one clip (C, T, V, M). A built joint is a weighted sum of detected ones with weights that add up to 1, so that
it moves and grows with the body.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip, detected
from stgcn_torch.skeleton import LAYOUTS, Skeleton

Weights = dict[str, float]

# Names of one place in several layouts; ``Skeleton.places`` has names that mark different places.
SAME = {
    "Pelvis": "MidHip",  # h36m
    "SpineBase": "MidHip",  # ntu-rgb+d
    "SpineMid": "Spine",  # ntu-rgb+d
    "SpineShoulder": "Neck",  # ntu-rgb+d; the neck of OpenPose lies between the shoulders
    "Thorax": "Neck",  # h36m
    "UpperNeck": "Throat",  # body_25b
    "LFootIndex": "LBigToe",  # mediapipe
    "RFootIndex": "RBigToe",
}
# A place as a weighted sum of others; the first row whose places exist or can be built applies. * is L and R in turn,
# ~ the other side. Weights beyond the last joint of a chain follow the proportions of an adult.
BUILT = """
    MidHip     0.5 LHip + 0.5 RHip
    Neck       0.5 LShoulder + 0.5 RShoulder
    Spine      0.5 MidHip + 0.5 Neck
    Throat     0.5 Neck + 0.5 Head
    Head       0.5 LEar + 0.5 REar
    Head       0.5 LEye + 0.5 REye
    Head       0.5 Throat + 0.5 HeadTop
    Head       1 Nose
    HeadTop    1.5 Head + -0.5 Neck
    Nose       1 Head
    *EyeInner  0.75 *Eye + 0.25 ~Eye
    *EyeOuter  1.25 *Eye + -0.25 ~Eye
    *Hand      0.5 *Index + 0.5 *Pinky
    *Hand      1.3 *Wrist + -0.3 *Elbow
    *HandTip   2 *Hand + -1 *Wrist
    *Foot      1 *BigToe
    *BigToe    1 *Foot
    *SmallToe  0.8 *BigToe + 0.2 *Heel
"""


def _rules(table: str) -> dict[str, list[Weights]]:
    """The table as a mapping: place to its alternative sums, each with the weight of every place."""
    rules: dict[str, list[Weights]] = {}
    for line in table.strip().splitlines():
        for side, other in ("LR", "RL") if "*" in line else [("", "")]:
            place, total = line.replace("*", side).replace("~", other).split(maxsplit=1)
            terms = [term.split() for term in total.split(" + ")]
            rules.setdefault(place, []).append({name: float(share) for share, name in terms})
    return rules


RULES = _rules(BUILT)


@dataclass(frozen=True)
class JointMap:
    """The joints of one layout as weighted sums of another's.

    Attributes:
        weights: For each target joint, the weight of every source joint; empty for a joint that cannot be built.
        built: Target joints that the source lacks, each with its sum of source joints as text.
        absent: Target joints that cannot be built.
    """

    weights: dict[str, Weights]
    built: dict[str, str]
    absent: tuple[str, ...]


def mapping(source: Skeleton, target: Skeleton) -> JointMap:
    """The joints of the target as weighted sums of the source's."""
    joints = {place(source, joint): joint for joint in source.joints}
    weights, built = {}, {}
    for joint in target.joints:
        name = place(target, joint)
        shares = _shares(name, {other: {of: 1.0} for other, of in joints.items()}, frozenset()) or {}
        weights[joint] = shares
        if shares and name not in joints:
            built[joint] = " + ".join(f"{share:.4g} {of}" for of, share in shares.items()).replace("+ -", "- ")
    return JointMap(weights, built, tuple(joint for joint, shares in weights.items() if not shares))


def place(body: Skeleton, joint: str) -> str:
    """The place on the body that a layout's joint marks, under one name for all layouts."""
    places = dict(LAYOUTS[body.name].places) if body.name in LAYOUTS else {}  # also for a layout written out in a file
    return places.get(joint) or SAME.get(joint, joint)


def _shares(name: str, available: dict[str, Weights], pending: frozenset[str]) -> Weights | None:
    """Weights of source joints in a place; None if it cannot be built, or only from the ``pending`` places."""
    if name in available:
        return available[name]
    if name in pending:
        return None
    for rule in RULES.get(name, ()):
        parts = [(share, _shares(other, available, pending | {name})) for other, share in rule.items()]
        total: Weights = {}
        for share, part in parts:
            for joint, weight in (part or {}).items():
                total[joint] = total.get(joint, 0.0) + share * weight
        if all(part for _, part in parts):
            return total
    return None


def mapped(clip: Clip, channels: Sequence[str], source: Skeleton, target: Skeleton, *, absent: str = "refuse") -> Clip:
    """The clip with the joints of another layout, in the same type.

    Joints of both layouts are copied. A built joint has the lowest of its sources' scores, and is missing (all zero)
    in frames where one of its sources is missing. ``mapping`` gives the sources.

    Args:
        clip: Joints of ``source``; zeros where a joint is missing.
        channels: Names of the clip's channels; ``score`` is a confidence, the others are coordinates.
        source: The layout of the clip.
        target: The layout of the result.
        absent: ``refuse`` a target with joints that cannot be built, or leave those ``missing``.

    Raises:
        ValueError: The clip does not have the source's shape, ``absent`` is unknown, or joints cannot be built.
    """
    if clip.ndim != 4 or clip.shape[0] != len(channels) or clip.shape[2] != len(source.joints):
        raise ValueError(
            f"a clip of {source.name} must be (C, T, V, M) with C={len(channels)} and V={len(source.joints)}, "
            f"got {clip.shape}"
        )
    if absent not in ("refuse", "missing"):
        raise ValueError(f"absent {absent!r} is unknown; choose refuse or missing")
    plan = mapping(source, target)
    if plan.absent and absent == "refuse":
        raise ValueError(
            f"layout {source.name} does not say where {', '.join(plan.absent)} of {target.name} "
            f"{'is' if len(plan.absent) == 1 else 'are'}; absent=missing leaves them out"
        )
    result = np.zeros((*clip.shape[:2], len(target.joints), clip.shape[3]), clip.dtype)
    mask = detected(clip, tuple(channels))
    for v, joint in enumerate(target.joints):
        sources = [source.index(name) for name in plan.weights[joint]]
        if joint in plan.built:
            built = np.tensordot(clip[:, :, sources].astype(np.float64), list(plan.weights[joint].values()), (2, 0))
            if "score" in channels:
                score = list(channels).index("score")
                built[score] = clip[score][:, sources].min(axis=1)
            result[:, :, v] = np.where(mask[:, sources].all(axis=1), built, 0)
        elif sources:
            result[:, :, v] = clip[:, :, sources[0]]
    return result
