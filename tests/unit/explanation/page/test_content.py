"""stgcn_torch/explanation/page/content.py."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from stgcn_torch.explanation.page.content import content, partitions, plain_values, spread
from stgcn_torch.explanation.page.scene import MISSING
from stgcn_torch.skeleton import LAYOUTS
from tests.explained import CLASSES, explanation, people


def points(scene: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """A scene's coordinates (M, T, V, D), NaN where a joint is missing."""
    values = np.frombuffer(base64.b64decode(scene["points"]), "<i2").reshape(*shape, scene["D"]).astype(float)
    return np.where(values == MISSING, np.nan, values / scene["unit"])


def test_the_map_is_kept_to_the_last_bit() -> None:
    subject = explanation(M=2)
    values = np.frombuffer(base64.b64decode(plain_values(subject)["activation"]), "<f4")
    np.testing.assert_array_equal(values.reshape(subject.activation.shape), subject.activation)


def test_a_joint_at_the_origin_is_there_if_it_was_detected() -> None:
    subject = explanation()
    assert (subject.clip[:, :, subject.body.center] == 0).all()
    assert np.isfinite(points(plain_values(subject)["seen"], (1, 60, 25))).all()


def test_undetected_joints_and_padding_are_missing() -> None:
    raw = people(LAYOUTS["fsd10"], 40, 1, 2)
    raw[:, 7, 3] = 0
    subject = explanation(live=40, raw=raw)
    subject.clip[:, 7, 3] = 0
    for name in ("seen", "raw"):
        mask = np.isfinite(points(plain_values(subject)[name], (1, 60, 25))).all(axis=-1)[0]
        assert not mask[40:].any()
        assert [*np.argwhere(~mask[:40])[0]] == [7, 3]
        assert mask[:40].sum() == 40 * 25 - 1


def test_sampled_frames_are_those_of_the_raw_clip() -> None:
    raw = people(LAYOUTS["fsd10"], 240, 1, 2)
    subject = explanation(raw=raw, frames=np.arange(60) * 4)
    values = points(plain_values(subject)["raw"], (1, 60, 25))[0, :, 0, 0]
    path = raw[0, ::4, 0, 0]
    np.testing.assert_allclose((values - values[0]) / np.ptp(values), (path - path[0]) / np.ptp(path), atol=2e-3)


def test_frames_are_counted_as_in_the_recording() -> None:
    assert plain_values(explanation(T=4, live=3, start=40))["frames"] == [40, 41, 42, -1]


def test_only_the_graphs_edges_have_factors() -> None:
    subject = explanation()
    values = plain_values(subject)
    assert len(values["edges"]) == np.count_nonzero(subject.A) == len(values["weights"])
    k, v, w = values["edges"][10]
    assert values["importance"][2][10] == pytest.approx(subject.importance[2, k, v, w], abs=1e-5)


def test_partitions_are_named_where_the_strategy_is_known_and_else_counted_from_0() -> None:
    body, subject = LAYOUTS["fsd10"], {name: explanation(strategy=name).A for name in ("spatial", "distance")}
    assert partitions(subject["spatial"], body) == ["itself", "from further out", "from nearer the centre"]
    assert partitions(subject["distance"].astype("f4"), body) == ["itself", "1 bone away"]
    assert partitions(2 * subject["spatial"], body) == ["subset 0", "subset 1", "subset 2"]


def test_news_goes_one_bone_further_in_each_block() -> None:
    """In a chain of four joints."""
    chain = np.eye(4) + np.eye(4, k=1) + np.eye(4, k=-1)
    assert spread(chain[None], 4) == [(2, 3), (3, 4), (4, 4), (4, 4)]


def test_five_answers_are_listed_though_fewer_are_explained() -> None:
    subject = explanation(shown=2)
    names = [answer["name"] for answer in plain_values(subject)["answers"]]
    assert names == [CLASSES[k] for k in np.argsort(-subject.logits)[:5]]


@pytest.mark.parametrize("name", ["logits", "activation", "occlusion", "importance"])
def test_refuses_what_is_not_finite(name: str) -> None:
    broken = np.array(getattr(explanation(), name))
    broken.flat[0] = np.nan
    with pytest.raises(ValueError, match=f"A clip of somebody who sways: {name} must be finite"):
        plain_values(explanation(**{name: broken}))


def test_any_name_is_ascii_in_the_file() -> None:
    title = "花样滑冰 \ud800 \u2028"
    assert content([explanation(title=title)]).isascii()
    assert json.loads(content([explanation(title=title)]))[0]["title"] == title
