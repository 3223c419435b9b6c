"""Facts about training clips are plain values that come back as they were, or are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.fingerprints import fingerprints
from stgcn_torch.data.training_clips import TrainingClips, facts, read_origin

LENGTHS = [10, 20, 30, 40, 50]


def clips() -> np.ndarray:
    array = np.zeros((6, 3, 50, 5, 2), np.float32)
    for i, T in enumerate(LENGTHS):  # the last clip is empty
        array[i, :2, :T, :, 0] = np.random.default_rng(i).uniform(1, 2, (2, T, 5))
    return array


def told(**others: Any) -> TrainingClips:
    labels = np.arange(6) % 2
    return facts(fingerprints(clips(), ("x", "y", "score")), 2, labels, {"val": {"rule": "every", "step": 7}}, **others)


def test_facts_of_clips() -> None:
    clips = told(people="together", fps=25.0)
    assert (clips.slots, clips.people, clips.fps) == (2, "together", 25.0)
    assert clips.frames == (10, 30, 50, 50)
    assert (clips.typical, clips.longest) == (30, 150)
    assert len(clips.hashes) == 16 * 5
    assert clips.scale == pytest.approx(1.5, abs=0.1)
    assert TrainingClips.of(clips.plain) == clips
    assert told().labels != facts(fingerprints(np.zeros((1, 3, 2, 5, 1)), "xys"), 1, np.array([1]), {}).labels


def test_seen_clips_are_known_and_empty_ones_never() -> None:
    prints = fingerprints(clips(), ("x", "y", "score"))
    assert told().seen(prints.hashes).tolist() == [True] * 5 + [False]
    other = prints.hashes.copy()
    other[1] += 1
    assert told().seen(other).tolist() == [True, False, True, True, True, False]
    assert not TrainingClips(1).seen(prints.hashes).any()


@pytest.mark.parametrize(
    "damage",
    [
        *({"slots": value} for value in (0, -1, 1.0, True, None, 10**9)),
        *({"frames": value} for value in ([1, 2, 3], [3, 2, 1, 0], [1, 2, 3, "4"], [-1, 0, 0, 0])),
        *({"fps": value} for value in (0, -1.0, float("nan"), float("inf"), "25", True)),
        *({"hashes": value} for value in ("0", "g" * 16, "A" * 16, 3)),
        {"people": "all"},
        {"split": [1]},
        {"labels": "xyz"},
        {"scale": float("inf")},
    ],
    ids=str,
)
def test_damage_is_named(damage: dict[str, Any]) -> None:
    (name,) = damage
    with pytest.raises(ValueError, match=f"^training_clips: {name} is "):
        TrainingClips.of({"slots": 2} | damage)


def test_unknown_facts_are_named() -> None:
    with pytest.raises(ValueError, match=r"^training_clips has no option colour; it has slots, people"):
        TrainingClips.of({"slots": 2, "colour": "red"})
    with pytest.raises(ValueError, match=r"^training_clips: .*missing 1 required positional argument: 'slots'"):
        TrainingClips.of({})


def test_what_prepare_wrote_is_read(tmp_path: Path) -> None:
    assert read_origin(tmp_path) == {}
    (tmp_path / "recordings.yaml").write_text("people: each\nunit: 0.001\nfps: null\n")
    assert read_origin(tmp_path) == {"people": "each", "unit": 0.001, "fps": None}
    for text, message in [("[1]", "must be a mapping"), ("fps: -1", "fps is -1"), ("colour: 1", "has no option")]:
        (tmp_path / "recordings.yaml").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_origin(tmp_path)
