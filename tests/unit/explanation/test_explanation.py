"""An explanation agrees with the network's answer for the clip."""

from typing import Any

import numpy as np
import pytest
import torch

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.explanation.attribution import explain
from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.training.lit import LitSTGCN
from tests.unit.explanation.test_attribution import EXACT, HAND, trained
from tests.walkers import BODY, PADDING, T, walkers

CLASSES = [f"class {k}" for k in range(7)]
SAME = 1e-5  # of probabilities, against the folded network; measured over the cases below: 8.2e-8
PADDLEVIDEO = PREPROCESSINGS["paddlevideo"].plain | {"center": BODY.center}
CROPS = {"window": 16, "frames": 44, "crops": 5, "crop": 0.7}
CASES = {
    "padded": {"window": 64},
    "sampled": {"window": 17},
    "paddlevideo": PADDLEVIDEO | {"window": 31},
    "article": PREPROCESSINGS["article"].plain | {"window": 60},
    "bones and motion": {"window": 64, "streams": ["bone", "joint_motion"]},
    "repaired": {"window": 64, "teleports": "missing", "gaps": "drop"},
}


def network(preprocessing: dict[str, Any], **model: Any) -> LitSTGCN:
    options = {"num_classes": 7, "layout": "coco", "channels": [8, 16], "strides": [1, 2]} | model
    return trained(LitSTGCN(options, preprocessing, CLASSES))  # type: ignore[no-any-return]


def recorded(people: int = 2) -> np.ndarray:
    """Somebody for 40 frames with a few joints undetected, and another for 25."""
    clip = np.concatenate(list(walkers(people)), axis=3)
    clip[:, 25:, :, 1:] = 0
    clip[:, 8:11] = 0
    clip[:, 5:9, [2, BODY.center]] = 0
    return clip


def of(module: LitSTGCN, clip: np.ndarray, **options: Any) -> Explanation:
    return explain(module, clip, "a clip", **options)


@pytest.mark.parametrize("preprocessing", CASES.values(), ids=CASES)
def test_it_explains_what_predict_says(preprocessing: dict[str, Any]) -> None:
    module, clip = network(preprocessing), recorded()
    result = of(module, clip)
    expected = Ensemble([module], [1.0]).for_inference().probabilities(clip[None], [0])[0]
    np.testing.assert_allclose(result.probabilities, expected, atol=SAME)
    assert result.shown == np.argsort(-expected)[:5].tolist()
    means = result.activation.mean(axis=(1, 2, 3)) + result.bias[result.shown]
    assert np.abs(means - result.logits[result.shown]).max() < EXACT * np.abs(result.logits).max()  # measured: 1.9e-7


@pytest.mark.parametrize("preprocessing", CASES.values(), ids=CASES)
def test_a_frame_is_one_of_the_recording(preprocessing: dict[str, Any]) -> None:
    clip = recorded()
    result = of(network(preprocessing | {"center": None}), clip)
    live = result.frames >= 0
    assert result.clip.shape == (2, len(live), 17, 2)
    assert result.raw.shape[1] == max(T, result.frames.max() + 1)
    np.testing.assert_array_equal(result.clip[:, live], result.raw[:2, result.frames[live]])
    assert not result.clip[:, ~live].any()
    assert result.raw_channels == ("x", "y", "score")
    assert result.channels == ("x", "y")


@pytest.mark.parametrize("preprocessing", [{"window": 64}, PADDLEVIDEO | {"window": 31}], ids=["fixed", "paddlevideo"])
def test_a_joint_is_occluded_as_if_it_had_never_been_detected(preprocessing: dict[str, Any]) -> None:
    module, clip = network(preprocessing), recorded()
    result = of(module, clip)
    for v, m in ((1, 0), (16, 1)):
        without = clip.copy()
        without[:, :, v, m] = 0
        falls = result.logits - of(module, without).logits
        np.testing.assert_allclose(result.occlusion[:, m, v], falls[result.shown], atol=1e-5)  # measured: 1.8e-7
        assert np.abs(falls).max() > 5e-4


def test_a_centre_that_is_at_the_origin_says_nothing() -> None:
    assert not of(network({"window": 64}), recorded()).occlusion[:, :, BODY.center].any()
    assert of(network({"window": 64, "center": None}), recorded()).occlusion[:, 0, BODY.center].any()


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        ({}, "lies on LHip (the origin), as an undetected joint does; LHip lies there in any case"),
        ({"keep": ["x", "y", "score"]}, "lies on LHip (the origin), as an undetected joint does"),
        (
            {"center": None},
            "at the origin of the coordinates, far from the body or not, as an undetected joint does",
        ),
        ({"center_of": "clip"}, "lies where LHip is at first (the origin), as an undetected joint does"),
        ({"centring": "every_joint"}, "lies at the origin of the coordinates as given, far from the body or not"),
    ],
    ids=["centred", "scored", "not centred", "path kept", "every joint"],
)
def test_the_page_says_where_an_occluded_joint_lies(preprocessing: dict[str, Any], expected: str) -> None:
    result = of(network({"window": 64} | preprocessing), recorded())
    (line,) = (line for line in result.preprocessing if "occluded" in line)
    assert line == result.occluded
    assert expected in line
    assert ("in any case" in line) == ("in any case" in expected)


def test_crops_are_explained_one_by_one_and_say_so() -> None:
    module, clip = network(CROPS | {"center": None}), recorded()
    results = [of(module, clip, crop=i) for i in range(5)]
    expected = Ensemble([module], [1.0]).probabilities(clip[None], [0])[0]
    np.testing.assert_allclose(np.mean([one.probabilities for one in results], axis=0), expected, atol=SAME)
    for i, one in enumerate(results):
        assert one.title == f"a clip, crop {i} (of 0 to 4)"
        np.testing.assert_array_equal(one.clip, one.raw[:2, one.frames])
        first, last = int(one.frames[0]), int(one.frames[-1])
        assert (first, last) == (3 * i, 3 * i + 27)  # 28 of 40 frames
        assert f"crop {i} (of 0 to 4): 16 frames, from {first} to {last}" in one.preprocessing
        assert f"{CLASSES[expected.argmax()]} {expected.max():.3f}" in one.averaged
        assert one.averaged == one.preprocessing[-1]
    assert of(module, clip).title == results[2].title


def test_frames_are_counted_as_in_the_recording() -> None:
    """The person arrives late."""
    result = of(network(CROPS | {"center": None}), recorded(), crop=1, start=40)
    assert (result.start, int(result.frames[0]), int(result.frames[-1])) == (40, 3, 30)
    assert "crop 1 (of 0 to 4): 16 frames, from 43 to 70" in result.preprocessing


@pytest.mark.parametrize(("streams", "more"), [(["joint", "bone"], 0), (["joint", "bone_motion"], 1)])
def test_motion_shows_a_feature_the_next_frame_too(streams: list[str], more: int) -> None:
    """Frame ``ahead`` after a feature's centre changes the feature, and the next one does not."""
    module = network({"window": 64, "streams": streams, "center": None})
    result, clip, u = of(module, recorded()), recorded(), 5
    assert (result.reach, result.ahead) == (8, 8 + more)

    def activation(clip: np.ndarray) -> np.ndarray:
        every_class = of(module, clip, top_k=7)
        return every_class.activation[np.argsort(every_class.shown), :, u]

    for frame, seen in ((u * result.stride + result.ahead, True), (u * result.stride + result.ahead + 1, False)):
        other = clip.copy()
        other[:2, frame] += np.random.default_rng(0).normal(0, 5, other[:2, frame].shape)
        change = np.abs(activation(other) - activation(clip)).max()
        assert (change > 1e-3) == seen  # measured: above 1 where it is seen, else 0


def test_what_makes_the_answer_doubtful_is_told_with_it() -> None:
    assert of(network({"window": 64}), recorded()).warnings == ()
    assert of(network({"window": 64}), recorded(), warnings=["far too large"]).warnings == ["far too large"]


def test_a_crop_knows_the_recording_s_frames_behind_those_that_are_dropped() -> None:
    module, clip = network(CROPS | {"center": None, "gaps": "drop", "crops": 2, "crop": 0.5}), recorded()
    result = of(module, clip, crop=0)
    np.testing.assert_array_equal(result.clip, result.raw[:2, result.frames])
    assert not set(result.frames.tolist()) & {8, 9, 10}
    assert result.frames[-1] == 21  # the 19th of 37 that are left


def test_joints_in_space_and_a_body_of_one_s_own() -> None:
    preprocessing = {"window": 30, "channels": ["x", "y", "z"], "keep": ["x", "y", "z"]}
    module = network(preprocessing, layout=HAND, edge_importance=False)
    clip = np.random.default_rng(0).normal(size=(3, 20, 3, 1))
    result = of(module, clip, top_k=99)
    assert len(result.shown) == 7
    assert result.body.joints == ("wrist", "palm", "tip")
    assert (result.clip.shape, result.activation.shape) == ((3, 30, 3, 1), (7, 1, 15, 3))
    assert (result.stride, result.reach) == (2, 8)
    np.testing.assert_array_equal(result.importance, np.ones((2, *result.A.shape)))


def test_learned_edge_importance_is_the_network_s() -> None:
    module = network({"window": 16})
    result = of(module, recorded())
    assert module.backbone.edge_importance is not None
    for b, factor in enumerate(module.backbone.edge_importance):
        assert torch.equal(torch.from_numpy(result.importance[b]), factor.data)
    assert torch.equal(torch.from_numpy(result.A), module.backbone.A)


def test_numbers_that_are_none_become_undetected_joints() -> None:
    clip = recorded()
    clip[0, 3, 4, 0] = np.nan
    result = of(network({"window": 64, "nan": "missing"}), clip)
    assert np.isfinite(result.raw).all()
    assert not result.raw[:, 3, 4, 0].any()


def test_a_clip_of_nobody_has_a_frame_to_show() -> None:
    result = of(network({"window": 64, "empty": "keep"}), np.zeros((3, 20, 17, 1)))
    assert result.raw.shape == (3, 1, 17, 1)
    assert (result.frames == -1).all()
    assert not result.occlusion.any()


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"top_k": 0}, "top_k must be at least 1, got 0"), ({"crop": 5}, "crop must be from 0 to 4, got 5")],
    ids=["no class", "no crop"],
)
def test_what_is_not_there_is_not_explained(options: dict[str, int], expected: str) -> None:
    assert recorded().shape[1] == T + PADDING
    with pytest.raises(ValueError, match=expected):
        of(network(CROPS), recorded(), **options)
