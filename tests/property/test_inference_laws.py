"""A network made for inference says what the network says, whatever its sizes and wherever people are not there."""

from dataclasses import dataclass

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stgcn_torch.inference.exact import InferenceBackbone, for_inference, passes
from stgcn_torch.model import STGCN
from tests.property.test_network_laws import Case, assert_same, few, options

FRAMES = 40  # beyond what the kernels of these networks reach from a live frame


@dataclass
class Padded:
    """A float64 network (see ``Case``) and clips whose people are there for a part of the time.

    Attributes:
        case: The network, and the clips as they would be if everybody were there from first to last frame.
        spans: First live frame of each person of each clip, and the frame after the last.
    """

    case: Case
    spans: list[tuple[int, int]]

    def drawn(self) -> tuple[STGCN, STGCN, Tensor]:
        """The network, the same made for inference, and clips."""
        network, x = self.case.drawn()
        _, _, T, _, M = x.shape
        for i, (start, end) in enumerate(self.spans):
            frames = torch.arange(T)
            x[i // M, :, (frames < start) | (frames >= end), :, i % M] = 0
        return network, for_inference(network), x


@st.composite
def padded(draw: st.DrawFn, longest: int = 24) -> Padded:
    """Clips with any mixture of absent, short and whole people."""
    N, M = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    T = draw(st.integers(1, longest))
    arguments = draw(options()) | {"strides": None}
    blocks = len(arguments["channels"])
    arguments["strides"] = draw(st.lists(st.integers(1, 3), min_size=blocks, max_size=blocks))
    end = st.one_of(st.just(0), st.just(T), st.integers(0, T))
    spans = [(draw(st.integers(0, 2)), draw(end)) for _ in range(N * M)]
    return Padded(Case(arguments, draw(st.integers(0, 9)), (N, T, M)), spans)


def operations(network: STGCN, x: Tensor) -> int:
    """Operations of the convolutions and matrix products that an answer takes, once the zero clip is there."""
    assert isinstance(network.backbone, InferenceBackbone)
    with torch.inference_mode():
        network.backbone.zero_clip(x)
        with FlopCounterMode(display=False) as counter:
            network(x)
    return counter.get_total_flops()


@few
@given(padded())
def test_answers_and_features_are_the_networks(clips: Padded) -> None:
    network, fast, x = clips.drawn()
    with torch.inference_mode():
        assert_same(fast(x), network(x))
        assert_same(fast.backbone(x), network.backbone(x))


@few
@given(padded())
def test_in_float32_answers_are_within_a_hundred_thousandth(clips: Padded) -> None:
    network, fast, x = (made.float() for made in clips.drawn())
    with torch.inference_mode():
        expected = network(x)
    # Measured in 400 cases: 8.9e-6 at a lone logit of 0.007, where the network itself is 1.0e-5 from float64.
    torch.testing.assert_close(fast(x), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@few
@given(padded(), st.floats(0, 500), st.sampled_from([0.01, 0.1, 1]))
def test_in_float32_answers_are_exact_however_far_from_the_origin(clips: Padded, mean: float, spread: float) -> None:
    """Of 400 cases the worst is 2.7e-6 of the largest from float64, and the network itself 2.1e-3."""
    network, _, x = clips.drawn()
    norm = network.backbone.data_bn
    assume(isinstance(norm, nn.BatchNorm1d))
    norm.running_mean.fill_(mean)
    norm.running_var.fill_(spread**2)
    x = torch.where(x == 0, 0, x * spread + mean).float()
    with torch.inference_mode():
        found = for_inference(network.float())(x)
        exact = network.double()(x.double())
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-5 * float(exact.abs().max()))


@few
@given(padded(), st.data())
def test_nan_reaches_the_answer_of_its_clip_alone(clips: Padded, data: st.DataObject) -> None:
    network, fast, x = clips.drawn()
    place = tuple(data.draw(st.integers(0, size - 1)) for size in x.shape)
    x[place] = torch.nan
    with torch.inference_mode():
        logits, expected = fast(x), network(x)
    assert torch.equal(logits.isnan(), expected.isnan())
    assert_same(logits.nan_to_num(), expected.nan_to_num())


@few
@given(padded())
def test_a_clip_gets_the_same_answer_alone_and_in_any_batch(clips: Padded) -> None:
    _, fast, x = clips.drawn()
    with torch.inference_mode():
        assert_same(fast(x), torch.cat([fast(clip[None]) for clip in x]))


@few
@given(padded(FRAMES // 2), st.integers(1, 40))
def test_padding_beyond_reach_costs_nothing(clips: Padded, more: int) -> None:
    _, fast, x = clips.drawn()
    T = x.shape[2]
    fewer = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, FRAMES - T))
    longer = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, FRAMES - T + more))
    assert operations(fast, fewer) == operations(fast, longer)


@few
@given(padded())
def test_people_who_are_not_there_cost_nothing(clips: Padded) -> None:
    _, fast, x = clips.drawn()
    assert operations(fast, torch.cat([x, torch.zeros_like(x)], dim=-1)) == operations(fast, x)


@few
@given(padded())
def test_the_first_call_costs_no_more_than_clips_computed_whole(clips: Padded) -> None:
    """Whether or not it makes the zero clip."""
    _, fast, x = clips.drawn()
    with torch.inference_mode(), FlopCounterMode(display=False) as first:
        fast(x)
    with torch.inference_mode(), FlopCounterMode(display=False) as whole:
        fast(torch.ones_like(x))
    assert first.get_total_flops() <= whole.get_total_flops()


@few
@given(padded())
def test_no_padding_costs_more_than_somebody_there(clips: Padded) -> None:
    _, fast, x = clips.drawn()
    assert operations(fast, x) <= operations(fast, torch.ones_like(x))


@few
@given(st.lists(st.integers(0, 400)), st.integers(1, 2000))
def test_every_person_who_is_there_is_computed_once(lengths: list[int], most: int) -> None:
    made = list(passes(lengths, most))
    assert sorted(i for some, _ in made for i in some) == [i for i, length in enumerate(lengths) if length]
    for some, longest in made:
        assert longest == max(lengths[i] for i in some)
        assert len(some) == 1 or len(some) * longest <= most
