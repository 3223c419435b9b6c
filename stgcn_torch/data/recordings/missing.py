"""Joints that a file says are missing: without a score, not finite, or where no joint of its unit can be."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from stgcn_torch.data.recordings.recording import Poses, Scene, Track

PIXELS = 10.0  # median coordinate from which -1 is no place of a joint
NINES = [10.0**digits - 1 for digits in range(3, 10)]
FAR = 1.2  # times the largest of the other coordinates: 999 and the like are no place of a joint
RARE = 0.01  # share of negative coordinates in pictures: joints just beyond the edge


def without_missing(scene: Scene, channels: Sequence[str]) -> Scene:
    """The scene with all values zero of joints that are marked as missing.

    Such are joints with a score of 0 or below, or a value that is not finite; at -1 in all coordinates, where the
    others are pixels of a picture; and at a number of nines beyond all others, such as 999999.
    """
    coordinates = [c for c, name in enumerate(channels) if name != "score"]
    scored = "score" in channels
    known: list[Bool[np.ndarray, "T V"]] = []
    for track in scene.people:
        fine = np.isfinite(track.poses).all(axis=2) & (track.poses != 0).any(axis=2)
        known.append(fine & (track.poses[..., list(channels).index("score")] > 0) if scored else fine)
    places = [track.poses[..., coordinates] for track in scene.people]
    limits = _Limits([place[fine] for place, fine in zip(places, known, strict=True)])
    people = [
        Track(track.start, _zeroed(track.poses, fine & ~limits.marked(place)))
        for track, place, fine in zip(scene.people, places, known, strict=True)
    ]
    return replace(scene, people=people)


def _zeroed(poses: Poses, kept: Bool[np.ndarray, "T V"]) -> Poses:
    return poses if kept.all() else np.where(kept[..., None], poses, poses.dtype.type(0))


class _Limits:
    """Where no joint of a scene can be, by all of its coordinates."""

    def __init__(self, places: Sequence[Float[np.ndarray, "n C"]]) -> None:
        values = np.concatenate([np.empty(0), *(place.ravel() for place in places)]).astype(np.float64)
        rest = values[(values != -1) & ~_is_nines(np.abs(values))]
        self.far = FAR * float(np.abs(rest).max(initial=0))
        in_pixels = bool(rest.size) and float(np.median(np.abs(rest))) > PIXELS
        self.minus = in_pixels and float((rest < 0).mean()) < RARE  # not so where the body is about the origin

    def marked(self, place: Float[np.ndarray, "T V C"]) -> Bool[np.ndarray, "T V"]:
        """Joints at a marker."""
        minus = (place == -1).all(axis=2) if self.minus else np.zeros(place.shape[:2], np.bool_)
        size = np.abs(place).astype(np.float64)
        return np.asarray(minus | (_is_nines(size) & (size > self.far)).any(axis=2))


def _is_nines(values: Float[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    """Whether each of the values is 999, 9999 and so on."""
    return np.asarray(np.isin(values, NINES))
