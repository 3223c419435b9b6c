"""What is read is what the networks want, or it is said why not."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from stgcn_torch.ensemble import Ensemble
from stgcn_torch.lit import LitSTGCN
from stgcn_torch.source import opened, tracked, warn_of_centring
from tests.unit.test_openpose import video

OPTIONS = {
    "format": None,
    "layout": None,
    "channels": None,
    "absent": "refuse",
    "people": "each",
    "most_people": 2,
    "min_frames": 1,
    "unit": 1.0,
}


def network(**preprocessing: object) -> Ensemble:
    model = {"num_classes": 2, "channels": [4], "strides": [1]}
    return Ensemble([LitSTGCN(model, {"window": 8} | preprocessing, ["jump", "spin"]).eval()], [1.0])


def of(path: Path, **options: object) -> DictConfig:
    return OmegaConf.create(OPTIONS | {"input": str(path)} | options)


def clips(path: Path, *shape: int) -> Path:
    np.save(path, np.random.default_rng(0).uniform(0.1, 1, shape).astype("f4"))
    return path


def test_an_array_of_clips(tmp_path: Path) -> None:
    ensemble = network()
    with opened(of(clips(tmp_path / "clips.npy", 4, 3, 9, 25, 1)), ensemble, "ask") as source:
        assert source.ensemble is ensemble
        assert [(place.index, place.source, place.start, place.end) for place in source.places] == [
            (i, "", 0, 9) for i in range(4)
        ]
        assert source.told == ["index"]
        np.testing.assert_array_equal(source.clips[2], np.load(tmp_path / "clips.npy")[2])


def test_clips_without_the_score_are_those_of_the_network_s_channels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(of(clips(tmp_path / "clips.npy", 4, 2, 9, 25, 1)), network(), "ask") as source:
        assert source.ensemble.channels == ("x", "y")
    assert capsys.readouterr().err == "ask: clips of x, y alone\n"


@pytest.mark.parametrize("people", ["each", "together"])
def test_recordings_are_told_by_their_names(tmp_path: Path, people: str) -> None:
    video(tmp_path / "walk")
    with opened(of(tmp_path, people=people), network(), "ask") as source:
        (place,) = source.places
        assert (place.source, place.person, place.start) == ("walk", "0" if people == "each" else "", 0)
        assert source.told == ["index", "source", "person", "start", "end"]
        assert source.clips[0].shape[:3] == (3, place.end, 25)


def test_what_is_read_is_gone_afterwards(tmp_path: Path) -> None:
    video(tmp_path / "walk")
    with opened(of(tmp_path), network(), "ask") as source:
        pass
    with pytest.raises(FileNotFoundError):
        source.clips[0]


def test_clips_of_another_size_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(of(clips(tmp_path / "clips.npy", 1, 3, 9, 25, 1)), network(center=None), "ask"):
        assert capsys.readouterr().err == ""
    np.save(tmp_path / "pixels.npy", 1000 * np.load(tmp_path / "clips.npy"))
    with opened(of(tmp_path / "pixels.npy"), network(center=None), "ask"):
        assert "ask: coordinates are" in capsys.readouterr().err


def test_only_a_preprocessing_that_is_given_can_contradict_the_weights(capsys: pytest.CaptureFixture[str]) -> None:
    ensemble = network(center=None)
    norm = ensemble.modules[0].backbone.data_bn
    norm.running_mean.view(25, 2)[:] = 0.3
    norm.running_mean.view(25, 2)[8] = 0
    norm.running_var.view(25, 2)[8] = 1e-6
    norm.num_batches_tracked += 500
    warn_of_centring(ensemble, {"nan": "missing"}, "ask")
    assert capsys.readouterr().err == ""
    warn_of_centring(ensemble, {"center": None}, "ask")
    assert "ask: the weights were trained with MidHip at the origin" in capsys.readouterr().err


def test_parts_are_passed_on_as_they_are() -> None:
    assert list(tracked([3, 1, 2], "counting")) == [3, 1, 2]
