"""A long recording as the network sees it when it is one clip, a part or a frame at a time: NumPy, flat memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.preprocessing.centring import centre_path, moved, seen_centre
from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing, centre, detected, without_nan
from stgcn_torch.skeleton import Skeleton

PART = 256  # frames

ALLOWED: dict[str, tuple[Any, ...]] = {  # of a preprocessing, what works frame by frame
    "center_of": ("frame",),
    "teleports": ("keep",),
    "gaps": ("keep",),
    "frames": (None,),
    "crops": (1,),
    "crop": (1.0,),
}
STREAMS = ("joint", "bone")


def refuse_more_than_frames(preprocessing: Preprocessing) -> None:
    """Raise ValueError that names the steps of a preprocessing which need more than a frame, and what is allowed."""
    wrong = [
        f"preprocessing.{name}={getattr(preprocessing, name)} (allowed: {'null' if value[0] is None else value[0]})"
        for name, value in ALLOWED.items()
        if getattr(preprocessing, name) not in value and (name != "center_of" or preprocessing.center is not None)
    ]
    if not set(preprocessing.streams) <= set(STREAMS):
        wrong.append(f"preprocessing.streams={list(preprocessing.streams)} (allowed: {', '.join(STREAMS)})")
    if wrong:
        raise ValueError(f"a stream takes frames one by one, and the network was trained with {'; '.join(wrong)}")


@dataclass(frozen=True)
class LongClip:
    """A recording, preprocessed as one clip whose window is as long as itself: neither padded nor sampled.

    Attributes:
        clip: As recorded, usually a memory-mapped array.
        preprocessing: What is done to it, which must work frame by frame. Where the centre is undetected it lies on
            the straight line between the frames before and after, however far.
        body: The layout of the joints.
        name: What errors call it.
    """

    clip: Clip
    preprocessing: Preprocessing
    body: Skeleton
    name: str = "the clip"

    def parts(self) -> Iterator[Clip]:
        """Preprocessed frames up to the last live one, float32, ``PART`` at a time.

        Raises:
            ValueError: A value is NaN or infinite, and the preprocessing refuses that.
        """
        made, T, channels = self.preprocessing, len(self.live()), self._channels
        joint = made.center_joint(self.body) if T else None
        path = None if joint is None or made.centring == "every_joint" else self._path(joint, T)
        kept = [channels.index(channel) for channel in made.keep]
        for start in range(0, T, PART):
            part = self._part(start, min(start + PART, T))
            if path is not None:
                part = moved(part, detected(part, channels), path[:, start : start + PART])
            elif joint is not None:
                part = centre(part, joint, channels, made)
            yield part[kept].astype(np.float32)

    def live(self) -> Bool[np.ndarray, " T"]:
        """In which frames, up to the last such, anything is not zero; errors as in ``parts``."""
        found = [
            (self._part(start, start + PART) != 0).any(axis=(0, 2, 3)) for start in range(0, self.clip.shape[1], PART)
        ]
        live = np.concatenate([np.zeros(0, np.bool_), *found])
        return live[: np.flatnonzero(live)[-1] + 1] if live.any() else live[:0]

    def _path(self, joint: int, T: int) -> Float[np.ndarray, "C T M"]:
        """The centre in each frame: few numbers beside those of all joints."""
        made, channels = self.preprocessing, self._channels
        found = []
        for start in range(0, T, PART):
            part = self._part(start, min(start + PART, T))
            found.append(seen_centre(part, detected(part, channels), joint, channels, made.absent_center))
        places, there = zip(*found, strict=True)
        return centre_path(np.concatenate(places, axis=1), np.concatenate(there), made.center_of)

    @property
    def _channels(self) -> tuple[str, ...]:
        made = self.preprocessing
        return made.keep if made.select == "before" else made.channels

    def _part(self, start: int, end: int) -> Clip:
        """Frames as recorded, or without the channels that are dropped before anything else."""
        made = self.preprocessing
        part = np.asarray(self.clip[:, start:end])
        if made.nan == "missing":
            part = without_nan(part)
        elif not np.isfinite(part).all():
            frame = start + int(np.flatnonzero(~np.isfinite(part).all(axis=(0, 2, 3)))[0])
            raise ValueError(
                f"{self.name} has NaN or infinite values, as in frame {frame}; "
                "preprocessing.nan=missing treats such joints as undetected"
            )
        if made.select == "before":
            part = part[[made.channels.index(channel) for channel in made.keep]].astype(np.float32)
        return part


class LiveFrames:
    """Frames as they come, preprocessed: each as the last one of the clip that the frames so far are.

    An undetected centre is where it was last seen, as at the end of a recording. ``absent_center=interpolate`` has it
    on the straight line to where it is seen next, which nobody knows yet; so the frames of a gap differ from those that
    a recording gives the network, by up to what the centre moves in the gap. Before a person's centre was first seen
    nothing of theirs is moved.

    Args:
        preprocessing: What is done to a frame.
        body: The layout of the joints.

    Raises:
        ValueError: The preprocessing needs more than a frame.
    """

    def __init__(self, preprocessing: Preprocessing, body: Skeleton) -> None:
        refuse_more_than_frames(preprocessing)
        self.preprocessing, self.body = preprocessing, body
        self.reset()

    def reset(self) -> None:
        """Forget where the centre was: the next frame is the first of another clip."""
        self._centre: Any = 0.0  # (C, 1, M)

    def push(self, frame: Float[np.ndarray, "C V M"]) -> Float[np.ndarray, "D V M"]:
        """Take the next frame.

        Args:
            frame: As recorded; its channels are those of the preprocessing, people who are not there are zeros.

        Returns:
            The channels that are kept, float32.

        Raises:
            ValueError: It has other channels or joints, or NaN or infinite values that the preprocessing refuses.
        """
        made = self.preprocessing
        C, V = len(made.channels), len(self.body.joints)
        if frame.ndim != 3 or frame.shape[:2] != (C, V):
            raise ValueError(
                f"a frame must be (C, V, M), C={C} ({', '.join(made.channels)}) and V={V}, got {frame.shape}"
            )
        alone = LongClip(frame[:, None], made, self.body, "the recording")
        part, channels = alone._part(0, 1), alone._channels
        joint = made.center_joint(self.body)
        if joint is not None and made.centring == "every_joint":
            part = centre(part, joint, channels, made)
        elif joint is not None:
            seen = detected(part, channels)
            place, there = seen_centre(part, seen, joint, channels, made.absent_center)
            self._centre = np.where(there, place, self._centre)
            part = moved(part, seen, self._centre)
        return part[[channels.index(channel) for channel in made.keep], 0].astype(np.float32)
