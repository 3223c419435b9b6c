"""``prepare`` as a user types it, on every format: what is good goes on, what is bad gets a line."""

import csv
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.drawing.pose import standing
from stgcn_torch.skeleton import LAYOUTS
from tests.cli.commands import Command
from tests.unit.data.test_arrays import Touch

RNG = np.random.default_rng(0)


def pose(x: float, layout: str = "fsd10") -> np.ndarray:
    person = 50 * standing(LAYOUTS[layout]) * (1, -1) + RNG.uniform(0, 3, (25, 2)) + (x + 50, 60)
    return np.column_stack([person, np.full(25, 0.8)])


def video(folder: Path, people: int = 1, frames: int = 12, layout: str = "fsd10") -> Path:
    folder.mkdir(parents=True)
    poses = [pose(500 * m, layout) for m in range(people)]
    for t in range(frames):
        listed = [{"pose_keypoints_2d": (each + (2 * t, 0, 0)).ravel().tolist()} for each in poses]  # noqa: RUF005
        (folder / f"v_{t:012}_keypoints.json").write_text(json.dumps({"people": listed}))
    return folder


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two classes of OpenPose videos; one holds a frame that is cut off, and one nothing else."""
    for name in ("spin", "jump"):
        for i in range(4):
            video(tmp_path / "raw" / name / f"v{i}")
    (tmp_path / "raw" / "spin" / "v0" / "v_000000000003_keypoints.json").write_text('{"people": [{"pose')
    (tmp_path / "raw" / "spin" / "bad").mkdir()
    (tmp_path / "raw" / "spin" / "bad" / "0.json").write_text("[")
    return tmp_path / "raw"


def test_videos_in_class_folders_train(command: Command, videos: Path, tmp_path: Path) -> None:
    done = command("prepare", "input=raw", "out=out")
    assert "8 of 9 recordings" in done.stdout
    assert "8 clips in out: x, y, score of fsd10" in done.stdout
    assert done.stderr.splitlines() == [
        "left out spin/bad: none of its 1 frames can be read; the first: 0.json: it is no JSON: "
        "Expecting value: line 1 column 2 (char 1)",
        "in spin/v0: 1 of 12 frames are taken as empty; v_000000000003_keypoints.json: it is no JSON: "
        "Unterminated string starting at: line 1 column 14 (char 13)",
    ]
    assert [row["label"] for row in manifest(tmp_path / "out")] == ["jump"] * 4 + ["spin"] * 4
    tiny = ["widths=[4,4,4,4,4,4,4,4,4,4]", "epochs=1", "progress_bar=false", "preprocessing.window=16"]
    said = command("train", "data=arrays", "data.root=out", "data.val.folds=4", *tiny).stdout
    assert "6 train, 2 val clips, 2 classes, window 16, joints fsd10" in said


def test_people_of_a_video_are_classified_one_by_one(command: Command, trained: Path, tmp_path: Path) -> None:
    video(tmp_path / "raw", people=3)
    assert "predict ckpt_path=" in command("prepare", "input=raw", "out=out", "people=each").stdout
    assert [row["person"] for row in manifest(tmp_path / "out")] == ["0", "1", "2"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "channels.txt",
        "data.npy",
        "layout.yaml",
        "manifest.csv",
        "recordings.yaml",
    ]
    command("predict", f"ckpt_path={trained}/checkpoints/best.ckpt", "input=out/data.npy")
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 1 + 3


def test_a_pickle_goes_in_and_out(command: Command, tmp_path: Path) -> None:
    clips = [
        {"frame_dir": f"c{i}", "label": 5 + i % 2, "keypoint": RNG.uniform(1, 9, (1, 4 + i, 25, 3)).astype("f2")}
        for i in range(3)
    ]
    held = {"annotations": clips, "split": {"xsub_train": ["c0", "c1"], "xsub_val": ["c2"]}}
    (tmp_path / "in.pkl").write_bytes(pickle.dumps(held))
    command("prepare", "input=in.pkl", "out=out")
    assert [(row["source"], row["label"], row["xsub"]) for row in manifest(tmp_path / "out")] == [
        ("c0", "5", "train"),
        ("c1", "6", "train"),
        ("c2", "5", "val"),
    ]
    assert np.load(tmp_path / "out" / "labels.npy").tolist() == [5, 6, 5]
    assert "3 clips in again.pkl: x, y, z of ntu-rgb+d" in command("prepare", "input=in.pkl", "out=again.pkl").stdout
    again = pickle.loads((tmp_path / "again.pkl").read_bytes())
    assert again["split"] == held["split"]
    for clip, given in zip(again["annotations"], clips, strict=True):
        assert (clip["frame_dir"], clip["label"]) == (given["frame_dir"], given["label"])
        np.testing.assert_array_equal(clip["keypoint"], given["keypoint"])


def test_a_pickle_with_code_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.pkl").write_bytes(pickle.dumps([Touch(tmp_path / "canary")]))
    said = command("prepare", "input=in.pkl", "out=out", code=1).stderr
    assert said.startswith("prepare: in.pkl: wants to import ")
    assert len(said.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.pkl"]


def test_arrays_want_layout_and_channels(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "train_data.npy", RNG.uniform(0.1, 1, (3, 3, 9, 25, 1)))
    said = command("prepare", "input=train_data.npy", "out=out", code=1).stderr
    assert said == (
        "prepare: none of 3 recordings can be read; the first: train_data.npy:0: its layout cannot be told; "
        "give layout=NAME\n"
    )
    command("prepare", "input=train_data.npy", "out=new/out", "layout=fsd10", "channels=[x,y,score]")
    assert (tmp_path / "new" / "out" / "channels.txt").read_text().split() == ["x", "y", "score"]


def test_joints_of_a_table_have_the_layout_s_names(command: Command, tmp_path: Path) -> None:
    rows = "".join(f"{t},{joint},{t},{v}\r\n" for t in range(4) for v, joint in enumerate(["RHip", "Nose", "16"], 1))
    (tmp_path / "one.csv").write_text("frame,joint,x,y\r\n" + rows, newline="")
    command("prepare", "input=one.csv", "out=out", "layout=coco")
    y = np.load(tmp_path / "out" / "data.npy")[0, 1, 0, :, 0]
    assert {v: y[v] for v in np.flatnonzero(y)} == {0: 2, 12: 1, 16: 3}
    said = command("prepare", "input=one.csv", "out=none", "layout=h36m", code=1).stderr
    assert "layout 'h36m' has no joint 'Nose'" in said


def test_body_25b_is_told_of_and_layout_overrules(command: Command, tmp_path: Path) -> None:
    for i in range(2):
        video(tmp_path / "raw" / f"v{i}", layout="body_25b")
    done = command("prepare", "input=raw", "out=own")
    assert "2 clips in own: x, y, score of body_25b" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("in v0: read as BODY_25B: ")
    done = command("prepare", "input=raw", "out=brought", "to=fsd10")
    assert "body_25b has no MidHip: it is 0.5 LHip + 0.5 RHip" in done.stdout
    done = command("prepare", "input=raw", "out=overruled", "layout=fsd10")
    assert "2 clips in overruled: x, y, score of fsd10" in done.stdout
    assert done.stderr == ""
    own, brought, overruled = (np.load(tmp_path / out / "data.npy") for out in ("own", "brought", "overruled"))
    np.testing.assert_array_equal(own, overruled)  # in the files' order
    joints = [LAYOUTS[layout].index("LKnee") for layout in ("body_25b", "fsd10")]
    np.testing.assert_array_equal(own[:, :, :, joints[0]], brought[:, :, :, joints[1]])


def test_listed_recordings_are_skipped(command: Command, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "skip.txt").write_bytes(b"\xef\xbb\xbfv1\r\njump\\v2\r\n\r\nv99\r\n")
    done = command("prepare", "input=raw", "out=out", "skip=skip.txt")
    assert "5 of 6 recordings, 3 skipped" in done.stdout
    assert "1 of 3 lines of skip.txt name no recording, such as v99" in done.stderr
    assert "no file none.txt" in command("prepare", "input=raw", "out=no", "skip=none.txt", code=1).stderr


def test_names_that_are_no_utf8_do(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "spin"
    folder.mkdir(parents=True)
    name = os.fsencode(str(folder / "clip")) + b"\xff.csv"
    Path(os.fsdecode(name)).write_text("frame,joint,x,y\n0,0,1,1\n1,0,1,1\n")
    command("prepare", "input=raw", "out=out", "layout=coco")
    assert manifest(tmp_path / "out")[0]["source"] == "spin/clip\\xff.csv"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["input_format=bvh"], "input_format must be arrays, class_folders, openpose, kinetics, "),
        (["people=some"], "people must be each or together, got some"),
        (["most_people=0"], "most_people must be a whole number from 1 on, got 0"),
        (["most_people=few"], "most_people must be a whole number from 1 on, got few"),
        (["min_frames=13"], "it has 12 frames, fewer than min_frames=13"),
        (["layout=coco"], "(C, V) must be (3, 17), x, y, score of coco, got (3, 25)"),
        (["input_format=ntu"], "raw holds nothing of format ntu"),
        (["most_people=1.5"], "most_people must be a whole number from 1 on, got 1.5"),
        (["input=2021"], "no file or folder 2021"),
        (["input=[a,b]"], "input must be a path, got [a,b]"),
        (["input=my clips (1)"], "no file or folder my clips (1)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_are_one_line(command: Command, tmp_path: Path, overrides: list[str], message: str) -> None:
    video(tmp_path / "raw")
    said = command("prepare", "input=raw", "out=new/out", *overrides, code=1).stderr
    assert said.startswith("prepare: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]
