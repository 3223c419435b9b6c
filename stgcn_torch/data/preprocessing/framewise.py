"""Preprocessing of a long recording as one clip, a part or a frame at a time: NumPy, flat memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from stgcn_torch.data.preprocessing.centring import centre_path, centre_positions, without_path
from stgcn_torch.data.preprocessing.cleaning import is_finite
from stgcn_torch.data.preprocessing.people import in_slots, present
from stgcn_torch.data.preprocessing.steps import Clip, Preprocessing, centre, detected, without_nan
from stgcn_torch.skeleton import Skeleton

PART = 256  # frames

ALLOWED: dict[str, tuple[Any, ...]] = {  # values of a preprocessing's options that work frame by frame
    "center_of": ("frame",),
    "teleports": ("keep",),
    "gaps": ("keep",),
    "frames": (None,),
    "crops": (1,),
    "crop": (1.0,),
}
STREAMS = ("joint", "bone")


def refuse_more_than_frames(preprocessing: Preprocessing) -> None:
    """Raise ValueError that names the steps of a preprocessing which need more than a frame, and the allowed values."""
    problems = [
        f"preprocessing.{name}={getattr(preprocessing, name)} (allowed: {'null' if value[0] is None else value[0]})"
        for name, value in ALLOWED.items()
        if getattr(preprocessing, name) not in value and (name != "center_of" or preprocessing.center is not None)
    ]
    if not set(preprocessing.streams) <= set(STREAMS):
        problems.append(f"preprocessing.streams={list(preprocessing.streams)} (allowed: {', '.join(STREAMS)})")
    if problems:
        raise ValueError(f"a stream takes frames one by one, and the network was trained with {'; '.join(problems)}")


@dataclass(frozen=True)
class LongClip:
    """A recording, preprocessed as one clip with a window of the same length: neither padded nor sampled.

    Attributes:
        clip: As recorded, usually a memory-mapped array.
        preprocessing: The steps, which must work frame by frame. An undetected centre is interpolated linearly
            between the frames before and after, however far apart.
        body: The layout of the joints.
        name: Name of the recording in error messages.
        slots: People in the clips of the training; None for those of the recording.
        taken: The recording's frames that the clip consists of; None for all.
    """

    clip: Clip
    preprocessing: Preprocessing
    body: Skeleton
    name: str = "the clip"
    slots: int | None = None
    taken: Int[np.ndarray, " T"] | None = None

    @property
    def T(self) -> int:  # noqa: N802
        """Frames."""
        return self.clip.shape[1] if self.taken is None else len(self.taken)

    @cached_property
    def people(self) -> list[int]:
        """Those who are there in some frame."""
        return present(self.clip)

    def parts(self) -> Iterator[Clip]:
        """Preprocessed frames up to the last live one, float32, ``PART`` at a time.

        Raises:
            ValueError: A value is NaN or infinite, and the preprocessing refuses that.
        """
        preprocessing, T, channels = self.preprocessing, len(self.live()), self._channels
        joint = preprocessing.center_joint(self.body) if T else None
        path = None if joint is None or preprocessing.centring == "every_joint" else self._path(joint, T)
        rows = [channels.index(channel) for channel in preprocessing.keep]
        for start in range(0, T, PART):
            part = self._part(start, min(start + PART, T))
            if path is not None:
                part = without_path(part, detected(part, channels), path[:, start : start + PART])
            elif joint is not None:
                part = centre(part, joint, channels, preprocessing)
            yield part[rows].astype(np.float32)

    def live(self) -> Bool[np.ndarray, " T"]:
        """Frames with a value that is not zero, up to the last of them; errors as in ``parts``."""
        masks = [(self._part(start, start + PART) != 0).any(axis=(0, 2, 3)) for start in range(0, self.T, PART)]
        live = np.concatenate([np.zeros(0, np.bool_), *masks])
        return live[: np.flatnonzero(live)[-1] + 1] if live.any() else live[:0]

    def _path(self, joint: int, T: int) -> Float[np.ndarray, "C T M"]:
        """The centre in each frame of the recording, one joint's memory."""
        preprocessing, channels = self.preprocessing, self._channels
        centres = []
        for start in range(0, T, PART):
            part = self._part(start, min(start + PART, T))
            mask = detected(part, channels)
            centres.append(centre_positions(part, mask, joint, channels, preprocessing.absent_center))
        positions, known = zip(*centres, strict=True)
        return centre_path(np.concatenate(positions, axis=1), np.concatenate(known), preprocessing.center_of)

    @property
    def _channels(self) -> tuple[str, ...]:
        preprocessing = self.preprocessing
        return preprocessing.keep if preprocessing.select == "before" else preprocessing.channels

    def _part(self, start: int, end: int) -> Clip:
        """Frames as recorded, without the channels that are dropped ``before`` all else, and without NaN."""
        preprocessing = self.preprocessing
        part = np.asarray(self.clip[:, slice(start, end) if self.taken is None else self.taken[start:end]])
        if self.slots is not None and self.slots != part.shape[3]:
            part = in_slots(part, self.slots, self.people)
        if preprocessing.nan == "missing":
            part = without_nan(part)
        elif not is_finite(part).all():
            frame = start + int(np.flatnonzero(~is_finite(part).all(axis=(0, 2, 3)))[0])
            frame = frame if self.taken is None else int(self.taken[frame])
            raise ValueError(
                f"{self.name} has NaN or infinite values, as in frame {frame}; "
                "preprocessing.nan=missing treats such joints as undetected"
            )
        if preprocessing.select == "before":
            part = part[[preprocessing.channels.index(channel) for channel in preprocessing.keep]].astype(np.float32)
        return part


class LiveFrames:
    """Frames as they arrive, each preprocessed as the last frame of the clip so far.

    An undetected centre stays at its last known position, as at the end of a recording. For a whole recording,
    ``absent_center=interpolate`` places it on the line to its next position, which is unknown here: inside a gap the
    result may differ by as much as the centre moves in the gap. People whose centre has not been detected yet are not
    moved.

    Args:
        preprocessing: The steps for a frame.
        body: The layout of the joints.

    Raises:
        ValueError: The preprocessing needs more than a frame.
    """

    def __init__(self, preprocessing: Preprocessing, body: Skeleton) -> None:
        refuse_more_than_frames(preprocessing)
        self.preprocessing, self.body = preprocessing, body
        self.reset()

    def reset(self) -> None:
        """Forget the centre's position: the next frame begins another clip."""
        self._centre: Any = 0.0  # (C, 1, M)

    def push(self, frame: Float[np.ndarray, "C V M"]) -> Float[np.ndarray, "D V M"]:
        """Take the next frame.

        Args:
            frame: As recorded, with the preprocessing's channels; zeros for people who are absent.

        Returns:
            The channels in ``keep``, float32.

        Raises:
            ValueError: The frame has other channels or joints, or NaN or infinite values that are refused.
        """
        preprocessing = self.preprocessing
        C, V = len(preprocessing.channels), len(self.body.joints)
        if frame.ndim != 3 or frame.shape[:2] != (C, V):
            raise ValueError(
                f"a frame must be (C, V, M), C={C} ({', '.join(preprocessing.channels)}) and V={V}, got {frame.shape}"
            )
        single = LongClip(frame[:, None], preprocessing, self.body, "the recording")
        part, channels = single._part(0, 1), single._channels
        joint = preprocessing.center_joint(self.body)
        if joint is not None and preprocessing.centring == "every_joint":
            part = centre(part, joint, channels, preprocessing)
        elif joint is not None:
            mask = detected(part, channels)
            position, known = centre_positions(part, mask, joint, channels, preprocessing.absent_center)
            self._centre = np.where(known, position, self._centre)
            part = without_path(part, mask, self._centre)
        return part[[channels.index(channel) for channel in preprocessing.keep], 0].astype(np.float32)
