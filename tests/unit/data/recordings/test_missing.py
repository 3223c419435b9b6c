"""Markers of missing joints are known by what a unit makes impossible; all else stays as it is."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.recordings.missing import without_missing
from stgcn_torch.data.recordings.recording import Scene, Track

XY, XYS = ("x", "y"), ("x", "y", "score")


def scene(scale: float, marker: tuple[float, ...], channels: tuple[str, ...] = XY, people: int = 1) -> Scene:
    """Joint 1 of each person is at the marker in frames 2 and 3."""
    rng = np.random.default_rng(0)
    poses = rng.uniform(0.2, 1.0, (people, 9, 5, len(channels))) * scale
    if "score" in channels:
        poses[..., -1] = 0.9
    poses[:, 2:4, 1, : len(marker)] = marker
    return Scene(9, [Track(0, each.astype(np.float32)) for each in poses], channels)


def gone(before: Scene) -> set[tuple[Any, ...]]:
    """Frame and joint of each joint that was taken away, of anybody."""
    after = without_missing(before, before.channels)
    lost = set()
    for old, new in zip(before.people, after.people, strict=True):
        changed = (old.poses != new.poses).any(axis=2)
        assert not new.poses[changed].any()
        lost |= {tuple(map(int, at)) for at in np.argwhere(changed)}
    return lost


MARKED = {(2, 1), (3, 1)}


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize(
    ("scale", "marker", "channels"),
    [
        (500, (-1, -1), XY),
        (500, (999999, 0), XY),
        (500, (999, 999), XY),
        (3840, (9999, 9999), XY),
        (1, (999, 999), XY),
        (2000, (99999, 5), XY),
        (1, (np.nan, 0.5), XY),
        (1, (0.5, np.inf), XY),
        (1, (0.5, 0.5, 0), XYS),
        (500, (7, 7, -1), XYS),
        (500, (7, 7, np.nan), XYS),
    ],
)
def test_a_joint_that_cannot_be_there_is_missing(
    scale: float, marker: tuple[float, ...], channels: tuple[str, ...], people: int
) -> None:
    assert gone(scene(scale, marker, channels, people)) == MARKED


@pytest.mark.parametrize(
    ("scale", "marker"),
    [(1, (-1, -1)), (500, (-1, 20)), (1000, (999, 999)), (500, (1200, 700)), (1, (1.0, 1.0)), (0.01, (-1, -1))],
)
def test_what_may_be_a_place_stays(scale: float, marker: tuple[float, ...]) -> None:
    assert gone(scene(scale, marker)) == set()


def test_a_body_about_the_origin_may_have_a_joint_at_minus_one() -> None:
    before = scene(500, (-1, -1))
    poses = before.people[0].poses
    poses[:, 2:] -= 400
    assert gone(before) == set()


def test_nobody_is_nobody() -> None:
    empty = Scene(3, [Track(0, np.zeros((3, 5, 2), np.float32))], XY)
    assert gone(empty) == set()
    assert without_missing(Scene(0, [], XY), XY).people == []
