"""What a reader finds: one clip that has not been read yet, and what its place in the source says about it."""

from collections.abc import Callable
from dataclasses import dataclass

from stgcn_torch.data.preprocessing import Clip


@dataclass(frozen=True)
class Recording:
    """One clip of a source.

    Attributes:
        source: Where it comes from, relative to the source's root.
        label: Class name.
        group: What it shares with clips that must not be split from it: a skater, a subject, a camera.
        read: Reads it as (C, T, V, M); raises ValueError or OSError if it cannot be read.
    """

    source: str
    label: str
    group: str
    read: Callable[[], Clip]
