"""Laws of augmentation: the invariants of each switch, and that no switch does more than its name says."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from stgcn_torch.data.batch.augmentation import Augmentation, augment, random_rotations
from stgcn_torch.data.batch.crops import random_crop
from stgcn_torch.skeleton import Skeleton

BODY = Skeleton("five", ("Left", "Hip", "Right", "Head", "Foot"), ((0, 1), (2, 1), (3, 1), (4, 1)), 1, ((0, 2),))
LEFT, HIP, RIGHT, HEAD, FOOT = range(5)
N, T = 8, 12
OFF = Augmentation()
ATOL = 2e-6  # float32 rounding of values below 4 that a matrix was applied to; measured: 7e-7
SWITCHES: dict[str, dict[str, Any]] = {
    "rotation": {"rotation": 30.0},
    "tilt": {"tilt": 20.0},
    "scale": {"scale": 0.3},
    "mirror": {"mirror": 1.0},
    "noise": {"noise": 0.1},
    "joint_dropout": {"joint_dropout": 0.5},
    "crop": {"crop": 0.5},
    "jitter": {"jitter": True},
    "all": {
        "rotation": 30.0, "tilt": 20.0, "scale": 0.3, "mirror": 0.5, "noise": 0.1, "joint_dropout": 0.3, "crop": 0.5,
        "jitter": True,
    },
}  # fmt: skip
every_switch = pytest.mark.parametrize("switch", sorted(SWITCHES))


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def batch_of(channels: str = "xyz", n: int = N, t: int = T) -> Tensor:
    """Clips (n, C, t, V, 2) without a zero in them."""
    x = torch.randn(n, len(channels), t, len(BODY.joints), 2, generator=torch.Generator().manual_seed(1))
    return x + 0.01 * torch.sign(x)


def augmented(x: Tensor, augmentation: Augmentation, channels: str = "xyz", **options: Any) -> Tensor:
    names = [{"s": "score"}.get(channel, channel) for channel in channels]
    options = {"window": x.shape[2]} | options
    return augment(x, augmentation, channels=names, mirror=BODY.mirror, **options)


def distances(x: Tensor) -> Tensor:
    """Between all pairs of joints, (N, T, V, V, M)."""
    apart: Tensor = torch.linalg.vector_norm(x[:, :, :, :, None] - x[:, :, :, None], dim=1)
    return apart


def test_all_off_changes_nothing() -> None:
    x = batch_of()
    assert torch.equal(augmented(x, OFF), x)


@pytest.mark.parametrize("channels", ["xy", "xyz"])
def test_rotation_keeps_the_distances_between_joints(channels: str) -> None:
    x = batch_of(channels)
    turned = augmented(x, Augmentation(rotation=180.0), channels)
    torch.testing.assert_close(distances(turned), distances(x), rtol=0, atol=ATOL)
    assert ((turned - x).abs().amax(dim=(1, 2, 3, 4)) > 0.01).all()


def test_tilt_keeps_the_distances_between_joints() -> None:
    x = batch_of()
    turned = augmented(x, Augmentation(rotation=180.0, tilt=45.0))
    torch.testing.assert_close(distances(turned), distances(x), rtol=0, atol=ATOL)


@pytest.mark.parametrize("channels", ["xy", "xyz"])
def test_rotation_is_no_mirror_image(channels: str) -> None:
    """The determinant of the first joints' coordinates keeps its sign."""
    x = batch_of(channels)
    D = len(channels)
    turned = augmented(x, Augmentation(rotation=180.0, tilt=90.0), channels)
    before, after = (torch.linalg.det(y[:, :, 0, :D, 0]) for y in (x, turned))
    assert torch.equal(before.sign(), after.sign())


@pytest.mark.parametrize("vertical", ["x", "y", "z"])
def test_without_tilt_the_vertical_stays(vertical: str) -> None:
    x = batch_of()
    turned = augmented(x, Augmentation(rotation=90.0, vertical=vertical))
    up = "xyz".index(vertical)
    assert torch.equal(turned[:, up], x[:, up])
    assert all(not torch.equal(turned[:, i], x[:, i]) for i in range(3) if i != up)


def test_tilt_alone_moves_the_vertical() -> None:
    x = batch_of()
    assert not torch.equal(augmented(x, Augmentation(tilt=10.0))[:, 1], x[:, 1])


@pytest.mark.parametrize("vertical", ["x", "y", "z"])
def test_the_vertical_leans_no_further_than_both_tilts_whatever_the_turn(vertical: str) -> None:
    up = "xyz".index(vertical)
    x = torch.zeros(3000, 3, 1, 5, 2)
    x[:, up] = 1
    leaned = augmented(x, Augmentation(rotation=180.0, tilt=20.0, vertical=vertical))
    angle = torch.rad2deg(torch.arccos(leaned[:, up].clamp(-1, 1)))
    both = math.degrees(math.acos(math.cos(math.radians(20)) ** 2))
    assert both - 2 < angle.max() < both + 0.01


def test_a_turn_is_no_larger_than_asked_for() -> None:
    x = batch_of("xy", n=300)
    turned = augmented(x, Augmentation(rotation=30.0), "xy")
    before, after = (torch.atan2(y[:, 1], y[:, 0])[:, 0, 0, 0] for y in (x, turned))
    angle = torch.rad2deg(torch.remainder(after - before + torch.pi, 2 * torch.pi) - torch.pi)
    assert 25 < angle.abs().max() < 30.001
    assert angle.min() < -25
    assert angle.max() > 25


def test_scale_is_one_factor_for_a_clip() -> None:
    x = batch_of(n=300)
    factor = augmented(x, Augmentation(scale=0.3)) / x
    of_clip = factor[:, 0, 0, 0, 0]
    torch.testing.assert_close(factor, of_clip[:, None, None, None, None].expand_as(x), rtol=1e-5, atol=0)
    assert 0.7 <= of_clip.min() < 0.75
    assert 1.25 < of_clip.max() <= 1.3


def test_the_mirror_image_of_the_mirror_image_is_the_clip() -> None:
    x = batch_of()
    mirrored = Augmentation(mirror=1.0)
    assert torch.equal(augmented(augmented(x, mirrored), mirrored), x)


@pytest.mark.parametrize("mirrored", ["x", "y", "z"])
def test_a_mirror_image_negates_one_channel_and_swaps_left_and_right(mirrored: str) -> None:
    x = batch_of()
    image = augmented(x, Augmentation(mirror=1.0, mirrored=mirrored))
    for i, channel in enumerate("xyz"):
        sign = -1 if channel == mirrored else 1
        assert torch.equal(image[:, i, :, LEFT], sign * x[:, i, :, RIGHT])
        assert torch.equal(image[:, i, :, RIGHT], sign * x[:, i, :, LEFT])
        assert torch.equal(image[:, i, :, HEAD], sign * x[:, i, :, HEAD])


def test_a_share_of_the_clips_is_mirrored_whole() -> None:
    x = batch_of(n=1000, t=2)
    image = augmented(x, Augmentation(mirror=1.0))
    some = augmented(x, Augmentation(mirror=0.3))
    chosen = (some == image).flatten(1).all(dim=1)
    assert (chosen | (some == x).flatten(1).all(dim=1)).all()
    assert abs(chosen.float().mean().item() - 0.3) < 0.06  # 4 standard deviations of 1000 draws


@every_switch
def test_scores_are_left_as_they_are(switch: str) -> None:
    x = batch_of("xyzs")
    changed = augmented(
        x, Augmentation(**SWITCHES[switch] | {"crop": 1.0, "jitter": False, "joint_dropout": 0.0}), "xyzs"
    )
    scores = {image: x[:, 3][:, :, list(order)] for image, order in ((False, range(5)), (True, BODY.mirror))}
    for n in range(N):
        assert any(torch.equal(changed[n, 3], of[n]) for of in scores.values())


@every_switch
@pytest.mark.parametrize("center", [None, HIP])
def test_undetected_joints_stay_zero(switch: str, center: int | None) -> None:
    x = batch_of()
    x[:, :, :, FOOT] = 0
    changed = augmented(x, Augmentation(**SWITCHES[switch]), center=center)
    assert not changed[:, :, :, FOOT].any()
    assert changed[:, :, :, HEAD].any()


@every_switch
@pytest.mark.parametrize("center", [None, HIP])
def test_padding_stays_zero(switch: str, center: int | None) -> None:
    x = batch_of()
    x[:, :, 7:] = 0
    x[..., 1] = 0  # and an absent person
    changed = augmented(x, Augmentation(**SWITCHES[switch]), center=center)
    assert not changed[:, :, 7:].any()
    assert not changed[..., 1].any()
    assert changed[:, :, 0].any()


@pytest.mark.parametrize("center_of", ["frame", "clip"])
def test_the_centre_is_at_the_origin_after_noise(center_of: str) -> None:
    changed = augmented(batch_of(), Augmentation(noise=0.5), center=HIP, center_of=center_of)
    assert not changed[:, :, 0, HIP].any()
    assert changed[:, :, 1:, HIP].any() == (center_of == "clip")


@every_switch
def test_the_same_seed_gives_the_same_batch(switch: str) -> None:
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        results.append(augmented(batch_of(n=64), Augmentation(**SWITCHES[switch] | {"mirror": 0.5})))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@every_switch
def test_the_batch_given_is_left_as_it_was(switch: str) -> None:
    x = batch_of()
    before = x.clone()
    augmented(x, Augmentation(**SWITCHES[switch]), center=HIP)
    assert torch.equal(x, before)


@every_switch
def test_no_gradients_are_recorded(switch: str) -> None:
    assert not augmented(batch_of(), Augmentation(**SWITCHES[switch]), center=HIP).requires_grad


@every_switch
def test_the_type_of_the_batch_is_kept(switch: str) -> None:
    assert augmented(batch_of().double(), Augmentation(**SWITCHES[switch])).dtype == torch.float64


def test_noise_has_the_deviation_asked_for() -> None:
    x = batch_of(n=200)
    noise = augmented(x, Augmentation(noise=0.05)) - x
    assert noise.numel() == 72_000
    assert abs(noise.std().item() / 0.05 - 1) < 0.011  # 4 standard deviations of so many draws
    assert abs(noise.mean().item() / 0.05) < 0.015


def test_joints_drop_out_throughout_a_clip_at_the_rate_asked_for() -> None:
    x = batch_of(n=500, t=3)
    kept = augmented(x, Augmentation(joint_dropout=0.2)) != 0
    of_joint = kept[:, :1, :1]
    assert torch.equal(kept, of_joint.expand_as(kept))
    assert abs(1 - of_joint.float().mean().item() - 0.2) < 0.023  # 4 standard deviations of 5000 draws


def test_plain_values_give_the_same_augmentation_back() -> None:
    assert Augmentation.of(SWITCHES["all"]) == Augmentation(**SWITCHES["all"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mirror": 1.5}, r"^augmentation\.mirror must be in \[0, 1\], got 1\.5$"),
        ({"joint_dropout": -0.1}, r"^augmentation\.joint_dropout must be in \[0, 1\], got -0\.1$"),
        ({"scale": 2}, r"^augmentation\.scale must be in \[0, 1\], got 2$"),
        ({"mirror": float("nan")}, r"^augmentation\.mirror must be in \[0, 1\], got nan$"),
        ({"crop": 0.0}, r"^augmentation\.crop must be in \(0, 1\], got 0\.0$"),
        ({"crop": 2.0, "mirror": 2.0}, r"^augmentation\.mirror .* got 2\.0; augmentation\.crop .* got 2\.0$"),
        (
            {"zoom": 1, "blur": 2},
            r"^augmentation has no option blur, zoom; it has crop, .*joint_dropout, about$",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refuses_an_option_outside_its_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation.of(options)


def about(i: int, j: int, angle: Tensor, D: int = 3) -> Tensor:
    """A turn from axis i to axis j, a matrix for each angle."""
    matrix = torch.eye(D).repeat(len(angle), 1, 1)
    matrix[:, i, i] = matrix[:, j, j] = angle.cos()
    matrix[:, i, j], matrix[:, j, i] = -angle.sin(), angle.sin()
    return matrix


def test_a_body_turns_about_its_vertical_before_it_is_tilted() -> None:
    """The other way round a tilt would turn with the body; the numbers are drawn in this order."""
    augmentation = Augmentation(rotation=180.0, tilt=40.0, scale=0.2)
    x = batch_of()
    torch.manual_seed(3)
    turned = random_rotations(x, ["x", "y", "z"], augmentation)
    torch.manual_seed(3)
    size = 1 + 0.2 * (2 * torch.rand(N) - 1)
    turn, roll, pitch = (
        math.radians(most) * (2 * torch.rand(N) - 1) for most in (180.0, 40.0, 40.0)
    )  # in the planes xz, xy, yz
    expected = about(1, 2, pitch) @ about(0, 1, roll) @ about(0, 2, turn) * size[:, None, None]
    torch.testing.assert_close(turned, expected, rtol=0, atol=ATOL)


def test_a_crop_of_a_clip_that_was_centred_once_keeps_its_path() -> None:
    """The frame that was at the origin may be cut off."""
    x = batch_of()
    torch.manual_seed(4)
    cropped = random_crop(x, 6, 0.5)
    torch.manual_seed(4)
    changed = augmented(x, Augmentation(crop=0.5), window=6, center=HIP, center_of="clip")
    assert torch.equal(changed, cropped)
    assert cropped[:, :, 0, HIP].abs().amin(dim=1).max() > 0


def test_noise_moves_a_joint_on_an_axis_too() -> None:
    x = batch_of()
    x[:, 0, :, FOOT] = 0
    noisy = augmented(x, Augmentation(noise=0.1))
    assert (noisy[:, :, :, FOOT] != x[:, :, :, FOOT]).all()


def test_joints_drop_out_for_each_person_apart() -> None:
    kept = augmented(batch_of(n=64), Augmentation(joint_dropout=0.5)) != 0
    first, second = kept[:, 0, 0, :, 0], kept[:, 0, 0, :, 1]
    assert 0.3 < (first == second).float().mean() < 0.7  # as two coins agree, of 320 throws


def test_about_the_body_its_middle_stays() -> None:
    """Turned, scaled and mirrored about the mean of its joints, wherever it is."""
    x = batch_of("xy") + 50
    middle = x.mean(dim=(2, 3, 4))
    for switches in ({"rotation": 90.0}, {"scale": 0.5}, {"mirror": 1.0}):
        changed = augmented(x, Augmentation(**switches), "xy", about_body=True)
        torch.testing.assert_close(changed.mean(dim=(2, 3, 4)), middle, rtol=0, atol=1e-4)  # float32 at 50: 4e-6 each
        assert (changed - x).abs().max() > 0.1
