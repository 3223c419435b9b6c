"""An ensemble's probabilities are the mean of its networks' probabilities."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stgcn_torch.data.preprocessing.steps import preprocess
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.model import STGCNBackbone
from stgcn_torch.prediction.ensemble import Ensemble, load_ensemble
from stgcn_torch.prediction.sliding import Piece, Pieces
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import CLASSES, module_of, write_ckpt

CLIPS = np.random.default_rng(0).normal(size=(5, 3, 12, 3, 1)).astype(np.float32)
ATOL = 1e-6  # float32 logits in batches of another size; measured: 6e-8


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Checkpoints of two networks with different weights and windows."""
    found = []
    for seed, window in enumerate((8, 10)):
        torch.manual_seed(seed)
        made = module_of()
        module = LitSTGCN(made.hparams["model"], made.preprocessing.plain | {"window": window}, CLASSES)
        write_ckpt(module, tmp_path / f"{seed}.ckpt")
        found.append(str(tmp_path / f"{seed}.ckpt"))
    return found


def alone(module: LitSTGCN) -> np.ndarray[Any, Any]:
    """Probabilities of every clip from a network."""
    batch = torch.from_numpy(np.stack([preprocess(clip, module.preprocessing, module.body) for clip in CLIPS]))
    with torch.inference_mode():
        return module(batch).softmax(dim=1).numpy()


def test_probabilities_are_the_weighted_mean(paths: list[str]) -> None:
    ensemble = load_ensemble(paths, [3, 1])
    one, other = map(alone, ensemble.modules)
    assert np.abs(one - other).max() > 100 * ATOL
    found = ensemble.probabilities(CLIPS, [4, 0, 2], batch_size=2)
    np.testing.assert_allclose(found, (0.75 * one + 0.25 * other)[[4, 0, 2]], atol=ATOL)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=ATOL)


def test_without_weights_all_count_alike(paths: list[str]) -> None:
    assert load_ensemble(paths).weights == [0.5, 0.5]
    assert load_ensemble(paths[:1]).weights == [1.0]


def test_all_can_take_the_window_in(paths: list[str]) -> None:
    assert load_ensemble(paths).window == 8


def test_windows_are_averaged(paths: list[str]) -> None:
    """Each network through each window, with ``frames`` raised to the window."""
    ensemble = load_ensemble(paths, [3, 1])
    expected = np.zeros((5, len(CLASSES)))
    for window in (6, 12):
        for module, weight in zip(ensemble.modules, (0.75, 0.25), strict=True):
            module.preprocessing = replace(module.preprocessing, window=window)
            expected += weight * alone(module) / 2
    ensemble = load_ensemble(paths, [3, 1])
    ensemble.modules[0].preprocessing = replace(ensemble.modules[0].preprocessing, frames=8)
    seen = ensemble.through([6, 12])
    assert [module.preprocessing.frames for module in seen.modules] == [8, 12, None, None]
    found = load_ensemble(paths, [3, 1]).through([6, 12]).probabilities(CLIPS, range(5))
    np.testing.assert_allclose(found, expected, atol=ATOL)
    with pytest.raises(ValueError, match=r"window must be a whole number of at least 1 frame, got 0$"):
        ensemble.through([0])


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, float("inf")]])
def test_weights_that_are_none_are_refused(weights: list[float], paths: list[str]) -> None:
    with pytest.raises(ValueError, match="weights must be 2 numbers, none negative and not all 0"):
        load_ensemble(paths, weights)


def test_no_network_answers_nothing() -> None:
    with pytest.raises(ValueError, match="ckpt_path names no checkpoint"):
        load_ensemble([])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"classes": [name.upper() for name in CLASSES]}, "classes"),
        ({"preprocessing": {"channels": ["x", "y", "z"]}}, "channels x, y, score and x, y, z"),
    ],
)
def test_networks_that_see_or_say_other_things_are_refused(
    change: dict[str, Any], told: str, paths: list[str], tmp_path: Path
) -> None:
    made = module_of()
    preprocessing = made.preprocessing.plain | change.get("preprocessing", {})
    write_ckpt(LitSTGCN(made.hparams["model"], preprocessing, change.get("classes", CLASSES)), tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=f"cannot answer together, they differ: .*{told}"):
        load_ensemble([paths[0], tmp_path / "other.ckpt"])


def test_made_for_inference_it_answers_the_same(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clips = CLIPS.copy()
    clips[1:3, :, 5:] = 0
    ensemble = load_ensemble(paths)
    expected = ensemble.probabilities(clips, range(5))
    monkeypatch.setattr(STGCNBackbone, "forward", lambda *_: pytest.fail("a network itself was run"))
    np.testing.assert_allclose(ensemble.for_inference().probabilities(clips, range(5)), expected, atol=ATOL)


def test_it_moves_as_one(paths: list[str]) -> None:
    moved = load_ensemble(paths).to("meta")
    assert isinstance(moved, Ensemble)
    assert {parameter.device.type for module in moved.modules for parameter in module.parameters()} == {"meta"}


def test_clips_may_come_without_the_channels_that_are_dropped(paths: list[str]) -> None:
    """Where every joint is detected, the score changes nothing."""
    clips = CLIPS.copy()
    clips[:, 2] = 1
    expected = load_ensemble(paths).probabilities(clips, range(5))
    whole = load_ensemble(paths)
    ensemble = whole.of_kept_channels()
    assert ensemble.channels == ("x", "y")
    assert whole.channels == ("x", "y", "score")  # what reads clips alters no network
    np.testing.assert_allclose(ensemble.probabilities(clips[:, :2], range(5)), expected, atol=ATOL)  # measured: 0


@pytest.mark.parametrize(("select", "length"), [("after", "nonzero"), ("before", "positive_sum")])
def test_without_the_score_a_clip_ends_with_its_last_value(paths: list[str], select: str, length: str) -> None:
    """Coordinates are signed, and only the score makes a sum safe; unless the training dropped the score first."""
    ensemble = load_ensemble(paths, given={"length": "positive_sum", "select": select})
    assert {module.preprocessing.length for module in ensemble.of_kept_channels().modules} == {length}


def test_each_network_gets_the_slots_that_it_was_trained_on(paths: list[str]) -> None:
    """Absent people are added, and of more than slots the first are taken."""
    (module,) = load_ensemble(paths[:1]).modules
    module.training_clips = TrainingClips(2)
    ensemble = Ensemble([module], [1.0])
    assert (ensemble.slots, ensemble.people) == (2, "together")
    two = np.concatenate([CLIPS, np.zeros_like(CLIPS)], axis=4)
    three = np.concatenate([np.zeros_like(CLIPS), CLIPS, np.zeros_like(CLIPS)], axis=4)
    expected = ensemble.probabilities(two, range(5))
    np.testing.assert_allclose(ensemble.probabilities(CLIPS, range(5)), expected, atol=ATOL)
    np.testing.assert_allclose(ensemble.probabilities(three, range(5)), expected, atol=ATOL)
    module.training_clips = None
    assert np.abs(ensemble.probabilities(CLIPS, range(5)) - expected).max() > 1e-3  # which is why slots are kept


def test_an_error_names_the_clip_that_a_piece_is_of(paths: list[str]) -> None:
    clips = CLIPS.copy()
    clips[3, 0, 2] = np.nan
    pieces = Pieces(clips, [Piece(i, 0, 5) for i in (1, 3)])
    with pytest.raises(ValueError, match=r"^clip 3 has \d+ NaN or infinite values"):
        load_ensemble(paths).probabilities(pieces, range(2))
