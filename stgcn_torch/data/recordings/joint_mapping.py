"""Clips from one joint layout to another, by what the joints are called; missing ones are built where anatomy allows.

NumPy on one clip (C, T, V, M). A built joint is a weighted sum of detected ones with weights that add up to 1, so that
it moves and grows with the body.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip, detected
from stgcn_torch.skeleton import LAYOUTS, Skeleton

Weights = dict[str, float]

# Layouts call one place by several names; several places by one name are ``Skeleton.places``.
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
# How a place is built from others; the first row whose places are there, or can be built, counts.
# * is L and R in turn, ~ the other side. Shares beyond the last joint of a chain follow the proportions of an adult.
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
    """The table as place to its alternatives, each the share of every place in it."""
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
    """How the joints of a layout come from those of another.

    Attributes:
        weights: Per target joint, the share of every source joint in it; a joint that cannot be built has none.
        built: Target joints that the source does not have, with what they are built from, as a person would write it.
        absent: Target joints that cannot be built.
    """

    weights: dict[str, Weights]
    built: dict[str, str]
    absent: tuple[str, ...]


def mapping(source: Skeleton, target: Skeleton) -> JointMap:
    """How the joints of the target come from those of the source."""
    joints = {place(source, joint): joint for joint in source.joints}
    weights, built = {}, {}
    for joint in target.joints:
        wanted = place(target, joint)
        shares = _shares(wanted, {name: {of: 1.0} for name, of in joints.items()}, frozenset()) or {}
        weights[joint] = shares
        if shares and wanted not in joints:
            built[joint] = " + ".join(f"{share:.4g} {of}" for of, share in shares.items()).replace("+ -", "- ")
    return JointMap(weights, built, tuple(joint for joint, shares in weights.items() if not shares))


def place(body: Skeleton, joint: str) -> str:
    """The place on the body that a layout's joint marks, under one name for all layouts."""
    others = dict(LAYOUTS[body.name].places) if body.name in LAYOUTS else {}  # also where a file writes the layout out
    return others.get(joint) or SAME.get(joint, joint)


def _shares(wanted: str, there: dict[str, Weights], asked: frozenset[str]) -> Weights | None:
    """Shares of source joints in a place; None if it cannot be built without one of those ``asked`` for already."""
    if wanted in there:
        return there[wanted]
    if wanted in asked:
        return None
    for rule in RULES.get(wanted, ()):
        parts = [(share, _shares(name, there, asked | {wanted})) for name, share in rule.items()]
        total: Weights = {}
        for share, part in parts:
            for joint, weight in (part or {}).items():
                total[joint] = total.get(joint, 0.0) + share * weight
        if all(part for _, part in parts):
            return total
    return None


def mapped(clip: Clip, channels: Sequence[str], source: Skeleton, target: Skeleton, *, absent: str = "refuse") -> Clip:
    """The clip with the joints of another layout, in its type.

    Joints that both have are copied. A built one has the least of its sources' scores, and is missing (all zero) in
    frames where one of them is. What is built from what, ``mapping`` says.

    Args:
        clip: Joints of ``source``; zeros where one is missing.
        channels: What the rows of the clip are; ``score`` is a confidence, the others are coordinates.
        source: The layout of the clip.
        target: The layout that is wanted.
        absent: ``refuse`` a target with joints that cannot be built, or leave those ``missing``.

    Raises:
        ValueError: The clip is not one of the source's, ``absent`` is neither, or joints cannot be built.
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
    seen = detected(clip, tuple(channels))
    for v, joint in enumerate(target.joints):
        sources = [source.index(name) for name in plan.weights[joint]]
        if joint in plan.built:
            built = np.tensordot(clip[:, :, sources].astype(np.float64), list(plan.weights[joint].values()), (2, 0))
            if "score" in channels:
                score = list(channels).index("score")
                built[score] = clip[score][:, sources].min(axis=1)
            result[:, :, v] = np.where(seen[:, sources].all(axis=1), built, 0)
        elif sources:
            result[:, :, v] = clip[:, :, sources[0]]
    return result
