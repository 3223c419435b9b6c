"""The mirror law: a training clip is mirrored as if its recording had been, whatever the preprocessing."""

from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.dataset import ClipDataset
from stgcn_torch.data.preprocessing.mirroring import MirrorImage, needed_image
from stgcn_torch.data.preprocessing.steps import Preprocessing, preprocess
from stgcn_torch.skeleton import LAYOUTS, skeleton
from stgcn_torch.training.lit import LitSTGCN

ATOL = 2e-6  # float32 rounding of coordinates below 4, of which two are subtracted; measured: 4.8e-7

channels = st.sampled_from([("x", "y"), ("x", "y", "score"), ("x", "y", "z")])
CENTRING: dict[str, Any] = {
    "center": st.sampled_from(["layout", None, 0, 5]),
    "centring": st.sampled_from(["detected", "every_joint"]),
    "center_of": st.sampled_from(["frame", "clip"]),
    "absent_center": st.sampled_from(["interpolate", "visible"]),
    "gaps": st.sampled_from(["keep", "interpolate", "drop"]),
    "select": st.sampled_from(["after", "before"]),
}


def recording(seed: int, C: int, V: int, M: int) -> np.ndarray[Any, Any]:
    """A clip (C, T, V, M) with undetected joints, some of them the centre's, and frames without anybody."""
    rng = np.random.default_rng(seed)
    clip = rng.uniform(0.5, 2.0, (C, 14, V, M))
    clip[:, rng.random((14, V, M)) < 0.2] = 0
    clip[:, rng.random(14) < 0.1] = 0
    clip[:, -1] = 1.0  # both sides end alike
    return clip.astype(np.float32)


@settings(max_examples=150)
@given(data=st.data(), layout=st.sampled_from(sorted(LAYOUTS)), seed=st.integers(0, 10**6), M=st.integers(1, 2))
def test_a_mirrored_clip_is_the_clip_of_the_mirrored_recording(
    data: st.DataObject, layout: str, seed: int, M: int
) -> None:
    names, body = data.draw(channels), skeleton(layout)
    keep = names if data.draw(st.booleans()) else tuple(name for name in names if name != "score")
    options = {name: data.draw(choices) for name, choices in CENTRING.items()}
    streams = data.draw(st.sampled_from([("joint",), ("bone",), ("joint_motion",), ("joint", "bone_motion")]))
    preprocessing = Preprocessing(
        window=data.draw(st.sampled_from([8, 14, 20])), channels=names, keep=keep, streams=streams, **options
    )
    clip = recording(seed, len(names), len(body.joints), M)
    expected = preprocess(MirrorImage("x", body.mirror, preprocessing.center is None)(clip, names), preprocessing, body)
    module = LitSTGCN(
        {"num_classes": 2, "channels": [4], "strides": [1], "layout": layout},
        preprocessing.plain,
        ["a", "b"],
        augmentation={"mirror": 1.0},
        training_clips={"slots": M},
    )
    image = needed_image(preprocessing, body, 1.0, "x")
    batch = ClipDataset(clip[None], None, [0], preprocessing, body, image=image)[0][0][None]
    mirrored = module._augment(batch)
    np.testing.assert_allclose(mirrored[0].numpy(), expected, rtol=0, atol=ATOL)
    parents = body.parents
    torch.testing.assert_close(
        stack_streams(mirrored, streams, parents),
        stack_streams(torch.from_numpy(expected)[None], streams, parents),
        rtol=0,
        atol=2 * ATOL,
    )


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_batches_of_one_s_own_are_mirrored_too(layout: str) -> None:
    """Without the data module: exactly, as long as the centre and its partner are detected."""
    body = skeleton(layout)
    clip = np.random.default_rng(0).uniform(0.5, 2.0, (2, 8, len(body.joints), 1)).astype(np.float32)
    preprocessing = Preprocessing(window=8, channels=("x", "y"))
    expected = preprocess(MirrorImage("x", body.mirror)(clip, "xy"), preprocessing, body)
    model = {"num_classes": 2, "channels": [4], "strides": [1], "layout": layout}
    module = LitSTGCN(model, preprocessing.plain, ["a", "b"], augmentation={"mirror": 1.0})
    batch = torch.from_numpy(preprocess(clip, preprocessing, body))[None]
    np.testing.assert_allclose(module._augment(batch)[0].numpy(), expected, rtol=0, atol=ATOL)


def test_a_turn_of_the_image_is_the_image_of_the_turn() -> None:
    """So that a clip is mirrored and turned as it was before there were images of recordings."""
    body, rng = skeleton("coco"), np.random.default_rng(1)
    clip = rng.uniform(0.5, 2.0, (2, 8, 17, 1)).astype(np.float32)
    preprocessing = Preprocessing(window=8, channels=("x", "y"))
    model = {"num_classes": 2, "channels": [4], "strides": [1], "layout": "coco"}
    augmentation = {"mirror": 1.0, "rotation": 90.0, "scale": 0.3, "crop": 0.5}
    module = LitSTGCN(model, preprocessing.plain, ["a", "b"], augmentation=augmentation, training_clips={"slots": 1})
    image = needed_image(preprocessing, body, 1.0, "x")
    with_image = ClipDataset(clip[None], None, [0], preprocessing, body, image=image)[0][0][None]
    torch.manual_seed(0)
    exact = module._augment(with_image)
    torch.manual_seed(0)
    torch.testing.assert_close(module._augment(with_image[..., :1]), exact, rtol=0, atol=ATOL)


def test_a_layout_without_sides_is_refused() -> None:
    rig = {"joints": ["base", "elbow", "tip"], "bones": [["elbow", "base"], ["tip", "elbow"]], "center": "base"}
    model = {"num_classes": 2, "channels": [4], "strides": [1], "layout": rig}
    optimizer = {"name": "adamw", "lr": 0.01}
    module = LitSTGCN(model, {"window": 8}, ["a", "b"], optimizer, augmentation={"mirror": 0.5})  # an old run's loads
    batches = [(torch.rand(1, 3, 8, 3, 1), torch.tensor([0]))]
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, barebones=True)
    with pytest.raises(ValueError, match=r"^augmentation.mirror swaps left and right, and layout custom has no pairs"):
        trainer.fit(module, batches, batches)


@pytest.mark.parametrize(
    "names", [("LHip", "RHip"), ("left_hip", "right_hip"), ("HIP_LEFT", "HIP_RIGHT"), ("left", "right")]
)
def test_sides_are_found_by_the_names_of_joints(names: tuple[str, str]) -> None:
    bones = [[name, "mid"] for name in names]
    body = skeleton({"joints": ["mid", *names], "bones": bones, "center": "mid"})
    assert body.mirror == (0, 2, 1)
