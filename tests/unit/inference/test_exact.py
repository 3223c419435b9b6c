"""A network for inference gives the same outputs, without computing padding and absent people."""

import copy
from collections.abc import Callable
from contextlib import suppress

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stgcn_torch.inference.exact import (
    MAX_PADDING,
    MAX_ZERO_CLIPS,
    InferenceBackbone,
    ZeroClip,
    ZeroClips,
    for_inference,
    live_lengths,
    live_output,
    passes,
)
from stgcn_torch.inference.folded import FoldedBlock
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN
from tests.unit.inference.test_folded import lived_in

TOLERANCE = 1e-5  # of the largest logit, float32; measured: 5e-7
SMALL = {"channels": [4, 6, 6, 8], "strides": [1, 2, 1, 2], "temporal_kernel": 5}  # reaches 14 frames


def clips(lengths: list[list[int]], T: int = 45) -> Tensor:
    """Clips (N, 2, T, 25, M), each person live for the given number of frames."""
    torch.manual_seed(1)
    x = torch.randn(len(lengths), 2, T, 25, len(lengths[0]))
    for n, people in enumerate(lengths):
        for m, length in enumerate(people):
            x[n, :, length:, :, m] = 0
    return x


def assert_same(actual: Tensor, expected: Tensor) -> None:
    """Equal but for rounding."""
    atol = TOLERANCE * float(expected.detach().nan_to_num().abs().max())
    torch.testing.assert_close(actual, expected, rtol=0, atol=atol, equal_nan=True)


def operations(work: Callable[[], object]) -> int:
    """Number of operations of convolutions and matrix products in a call."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def backbone_of(network: STGCN | LitSTGCN) -> InferenceBackbone:
    assert isinstance(network.backbone, InferenceBackbone)
    return network.backbone


def zero_clip(network: STGCN | LitSTGCN, x: Tensor) -> ZeroClip:
    """The zero clip, computed if it is not cached."""
    clip = backbone_of(network).zero_clip(x)
    assert clip is not None
    return clip


@pytest.mark.parametrize(
    "options",
    [
        SMALL,
        {"channels": [8, 12, 6], "strides": [1, 3, 2], "edge_importance": False, "data_bn": False},
        {"channels": [4, 5], "strides": [3, 2], "temporal_kernel": 1},  # strides beyond the kernel
    ],
    ids=str,
)
@pytest.mark.parametrize("T", [1, 2, 9, 44, 45])
def test_padded_clips_get_the_same_answers(T: int, options: dict[str, object]) -> None:
    network = lived_in(**options)
    fast = for_inference(network)
    for lengths in ([[T, T]], [[T // 3, 1], [0, T // 2], [T, 0], [T - 1, T // 3]], [[0, 0]], [[0, 0], [1, 1]]):
        x = clips(lengths, T)
        with torch.inference_mode():
            assert_same(fast(x), network(x))
            assert_same(fast.backbone(x), network.backbone(x))


def test_the_articles_network_gives_the_same_answers() -> None:
    network = lived_in()
    x = clips([[117], [180], [181]], 181)
    with torch.inference_mode():
        assert_same(for_inference(network)(x), network(x))


def test_nan_is_not_padding() -> None:
    network = lived_in(**SMALL)
    x = clips([[10], [10], [0]])
    x[1:, 0, 30, 3] = torch.nan
    logits = for_inference(network)(x)
    assert_same(logits, network(x))
    assert logits.isnan().all(dim=1).tolist() == [False, True, True]


def test_no_clips_get_no_answers() -> None:
    assert for_inference(lived_in(**SMALL))(torch.zeros(0, 2, 9, 25, 2)).shape == (0, 7)


@pytest.mark.parametrize("shape", [(2, 2, 0, 25, 1), (2, 2, 9, 25, 0), (0, 2, 9, 25, 0)])
def test_clips_without_frames_or_people_are_refused(shape: tuple[int, ...]) -> None:
    """The original network raises torch's error, or returns NaN, the mean of no values."""
    network = lived_in(**SMALL)
    with suppress(RuntimeError):
        assert network(torch.zeros(shape)).isnan().all()
    with pytest.raises(ValueError, match=f"at least one frame and one person, got T={shape[2]} and M={shape[4]}"):
        for_inference(network)(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 2, 45, 24, 1), (1, 1, 45, 25, 1), (1, 3, 45, 25, 1)])
def test_clips_of_another_body_are_refused(shape: tuple[int, ...]) -> None:
    fast = for_inference(lived_in(**SMALL))
    fast(clips([[0]]))  # zero clips of 45 frames do not serve other lengths
    with pytest.raises(ValueError, match=rf"must have 2 channels and 25 joints, got {shape[1]} and {shape[3]}"):
        fast(torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_answers_have_the_dtype_of_the_network(dtype: torch.dtype) -> None:
    network = lived_in(**SMALL).to(dtype)
    x = clips([[20, 0], [0, 45]]).to(dtype)
    fast = for_inference(network)
    assert fast(x).dtype == dtype
    if dtype == torch.float64:
        torch.testing.assert_close(fast(x), network(x))


def test_under_autocast_answers_have_its_dtype_and_differ_by_its_rounding() -> None:
    network = lived_in(**SMALL)
    fast = for_inference(network)
    x = clips([[20, 0], [0, 45]])
    with torch.inference_mode():
        expected = network(x)
        assert_same(fast(x), expected)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = fast(x)
            assert rounded.dtype == network(x).dtype == torch.bfloat16
        error = float((rounded - expected).abs().max() / expected.abs().max())
        assert 1e-5 < error < 0.02  # measured: 0.004
        assert_same(fast(x), expected)


def test_the_network_is_left_as_it_is_and_the_copy_does_not_follow_it() -> None:
    network = lived_in(**SMALL).train()
    fast, x = for_inference(network), clips([[20]])
    zero_clip(fast, x)
    before = fast(x)
    assert network.training
    assert not fast.training
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(2)
    assert torch.equal(fast(x), before)
    assert_same(for_inference(network)(x), network.eval()(x))


def test_made_in_inference_mode_it_serves_outside() -> None:
    network, x = lived_in(**SMALL), clips([[20, 0]])
    with torch.inference_mode():
        fast = for_inference(network)
        zero_clip(fast, x)
        before = fast(x)
    assert torch.equal(fast(x), before)
    fast(x.requires_grad_()).sum().backward()
    assert not any(parameter.requires_grad for parameter in fast.parameters())


def test_dense_clips_need_no_zero_clip_and_a_saved_network_keeps_none() -> None:
    network, x = lived_in(**SMALL), clips([[45, 45], [45, 45]])
    fast = for_inference(network)
    expected = network(x)
    torch.testing.assert_close(fast(x), expected, rtol=0, atol=1e-5 * float(expected.detach().abs().max()))
    assert not fast.backbone._zero_clips
    fast(clips([[20, 0]]))
    fast(x)
    assert len(fast.backbone._zero_clips) == 1
    assert not copy.deepcopy(fast).backbone._zero_clips


def test_made_twice_is_made_once() -> None:
    fast = for_inference(lived_in(**SMALL))
    x = clips([[20]])
    assert torch.equal(for_inference(fast)(x), fast(x))


def test_a_backbone_alone_gives_the_same_features() -> None:
    network, x = lived_in(**SMALL), clips([[20, 0], [45, 3]])
    fast = for_inference(network.backbone)
    assert not fast.training
    with torch.inference_mode():
        assert_same(fast(x), network.backbone(x))
        assert torch.equal(for_inference(fast)(x), fast(x))
    with pytest.raises(TypeError, match=r"^for_inference takes an STGCN, a LitSTGCN or a backbone, got STGCNHead$"):
        for_inference(network.head)


def test_answers_may_be_differentiated() -> None:
    network = lived_in(**SMALL).double()
    fast, x = for_inference(network), clips([[20, 0], [5, 45]]).double().requires_grad_()
    with torch.inference_mode():
        fast(x)  # the cached zero clip must be usable afterwards
    weigh = torch.randn(2, 7, dtype=torch.float64)
    (actual,) = torch.autograd.grad((fast(x) * weigh).sum(), x)
    (expected,) = torch.autograd.grad((network(x) * weigh).sum(), x)
    live = x != 0  # gradients of padding are not computed
    torch.testing.assert_close(actual[live], expected[live])


def test_a_longer_window_costs_nothing() -> None:
    fast = for_inference(lived_in(**SMALL))
    costs = []
    for T in (60, 120, 240):
        x = clips([[30]], T)
        zero_clip(fast, x)
        costs.append(operations(lambda x=x: fast(x)))  # type: ignore[misc]
    assert costs[0] == costs[1] == costs[2]


def test_absent_people_cost_nothing() -> None:
    fast = for_inference(lived_in(**SMALL))
    alone, together, empty = clips([[30], [20]]), clips([[30, 0, 0], [0, 20, 0]]), clips([[0], [0]])
    zero_clip(fast, alone)
    assert operations(lambda: fast(together)) == operations(lambda: fast(alone))
    head = operations(lambda: fast.head(torch.zeros(2, 8)))
    assert operations(lambda: fast(empty)) == head


def test_short_clips_do_not_pay_for_long_ones() -> None:
    fast = for_inference(lived_in(**SMALL))
    x = clips([[45], [5], [5], [25]])
    zero_clip(fast, x)
    alone = sum(operations(lambda clip=clip: fast(clip[None])) for clip in x)  # type: ignore[misc]
    assert operations(lambda: fast(x)) == alone


def test_each_block_computes_the_frames_that_its_kernel_reaches_from_live_ones() -> None:
    """117 of 350 frames, by L' = ceil((L + 4) / stride)."""
    fast = for_inference(STGCN(7))
    backbone, x = backbone_of(fast), clips([[117]], 350)
    zero = zero_clip(fast, x)
    people, lengths = backbone.people(x[:, :, :117]), []
    for block, hidden, residual in zip(backbone.blocks, zero.hidden, zero.residual, strict=True):
        assert isinstance(block, FoldedBlock)
        people = live_output(block, people, hidden, residual)
        lengths.append(people.shape[2])
    assert lengths == [121, 125, 129, 133, 69, 73, 77, 41, 45, 49]


def test_padding_of_the_articles_network_costs_only_what_kernels_reach() -> None:
    fast = for_inference(STGCN(7))
    padded, dense = clips([[117]], 350), clips([[350]], 350)
    zero_clip(fast, padded)
    # The frames above are 0.35 to 0.56 of 350, 175 and 88 frames; the share is smallest where frames are most.
    assert operations(lambda: fast(padded)) < 0.46 * operations(lambda: fast(dense))  # measured: 0.451


def test_the_zero_clip_is_kept_by_length_dtype_and_precision() -> None:
    backbone = backbone_of(for_inference(lived_in(**SMALL)))
    x = clips([[20]])
    first = backbone.zero_clip(x)
    assert backbone.zero_clip(clips([[3, 9], [45, 0]])) is first
    assert backbone.zero_clip(x[:, :, :44]) is not first
    with torch.autocast("cpu", torch.bfloat16):
        assert backbone.zero_clip(x) is not first
    assert backbone.zero_clip(x) is first


def test_the_zero_clip_is_made_when_it_pays_or_comes_back() -> None:
    """45 frames; in these networks, a person of 5 live frames takes up to 23."""
    fast = for_inference(lived_in(**SMALL))
    alone, four = clips([[5]]), clips([[5], [5], [5], [5]])
    full = operations(lambda: fast(clips([[45]])))
    first, second, third = (operations(lambda: fast(alone)) for _ in range(3))
    assert first == full
    assert full < second < 1.5 * full
    assert third < 0.5 * full
    fast = for_inference(lived_in(**SMALL))
    at_once = operations(lambda: fast(four))
    assert at_once < operations(lambda: fast(clips([[45]] * 4)))
    assert at_once > operations(lambda: fast(four))


def requests(clips: ZeroClips, windows: str, pays: bool = False) -> str:
    """For each requested window, whether its zero clip is computed (capital), cached (small), or neither (a point)."""
    results = ""
    for window in windows:
        computed: list[str] = []

        def make(window: str = window, computed: list[str] = computed) -> ZeroClip:
            computed.append(window)
            return ZeroClip([], [], torch.zeros(1), torch.float32)

        clip = clips.get(window, make, pays)
        results += "." if clip is None else window.upper() if computed else window
    return results


def test_windows_in_turn_are_not_made_anew_in_every_call() -> None:
    clips, (some, more) = ZeroClips(), ("abcd", "abcdefg")
    assert MAX_ZERO_CLIPS == len(some)
    assert requests(clips, 3 * some) == "....ABCDabcd"
    clips = ZeroClips()
    assert requests(clips, 5 * more) == "......." + "ABCD..." + 3 * "abcd..."
    assert len(clips) == MAX_ZERO_CLIPS


def test_a_window_gives_way_to_one_that_came_back_since() -> None:
    clips = ZeroClips()
    assert requests(clips, "aabbccdd") == ".A.B.C.D"
    assert requests(clips, "aee") == "a.E"  # b was not requested since
    assert requests(clips, "acdebb") == "acde.B"  # and is new again
    assert requests(clips, "xyzwxyzw", pays=True) == "XYZWXYZW"  # each pays once; cached when requested again
    assert requests(clips, "xyzw") == "xyzw"


def halved(backbone: InferenceBackbone) -> None:
    with torch.no_grad():
        backbone.blocks[0].temporal.mul_(0.5)  # type: ignore[operator,union-attr]


def loaded(backbone: InferenceBackbone) -> None:
    backbone.load_state_dict({name: tensor + 0.1 for name, tensor in backbone.state_dict().items()})


def replaced(backbone: InferenceBackbone) -> None:
    backbone.shift = backbone.shift + 1


def moved(backbone: InferenceBackbone) -> None:
    with torch.inference_mode():
        backbone.to(torch.float64).to(torch.float32)


@pytest.mark.parametrize("change", [halved, loaded, replaced, moved])
def test_nothing_is_kept_of_other_weights(change: Callable[[InferenceBackbone], None]) -> None:
    backbone = backbone_of(for_inference(lived_in(**SMALL)))
    x = clips([[20, 0]])
    before = backbone.zero_clip(x)
    change(backbone)
    assert backbone.zero_clip(x) is not before
    people = backbone.people(x)
    for block in backbone.blocks:
        people = block(people)
    assert_same(backbone(x), people.mean(dim=(2, 3)).mean(dim=0, keepdim=True))


def test_live_lengths_end_with_the_last_value_that_is_not_zero() -> None:
    people = torch.zeros(4, 2, 5, 3)
    people[0, 1, 2, 2] = -1
    people[1, 0, 4, 0] = torch.nan
    people[2, 0, 0, 0] = -0.0
    assert live_lengths(people) == [3, 5, 0, 0]


def test_passes_hold_people_of_like_lengths() -> None:
    assert list(passes([5, 0, 100, 7, 100 - MAX_PADDING], most=1000)) == [([2, 4], 100), ([3, 0], 7)]
    assert list(passes([10, 10, 10, 30], most=20)) == [([3], 30), ([0, 1], 10), ([2], 10)]
    assert list(passes([0, 0], most=20)) == []


def test_streams_and_crops_of_a_lightning_module_stay() -> None:
    parts = {"window": 30, "frames": 40, "crops": 3, "crop": 0.5, "streams": ["bone", "joint_motion"]}
    torch.manual_seed(0)
    module = LitSTGCN({"num_classes": 7} | SMALL, parts, [f"{k}" for k in range(7)]).eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.bias)
    x = clips([[40], [12], [0]], 40)
    fast = for_inference(module)
    backbone_of(fast)
    with torch.inference_mode():
        assert_same(fast(x), module(x))
