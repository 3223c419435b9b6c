"""Laws of tracking: people keep their identities, whatever order a detector lists them in."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from stgcn_torch.data.recordings.tracking import MAX_PEOPLE, PATIENCE, tracks

BODY = np.random.default_rng(0).uniform(-1, 1, (25, 2)) * (20, 60)  # a person of 40 by 120 pixels
Frames = list[tuple[int, np.ndarray]]


def pose(x: float, y: float, score: float = 0.9, size: float = 1.0) -> np.ndarray:
    return np.column_stack([size * BODY + (x, y), np.full(25, score)]).astype(np.float32)


def crossing(height: float, hidden: range = range(0)) -> Frames:
    """Two people who walk through each other, in random order; the right one is unseen in the hidden frames."""
    rng = np.random.default_rng(0)
    frames = []
    for t in range(100):
        people = [pose(100 + 5 * t, 200, 0.9)]
        if t not in hidden:
            people.append(pose(600 - 5 * t, 200 + height, 0.8))
        noise = rng.normal(0, 1, (len(people), 25, 3)) * (1, 1, 0)
        frames.append((t, (np.stack(people) + noise)[rng.permutation(len(people))]))
    return frames


@pytest.mark.parametrize("height", [0, 10, 60])
@pytest.mark.parametrize("hidden", [range(0), range(48, 53), range(45, 60)], ids=str)
def test_two_who_cross_keep_their_identities(height: float, hidden: range) -> None:
    first, second = tracks(crossing(height, hidden))
    assert (first.start, first.end, second.start, second.end) == (0, 100, 0, 100)
    t = np.arange(100)
    seen = ~np.isin(t, hidden)
    np.testing.assert_allclose(first.poses[:, 0, 0], 100 + 5 * t + BODY[0, 0], atol=5)
    np.testing.assert_allclose(second.poses[seen, 0, 0], (600 - 5 * t + BODY[0, 0])[seen], atol=5)
    assert not second.poses[~seen].any()


def test_joints_that_are_hidden_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    frames = crossing(20)
    for _, people in frames:
        people[rng.random(people.shape[:2]) < 0.5] = 0
    assert [(track.start, track.end) for track in tracks(frames)] == [(0, 100), (0, 100)]


def test_who_appears_and_vanishes_has_a_track_of_its_own() -> None:
    frames = [(t, np.stack([pose(100, 100), pose(900, 100)][: 1 + (20 <= t < 30)])) for t in range(50)]
    assert [(track.start, track.end) for track in tracks(frames)] == [(0, 50), (20, 30)]


@pytest.mark.parametrize(("gap", "count"), [(PATIENCE, 1), (PATIENCE + 1, 2)])
def test_who_is_out_of_sight_for_too_long_is_another(gap: int, count: int) -> None:
    frames = [(t, pose(3 * t, 100)[None]) for t in range(120) if not 60 <= t < 60 + gap]
    assert len(tracks(frames)) == count


@pytest.mark.parametrize("off", [-55, 30, 55])
@pytest.mark.parametrize("stray", [{1}, {20}, {20, 21}], ids=str)
def test_a_stray_pose_does_not_end_a_track(off: float, stray: set[int]) -> None:
    """A pose less than half a body away may be the same person's; the jump does not become the person's velocity."""
    frames = [(t, pose(100 + 3 * t + (off if t in stray else 0), 200)[None]) for t in range(60)]
    assert [(track.start, track.end) for track in tracks(frames)] == [(0, 60)]


def test_frames_without_anyone_are_zero() -> None:
    frames = [(t, pose(100, 100)[None] if t % 3 else np.zeros((0, 25, 3))) for t in range(10, 40)]
    (track,) = tracks(frames)
    assert track.start == 10
    assert not track.poses[2::3].any()
    assert len(track.poses) == 30 - 1


def test_far_away_is_someone_else() -> None:
    frames = [(t, pose(100 if t < 20 else 800, 100)[None]) for t in range(40)]
    assert [(track.start, track.end) for track in tracks(frames)] == [(0, 20), (20, 40)]


@pytest.mark.parametrize("scale", [1e-3, 1, 1e34], ids=str)
def test_units_do_not_matter(scale: float) -> None:
    frames = [(t, people * (scale, scale, 1)) for t, people in crossing(20)]
    assert [(track.start, track.end) for track in tracks(frames)] == [(0, 100), (0, 100)]


def test_the_surest_comes_first() -> None:
    frames = [(t, np.stack([pose(100, 100, 0.3), pose(500, 100, 0.7)])) for t in range(10)]
    assert [track.poses[0, 0, 2] for track in tracks(frames)] == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize("frames", [[], [(0, np.zeros((0, 25, 3)))], [(0, np.zeros((2, 25, 3)))]], ids=str)
def test_nobody_leaves_no_track(frames: Frames) -> None:
    assert tracks(frames) == []


def test_one_joint_is_a_person_for_a_frame() -> None:
    alone = np.zeros((1, 25, 3))
    alone[0, 3] = (5, 5, 0.5)
    assert len(tracks([(0, alone)])) == 1


def test_refuses_a_crowd() -> None:
    with pytest.raises(ValueError, match=rf"^frame 7 has {MAX_PEOPLE + 1} people; at most {MAX_PEOPLE} are allowed$"):
        tracks([(7, np.ones((MAX_PEOPLE + 1, 25, 3)))])


def test_time_grows_with_the_frames_alone() -> None:
    def flicker(length: int) -> Iterator[tuple[int, np.ndarray]]:
        rng = np.random.default_rng(0)
        for t in range(length):  # one who stays, and one who is somewhere else in every frame
            yield t, np.stack([pose(100, 100), pose(*rng.uniform(0, 1e5, 2))])

    def seconds(length: int) -> float:
        start = time.process_time()
        assert tracks(flicker(length))[0].end == length
        return time.process_time() - start

    seconds(100)
    assert seconds(4000) < 20 * seconds(400) + 0.5  # ten times; a hundred if it were quadratic


@pytest.mark.parametrize(("hidden", "count"), [(0, 2), (5, 2), (15, 1), (25, 1)])
def test_the_longer_out_of_sight_the_farther_off_a_person_may_be(hidden: int, count: int) -> None:
    """After h frames a pose may be 0.5 (1 + h / 30) body sizes from where it was expected; here it is 0.7."""
    size = float(np.linalg.norm(np.ptp(BODY, axis=0)))
    seen = [(t, pose(100, 100)[None]) for t in range(10)]
    again = [(t + 10 + hidden, pose(100 + 0.7 * size, 100)[None]) for t in range(10)]
    assert len(tracks(seen + again)) == count


def test_velocity_is_per_frame_however_often_a_person_is_seen() -> None:
    """Every third frame, at a sixth of a body size per frame."""
    frames = [(t, pose(20 * t, 100)[None]) for t in range(0, 60, 3)]
    assert [(track.start, track.end) for track in tracks(frames)] == [(0, 58)]
