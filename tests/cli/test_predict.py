"""``predict`` on recordings as people have them: whose class, when, and by how many networks."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.prediction.ensemble import load_ensemble
from stgcn_torch.prediction.single_pass import running_segments, streams_of
from stgcn_torch.prediction.tempo import tempo_of
from tests.cli.commands import Command


@pytest.fixture
def checkpoint(trained: Path) -> str:
    return str(trained / "checkpoints" / "best.ckpt")


@pytest.fixture
def openpose(skating: Path, tmp_path: Path) -> Path:
    """Two skaters side by side, frame by frame as OpenPose writes them: the first for 20 frames, the other for 12."""
    clip = np.load(skating / "test_data.npy")[0]
    folder = tmp_path / "video"
    folder.mkdir()
    for t in range(20):
        people = [clip[:, t, :, 0]]
        if 4 <= t < 16:
            people.append(clip[:, t, :, 0] + [[5.0], [0.0], [0.0]])
        told = {"version": 1.3, "people": [{"pose_keypoints_2d": pose.T.ravel().tolist()} for pose in people]}
        (folder / f"video_{t:012d}_keypoints.json").write_text(json.dumps(told))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_person_of_a_video_gets_a_class(
    command: Command, checkpoint: str, openpose: Path, tmp_path: Path
) -> None:
    command("predict", f"ckpt_path={checkpoint}", "input=video", "top_k=2")
    rows = rows_of(tmp_path / "predictions.csv")
    assert [(row["person"], row["rank"], row["start"], row["end"]) for row in rows] == [
        ("0", "1", "0", "20"),
        ("0", "2", "0", "20"),
        ("1", "1", "4", "16"),
        ("1", "2", "4", "16"),
    ]
    assert {row["class"] for row in rows} <= {*load_module(checkpoint).classes}
    for one, two in (rows[:2], rows[2:]):
        assert 1 >= float(one["probability"]) >= float(two["probability"]) >= 0


def test_a_person_is_classified_as_its_clip_would_be(
    command: Command, checkpoint: str, openpose: Path, skating: Path, tmp_path: Path
) -> None:
    command("predict", f"ckpt_path={checkpoint}", "input=video", "out=people.csv")
    np.save(tmp_path / "clip.npy", np.load(skating / "test_data.npy")[0][:, :20])
    command("predict", f"ckpt_path={checkpoint}", "input=clip.npy", "out=clip.csv")
    person, clip = rows_of(tmp_path / "people.csv")[0], rows_of(tmp_path / "clip.csv")[0]
    assert person["class"] == clip["class"]
    # JSON holds what float32 holds; measured: 0
    assert float(person["probability"]) == pytest.approx(float(clip["probability"]), abs=1e-5)


def test_an_answer_does_not_depend_on_who_else_is_in_the_folder(
    command: Command, checkpoint: str, skating: Path, tmp_path: Path
) -> None:
    clips = np.load(skating / "test_data.npy")[:3, :, :20]
    for folder, together in (("alone", []), ("beside", [2])):
        for i, clip in enumerate([clips[0], *(np.concatenate(clips[1:], axis=-1) for _ in together)]):
            (tmp_path / folder).mkdir(exist_ok=True)
            frames = np.moveaxis(clip, (1, 3, 2, 0), (0, 1, 2, 3))  # T M V C
            told = [{"people": [{"pose_keypoints_2d": pose.ravel().tolist()} for pose in frame]} for frame in frames]
            (tmp_path / folder / f"video{i}").mkdir()
            for t, frame in enumerate(told):
                (tmp_path / folder / f"video{i}" / f"v_{t:012}_keypoints.json").write_text(json.dumps(frame))
        command("predict", f"ckpt_path={checkpoint}", f"input={folder}", "people=together", f"out={folder}.csv")
    alone, beside = rows_of(tmp_path / "alone.csv"), rows_of(tmp_path / "beside.csv")
    assert len(beside) == 2
    assert beside[0]["probability"] == alone[0]["probability"]


def test_an_error_in_a_window_names_the_clip_and_its_frame(
    command: Command, checkpoint: str, skating: Path, tmp_path: Path
) -> None:
    clips = np.load(skating / "test_data.npy")[:3, :, :40].copy()
    clips[1, 0, 30, 4] = np.nan
    np.save(tmp_path / "clips.npy", clips)
    done = command("predict", f"ckpt_path={checkpoint}", "input=clips.npy", "slide=8", code=1)
    assert "clip 1 has 1 NaN or infinite values, the first at channel 0, frame 30, joint 4" in done.stderr


def test_a_long_clip_becomes_a_timeline(command: Command, checkpoint: str, skating: Path, tmp_path: Path) -> None:
    clips = np.load(skating / "test_data.npy")[:6, :, :40]
    np.save(tmp_path / "long.npy", np.concatenate(list(clips), axis=1))
    done = command("predict", f"ckpt_path={checkpoint}", "input=long.npy", "slide=8", "out=timeline.json")
    told = json.loads((tmp_path / "timeline.json").read_text())
    assert told[0]["start"] == 0
    assert told[-1]["end"] <= 240
    for before, after in pairwise(told):
        assert before["start"] < before["end"] == after["start"]
        assert before["top"][0]["class"] != after["top"][0]["class"]
    assert f"1 clips, {len(told)} answers" in done.stdout


def test_a_long_clip_becomes_a_timeline_in_one_pass(
    command: Command, checkpoint: str, skating: Path, tmp_path: Path
) -> None:
    clips = np.load(skating / "test_data.npy")[:6, :, :40]
    clip = np.concatenate(list(clips), axis=1)
    clip[:, 100:180] = 0  # nobody for longer than an answer looks around
    np.save(tmp_path / "long.npy", clip)
    command("predict", f"ckpt_path={checkpoint}", "input=long.npy", "stream=32", "out=timeline.json", "top_k=2")
    told = json.loads((tmp_path / "timeline.json").read_text())
    ensemble = load_ensemble([checkpoint])
    expected = list(running_segments(ensemble, streams_of(ensemble), clip, 32, tempo=tempo_of(ensemble)))
    assert [(row["start"], row["end"]) for row in told] == [(part.start, part.end) for part in expected]
    for row, part in zip(told, expected, strict=True):
        first, second = (row["top"][k]["probability"] for k in (0, 1))
        assert [first, second] == pytest.approx(sorted(part.probabilities)[:-3:-1], abs=1e-6)
    assert not any(row["start"] < 140 < row["end"] for row in told)


def test_several_checkpoints_answer_together(command: Command, checkpoint: str, skating: Path, tmp_path: Path) -> None:
    command("predict", f"ckpt_path=[{checkpoint},{checkpoint}]", "weights=[3,1]", f"input={skating}/test_data.npy")
    clips = np.load(skating / "test_data.npy")
    expected = load_ensemble([checkpoint]).probabilities(clips, range(len(clips)))
    rows = rows_of(tmp_path / "predictions.csv")
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected.max(axis=1).tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["top_k=0"], "must be a whole number from 1 on"),
        (["slide=0"], "must be a whole number from 1 on"),
        (["slide=8", "out_format=submission"], "one class for a clip"),
        (
            ["windows=300"],
            "windows must be a list of whole numbers from 1 on or null (frames), such as [300,350,500], got ",
        ),
        (
            ["windows=[]"],
            "windows must be a list of whole numbers from 1 on or null (frames), such as [300,350,500], got ",
        ),
        (["windows=[16,32]", "slide=8"], "windows= and slide= each say which frames"),
        (["stream=8", "out_format=submission"], "one class for a clip"),
        (["stream=0"], "stream must be a whole number from 1 on or null (frames), got 0"),
        (["stream=true"], "stream must be a whole number from 1 on or null (frames), got true"),
        (["stream=8", "slide=8"], "slide= and stream= each say which frames"),
        (
            ["stream=8", "preprocessing=fixed", "preprocessing.gaps=interpolate"],
            "preprocessing.gaps=interpolate (allowed: keep)",
        ),
        (["weights=[1,2]"], "weights must be 1 numbers"),
        (["input=nowhere"], "no file or folder nowhere"),
        (["input_format=bvh"], "input_format must be arrays, class_folders, "),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    overrides: list[str], told: str, command: Command, checkpoint: str, openpose: Path
) -> None:
    error = command("predict", f"ckpt_path={checkpoint}", "input=video", *overrides, code=1).stderr
    *odd, last = error.splitlines()
    assert told in last
    assert all("the preprocessing asked for replaces its own: window=" in line for line in odd)


def test_a_frame_that_is_no_json_is_told_and_the_rest_goes_on(
    command: Command, checkpoint: str, openpose: Path, tmp_path: Path
) -> None:
    (openpose / "video_000000000007_keypoints.json").write_text('{"people": [')
    error = command("predict", f"ckpt_path={checkpoint}", "input=video").stderr
    assert "video_000000000007_keypoints.json" in error
    assert [row["end"] for row in rows_of(tmp_path / "predictions.csv")] == ["20", "16"]


def test_pixels_are_told_to_be_no_shares_of_the_picture(
    command: Command, checkpoint: str, skating: Path, tmp_path: Path
) -> None:
    clips = np.load(skating / "test_data.npy")[:2]
    clips[:, :2] *= 1000
    np.save(tmp_path / "pixels.npy", clips)
    assert "times as large as those" in command("predict", f"ckpt_path={checkpoint}", "input=pixels.npy").stderr
    metres = ("input_format=arrays", "unit=0.001")
    assert command("predict", f"ckpt_path={checkpoint}", "input=pixels.npy", *metres).stderr == ""


def test_clips_without_the_score_are_taken(command: Command, checkpoint: str, skating: Path, tmp_path: Path) -> None:
    """As the article saves them, and as a network's reference input comes."""
    np.save(tmp_path / "xy.npy", np.load(skating / "test_data.npy")[:3, :2])
    assert "clips of x, y alone" in command("predict", f"ckpt_path={checkpoint}", "input=xy.npy").stderr
    assert len(rows_of(tmp_path / "predictions.csv")) == 3


def test_joints_of_another_layout_are_not_taken_for_the_network_s(
    command: Command, checkpoint: str, tmp_path: Path
) -> None:
    """Both layouts have 25 joints, and both arrays 3 channels."""
    rows = "".join(f"{t},{v},{t + 1},{v},1\n" for t in range(3) for v in range(25))
    (tmp_path / "kinect.csv").write_text("frame,joint,x,y,z\n" + rows)
    command("prepare", "input=kinect.csv", "out=kinect", "layout=ntu-rgb+d")
    said = command("predict", f"ckpt_path={checkpoint}", "input=kinect/data.npy", code=1).stderr
    assert "has the joints of ntu-rgb+d, and the network wants fsd10; input=kinect brings them over" in said
    said = command("predict", f"ckpt_path={checkpoint}", "input=kinect", code=1).stderr
    assert "it has x, y, z and not x, y, score" in said
