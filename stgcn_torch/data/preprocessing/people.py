"""People of a clip and the slots of the clips that a network was trained on: NumPy on (C, T, V, M)."""

import numpy as np
from jaxtyping import Num

AnyClip = Num[np.ndarray, "C T V M"]


def present(clip: AnyClip) -> list[int]:
    """The people of a clip who are there in some frame."""
    return [m for m in range(clip.shape[3]) if clip[..., m].any()]


def in_slots(clip: AnyClip, slots: int | None, people: list[int] | None = None) -> AnyClip:
    """The clip with so many people: absent ones are added, or the first who are there are taken.

    A network's features are a mean over the people of a clip, so that absent people belong to what it computes.

    Args:
        clip: Of any number of people.
        slots: People in the clips of the training; None to leave the clip as it is.
        people: Those to choose from, if the clip is a part of a longer one; None for those who are in the clip.
    """
    M = clip.shape[3]
    if slots is None or slots == M:
        return clip
    if M < slots:
        return np.pad(clip, [(0, 0)] * 3 + [(0, slots - M)])
    chosen = (present(clip) if people is None else people)[:slots]
    chosen += [m for m in range(M) if m not in chosen][: slots - len(chosen)]
    return np.ascontiguousarray(clip[..., chosen])


def crowded(clip: AnyClip, slots: int | None) -> bool:
    """Whether more people are there than slots."""
    return slots is not None and clip.shape[3] > slots and len(present(clip)) > slots
