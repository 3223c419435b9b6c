"""A stream gives the network's outputs for the clip, at the same cost for every frame."""

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from stgcn_torch.inference.streaming import CHUNK, StreamingSTGCN
from stgcn_torch.model import STGCN
from tests.unit.inference.test_folded import lived_in

TOLERANCE = 1e-5  # of the largest logit, float32; measured: 3.8e-7

SMALL = {"channels": [8, 12, 6], "strides": [1, 2, 3], "temporal_kernel": 5}
NETWORKS = [
    SMALL,
    {"layout": "ntu-rgb+d", "in_channels": 3, "strategy": "uniform", "channels": [4, 4], "strides": [2, 1]},
    {"edge_importance": False, "data_bn": False, "channels": [4], "strides": [2]},
    {"temporal_kernel": 1, "channels": [5, 5], "strides": [1, 1], "max_hop": 2, "strategy": "distance"},
    {"channels": [4, 4, 4], "strides": [3, 1, 5], "temporal_kernel": 3},  # strides wider than the kernel
]


def clip(network: STGCN, T: int, N: int = 2, M: int = 2) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(N, network.backbone.in_channels, T, 25, M)


def streaming(network: STGCN) -> StreamingSTGCN:
    return StreamingSTGCN(network.backbone, network.head)


def logits_of(network: STGCN, x: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = network(x)
        return logits


def assert_near(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_at_every_frame_the_answer_is_the_networks_of_the_frames_so_far(options: dict[str, object]) -> None:
    network = lived_in(**options)
    x, stream = clip(network, 31), streaming(network)
    for t in range(31):
        stream.push(x[:, :, t])
        assert_near(stream.logits(), logits_of(network, x[:, :, : t + 1]))
    torch.testing.assert_close(stream.answer(), stream.logits().softmax(dim=1))


def test_the_usual_network_is_the_same_frame_by_frame() -> None:
    network = lived_in()
    x, stream = clip(network, 120, N=1, M=1), streaming(network)
    for t in range(120):
        stream.push(x[:, :, t])
        if t in (0, 3, 75, 76, 90):
            assert_near(stream.logits(), logits_of(network, x[:, :, : t + 1]))
    assert_near(stream.flush(), logits_of(network, x))


@pytest.mark.parametrize("options", [{}, *NETWORKS], ids=str)
def test_a_feature_is_final_when_the_delay_says_so(options: dict[str, object]) -> None:
    network = lived_in(**options)
    stream = streaming(network)
    T = stream.delay + 2 * stream.stride + 1
    x = clip(network, T, N=1, M=1)
    for t in range(T):
        features = stream.features(x[:, :, t])
        due = t >= stream.delay and (t - stream.delay) % stream.stride == 0
        assert len(features) == due


def test_the_usual_delay_is_76_frames_and_the_stride_4() -> None:
    """Computed by hand: 4 frames in each of 5 blocks at stride 1, 3 at stride 2 and 2 at stride 4."""
    stream = streaming(lived_in())
    assert (stream.delay, stream.stride) == (4 * 5 + 8 * 3 + 16 * 2, 4)


def test_what_push_says_is_the_mean_over_features_that_no_later_frame_changes() -> None:
    network = lived_in(**SMALL)
    x, stream = clip(network, 60), streaming(network)
    with torch.inference_mode():
        deep: list[Tensor] = []
        network.backbone.st_gcn_networks[-1].register_forward_hook(lambda *call: deep.append(call[2]))
        network(x)
        for t in range(60):
            probabilities = stream.push(x[:, :, t])
            final = (t - stream.delay) // stream.stride + 1  # of the clip's deep features, (N M, D, S, V)
            if final < 1:
                assert probabilities is None
            else:
                expected = network.head(deep[0][:, :, :final].mean(dim=(2, 3)).view(2, 2, -1).mean(dim=1))
                torch.testing.assert_close(probabilities, expected.softmax(dim=1))


@pytest.mark.parametrize("sizes", [[50], [1, 0, 7, 42], [CHUNK, 18], [CHUNK + 1, 17]], ids=str)
def test_frames_may_come_in_batches_of_any_size(sizes: list[int]) -> None:
    network = lived_in(**SMALL)
    x, one, many = clip(network, 50), streaming(network), streaming(network)
    for t in range(50):
        one.push(x[:, :, t])
    for part in x.split(sizes, dim=2):
        many.push(part)
    assert_near(many.logits(), one.logits())
    assert many.frames == one.frames == 50


def test_a_batch_of_frames_gives_the_features_of_its_frames() -> None:
    network = lived_in(**SMALL)
    x, one, many = clip(network, 3 * CHUNK + 5), streaming(network), streaming(network)
    each = torch.cat([one.features(x[:, :, t]) for t in range(x.shape[2])])
    torch.testing.assert_close(many.features(x), each)
    torch.testing.assert_close(many.rest(), one.rest())


def test_asking_changes_nothing() -> None:
    network = lived_in(**SMALL)
    x, queried, untouched = clip(network, 80), streaming(network), streaming(network)
    for t in range(80):
        queried.push(x[:, :, t])
        queried.logits()
        untouched.push(x[:, :, t])
    assert torch.equal(queried.logits(), untouched.logits())


def test_after_a_flush_the_next_frame_begins_another_clip() -> None:
    network = lived_in(**SMALL)
    x, other, stream = clip(network, 20), clip(network, 9, N=1, M=3), streaming(network)
    stream.push(x)
    stream.flush()
    stream.push(other)
    assert_near(stream.flush(), logits_of(network, other))
    stream.push(x)
    stream.reset()
    stream.push(other)
    assert_near(stream.logits(), logits_of(network, other))


def test_people_who_are_not_there_are_zeros_as_in_a_clip() -> None:
    network = lived_in(**SMALL)
    x, stream = clip(network, 40, M=3), streaming(network)
    x[..., 1] = 0
    x[:, :, 10:25, :, 2] = 0  # leaves and comes back
    stream.push(x)
    assert_near(stream.logits(), logits_of(network, x))


def test_a_stream_computes_in_the_type_of_the_network() -> None:
    network = lived_in(**SMALL).double()
    x, stream = clip(network, 20), streaming(network)
    stream.push(x.float())
    expected = logits_of(network, x.double())
    torch.testing.assert_close(stream.logits(), expected, rtol=1e-12, atol=1e-12)  # measured: 2e-15


def test_however_far_from_the_origin_a_stream_loses_no_digits() -> None:
    network = lived_in(**SMALL)
    network.backbone.data_bn.running_mean.fill_(500)
    network.backbone.data_bn.running_var.fill_(1e-4)
    x, stream = clip(network, 20) * 0.01 + 500, streaming(network)
    stream.push(x)
    assert_near(stream.logits().double(), logits_of(network.double(), x.double()))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 2, 24, 1), r"C=2 and V=25, got \(1, 2, 1, 24, 1\)"),
        ((1, 3, 25, 1), r"C=2 and V=25, got \(1, 3, 1, 25, 1\)"),
        ((1, 2, 1, 4, 25, 1), r"got \(1, 2, 1, 4, 25, 1\)"),
        ((1, 2, 4, 25, 0), r"got \(1, 2, 4, 25, 0\)"),
        ((1, 2, 25, 2), "N=1 and M=1, got 1 and 2"),
        ((2, 2, 25, 1), "N=1 and M=1, got 2 and 1"),
    ],
)
def test_frames_that_do_not_fit_are_refused_and_change_nothing(shape: tuple[int, ...], words: str) -> None:
    network = lived_in(**SMALL)
    x, stream = clip(network, 5, N=1, M=1), streaming(network)
    stream.push(x)
    with pytest.raises(ValueError, match=words):
        stream.push(torch.zeros(shape))
    assert_near(stream.logits(), logits_of(network, x))


def test_under_autocast_a_stream_answers_as_without() -> None:
    network = lived_in(**SMALL)
    x, plain, cast = clip(network, 40), streaming(network), streaming(network)
    for t in range(40):
        expected = plain.push(x[:, :, t])
        with torch.autocast("cpu", torch.bfloat16):
            found = cast.push(x[:, :, t])
            logits = cast.logits()
        assert found is expected is None or torch.equal(found, expected)
        assert torch.equal(logits, plain.logits())


@pytest.mark.parametrize("T", [6, CHUNK])  # enough for every block to have an output, whatever the strides
@pytest.mark.parametrize("broken", range(3))
def test_a_push_that_fails_leaves_the_stream_as_it_was(broken: int, T: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = lived_in(**SMALL)
    x, stream = clip(network, 4 * CHUNK), streaming(network)

    def fail(*frames: Tensor) -> Tensor:
        raise MemoryError

    for t in range(0, x.shape[2], T):
        with monkeypatch.context() as patch:
            patch.setattr(stream.blocks[broken], "_at_centres", fail)
            with pytest.raises(MemoryError):
                stream.push(torch.ones(2, 2, T, 25, 2))
        assert stream.frames == t
        stream.push(x[:, :, t : t + T])
        assert_near(stream.logits(), logits_of(network, x[:, :, : t + T]))


def test_of_a_long_push_that_fails_the_stream_has_the_frames_that_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    network = lived_in(**SMALL)
    x, stream = clip(network, 3 * CHUNK), streaming(network)
    calls, propagate = [], stream._propagate

    def second_fails(part: Tensor) -> Tensor:
        calls.append(part)
        if len(calls) == 2:
            raise MemoryError
        return propagate(part)

    monkeypatch.setattr(stream, "_propagate", second_fails)
    with pytest.raises(MemoryError):
        stream.push(x)
    assert stream.frames == CHUNK
    stream.push(x[:, :, stream.frames :])
    assert_near(stream.logits(), logits_of(network, x))


def test_a_stream_without_frames_has_no_answer() -> None:
    network = lived_in(**SMALL)
    stream = streaming(network)
    for ask in (stream.logits, stream.answer, stream.flush):
        with pytest.raises(ValueError, match="without frames has no answer"):
            ask()
    assert stream.push(clip(network, 0)) is None
    with pytest.raises(ValueError, match="without frames has no answer"):
        stream.logits()


def operations(run: object) -> int:
    with FlopCounterMode(display=False) as counter:
        run()  # type: ignore[operator]
    return int(counter.get_total_flops())


def test_no_frame_costs_more_than_another() -> None:
    """Counts the operations of four frames in a row and of an answer, at any time."""
    network = lived_in()
    x, stream = clip(network, 400, N=1, M=1), streaming(network)
    stream.push(x[:, :, :100])
    frames, answer = operations(lambda: stream.push(x[:, :, 100:104])), operations(stream.logits)
    stream.push(x[:, :, 104:400])
    assert operations(lambda: stream.push(x[:, :, :4])) == frames
    assert operations(stream.logits) == answer
    window = operations(lambda: network(x[:, :, :350]))
    assert window >= 30 * frames / 4  # measured: 359
    assert window >= 2.5 * answer  # measured: 9.1


def test_memory_does_not_grow() -> None:
    network = lived_in(**SMALL)
    x, stream = clip(network, 500), streaming(network)

    def memory() -> int:
        parts = [part for block in stream.blocks for part in (block.hidden.buffer, block.inputs.buffer)]
        return sum(part.untyped_storage().nbytes() for part in parts)

    stream.push(x[:, :, :10])
    before = memory()
    stream.push(x)
    assert memory() == before
