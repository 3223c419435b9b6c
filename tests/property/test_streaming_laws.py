"""What holds for every stream, whatever the network, the frames, and how they come."""

from itertools import pairwise
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from stgcn_torch.inference.streaming import CHUNK, StreamingSTGCN
from tests.property.test_network_laws import Case, assert_same, few, options


@st.composite
def streamed(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of a small network, strides wider than its kernel among them."""
    made = draw(options())
    blocks = len(made["channels"])
    return made | {"strides": draw(st.lists(st.integers(1, 4), min_size=blocks, max_size=blocks))}


cases = st.builds(
    Case,
    streamed(),
    st.integers(0, 9),
    st.tuples(st.integers(1, 2), st.integers(1, CHUNK + 9), st.integers(1, 3)),
)


def cuts(random: Any, T: int) -> list[int]:
    """Sizes of the batches that T frames come in; some are empty."""
    edges = sorted([0, T, *(random.randint(0, T) for _ in range(random.randint(0, 5)))])
    return [end - start for start, end in pairwise(edges)]


@few
@given(cases, st.randoms(use_true_random=False))
def test_a_stream_says_what_the_network_says_of_the_frames_so_far(case: Case, random: Any) -> None:
    network, x = case.drawn()
    with torch.inference_mode():
        stream, t = StreamingSTGCN(network.backbone, network.head), 0
        for part in x.split(cuts(random, x.shape[2]), dim=2):
            stream.push(part)
            t += part.shape[2]
            if t:
                assert_same(stream.logits(), network(x[:, :, :t]))
        assert_same(stream.flush(), network(x))


@few
@given(cases, st.randoms(use_true_random=False))
def test_final_features_are_those_of_every_longer_clip(case: Case, random: Any) -> None:
    network, x = case.drawn()
    short, long = (StreamingSTGCN(network.backbone, network.head) for _ in range(2))
    t = random.randint(1, x.shape[2])
    final, whole = short.features(x[:, :, :t]), torch.cat([long.features(x), long.rest()])
    assert len(final) == max(0, (t - 1 - short.delay) // short.stride + 1)
    assert len(whole) == -(-x.shape[2] // long.stride)
    if len(final):
        assert_same(final, whole[: len(final)])


@few
@given(cases)
def test_clips_side_by_side_do_not_see_one_another(case: Case) -> None:
    network, x = case.drawn()
    together = StreamingSTGCN(network.backbone, network.head)
    together.push(x)
    for n in range(len(x)):
        alone = StreamingSTGCN(network.backbone, network.head)
        alone.push(x[n : n + 1])
        assert_same(together.logits()[n : n + 1], alone.logits())
