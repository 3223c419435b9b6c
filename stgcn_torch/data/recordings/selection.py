"""Selection of clips from a scene: people, joints and channels, in one layout and unit."""

from dataclasses import dataclass, replace

import numpy as np

from stgcn_torch.data.preprocessing.steps import Clip
from stgcn_torch.data.recordings.joint_mapping import mapped
from stgcn_torch.data.recordings.missing import without_missing
from stgcn_torch.data.recordings.recording import UNNAMED, Scene, Track
from stgcn_torch.skeleton import Skeleton, skeleton

PEOPLE = ("together", "each")
ABSENT = ("refuse", "missing")


@dataclass(frozen=True)
class Selection:
    """Options for the clips of a scene.

    Attributes:
        body: The layout of the recordings; None for that of the first recording.
        channels: Names of a pose's numbers, where the count fits; None for the names in each recording.
        keep: The channels of the clips; None for ``channels``, or else those of the first recording.
        to: The layout of the clips; recordings may then have more channels than ``keep``. None for ``body``.
        absent: ``refuse`` recordings from whose layout a joint of ``to`` cannot be built, or leave it ``missing``.
        unit: Factor of every channel but the score: 0.001 converts millimetres to metres.
        people: ``together`` in one clip, or ``each`` in a separate clip.
        most: Largest number of people in a clip, the most prominent first.
        min_frames: Fewest frames of a clip; shorter clips are left out.
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
        """Layout and channels of the clips; ValueError before ``completed`` has set them."""
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
    """The selection, with missing layout and channels taken from a scene; ValueError if the scene lacks them too."""
    if not scene.people:
        raise ValueError("it shows nobody")
    if selection.body is None:
        if scene.layout is None and selection.to is None:
            why = f": {scene.told}" if scene.told else ""
            raise ValueError(f"its layout cannot be told{why}; give layout=NAME")
        if scene.layout is None and selection.to and _other_numbering(scene, selection.to):
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


def _other_numbering(scene: Scene, body: Skeleton) -> bool:
    """Whether joints have numbers instead of names, and not as many as the layout: another layout's numbers."""
    return 0 < len(scene.joints) != len(body.joints) and all(joint.isdecimal() for joint in scene.joints)


def fitted(scene: Scene, selection: Selection) -> Scene:
    """The scene with the selected people, joints in the layout's order, and coordinates in the selection's unit.

    Raises:
        ValueError: The scene has other joints or channels than the selection.
    """
    body, channels = selection.body, selection.told[1]
    assert body is not None, "a selection is completed first"
    if not scene.as_stored and len(told := _names(scene, selection)) == scene.people[0].poses.shape[2]:
        scene = without_missing(scene, told)
        there = [track for track in scene.people if track.poses.any()]
        if not there:
            raise ValueError("it shows nobody: no joint of anybody has a score and a place")
        if ghosts := len(scene.people) - len(there):
            are = "1 person is" if ghosts == 1 else f"{ghosts} people are"
            line = f"{are} left out, without a joint that has a score and a place"
            scene = replace(scene, people=there, problems=(*scene.problems, line))
    V, joints = len(body.joints), scene.people[0].poses.shape[1]
    names, rows = _names(scene, selection), _rows(scene, selection)
    if (rows is None and len(names) != len(channels)) or (not scene.joints and joints != V):
        raise ValueError(
            f"(C, V) must be ({len(channels)}, {V}), {', '.join(channels)} of {body.name}, got ({len(names)}, {joints})"
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
    """Names of a pose's numbers: those of the user, or else ``keep`` for unnamed ones, or else the recording's."""
    C = scene.people[0].poses.shape[2]
    candidates = selection.channels, (selection.keep if UNNAMED in scene.channels else None)
    return next((names for names in candidates if names and len(names) == C), scene.channels)


def _rows(scene: Scene, selection: Selection) -> list[int] | None:
    """Indices of the channels among a pose's numbers; None if one is missing, or if there are more without ``to``.

    The choice is by name: three numbers may be x, y, z or x, y, score.
    """
    names, channels = _names(scene, selection), selection.told[1]
    if not set(channels) <= set(names) or (selection.to is None and len(names) > len(channels)):
        return None
    return [names.index(channel) for channel in channels]


def parts_of(scene: Scene, selection: Selection) -> list[tuple[str, int, Clip]]:
    """Each clip of a scene, with its person's number and its start frame; ValueError if all clips are too short."""
    if selection.people == "together":
        clips = [("", 0, scene.together())]
    else:
        starts = [track.start for track in scene.people]
        clips = [(str(m), starts[m], clip) for m, clip in enumerate(scene.each())]
    parts = [(m, start, _mapped(clip, selection)) for m, start, clip in clips if clip.shape[1] >= selection.min_frames]
    if not parts:
        longest = max(clip.shape[1] for *_, clip in clips)
        raise ValueError(f"it has {longest} frames, fewer than min_frames={selection.min_frames}")
    return parts


def _mapped(clip: Clip, selection: Selection) -> Clip:
    if selection.to is None or selection.body is None or selection.body.joints == selection.to.joints:
        return clip
    return mapped(clip, selection.told[1], selection.body, selection.to, absent=selection.absent)


def check_alike(scene: Scene, selection: Selection) -> None:
    """Raise ValueError if a recording's layout differs from that of earlier recordings."""
    layout, earlier = _layout(scene), selection.body
    if layout and earlier and layout.joints != earlier.joints:
        raise ValueError(f"it is {layout.name}, and those before are {earlier.name}; layout=NAME reads all as one")


def _layout(scene: Scene) -> Skeleton | None:
    return skeleton(scene.layout) if isinstance(scene.layout, str) else scene.layout
