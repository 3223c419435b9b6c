"""Joint layouts: which joints a skeleton has, which bones join them, where its centre lies, which sides mirror."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Skeleton:
    """One joint layout.

    Attributes:
        name: What the layout is called in configurations and messages.
        joints: Joint names; a joint's position is its index v in every array.
        bones: Pairs of joint indices, (child, parent) where the layout has a direction; the graph ignores it.
        center: Index of the joint that the spatial partition measures distances from.
        pairs: (left, right) joint indices that a mirror image swaps.
        places: Joints that mark another place on the body than others' joints of that name, and which. Of the layouts
            here; a user's are found by the names of their joints.
        scored: Whether a network that sees three numbers a joint is taken to see x, y and score, and not x, y, z.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    center: int
    pairs: tuple[tuple[int, int], ...] = ()
    places: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    scored: bool = field(default=False, compare=False, repr=False)

    def index(self, joint: str | int) -> int:
        """Index of a joint given by index or by name, such as ``LShoulder``, ``left_shoulder`` or ``LEFT_SHOULDER``.

        Raises:
            ValueError: The layout has no such joint.
        """
        if isinstance(joint, int) and 0 <= joint < len(self.joints):
            return joint
        if joint in self.joints:
            return self.joints.index(str(joint))
        alike = [v for v, name in enumerate(self.joints) if isinstance(joint, str) and _plain(name) == _plain(joint)]
        if len(alike) == 1:
            return alike[0]
        raise ValueError(
            f"layout {self.name!r} has no joint {joint!r}; "
            f"choose an index below {len(self.joints)} or one of {', '.join(self.joints)}"
        )

    @property
    def parents(self) -> tuple[int, ...]:
        """Each joint's neighbour on the way to the centre (the centre's is itself), found breadth first."""
        neighbours: dict[int, list[int]] = {v: [] for v in range(len(self.joints))}
        for child, parent in self.bones:
            neighbours[child].append(parent)
            neighbours[parent].append(child)
        parent_of = {self.center: self.center}
        frontier = [self.center]
        while frontier:
            reached = {w: v for v in reversed(frontier) for w in neighbours[v] if w not in parent_of}
            parent_of |= reached
            frontier = sorted(reached)
        return tuple(parent_of[v] for v in range(len(self.joints)))

    @property
    def mirror(self) -> tuple[int, ...]:
        """Joint permutation of a mirror image: left and right change places, the others stay.

        Pairs that a layout does not name are found by the joints' names, such as LHip and RHip.
        """
        order = np.arange(len(self.joints))
        for left, right in self.pairs or self.named_pairs:
            order[[left, right]] = order[[right, left]]
        return tuple(order.tolist())

    @property
    def named_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) joints by their names alone."""
        sides = [_side(name) for name in self.joints]
        right = {rest: w for w, (side, rest) in enumerate(sides) if side == "r"}
        return tuple((v, right[rest]) for v, (side, rest) in enumerate(sides) if side == "l" and rest in right)


def _plain(joint: str) -> str:
    """A joint's name without case, signs and the words for its side: ``left_eye_inner`` as ``LEyeInner``."""
    name = re.sub(r"[\W_]", "", joint).lower()
    side = re.fullmatch(r"(left|right)(.+)|(.+)(left|right)", name)
    return (side[1] or side[4])[0] + (side[2] or side[3]) if side else name


def _side(joint: str) -> tuple[str, str]:
    """The side that a joint's name says, l, r or nothing, and the rest of the name."""
    plain = _plain(joint)
    if plain in ("left", "right"):
        return plain[0], ""
    return (plain[0], plain[1:]) if plain[:1] in ("l", "r") and len(plain) > 1 else ("", plain)


def skeleton(layout: str | Mapping[str, Any]) -> Skeleton:
    """The layout of a name, or of a user's mapping.

    Args:
        layout: A key of ``LAYOUTS``, or a mapping with ``joints`` (names), ``bones`` (pairs of joint names or
            indices, child first), ``center`` (name or index) and optionally ``pairs`` (left, right) and ``name``.

    Raises:
        ValueError: The name is unknown, or the mapping is no connected skeleton; all its problems are listed.
    """
    if isinstance(layout, str):
        if layout not in LAYOUTS:
            raise ValueError(f"layout {layout!r} is unknown; choose one of {', '.join(sorted(LAYOUTS))}")
        return LAYOUTS[layout]
    if not isinstance(layout, Mapping):
        raise ValueError(f"a layout must be a name, or a mapping with joints, bones and center; got {layout!r:.80}")
    name = str(layout.get("name", "custom"))
    allowed = {"name", "joints", "bones", "center", "pairs"}
    problems = [f"no {key!r}" for key in ("joints", "bones", "center") if layout.get(key) is None]
    problems += [f"unexpected key {key!r}" for key in layout if key not in allowed]
    if problems:
        raise ValueError(f"layout {name!r}: {'; '.join(problems)} (it has {', '.join(sorted(allowed))})")
    if not _is_list(layout["joints"]):
        raise ValueError(f"layout {name!r}: joints must be a list of names, got {layout['joints']!r}")
    joints = tuple(str(joint) for joint in layout["joints"])
    if len(set(joints)) < len(joints):
        raise ValueError(f"layout {name!r} names a joint twice")
    bare = Skeleton(name, joints, (), 0)

    def pairs_of(key: str) -> tuple[tuple[int, int], ...]:
        pairs: Sequence[Sequence[str | int]] = layout.get(key) or ()
        if not _is_list(pairs) or any(not _is_list(pair) or len(pair) != 2 for pair in pairs):
            raise ValueError(f"layout {name!r}: {key} must be pairs of joints, such as [Knee, Hip]")
        return tuple((bare.index(a), bare.index(b)) for a, b in pairs)

    body = Skeleton(name, joints, pairs_of("bones"), bare.index(layout["center"]), pairs_of("pairs"))
    sides = [v for pair in body.pairs for v in pair]
    if len(set(sides)) < len(sides):
        raise ValueError(f"layout {name!r}: a joint is in two of its pairs; a mirror image swaps it with one other")
    return _connected(body)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _connected(body: Skeleton) -> Skeleton:
    try:
        _ = body.parents
    except KeyError as unreached:
        raise ValueError(
            f"layout {body.name!r}: no bones lead from joint {body.joints[unreached.args[0]]!r} "
            f"to the centre {body.joints[body.center]!r}"
        ) from None
    return body


def _layout(
    name: str, *, center: str, joints: str, chains: str, pairs: str, places: str = "", scored: bool = False
) -> Skeleton:
    """A layout written compactly: ``chains`` are bones, child before parent, as ``hand>elbow>shoulder``."""
    names = joints.split()
    bones: list[tuple[str, str]] = []
    for chain in chains.split():
        steps = chain.split(">")
        bones += pairwise(steps)
    sides = [tuple(pair.split("/")) for pair in pairs.split()]
    body = skeleton({"name": name, "joints": names, "bones": bones, "center": center, "pairs": sides})
    marks = [(joint, place) for joint, _, place in (mark.partition("=") for mark in places.split())]
    return replace(body, places=tuple(marks), scored=scored)


# A layout is one entry; readers that know one by its number of joints name it themselves.
LAYOUTS: dict[str, Skeleton] = {}
LAYOUTS["fsd10"] = _layout(  # OpenPose BODY_25, the layout of the figure-skating data
    "fsd10",
    center="MidHip",
    joints="Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle "
    "REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    chains="REar>REye>Nose>Neck>MidHip LEar>LEye>Nose LWrist>LElbow>LShoulder>Neck RWrist>RElbow>RShoulder>Neck "
    "RAnkle>RKnee>RHip>MidHip RHeel>RAnkle RSmallToe>RBigToe>RAnkle "
    "LAnkle>LKnee>LHip>MidHip LHeel>LAnkle LSmallToe>LBigToe>LAnkle",
    pairs="LShoulder/RShoulder LElbow/RElbow LWrist/RWrist LHip/RHip LKnee/RKnee LAnkle/RAnkle LEye/REye LEar/REar "
    "LBigToe/RBigToe LSmallToe/RSmallToe LHeel/RHeel",
)
LAYOUTS["ntu-rgb+d"] = _layout(  # Kinect v2; the hand tips and thumbs as the released ST-GCN links them
    "ntu-rgb+d",
    center="SpineShoulder",
    joints="SpineBase SpineMid Neck Head LShoulder LElbow LWrist LHand RShoulder RElbow RWrist RHand LHip LKnee "
    "LAnkle LFoot RHip RKnee RAnkle RFoot SpineShoulder LHandTip LThumb RHandTip RThumb",
    chains="SpineBase>SpineMid>SpineShoulder Head>Neck>SpineShoulder "
    "LHandTip>LThumb>LHand>LWrist>LElbow>LShoulder>SpineShoulder "
    "RHandTip>RThumb>RHand>RWrist>RElbow>RShoulder>SpineShoulder "
    "LFoot>LAnkle>LKnee>LHip>SpineBase RFoot>RAnkle>RKnee>RHip>SpineBase",
    pairs="LShoulder/RShoulder LElbow/RElbow LWrist/RWrist LHand/RHand LHip/RHip LKnee/RKnee LAnkle/RAnkle "
    "LFoot/RFoot LHandTip/RHandTip LThumb/RThumb",
    places="Neck=Throat",  # halfway up to the head, which is the middle of it
)
LAYOUTS["coco"] = _layout(  # COCO keypoints; bones and centre as PaddleVideo's coco_keypoint, a ring through the face
    "coco",
    scored=True,
    center="LHip",
    joints="Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle "
    "RAnkle",
    chains="Nose>LEye>LEar>LShoulder>LHip Nose>REye>REar>RShoulder>RHip>LHip LWrist>LElbow>LShoulder "
    "RWrist>RElbow>RShoulder LAnkle>LKnee>LHip RAnkle>RKnee>RHip",
    pairs="LEye/REye LEar/REar LShoulder/RShoulder LElbow/RElbow LWrist/RWrist LHip/RHip LKnee/RKnee LAnkle/RAnkle",
)
LAYOUTS["openpose"] = _layout(  # OpenPose COCO-18, the layout of Kinetics-skeleton
    "openpose",
    scored=True,
    center="Neck",
    joints="Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle REye LEye "
    "REar LEar",
    chains="REar>REye>Nose>Neck LEar>LEye>Nose RWrist>RElbow>RShoulder>Neck LWrist>LElbow>LShoulder>Neck "
    "RAnkle>RKnee>RHip>RShoulder LAnkle>LKnee>LHip>LShoulder",
    pairs="LShoulder/RShoulder LElbow/RElbow LWrist/RWrist LHip/RHip LKnee/RKnee LAnkle/RAnkle LEye/REye LEar/REar",
)
LAYOUTS["body_25b"] = _layout(  # OpenPose BODY_25B: COCO's joints, MPII's neck and head, and the feet of BODY_25
    "body_25b",
    scored=True,
    center="UpperNeck",  # the middle of the trunk that it has: neither a neck between the shoulders nor a middle hip
    joints="Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle "
    "RAnkle UpperNeck HeadTop LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    chains="HeadTop>UpperNeck LEar>LEye>Nose>UpperNeck REar>REye>Nose LWrist>LElbow>LShoulder>UpperNeck "
    "RWrist>RElbow>RShoulder>UpperNeck LHeel>LAnkle>LKnee>LHip>LShoulder LSmallToe>LBigToe>LAnkle "
    "RHeel>RAnkle>RKnee>RHip>RShoulder RSmallToe>RBigToe>RAnkle",
    pairs="LEye/REye LEar/REar LShoulder/RShoulder LElbow/RElbow LWrist/RWrist LHip/RHip LKnee/RKnee LAnkle/RAnkle "
    "LBigToe/RBigToe LSmallToe/RSmallToe LHeel/RHeel",
)
LAYOUTS["h36m"] = _layout(  # Human3.6M's 17 joints, the order of FS-Jump3D and of most 3-D lifters
    "h36m",
    center="Pelvis",
    joints="Pelvis RHip RKnee RAnkle LHip LKnee LAnkle Spine Thorax Neck Head LShoulder LElbow LWrist RShoulder "
    "RElbow RWrist",
    chains="RAnkle>RKnee>RHip>Pelvis LAnkle>LKnee>LHip>Pelvis Head>Neck>Thorax>Spine>Pelvis "
    "LWrist>LElbow>LShoulder>Thorax RWrist>RElbow>RShoulder>Thorax",
    pairs="LHip/RHip LKnee/RKnee LAnkle/RAnkle LShoulder/RShoulder LElbow/RElbow LWrist/RWrist",
    places="Neck=Throat Head=HeadTop",
)
LAYOUTS["mediapipe"] = _layout(  # MediaPipe Pose: its left_eye_inner is LEyeInner here, its mouth_left LMouth
    "mediapipe",
    center="Nose",  # the one joint of 33 in the middle; shoulders hang from it, as PYSKL hangs COCO's
    joints="Nose LEyeInner LEye LEyeOuter REyeInner REye REyeOuter LEar REar LMouth RMouth LShoulder RShoulder LElbow "
    "RElbow LWrist RWrist LPinky RPinky LIndex RIndex LThumb RThumb LHip RHip LKnee RKnee LAnkle RAnkle LHeel RHeel "
    "LFootIndex RFootIndex",
    chains="LEar>LEyeOuter>LEye>LEyeInner>Nose REar>REyeOuter>REye>REyeInner>Nose LMouth>Nose RMouth>Nose "
    "LWrist>LElbow>LShoulder>Nose RWrist>RElbow>RShoulder>Nose "
    "LPinky>LWrist LIndex>LWrist LThumb>LWrist RPinky>RWrist RIndex>RWrist RThumb>RWrist "
    "LFootIndex>LHeel>LAnkle>LKnee>LHip>LShoulder RFootIndex>RHeel>RAnkle>RKnee>RHip>RShoulder",
    pairs="LEyeInner/REyeInner LEye/REye LEyeOuter/REyeOuter LEar/REar LMouth/RMouth LShoulder/RShoulder LElbow/RElbow "
    "LWrist/RWrist LPinky/RPinky LIndex/RIndex LThumb/RThumb LHip/RHip LKnee/RKnee LAnkle/RAnkle LHeel/RHeel "
    "LFootIndex/RFootIndex",
)
