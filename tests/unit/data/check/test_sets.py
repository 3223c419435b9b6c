"""Each fault of the set as a whole is found, and no other fault."""

from typing import Any

import numpy as np
import pytest

from stgcn_torch.data.check import Finding, findings, summary
from tests.walkers import BODY, T, survey_of, walkers


def found_in(**change: Any) -> Finding:
    """The one finding."""
    (finding,) = findings(survey_of(**change))
    return finding


def relabelled(where: Any, label: int) -> Any:
    def change(labels: np.ndarray) -> None:
        labels[where] = label

    return change


def copied(to: list[int], of: np.ndarray) -> Any:
    def change(clips: np.ndarray) -> None:
        clips[to] = of

    return change


def test_a_class_that_only_the_test_has() -> None:
    unseen, untrained = findings(survey_of(labels=lambda labels: np.copyto(labels, labels % 3)))
    assert (unseen.severity, unseen.name, unseen.where) == ("error", "unseen classes", ("d",))
    assert (untrained.severity, untrained.name, untrained.where) == ("warning", "untrained classes", ("d",))


def test_training_clips_of_one_class() -> None:
    unseen, one = findings(survey_of(labels=relabelled(slice(None), 2)))
    assert unseen.where == ("a", "b", "d")
    assert (one.severity, one.name, one.where) == ("error", "one class", ("c",))


def test_a_class_that_the_test_lacks() -> None:
    survey = survey_of()
    survey.parts[1].labels[:] %= 2
    (finding,) = findings(survey)
    assert (finding.severity, finding.name, finding.where) == ("warning", "missing classes", ("c", "d"))


def test_a_split_without_clips() -> None:
    survey = survey_of()
    test = survey.parts[1]
    survey.rows["test"] = survey.rows["test"][:0]
    object.__setattr__(test, "indices", test.indices[:0])
    object.__setattr__(test, "labels", test.labels[:0])
    (finding,) = findings(survey)
    assert (finding.severity, finding.name, finding.remedy) == ("error", "no clips", "data.test=null")


def test_classes_of_very_different_sizes() -> None:
    """Of 20 clips classes b, c and d keep one each; a has 17 times as many."""
    finding = found_in(labels=relabelled([i for i in range(20) if i not in (1, 2, 3)], 0))
    assert (finding.severity, finding.name, finding.where) == ("warning", "imbalance", ("b", "c", "d"))
    assert "17 times" in finding.what
    assert finding.remedy == "monitor=val/mean_class"


def test_a_test_clip_that_is_trained_on_whatever_its_padding() -> None:
    def shifted(clips: np.ndarray) -> None:
        clips[3] = np.roll(walkers(20, seed=20)[7], 2, axis=1)  # training clip 7, two frames later

    finding, gap = findings(survey_of(test=shifted))
    assert (finding.severity, finding.name, finding.where) == ("error", "leaked clips", ("test.npy[3]",))
    assert (gap.name, gap.count) == ("gaps", 2)


def test_the_same_clip_under_two_labels() -> None:
    finding = found_in(change=lambda clips: np.copyto(clips[5], clips[2]))
    assert (finding.severity, finding.name) == ("warning", "contradictions")
    assert finding.where == ("train.npy[2]", "train.npy[5]")


def test_the_same_training_clip_twice() -> None:
    finding = found_in(change=lambda clips: np.copyto(clips[6], clips[2]))  # both of class c
    assert (finding.severity, finding.name, finding.where) == ("note", "copies", ("train.npy[2]", "train.npy[6]"))


def test_empty_clips_are_no_copies_of_each_other() -> None:
    finding = found_in(change=copied([2, 5], np.zeros(())), empty="keep")
    assert (finding.severity, finding.name) == ("note", "empty")


def test_a_group_on_both_sides() -> None:
    assert findings(survey_of(groups=("Ann", "Bo"))) == []
    assert findings(survey_of(groups=("Ann", "Ann"))) == []  # of one group nothing can be held out
    survey = survey_of(groups=("Ann", "Bo"))
    survey.parts[0].groups["group"][0] = "Bo"
    (finding,) = findings(survey)
    assert (finding.severity, finding.name, finding.where) == ("error", "leaked subjects", ("Bo",))
    assert "value: Bo" in finding.remedy


@pytest.mark.parametrize(
    ("rule", "severity", "remedy"),
    [
        ({"rule": "folds", "together": True}, "error", "column: group, value: Bo"),
        ({"rule": "folds"}, "error", "column: group, value: Bo"),
        ({"rule": "groups", "column": "camera", "value": "1"}, "warning", "column: group, value: Bo"),
        ({"rule": "groups", "column": "group", "value": "Bo"}, "error", "column: group, value: Bo"),
    ],
)
def test_how_a_leak_counts_and_is_mended_depends_on_the_rule(rule: dict[str, Any], severity: str, remedy: str) -> None:
    survey = survey_of(groups=("Ann", "Bo"))
    train, test = survey.parts
    train.groups["group"][0] = "Bo"
    object.__setattr__(test, "rule", rule)
    object.__setattr__(test, "said", "1 subjects are too few" if rule.get("together") else "")
    *said, finding = findings(survey)
    assert (finding.severity, finding.name) == (severity, "leaked subjects")
    assert remedy in finding.remedy
    assert [each.what for each in said] == ["test: 1 subjects are too few"] * bool(rule.get("together"))


@pytest.mark.parametrize(("many", "remedy"), [(3, "value: r0"), (5, "together: true")])
def test_a_recording_on_both_sides(many: int, remedy: str) -> None:
    """Whose subject is not known."""
    survey = survey_of(groups=("", ""))
    for part in survey.parts:
        count = len(part.labels)
        part.groups["source"] = np.array([f"{part.name} {i}" for i in range(count)], dtype="<U9")
        part.groups["source"][:many] = [f"r{i}" for i in range(many)] if part.name == "train" else ""
        part.groups["source"][many:] = ""
    survey.parts[1].groups["source"][0] = "r0"
    (finding,) = findings(survey)
    assert (finding.severity, finding.name, finding.where) == ("error", "leaked recordings", ("r0",))
    assert remedy in finding.remedy


@pytest.mark.parametrize(("window", "message"), [(6, "it sees few of them"), (300, "most of it is padding")])
def test_a_window_that_does_not_fit(window: int, message: str) -> None:
    finding = found_in(window=window)
    assert (finding.severity, finding.name, finding.remedy) == ("warning", "window", "preprocessing.window=40")
    assert message in finding.what


def test_frames_that_are_kept_for_crops_count_instead_of_the_window() -> None:
    assert findings(survey_of(window=6, frames=40)) == []
    assert found_in(window=6, frames=300).remedy == "preprocessing.frames=40"


def test_a_clip_that_paddlevideos_sampling_would_run_out_of() -> None:
    def full(clips: np.ndarray) -> None:
        clips[3, :, T:] = clips[3, :, T - 1 : T]

    finding = found_in(change=full, sampling="to_length")
    assert (finding.severity, finding.name, finding.where) == ("error", "sampling", ("train.npy[3]",))
    assert finding.remedy == "preprocessing.sampling=to_last"
    assert findings(survey_of(change=full)) == []
    assert findings(survey_of(change=full, sampling="to_length", window=46)) == []


def test_the_summary_counts() -> None:
    numbers = summary(survey_of(change=lambda clips: clips[0, :, 20:].fill(0)))
    assert numbers["clips"] == {"train": 20, "test": 8}
    assert numbers["classes"]["test"] == dict.fromkeys("abcd", 2)
    assert numbers["frames"] == {"least": 20, "quarter": T, "median": T, "three_quarters": T, "most": T}
    assert numbers["window"] == {
        "option": "preprocessing.window",
        "frames": 32,
        "cut": 27,
        "padded": 1,
        "unseen": pytest.approx(27 * 8 / (27 * T + 20)),
    }
    assert numbers["missing"] == dict.fromkeys(BODY.joints, 0)
