"""What becomes of a scene: which of its people, joints and channels its clips have, and in which layout and unit."""

from dataclasses import dataclass, replace

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.recordings.joint_mapping import mapped
from stgcn_torch.data.recordings.recording import UNNAMED, Scene, Track
from stgcn_torch.skeleton import Skeleton, skeleton

PEOPLE = ("together", "each")
ABSENT = ("refuse", "missing")


@dataclass(frozen=True)
class Selection:
    """What becomes of a scene, as options say it.

    Attributes:
        body: The layout of the joints; None for the one that the first recording has.
        channels: What a pose's numbers are, if there are as many; None for what each recording says.
        keep: The channels that the clips shall have; None for ``channels``, or else those of the first recording.
        to: The layout that the clips shall have, whatever the recordings have; recordings may then have more channels
            than are kept. None for ``body``.
        absent: ``refuse`` recordings whose layout does not say where a joint of ``to`` is, or leave it ``missing``.
        unit: Every channel but the score is multiplied by it: 0.001 makes metres of millimetres.
        people: ``together`` in one clip, side by side, or ``each`` in a clip of its own.
        most: People in a clip, the most prominent first.
        min_frames: Shorter clips are left out.
    """

    body: Skeleton | None = None
    channels: tuple[str, ...] | None = None
    keep: tuple[str, ...] | None = None
    to: Skeleton | None = None
    absent: str = "refuse"
    unit: float = 1.0
    people: str = "together"
    most: int = 2
    min_frames: int = 1

    @property
    def told(self) -> tuple[Skeleton, tuple[str, ...]]:
        """Layout and channels of the clips; ValueError if they have not been told."""
        body = self.to or self.body
        if body is None or self.keep is None:
            raise ValueError("a selection must have a layout and channels")
        return body, self.keep

    def __post_init__(self) -> None:
        if self.people not in PEOPLE:
            raise ValueError(f"people {self.people!r} is unknown; choose {' or '.join(PEOPLE)}")
        if self.absent not in ABSENT:
            raise ValueError(f"absent {self.absent!r} is unknown; choose {' or '.join(ABSENT)}")
        if self.most < 1 or self.min_frames < 1:
            raise ValueError(f"most_people and min_frames must be at least 1, got {self.most} and {self.min_frames}")


def completed(selection: Selection, scene: Scene) -> Selection:
    """The selection with the layout and the channels of a scene, where it had none; ValueError if none are told."""
    if not scene.people:
        raise ValueError("it shows nobody")
    if selection.body is None:
        if scene.layout is None and selection.to is None:
            raise ValueError("its layout cannot be told; give layout=NAME")
        if scene.layout is None and selection.to and _numbers_others(scene, selection.to):
            raise ValueError(
                f"it numbers {len(scene.joints)} joints, and {selection.to.name} has {len(selection.to.joints)}; "
                "layout=NAME says which they are"
            )
        selection = replace(selection, body=_layout(scene) or selection.to)
    if selection.keep is None:
        if selection.channels is None and UNNAMED in scene.channels:
            raise ValueError("its channels cannot be told; give 'channels=[x,y,score]' or what they are")
        selection = replace(selection, keep=selection.channels or scene.channels)
    return selection


def _numbers_others(scene: Scene, body: Skeleton) -> bool:
    """Whether joints are told by numbers that may be another layout's: there are not as many."""
    return 0 < len(scene.joints) != len(body.joints) and all(joint.isdecimal() for joint in scene.joints)


def fitted(scene: Scene, selection: Selection) -> Scene:
    """The scene with the people that are wanted, the joints in the layout's order, and lengths in its unit.

    Raises:
        ValueError: It has other joints or channels than the selection.
    """
    body, channels = selection.body, selection.told[1]
    assert body is not None, "a selection is completed first"
    V, found = len(body.joints), scene.people[0].poses.shape[1]
    names, rows = _names(scene, selection), _rows(scene, selection)
    if (rows is None and len(names) != len(channels)) or (not scene.joints and found != V):
        raise ValueError(
            f"(C, V) must be ({len(channels)}, {V}), {', '.join(channels)} of {body.name}, got ({len(names)}, {found})"
        )
    if rows is None:
        raise ValueError(f"it has {', '.join(names)} and not {', '.join(channels)}; channels=[...] says otherwise")
    order = [body.index(int(joint) if joint.isdecimal() else joint) for joint in scene.joints] or list(range(V))
    if len(set(order)) < len(order):
        raise ValueError(f"it names a joint in two ways: {', '.join(scene.joints)}")
    scale = np.array([1.0 if channel == "score" else selection.unit for channel in channels])
    people = []
    for track in scene.people[: selection.most if selection.people == "together" else None]:
        poses = np.zeros((len(track.poses), V, len(channels)), np.float32)
        with np.errstate(over="ignore"):
            poses[:, order] = track.poses[..., rows] * scale
        people.append(Track(track.start, poses))
    return replace(scene, people=people, channels=channels)


def _names(scene: Scene, selection: Selection) -> tuple[str, ...]:
    """What the numbers of a pose are: as the user says, or else the recording, or else as they are wanted."""
    C = scene.people[0].poses.shape[2]
    given = selection.channels, (selection.keep if UNNAMED in scene.channels else None)
    return next((names for names in given if names and len(names) == C), scene.channels)


def _rows(scene: Scene, selection: Selection) -> list[int] | None:
    """Which of a pose's numbers are the channels; None if it lacks one, or has more and no layout is asked for.

    By name: three numbers may be x, y, z or x, y, score.
    """
    names, channels = _names(scene, selection), selection.told[1]
    if not set(channels) <= set(names) or (selection.to is None and len(names) > len(channels)):
        return None
    return [names.index(channel) for channel in channels]


def parts_of(scene: Scene, selection: Selection) -> list[tuple[str, int, Clip]]:
    """The clips of a scene, with the number of the person in each and its start; ValueError if all are too short."""
    if selection.people == "together":
        clips = [("", 0, scene.together())]
    else:
        starts = [track.start for track in scene.people]
        clips = [(str(m), starts[m], clip) for m, clip in enumerate(scene.each())]
    kept = [(m, start, _mapped(clip, selection)) for m, start, clip in clips if clip.shape[1] >= selection.min_frames]
    if not kept:
        longest = max(clip.shape[1] for *_, clip in clips)
        raise ValueError(f"it has {longest} frames, fewer than min_frames={selection.min_frames}")
    return kept


def _mapped(clip: Clip, selection: Selection) -> Clip:
    if selection.to is None or selection.body is None or selection.body.joints == selection.to.joints:
        return clip
    return mapped(clip, selection.told[1], selection.body, selection.to, absent=selection.absent)


def check_alike(scene: Scene, selection: Selection) -> None:
    """Raise ValueError if a recording's layout is not that of those before: it would be read as what it is not."""
    own, others = _layout(scene), selection.body
    if own and others and own.joints != others.joints:
        raise ValueError(f"it is {own.name}, and those before are {others.name}; layout=NAME reads all as one")


def _layout(scene: Scene) -> Skeleton | None:
    return skeleton(scene.layout) if isinstance(scene.layout, str) else scene.layout
