"""stgcn_torch/explanation/page/scene.py."""

import numpy as np
import pytest

from stgcn_torch.explanation.page.scene import MISSING, UNIT, scene
from stgcn_torch.skeleton import LAYOUTS
from tests.explained import SCALE, people

BODY = LAYOUTS["fsd10"]
NOSE, HIP, HEEL, WRIST = (BODY.index(name) for name in ("Nose", "MidHip", "LHeel", "RWrist"))


def drawn(clip: np.ndarray) -> np.ndarray:
    """A clip's coordinates (M, T, V, D) in halves of the picture, with each person where it is drawn at first."""
    drawing = scene(clip, [*"xyz"[: len(clip) - 1], "score"], BODY, clip[-1] > 0)
    points = np.where(drawing.points == MISSING, np.nan, drawing.points / UNIT)
    points[..., 0] += np.array(drawing.aside)[:, None, None] / UNIT
    return points


def height(points: np.ndarray) -> float:
    return float((points[..., NOSE, 1] - points[..., HEEL, 1]).min())


@pytest.mark.parametrize("D", [2, 3])
def test_bodies_keep_their_shape_and_fill_the_picture(D: int) -> None:
    """Measured: 1.3e-4, the rounding of a coordinate to one part in 8000 of half the picture."""
    clip = people(BODY, 60, 1, D)
    coordinates = drawn(clip)
    assert 0.5 < np.abs(coordinates).max() <= 1
    unit = height(coordinates) / (clip[1, 0, HEEL, 0] - clip[1, 0, NOSE, 0])
    across = coordinates[0, ..., NOSE, 0] - coordinates[0, ..., HEEL, 0]
    np.testing.assert_allclose(across, unit * (clip[0, :, NOSE, 0] - clip[0, :, HEEL, 0]), atol=4 / UNIT)


def test_a_false_detection_does_not_make_the_body_small() -> None:
    clip = people(BODY, 60, 1, 2)
    usual = drawn(clip)
    clip[:2, 30, WRIST] = 50 * SCALE
    coordinates = drawn(clip)
    assert height(coordinates) > 0.95 * height(usual)
    assert np.abs(coordinates[0, 30, WRIST]).min() > 1


@pytest.mark.parametrize("D", [2, 3])
def test_the_picture_follows_who_goes_far(D: int) -> None:
    """An example: a skater across the rink."""
    clip = people(BODY, 60, 1, D)
    usual = drawn(clip)
    clip[0] += 20 * SCALE * np.linspace(0, 1, 60)[:, None, None]
    assert height(drawn(clip)) > 0.8 * height(usual)


@pytest.mark.parametrize("D", [2, 3])
def test_who_is_centred_on_another_stands_beside_them(D: int) -> None:
    clip = people(BODY, 60, 3, D)
    clip[:D] -= clip[:D, :, HIP : HIP + 1]
    clip[..., 1] = 0  # nobody takes no place
    coordinates = drawn(clip)
    assert np.isnan(coordinates[1]).all()
    assert np.nanmax(coordinates[0, ..., 0]) < np.nanmin(coordinates[2, ..., 0])
    assert np.nanmax(np.abs(coordinates)) <= 1


def test_people_who_stand_apart_stay_where_they_are() -> None:
    clip = people(BODY, 60, 2, 2)
    assert scene(clip, ["x", "y", "score"], BODY, clip[2] > 0).aside == [0, 0]


def test_nobody_is_nowhere() -> None:
    assert np.isnan(drawn(np.zeros((3, 5, 25, 2), np.float32))).all()
