"""Laws of class folders: the folder is the class, the one above the group."""

from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.formats.class_folders import read_clip, recordings
from stgcn_torch.data.recordings.recording import Label

CLIP = np.random.default_rng(0).uniform(0.1, 1, (6, 5, 3))


def saved(root: Path, name: str, array: np.ndarray = CLIP) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    np.save(root / name, array)
    return root / name


def test_clips_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for i in (10, 2, 1):
        saved(tmp_path, f"Ann/spin/clip_{i}.npy")
    saved(tmp_path, "jump/a.npy")
    saved(tmp_path, "outside.npy")
    sources = recordings(tmp_path)
    assert [each.source for each in sources] == [*(f"Ann/spin/clip_{i}.npy" for i in (1, 2, 10)), "jump/a.npy"]
    assert [(each.label, each.group) for each in sources[2:]] == [(Label("spin"), "Ann"), (Label("jump"), "")]


@pytest.mark.parametrize(("C", "channels"), [(2, ("x", "y")), (3, ("x", "y", "z")), (4, ("x", "y", "z", "score"))])
def test_a_clip_is_its_numbers(tmp_path: Path, C: int, channels: tuple[str, ...]) -> None:
    array = np.concatenate([CLIP, CLIP], axis=2)[..., :C]
    scene = read_clip(saved(tmp_path, "a.npy", array))
    assert (scene.channels, scene.layout) == (channels, None)
    np.testing.assert_array_equal(scene.together()[..., 0], array.transpose(2, 0, 1).astype("f4"))


@pytest.mark.parametrize("array", [CLIP[0], CLIP[:0], CLIP > 0, CLIP[..., :1], CLIP[None]], ids=lambda a: str(a.shape))
def test_refuses_what_is_no_clip(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^.*a\.npy must h(old numbers|ave 2 to 4 channels).*\(T, V, C\).*$"):
        read_clip(saved(tmp_path, "a.npy", array))


def test_refuses_a_folder_without_clips(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^.* holds no clips; put one \.npy \(T, V, C\) per clip into a folder named"):
        recordings(tmp_path)


def test_without_folders_there_are_no_classes(tmp_path: Path) -> None:
    for name in ("b.npy", "a_10.npy", "a_9.npy"):
        saved(tmp_path, name)
    sources = recordings(tmp_path)
    assert [(each.source, each.label, each.group) for each in sources] == [
        (name, None, "") for name in ("a_9.npy", "a_10.npy", "b.npy")
    ]
    assert sources[0].read().frames == 6
