"""Laws of the streams: bones and motion add up to what they were taken from."""

from itertools import permutations

import pytest
import torch
from torch import Tensor

from stgcn_torch.data.batch.streams import bone, motion, stack_streams
from stgcn_torch.data.preprocessing.steps import STREAMS
from stgcn_torch.skeleton import LAYOUTS

ATOL = 1e-5  # sums of up to 12 float32 differences of values near 1; measured: 1e-6


def batch_of(V: int, T: int = 7, seed: int = 0) -> Tensor:
    return torch.randn(2, 3, T, V, 2, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_bones_on_the_way_to_the_centre_add_up_to_the_joint(layout: str) -> None:
    body = LAYOUTS[layout]
    x = batch_of(len(body.joints))
    bones = bone(x, body.parents)
    for v in range(len(body.joints)):
        total, joint = torch.zeros_like(x[:, :, :, 0]), v
        while joint != body.center:
            total += bones[:, :, :, joint]
            joint = body.parents[joint]
        torch.testing.assert_close(total, x[:, :, :, v] - x[:, :, :, body.center], rtol=0, atol=ATOL)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_the_centre_has_no_bone(layout: str) -> None:
    body = LAYOUTS[layout]
    assert not bone(batch_of(len(body.joints)), body.parents)[:, :, :, body.center].any()


def test_bones_do_not_depend_on_where_the_body_is() -> None:
    x = batch_of(3)
    torch.testing.assert_close(bone(x + 5, (1, 1, 1)), bone(x, (1, 1, 1)), rtol=0, atol=ATOL)


def test_motion_adds_up_to_the_displacement() -> None:
    x = batch_of(5)
    for end in range(1, x.shape[2]):
        moved = motion(x)[:, :, :end].sum(dim=2)
        torch.testing.assert_close(moved, x[:, :, end] - x[:, :, 0], rtol=0, atol=ATOL)


def test_motion_is_the_step_to_the_next_frame() -> None:
    x = torch.tensor([1.0, 3.0, 2.0, 7.0]).reshape(1, 1, 4, 1, 1)
    assert motion(x).flatten().tolist() == [2.0, -1.0, 5.0, 0.0]


def test_the_last_frame_has_no_motion() -> None:
    assert not motion(batch_of(5))[:, :, -1].any()


def test_the_jump_into_padding_is_no_motion() -> None:
    x = batch_of(5)
    x[:, :, 4:] = 0
    assert not motion(x)[:, :, 3:].any()
    assert torch.equal(motion(x)[:, :, :3], motion(batch_of(5))[:, :, :3])


def test_a_joint_that_comes_to_the_origin_moves_like_any_other() -> None:
    x = batch_of(5)
    x[:, :, 3, 2] = 0
    assert torch.equal(motion(x)[:, :, 2, 2], -x[:, :, 2, 2])


def test_the_padding_of_one_person_does_not_still_the_other() -> None:
    x = batch_of(5)
    x[:, :, 4:, :, 1] = 0
    assert torch.equal(motion(x)[..., 0], motion(batch_of(5))[..., 0])
    assert not motion(x)[:, :, 3:, :, 1].any()


def test_a_still_clip_has_no_motion() -> None:
    assert not motion(batch_of(5)[:, :, :1].expand(-1, -1, 7, -1, -1)).any()


def test_one_frame_has_no_motion() -> None:
    assert not motion(batch_of(5, T=1)).any()


@pytest.mark.parametrize("stream", STREAMS)
def test_streams_are_linear(stream: str) -> None:
    x, y = batch_of(3, seed=1), batch_of(3, seed=2)
    result = stack_streams(2 * x - 0.5 * y, [stream], (1, 1, 1))
    apart = 2 * stack_streams(x, [stream], (1, 1, 1)) - 0.5 * stack_streams(y, [stream], (1, 1, 1))
    torch.testing.assert_close(result, apart, rtol=0, atol=ATOL)


def test_each_stream_is_what_it_is_called() -> None:
    x, parents = batch_of(3), (1, 1, 1)
    expected = {
        "joint": x,
        "bone": bone(x, parents),
        "joint_motion": motion(x),
        "bone_motion": motion(bone(x, parents)),
    }
    assert set(expected) == set(STREAMS)
    for stream, y in expected.items():
        assert torch.equal(stack_streams(x, [stream], parents), y)


@pytest.mark.parametrize("streams", [STREAMS, *permutations(STREAMS, 2)], ids=lambda streams: "-".join(streams))
def test_streams_are_stacked_on_the_channel_axis_in_the_order_given(streams: tuple[str, ...]) -> None:
    x, parents = batch_of(3), (1, 1, 1)
    stacked = stack_streams(x, streams, parents)
    assert stacked.shape == (2, 3 * len(streams), 7, 3, 2)
    for stream, part in zip(streams, torch.chunk(stacked, len(streams), dim=1), strict=True):
        assert torch.equal(part, stack_streams(x, [stream], parents))


def test_the_batch_given_is_left_as_it_was() -> None:
    x = batch_of(3)
    before = x.clone()
    stack_streams(x, STREAMS, (1, 1, 1))
    assert torch.equal(x, before)
