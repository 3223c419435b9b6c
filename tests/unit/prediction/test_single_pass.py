"""A recording in one pass: the answer for each moment is the head's output for the mean of the features around it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.data.preprocessing.steps import preprocess
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.single_pass import running_segments, sliding_mean, streams_of
from stgcn_torch.prediction.sliding import Segment
from stgcn_torch.prediction.tempo import Tempo
from stgcn_torch.training.lit import LitSTGCN

CLASSES = ("a", "b", "c")
LAYOUT = {"joints": ["hip", "knee", "foot"], "bones": [["knee", "hip"], ["foot", "knee"]], "center": "hip"}
ATOL = 1e-12  # of probabilities, float64; measured: 3e-15


def module_of(seed: int = 0, T: int = 60, **options: Any) -> LitSTGCN:
    """A network whose stride is 4 and whose window is the recording."""
    model = {"num_classes": 3, "layout": LAYOUT, "channels": [4, 6], "strides": [2, 2], "temporal_kernel": 3}
    preprocessing = {"window": T, **options.pop("preprocessing", {})}
    torch.manual_seed(seed)
    module = LitSTGCN(model | options, preprocessing, CLASSES)
    torch.nn.init.normal_(module.head.fcn.weight, 0, 2)
    return module.double().eval()  # so that nothing but the arithmetic can differ


def recording(T: int = 60, M: int = 1) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(0)
    clip = rng.normal(size=(3, T, 3, M)).cumsum(axis=1).astype(np.float32)
    clip[2] = 1
    return clip


def segments(ensemble: Ensemble, clip: np.ndarray[Any, Any], frames: int) -> Iterator[Segment]:
    return running_segments(ensemble, streams_of(ensemble), clip, frames)


def features(module: LitSTGCN, clip: np.ndarray[Any, Any]) -> torch.Tensor:
    """The deep features of the whole recording as one clip, each the mean over joints and people, (S, D)."""
    x = torch.from_numpy(preprocess(clip, module.preprocessing, module.body))[None].double()
    deep: list[torch.Tensor] = []
    hook = module.backbone.st_gcn_networks[-1].register_forward_hook(lambda *call: deep.append(call[2]))
    with torch.inference_mode():
        module(x)
    hook.remove()
    return deep[0].mean(dim=(0, 3)).t()


@pytest.mark.parametrize("M", [1, 2])
def test_an_answer_is_the_heads_to_the_mean_of_the_features_around(M: int) -> None:
    module, clip = module_of(), recording(M=M)
    deep = features(module, clip)
    expected = torch.stack([deep[max(0, j - 1) : j + 3].mean(dim=0) for j in range(15)])  # 16 frames: 4 features
    with torch.inference_mode():
        module.head.fcn.bias -= module.head(expected).mean(dim=0)  # no class is the most likely throughout
        rows = module.head(expected).softmax(dim=1).numpy()
    counts = np.zeros((15, 3))
    parts = list(segments(Ensemble([module], [1.0]), clip, 16))
    for part in parts:
        assert part.start % 4 == 0
        cells = slice(part.start // 4, -(-part.end // 4))
        assert set(rows[cells].argmax(axis=1)) == {part.probabilities.argmax()}
        np.testing.assert_allclose(part.probabilities, rows[cells].mean(axis=0), atol=ATOL)
        counts[cells] += 1
    assert len(parts) > 1
    assert (counts == 1).all(), "every moment is in one segment"


def test_a_mean_over_the_whole_recording_is_what_the_network_says_of_it() -> None:
    module, clip = module_of(), recording()
    (part,) = segments(Ensemble([module], [1.0]), clip, 1000)
    with torch.inference_mode():
        x = torch.from_numpy(preprocess(clip, module.preprocessing, module.body))[None].double()
        expected = module(x).softmax(dim=1)[0].numpy()
    assert (part.start, part.end) == (0, 60)
    np.testing.assert_allclose(part.probabilities, expected, atol=ATOL)


def test_networks_answer_together_by_their_weights() -> None:
    one, other, clip = module_of(0), module_of(1, preprocessing={"streams": ["bone"], "center": None}), recording()
    whole = [next(segments(Ensemble([module], [1.0]), clip, 1000)).probabilities for module in (one, other)]
    (both,) = segments(Ensemble([one, other], [0.75, 0.25]), clip, 1000)
    np.testing.assert_allclose(both.probabilities, 0.75 * whole[0] + 0.25 * whole[1], atol=1e-12)


def test_a_recording_that_was_left_in_the_middle_does_not_show_in_the_next() -> None:
    ensemble, clip = Ensemble([module_of()], [1.0]), recording()
    streams = streams_of(ensemble)
    streams[0].push(torch.ones(1, 2, 30, 3, 1))
    (part,) = running_segments(ensemble, streams, clip, 1000)
    (expected,) = segments(ensemble, clip, 1000)
    assert (part.probabilities == expected.probabilities).all()


def test_segments_end_with_the_recording_and_where_nobody_is_around() -> None:
    module, clip = module_of(T=100), recording(100)
    clip[:, 40:70] = 0
    clip[:, 90:] = 0
    parts = list(segments(Ensemble([module], [1.0]), clip, 8))  # a feature, and one behind it
    covered = [frame for part in parts for frame in range(part.start, part.end)]
    assert covered == [*range(40), *range(64, 90)]


def test_nobody_at_all_gets_no_answer() -> None:
    assert list(segments(Ensemble([module_of()], [1.0]), np.zeros((3, 60, 3, 1)), 8)) == []


def test_networks_of_other_strides_cannot_stream_together() -> None:
    with pytest.raises(ValueError, match=r"must have one stride, got \[2, 4\] frames"):
        streams_of(Ensemble([module_of(), module_of(strides=[1, 2])], [0.5, 0.5]))


def test_networks_that_see_other_ends_cannot_stream_together() -> None:
    modules = [module_of(preprocessing={"select": select}) for select in ("before", "after")]
    with pytest.raises(
        ValueError, match=r"alike in preprocessing\.select and nan, got select=after nan=refuse, select=b"
    ):
        streams_of(Ensemble(modules, (0.5, 0.5)))


def test_a_recording_without_frames_gets_no_answer() -> None:
    assert not list(segments(Ensemble([module_of()], (1.0,)), recording(T=0), 12))


def test_what_needs_more_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match=r"teleports=drop \(allowed: keep\)"):
        streams_of(Ensemble([module_of(preprocessing={"teleports": "drop"})], [1.0]))


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=8), st.integers(1, 12))
def test_a_sliding_mean_is_the_mean_around_each_row_however_the_rows_come(sizes: list[int], width: int) -> None:
    x = torch.randn(sum(sizes), 2, generator=torch.Generator().manual_seed(0))
    rows = [x[max(0, i - (width - 1) // 2) : i + width // 2 + 1].double().mean(dim=0) for i in range(len(x))]
    means = torch.cat([x.double()[:0], *sliding_mean(x.split(sizes), width)])
    torch.testing.assert_close(means, torch.stack(rows) if rows else x.double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("frames", "width"), [(1, 1), (5, 1), (6, 2), (10, 2), (11, 3)])
def test_the_width_of_a_mean_is_the_nearest_number_of_features(frames: int, width: int) -> None:
    """A feature every 4 frames; at a tempo of 2 every 8."""
    ensemble = Ensemble([module_of()], [1.0])
    for factor, tempo in ((2, Tempo(120, 2.0)), (1, None)):
        given = [
            [(part.start, part.end, part.probabilities.tolist()) for part in found]
            for found in (
                running_segments(ensemble, streams_of(ensemble), recording(60 * factor), n * factor, tempo=tempo)
                for n in (frames, 4 * width)
            )
        ]
        assert given[0] == given[1]
    other = list(segments(ensemble, recording(), 4 * (width + 1)))
    assert [part.probabilities.tolist() for part in other] != [row[2] for row in given[0]]


@pytest.mark.parametrize("T", [1, 2, 17, 40, 59, 60])
@pytest.mark.parametrize("span", [40, 60, 90])
def test_a_recording_of_a_clip_s_length_is_padded_as_the_clip(T: int, span: int) -> None:
    """Of any that is no longer than a span, too, though clips of the training were."""
    module, clip = module_of(), recording(T)
    ensemble, tempo = Ensemble([module], [1.0]), Tempo(span, max(1, span / 60))
    (part,) = running_segments(ensemble, streams_of(ensemble), clip, 1000, tempo=tempo)
    with torch.inference_mode():
        x = torch.from_numpy(preprocess(clip, module.preprocessing, module.body))[None].double()
        expected = module(x).softmax(dim=1)[0].numpy()
    if T <= span:
        np.testing.assert_allclose(part.probabilities, expected, atol=ATOL)
    else:
        assert np.abs(part.probabilities - expected).max() > 1e-6  # of a part of the recording, and padding


@pytest.mark.parametrize("T", [200, 199, 201, 20, 23])
def test_padding_behind_a_recording_has_its_share_of_each_mean(T: int) -> None:
    """Half a window of 40."""
    module, clip, tempo, count = module_of(T=40), recording(T), Tempo(20), -(-T // 4)
    module.head.fcn.weight.data.mul_(0.01)  # one segment, whatever is there
    module.head.fcn.bias.data += torch.tensor([9.0, 0, 0], dtype=torch.float64)
    padded = features(module_of(T=T + 20), clip)
    deep, behind = padded[:count], padded[count:].mean(dim=0)
    expected = [(deep[max(0, j - 1) : j + 3].mean(dim=0) + behind) / 2 for j in range(count)]
    with torch.inference_mode():
        rows = module.head(torch.stack(expected)).softmax(dim=1).numpy()
    frames = np.minimum(4, T - 4 * np.arange(count))[:, None]  # of each feature
    ensemble = Ensemble([module], [1.0])
    (part,) = running_segments(ensemble, streams_of(ensemble), clip, 16, tempo=tempo)
    np.testing.assert_allclose(part.probabilities, (frames * rows).sum(axis=0) / T, atol=ATOL)


def test_a_stream_at_a_tempo_is_that_of_the_frames_it_takes() -> None:
    """Its segments are told in the recording's frames."""
    ensemble, clip, tempo = Ensemble([module_of()], [1.0]), recording(90), Tempo(90, 1.5)
    taken = tempo.frames(90)
    there = list(running_segments(ensemble, streams_of(ensemble), clip, 12, tempo=tempo))
    plain = list(segments(ensemble, clip[:, taken], 8))
    assert [part.probabilities.tolist() for part in there] == [part.probabilities.tolist() for part in plain]
    assert [part.start for part in there] == [int(taken[part.start]) for part in plain]
    assert there[-1].end == 90
