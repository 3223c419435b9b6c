"""An undetected centre lies between its positions before and after."""

import numpy as np

from stgcn_torch.data.preprocessing.centring import centre_path, centre_positions, without_path

# One person of two joints in four frames, x and score: the first is the centre, unseen in the middle.
CLIP = np.array([[[1.0, 5.0], [0.0, 6.0], [0.0, 0.0], [4.0, 8.0]], [[0.5, 0.5], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]])
CLIP = CLIP[..., None].astype(np.float32)
SEEN = CLIP[1] > 0


def test_where_the_centre_is_seen_it_is_known() -> None:
    position, known = centre_positions(CLIP, SEEN, 0, ("x", "score"), "interpolate")
    assert known[:, 0].tolist() == [True, False, False, True]
    assert position[0, known].tolist() == [1.0, 4.0]
    assert not position[1].any(), "scores are not moved"


def test_the_visible_joints_stand_in_for_it_where_there_are_some() -> None:
    position, known = centre_positions(CLIP, SEEN, 0, ("x", "score"), "visible")
    assert known[:, 0].tolist() == [True, True, False, True]
    assert position[0, known].tolist() == [1.0, 6.0, 4.0]


def test_its_path_is_straight_in_between_and_still_outside() -> None:
    position, known = centre_positions(CLIP, SEEN, 0, ("x", "score"), "interpolate")
    assert centre_path(position, known, "frame")[0, :, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert centre_path(position, known, "clip")[0, :, 0].tolist() == [1.0] * 4
    later = known & [[False], [True], [True], [True]]
    assert centre_path(position, later, "frame")[0, :, 0].tolist() == [4.0] * 4
    assert not centre_path(position, known & False, "frame").any()


def test_only_detected_joints_move() -> None:
    path = np.full((2, 4, 1), 1.0)
    path[1] = 0
    assert without_path(CLIP, SEEN, path)[..., 0].tolist() == [
        [[0.0, 4.0], [0.0, 5.0], [0.0, 0.0], [3.0, 7.0]],
        CLIP[1, ..., 0].tolist(),
    ]
