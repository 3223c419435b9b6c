"""What is read is what the networks want, or it is said why not."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from stgcn_torch.commands.input_source import opened, selection_of, tracked
from stgcn_torch.data.recordings.selection import Selection
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.skeleton import LAYOUTS
from stgcn_torch.training.lit import LitSTGCN
from tests.unit.data.formats.test_openpose import video

OPTIONS = {
    "input_format": None,
    "layout": None,
    "channels": None,
    "absent": "refuse",
    "people": None,
    "most_people": None,
    "min_frames": 1,
    "unit": None,
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
        assert source.columns == ["index"]
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
        assert source.columns == ["index", "source", "person", "start", "end"]
        assert source.clips[0].shape[:3] == (3, place.end, 25)


def test_what_is_read_is_gone_afterwards(tmp_path: Path) -> None:
    video(tmp_path / "walk")
    with opened(of(tmp_path), network(), "ask") as source:
        pass
    with pytest.raises(FileNotFoundError):
        source.clips[0]


@pytest.mark.parametrize("text", ["fps: [30]\n", "videos: [walk.mp4]\n", "- walk\n", "\tfps: 30\n"])
def test_a_file_of_recordings_of_another_kind_is_passed_over(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recordings.yaml").write_text(text)
    with opened(of(clips(tmp_path / "clips.npy", 4, 3, 9, 25, 1)), network(), "ask") as source:
        assert source.rate is None
    assert capsys.readouterr().err.endswith("passed over; fps= says the frames per second\n")
    with opened(of(tmp_path / "clips.npy", fps=25.0), network(), "ask") as source:
        assert source.rate == 25.0
    assert capsys.readouterr().err == ""


def of_unit(unit: float) -> Ensemble:
    (module,) = network().modules
    module.training_clips = TrainingClips(1, people="each", unit=unit)
    return Ensemble([module], [1.0])


def test_recordings_are_multiplied_as_those_of_the_training_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video(tmp_path / "walk")
    whole = []
    for options in ({"unit": 1.0}, {"unit": None}, {"unit": 0.01}):
        with opened(of(tmp_path, **options), of_unit(0.01), "ask") as source:
            whole.append(np.array(source.clips[0]))
            said = capsys.readouterr().err
            assert ("coordinates are multiplied by 0.01, as those of the training were" in said) == (
                options["unit"] is None
            )
    np.testing.assert_allclose(whole[1][:2], 0.01 * whole[0][:2], rtol=1e-6)
    np.testing.assert_array_equal(whole[1], whole[2])


@pytest.mark.parametrize("done", [0.01, 0.1, None])
def test_arrays_stay_as_they_are_by_either_route(tmp_path: Path, done: float | None) -> None:
    """A prepared folder and its array."""
    path = clips(tmp_path / "data.npy", 2, 3, 9, 25, 1)
    (tmp_path / "channels.txt").write_text("x\ny\nscore\n")
    if done:
        (tmp_path / "recordings.yaml").write_text(f"unit: {done}\n")
    for given in (of(path), of(tmp_path, layout="fsd10")):
        with opened(given, of_unit(0.01), "ask") as source:
            np.testing.assert_array_equal(source.clips[0], np.load(path)[0])


def test_what_changes_nothing_of_an_array_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = clips(tmp_path / "clips.npy", 4, 3, 9, 25, 1)
    with opened(of(path), network(), "ask"):
        assert capsys.readouterr().err == ""
    with opened(of(path, unit=0.1, min_frames=3), network(), "ask"):
        assert capsys.readouterr().err == (
            f"ask: unit= and min_frames= say how recordings are read, and change nothing of the clips in {path}\n"
        )


def test_frames_of_a_video_are_counted_only_with_its_rate(tmp_path: Path) -> None:
    path = clips(tmp_path / "clips.npy", 4, 3, 9, 25, 1)
    with pytest.raises(ValueError, match=r"^every=2 counts frames of a video, .*: give fps="):
        opened(of(path, every=2), network(), "ask").__enter__()
    with opened(of(path, every=2, fps=50), network(), "ask") as source:
        assert source.rate == 25


def test_parts_are_passed_on_as_they_are() -> None:
    assert list(tracked([3, 1, 2], "counting")) == [3, 1, 2]


def test_a_selection_is_what_the_options_say_and_by_default_where_a_command_has_none(tmp_path: Path) -> None:
    whole = of(tmp_path, layout="coco", channels=["x", "y"], unit=2.0, people="together", most_people=3, min_frames=4)
    made = selection_of(whole, keep=("x",))
    assert (made.body, made.channels, made.keep) == (LAYOUTS["coco"], ("x", "y"), ("x",))
    assert (made.unit, made.people, made.most, made.min_frames, made.absent) == (2.0, "together", 3, 4, "refuse")
    few = selection_of(OmegaConf.create({"layout": None, "channels": None, "most_people": 5}))
    assert few == Selection(most=5)
