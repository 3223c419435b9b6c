"""Windows and streams look at recordings at the tempo of the training's clips."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.tempo import Tempo, long_clips, tempo_of
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import CLASSES, TINY


def ensemble(**clips: Any) -> Ensemble:
    """A network with a window of 8 frames."""
    preprocessing = PREPROCESSINGS["fixed"].plain | {"window": 8}
    told = {"slots": 1, "frames": [5, 20, 30, 40]} | clips if clips.get("slots", 1) else None
    model = {"num_classes": len(CLASSES)} | TINY
    return Ensemble([LitSTGCN(model, preprocessing, CLASSES, training_clips=told).eval()], [1.0])


def test_a_window_spans_the_median_of_training() -> None:
    assert tempo_of(ensemble()) == Tempo(20, 2.5, "the median of its training clips")
    assert tempo_of(ensemble(), span=16) == Tempo(16, 2.0, "as asked for")
    assert tempo_of(ensemble(frames=[1, 4, 6, 7])).step == 1.0  # shorter clips are padded, not stretched
    assert tempo_of(ensemble(slots=0)).span == 8
    assert tempo_of(ensemble(frames=None)).span == 8


def test_rates_are_brought_together_where_both_are_known() -> None:
    assert tempo_of(ensemble(fps=25.0), rate=50.0).span == 40
    assert tempo_of(ensemble(fps=25.0)).span == 20
    assert tempo_of(ensemble(), rate=50.0).span == 20


@pytest.mark.parametrize(
    ("step", "T", "frames"), [(1.0, 3, [0, 1, 2]), (2.5, 8, [0, 2, 5, 7]), (4.0, 4, [0]), (3.0, 0, [])]
)
def test_a_stream_takes_frames_evenly(step: float, T: int, frames: list[int]) -> None:
    assert Tempo(8, step).frames(T).tolist() == frames


def test_much_longer_clips_are_told_of() -> None:
    clips = [np.ones((3, T, 3, 1)) for T in (8, 91, 90, 200)]
    (line,) = long_clips(ensemble(), clips, range(4))
    assert line.startswith(
        "2 clips are over 3 times as long as 95 % of the training's (clip 1 has 91 frames, those have"
    )
    assert long_clips(ensemble(), clips, [0, 2]) == []
    assert long_clips(ensemble(slots=0), clips, range(4)) == []
    padded = np.ones((3, 200, 3, 1))
    padded[:, 50:] = 0
    assert long_clips(ensemble(), [padded], [0]) == []


def test_networks_of_other_tempos_want_to_be_told_the_span() -> None:
    (slow,), (fast,) = (ensemble(frames=[T] * 4).modules for T in (20, 200))
    both = Ensemble([slow, fast], [0.5, 0.5])
    with pytest.raises(
        ValueError, match=r"^the networks were trained on clips of 20, 200 frames in the median: say span="
    ):
        tempo_of(both)
    assert tempo_of(both, span=50).span == 50
    (twice,) = ensemble(frames=[40] * 4, fps=50.0).modules
    (once,) = ensemble(frames=[20] * 4, fps=25.0).modules
    assert tempo_of(Ensemble([once, twice], [0.5, 0.5])).span == 20  # of the same duration


def test_long_is_a_matter_of_time_where_rates_are_known() -> None:
    clips = [np.ones((3, 180, 3, 1))]
    assert long_clips(ensemble(fps=25.0), clips, [0], rate=50.0) == []
    assert long_clips(ensemble(fps=25.0), clips, [0], rate=25.0) != []
    assert long_clips(ensemble(fps=25.0), [np.ones((3, 60, 3, 1))], [0], rate=10.0) != []
