"""A body that moves as bodies do never jumps; one that is put elsewhere does."""

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.teleports import FLANK, body_path, cuts, steps, strays

F = 40
FRAMES = np.arange(F)


def walked() -> np.ndarray:
    """A path (40, 2) in body sizes, 0.02 a frame."""
    return np.outer(FRAMES, [0.02, 0.0])


def test_the_path_is_that_of_the_median_joint_in_body_sizes() -> None:
    """Joints at the corners of a box 3 wide and 4 high, and one in its middle: the size is 5."""
    corners = np.array([(0, 0), (3, 0), (0, 4), (3, 4), (1.5, 2)], dtype=float).T
    joints = corners[:, None] + np.array([[0.0, 5.0], [0.0, 0.0]])[:, :, None]
    frames, path, size = body_path(joints, np.ones((2, 5), bool))
    assert (frames.tolist(), size) == ([0, 1], 5)
    np.testing.assert_allclose(path, [[0.3, 0.4], [1.3, 0.4]])
    np.testing.assert_allclose(steps(frames, path), [1])


def test_frames_with_few_joints_are_not_on_the_path() -> None:
    joints = np.random.default_rng(0).normal(size=(2, 3, 9))
    mask = np.ones((3, 9), bool)
    mask[1, 2:] = False
    assert body_path(joints, mask)[0].tolist() == [0, 2]


@pytest.mark.parametrize("mask", [np.zeros((3, 9), bool), np.ones((3, 9), bool)], ids=["nobody", "a point"])
def test_a_body_without_size_has_no_path(mask: np.ndarray) -> None:
    frames, path, size = body_path(np.ones((2, 3, 9)), mask)
    assert (frames.size, path.shape, size) == (0, (0, 2), 0)
    assert steps(frames, path).size == cuts(frames, path).size == strays(frames, path).size == 0


@pytest.mark.parametrize("speed", [0.0, 0.02, 0.4, 2.0])
def test_a_steady_body_does_not_jump_however_fast(speed: float) -> None:
    path = np.outer(FRAMES, [speed, -speed])
    assert cuts(FRAMES, path).size == strays(FRAMES, path).size == 0


@pytest.mark.parametrize("at", [FLANK, 20, F - FLANK])
def test_a_cut_is_a_jump_that_lasts(at: int) -> None:
    path = walked()
    path[at:] += 2
    assert (cuts(FRAMES, path).tolist(), strays(FRAMES, path).tolist()) == ([at], [])


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_stray_is_away_for_a_few_frames(last: int) -> None:
    path = walked()
    path[20 : 20 + last] += 2
    assert (cuts(FRAMES, path).tolist(), strays(FRAMES, path).tolist()) == ([], list(range(20, 20 + last)))


@pytest.mark.parametrize("at", [0, F - 1])
def test_the_first_and_the_last_frame_do_not_make_the_others_stray(at: int) -> None:
    path = walked()
    path[at] += 3
    assert set(strays(FRAMES, path).tolist()) <= {at}


def test_a_body_that_went_on_behind_a_gap_has_not_jumped() -> None:
    """0.3 sizes a frame, and 4 frames missing: 1.5 sizes in one step."""
    frames = np.delete(FRAMES, [10, 11, 12, 13])
    path = np.outer(frames, [0.3, 0.0])
    assert cuts(frames, path).size == strays(frames, path).size == 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_paths_of_few_frames_are_taken(count: int) -> None:
    path = np.outer(FRAMES[:count], [9.0, 0.0])
    assert cuts(FRAMES[:count], path).size == strays(FRAMES[:count], path).size == 0
