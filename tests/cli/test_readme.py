"""The README keeps its word: every line it says to type is run as it stands there, on files of the names it uses.

A row of its table that is changed is run as changed; one that is added, and has no test here, fails.
"""

import csv
import json
import pickle
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from omegaconf import OmegaConf

from convert import convert_state_dict, read_pdparams, write_pdparams
from stgcn_torch import LitSTGCN, load_model
from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.skeleton import skeleton
from tests.cli.commands import CLIPS
from tests.cli.readme import SECTIONS, TABLE, Said, blocks, line_of, typed
from tests.cli.test_prepare import video
from tests.cli.test_resume_converted import paddle_files
from tests.unit.data.formats import test_class_folders, test_coco, test_kinetics, test_ntu, test_openpose, test_pyskl

TINY = ["widths=[4,4,4,4,4,4,4,4,4,4]", "epochs=1", "progress_bar=false"]
SHORT = [*TINY, "preprocessing.window=16"]
BATCHES = [*TINY, "data.batch_size=8"]  # of recipes that leave out the last batch when it is not full
RUN_OF_ROWS = [*SHORT, "scheduler.t_max=2", "hydra.run.dir=RUN"]
ROWS: list[str] = []
Type = Callable[..., Said]


def row(have: str) -> pytest.MarkDecorator:
    """Marks the test of a row of the table; ``type_row`` types its command."""
    ROWS.append(have)
    return pytest.mark.parametrize("have", [have], ids=["row"])


def command_of(have: str) -> str:
    assert have in TABLE, f"README.md has no row {have!r} any more; its test must be changed with it"
    return line_of(TABLE[have])


@pytest.fixture
def type_row(have: str, tmp_path: Path) -> Type:
    """Types the command of the row under test, with further arguments."""

    def run(*more: str, code: int = 0) -> Said:
        return typed(command_of(have), *more, folder=tmp_path, code=code)

    return run


def arrays(folder: Path, C: int = 3, V: int = 25, M: int = 1, split: str = "train", classes: int = 4) -> None:
    """40 clips of 24 frames and their labels."""
    folder.mkdir(exist_ok=True)
    data = np.random.default_rng(0).uniform(0.1, 1, (40, C, 30, V, M)).astype("f4")
    data[:, :, 24:] = 0
    np.save(folder / f"{split}_data.npy", data)
    np.save(folder / f"{split}_label.npy", np.arange(40) % classes)


def videos(folder: Path, classes: Sequence[str] = ("jump", "spin")) -> None:
    """Five OpenPose videos of each class."""
    for name in classes:
        for i in range(5):
            video(folder / name / f"v{i}")


def run_of(folder: Path) -> Path:
    """The folder of the only run below ``outputs``, whole."""
    (run,) = (folder / "outputs").glob("*/*")
    left = {str(path.relative_to(run)) for path in run.rglob("*")}
    assert {"config.yaml", "checkpoints/last.ckpt", "metrics.csv", "report/results.json"} <= left
    return run


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def prepared(folder: Path, layout: str, channels: str, classes: Sequence[str] = ()) -> np.ndarray:
    """The clips that ``prepare`` wrote, after a look whether all its files fit each other."""
    data, manifest = np.load(folder / "data.npy"), table_of(folder / "manifest.csv")
    body = skeleton(OmegaConf.to_container(OmegaConf.load(folder / "layout.yaml")))  # type: ignore[arg-type]
    assert (body.name, (folder / "channels.txt").read_text().split()) == (layout, channels.split())
    assert data.shape[:2] == (len(manifest), len(channels.split()))
    assert data.shape[3] == len(body.joints)
    for clip, told in zip(data, manifest, strict=True):
        assert clip[:, : int(told["frames"])].any()
        assert not clip[:, int(told["frames"]) :].any()
    assert (folder / "classes.txt").exists() == bool(classes)
    if classes:
        assert (folder / "classes.txt").read_text().splitlines() == list(classes)
        assert [classes[label] for label in np.load(folder / "labels.npy")] == [told["label"] for told in manifest]
    return data


def test_every_row_is_run_here() -> None:
    missing = [have for have in TABLE if have not in ROWS]
    assert not missing, f"README.md has rows that no test here runs: {missing}"


def test_every_block_of_commands_is_run_here() -> None:
    found = {section: len(blocks(section)) for section in SECTIONS if blocks(section)}
    assert found == {"Two commands": 2, "Weights from Paddle, and back": 2}


@pytest.mark.parametrize("cell", TABLE.values(), ids=TABLE)
def test_every_row_can_be_typed(cell: str) -> None:
    """In any shell: brackets that are not quoted are a pattern of file names to some."""
    line = line_of(cell)
    assert re.search(r"[][{}*?$]", re.sub(r'"[^"]*"', "", line)) is None, f"{line}: brackets want quotes"


@pytest.mark.parametrize("line", sorted({" ".join(line_of(cell).split()[:3]) for cell in TABLE.values()}))
def test_every_command_has_help(line: str, tmp_path: Path) -> None:
    assert line in typed(line, "--help", folder=tmp_path).out


def test_the_first_command_trains_on_a_set_of_its_own(tmp_path: Path) -> None:
    _, line = blocks("Two commands")[0].strip().split(" && ")  # pip's half is run by .ci/run, and so is the tests' own
    sizes = [f"data.skating.{split}={count}" for split, count in CLIPS.items()]
    typed(line, *SHORT, *sizes, folder=tmp_path)
    assert np.load(tmp_path / "data" / "skating" / "train_data.npy", "r").shape[0] == CLIPS["train"]
    left = {path.name for path in run_of(tmp_path).rglob("*")}
    assert {"best.ckpt", "curves.png", "confusion.png", "tensorboard"} <= left


@row("the skating competition's `train_data.npy`, `train_label.npy`")
def test_the_competition_s_files_train_as_paddlevideo_does(type_row: Type, tmp_path: Path) -> None:
    arrays(tmp_path / "FOLDER")
    type_row(*BATCHES)
    module = load_module(run_of(tmp_path) / "checkpoints" / "last.ckpt")
    assert (len(module.classes), module.body.name, module.preprocessing.center) == (30, "fsd10", 8)
    assert module.preprocessing.window == 350


@row("the same, and the article to follow")
def test_the_competition_s_files_train_as_the_article_does(type_row: Type, tmp_path: Path) -> None:
    arrays(tmp_path / "FOLDER")
    said = type_row(*BATCHES, "preprocessing.window=64").out
    assert "34 train, 6 val clips, 30 classes" in said
    preprocessing = load_module(run_of(tmp_path) / "checkpoints" / "best.ckpt").preprocessing
    assert (preprocessing.center, preprocessing.select) == (None, "before")


@row("OpenPose's JSON folders, a frame a file (BODY_25, BODY_25B or COCO-18), in class folders or without classes")
@pytest.mark.parametrize(("V", "layout"), [(25, "fsd10"), (18, "openpose")])
@pytest.mark.parametrize("classes", [["jump", "spin"], []], ids=["classes", "none"])
def test_openpose_folders_are_prepared(type_row: Type, tmp_path: Path, V: int, layout: str, classes: list[str]) -> None:
    for name in classes or ["."]:
        test_openpose.video(tmp_path / "FOLDER" / name / "v", pose=test_openpose.BODY_25[:V])
    type_row()
    assert prepared(tmp_path / "data/mine", layout, "x y score", classes).shape[2:] == (10, V, 1)


@row("the same, with class and subject in names such as `jump_Ann_03`")
def test_names_may_tell_class_and_subject(type_row: Type, tmp_path: Path) -> None:
    """Of folders of frames, and of frames in one folder."""
    for k, name in enumerate(("jump_Ann_03", "jump_Bo_1", "spin_Ann_7")):
        test_openpose.video(tmp_path / "FOLDER" / name, range(4 + k))
    type_row()
    prepared(tmp_path / "data/mine", "fsd10", "x y score", ["jump", "spin"])
    told = table_of(tmp_path / "data/mine" / "manifest.csv")
    assert [(row["label"], row["subject"], row["group"], row["frames"]) for row in told] == [
        ("jump", "Ann", "Ann", "4"),
        ("jump", "Bo", "Bo", "5"),
        ("spin", "Ann", "Ann", "6"),
    ]


@row("the same, and a clip for each person")
def test_people_are_prepared_one_by_one_if_they_stay_long_enough(type_row: Type, tmp_path: Path) -> None:
    pose = test_openpose.BODY_25
    (tmp_path / "FOLDER").mkdir()
    for t in range(40):
        seen = [np.add(pose, (1000 * m, 0, 0)) for m, frames in enumerate((40, 35, 5)) if t < frames]
        (tmp_path / "FOLDER" / f"{t}.json").write_text(test_openpose.frame(seen))
    type_row()
    prepared(tmp_path / "data/mine", "fsd10", "x y score")
    manifest = table_of(tmp_path / "data/mine" / "manifest.csv")
    assert [told["frames"] for told in manifest] == ["40", "35"]


def kinetics(folder: Path) -> None:
    held = test_kinetics.clip([test_kinetics.person(0.5)])
    test_kinetics.saved(folder / "kinetics_train" / "a.json", held)
    label = {"has_skeleton": True, "label": "juggling", "label_index": 0}
    test_kinetics.saved(folder / "kinetics_train_label.json", {"a": label})


def coco(folder: Path) -> None:
    test_coco.saved(folder / "juggling", [test_coco.image(1, "1.jpg")], [test_coco.person(1)])


def ntu(folder: Path) -> None:
    folder.mkdir()
    test_ntu.saved(folder, test_ntu.text([(test_ntu.STILL, 1)]))


@row("Kinetics-skeleton JSON; COCO keypoint JSON; NTU RGB+D `.skeleton`")
@pytest.mark.parametrize(
    ("write", "layout", "channels", "classes"),
    [
        (kinetics, "openpose", "x y score", ["juggling"]),
        (coco, "coco", "x y score", ["juggling"]),
        (ntu, "ntu-rgb+d", "x y z", [*map(str, range(41)), "A042"]),
    ],
    ids=["kinetics", "coco", "ntu"],
)
def test_published_sets_are_prepared(
    type_row: Type, tmp_path: Path, write: Callable[[Path], None], layout: str, channels: str, classes: list[str]
) -> None:
    write(tmp_path / "FOLDER")
    type_row()
    prepared(tmp_path / "data/mine", layout, channels, classes)


@row("a pickle of PYSKL or MMAction2")
def test_a_pickle_is_prepared(type_row: Type, tmp_path: Path) -> None:
    held = {"annotations": [test_pyskl.clip("a", 0), test_pyskl.clip("b", 1)], "split": {"xsub_val": ["b"]}}
    test_pyskl.saved(tmp_path, held).rename(tmp_path / "FILE.pkl")
    type_row()
    assert prepared(tmp_path / "data/mine", "coco", "x y score", ["0", "1"]).shape == (2, 3, 5, 17, 2)


@row("CSV with columns frame, person, joint, x, y, z, score, or other usual names")
def test_tables_are_prepared(type_row: Type, tmp_path: Path) -> None:
    (tmp_path / "FOLDER" / "spin").mkdir(parents=True)
    rows = [f"{t},{person},{joint},1,2,3,0.5" for t in range(4) for person in "ab" for joint in ("Nose", "LHip")]
    (tmp_path / "FOLDER" / "spin" / "a.csv").write_text("\n".join(["frame,person,joint,x,y,z,score", *rows]))
    type_row()
    data = prepared(tmp_path / "data/mine", "coco", "x y z score", ["spin"])
    assert data[0, :, 3, [0, 11], 1].tolist() == [[1, 2, 3, 0.5]] * 2


def poses(folder: Path) -> None:
    """Five clips in space of each of two classes."""
    rng = np.random.default_rng(0)
    for name in ("jump", "spin"):
        for i in range(5):
            test_class_folders.saved(folder, f"Ann/{name}/clip_{i}.npy", rng.uniform(0.1, 1, (20 + i, 17, 3)))


@row("one `.npy` (T, V, C) per clip in class folders")
def test_class_folders_are_prepared(type_row: Type, tmp_path: Path) -> None:
    poses(tmp_path / "FOLDER")
    type_row()
    assert prepared(tmp_path / "data/mine", "h36m", "x y z", ["jump", "spin"]).shape == (10, 3, 24, 17, 1)


@row("one `.npy` of clips (N, C, T, V, M), or of one")
@pytest.mark.parametrize("count", [1, 3])
def test_arrays_are_prepared(type_row: Type, tmp_path: Path, count: int) -> None:
    clips = np.random.default_rng(0).uniform(0.1, 1, (count, 3, 9, 25, 1)).astype("f4")
    np.save(tmp_path / "CLIPS.npy", clips if count > 1 else clips[0])
    type_row()
    np.testing.assert_array_equal(prepared(tmp_path / "data/mine", "fsd10", "x y score"), clips)


@row("any of these, for PYSKL")
def test_pyskl_s_pickle_is_written(type_row: Type, tmp_path: Path) -> None:
    videos(tmp_path / "FOLDER")
    type_row()
    held = pickle.loads((tmp_path / "mine.pkl").read_bytes())
    assert [clip["label"] for clip in held["annotations"]] == [0] * 5 + [1] * 5
    assert {clip["keypoint"].shape for clip in held["annotations"]} == {(1, 12, 25, 2)}


@row("any of these, and a network of another joint layout")
def test_joints_are_brought_into_another_layout(type_row: Type, tmp_path: Path) -> None:
    videos(tmp_path / "FOLDER")
    type_row()
    prepared(tmp_path / "data/mine", "coco", "x y score", ["jump", "spin"])
    assert "absent=missing" in type_row("to=mediapipe", "out=refused", code=1).err
    type_row("to=mediapipe", "out=partly", "absent=missing")
    prepared(tmp_path / "partly", "mediapipe", "x y score", ["jump", "spin"])


def begin(folder: Path) -> Path:
    """Makes ``data/mine``, ``RUN``, which was trained on it for the first of two epochs, and ``CLIPS.npy``."""
    videos(folder / "FOLDER")
    typed(command_of("any of these, and a network of another joint layout"), "to=fsd10", folder=folder)
    typed(command_of("a folder that `prepare` wrote, of joints in the picture"), *RUN_OF_ROWS, folder=folder)
    shutil.copy(folder / "data/mine" / "data.npy", folder / "CLIPS.npy")
    return folder


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what has been begun, for tests that only read."""
    return begin(tmp_path_factory.mktemp("begun"))


@pytest.fixture
def rows(begun: Path, tmp_path: Path) -> Path:
    """The same, for one test to change."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    return tmp_path


@row("a folder that `prepare` wrote, of joints in the picture")
def test_what_was_prepared_trains(type_row: Type, rows: Path) -> None:
    said = type_row(*SHORT).out
    assert "8 train, 2 val clips, 2 classes, window 16, joints fsd10" in said
    assert list(load_module(run_of(rows) / "checkpoints" / "best.ckpt").classes) == ["jump", "spin"]


@row("the same, of joints in space")
def test_what_was_prepared_in_space_trains(type_row: Type, tmp_path: Path) -> None:
    poses(tmp_path / "FOLDER")
    typed(command_of("one `.npy` (T, V, C) per clip in class folders"), folder=tmp_path)
    assert "8 train, 2 val clips, 2 classes, window 16, joints h36m" in type_row(*SHORT).out
    assert load_module(run_of(tmp_path) / "checkpoints" / "best.ckpt").preprocessing.keep == ("x", "y", "z")


@row("any of these to train on, before a night of it")
def test_check_says_whether_to_go_on(type_row: Type, rows: Path) -> None:
    assert "go on: 0 errors" in type_row().out
    assert sorted(path.name for path in (rows / "report").iterdir()) == ["check.json", "check.png"]
    data = np.load(rows / "data/mine" / "data.npy")
    np.save(rows / "data/mine" / "data.npy", np.zeros_like(data))
    assert "stop: " in type_row(code=2).out
    assert not json.loads((rows / "report" / "check.json").read_text())["go_on"]


@row("NTU RGB+D arrays as PaddleVideo ships them")
def test_ntu_s_arrays_train(type_row: Type, tmp_path: Path) -> None:
    for split in ("train", "val"):
        arrays(tmp_path / "FOLDER", M=2, split=split)
        labels = ([f"clip {i}" for i in range(40)], [i % 4 for i in range(40)])
        (tmp_path / "FOLDER" / f"{split}_label.pkl").write_bytes(pickle.dumps(labels))
    assert "40 train, 40 val clips, 60 classes" in type_row(*BATCHES, "preprocessing.window=16").out
    assert load_module(run_of(tmp_path) / "checkpoints" / "best.ckpt").body.name == "ntu-rgb+d"


@row("a run that was interrupted")
def test_an_interrupted_run_goes_on_where_it_was(type_row: Type, tmp_path: Path) -> None:
    begin(tmp_path)
    type_row(*RUN_OF_ROWS, "epochs=2")
    assert [told["epoch"] for told in table_of(tmp_path / "RUN" / "metrics.csv")] == ["0", "1"]


@row("a checkpoint to start from, with other classes")
def test_other_classes_start_from_a_checkpoint(type_row: Type, rows: Path) -> None:
    np.save(rows / "data/mine" / "labels.npy", np.arange(10) % 3)
    (rows / "data/mine" / "classes.txt").write_text("axel\nflip\nlutz\n")
    said = type_row(*SHORT, "data.val.folds=3").out
    assert "weights from RUN/checkpoints/best.ckpt, but not head.fcn.bias, head.fcn.weight" in said
    assert list(load_module(run_of(rows) / "checkpoints" / "best.ckpt").classes) == ["axel", "flip", "lutz"]


@row("a checkpoint and the clips that its run held out")
def test_what_a_run_held_out_is_evaluated_again(type_row: Type, rows: Path) -> None:
    type_row("out=again")
    run, again = (json.loads((rows / name / "results.json").read_text()) for name in ("RUN/report", "again"))
    assert (again["split"], again["clips"], again["confusion"]) == ("val", 2, run["confusion"])


@row("a checkpoint and clips")
def test_clips_are_classified(type_row: Type, rows: Path) -> None:
    type_row()
    found = table_of(rows / "predictions.csv")
    assert [told["index"] for told in found] == [str(i) for i in range(10)]
    assert {told["class"] for told in found} <= {"jump", "spin"}


@row("a checkpoint and a clip, and the question why")
def test_a_decision_is_explained(type_row: Type, rows: Path) -> None:
    said = type_row().out
    assert said.startswith("CLIPS.npy, clip 0, frames 0 to ")
    assert {"jump", "spin"} <= {*said.split()}
    assert (rows / "page.html").read_text().startswith("<!DOCTYPE html>")


@row("the same, for the competition")
def test_a_submission_is_written(type_row: Type, rows: Path) -> None:
    type_row()
    header, *lines = (rows / "submission.csv").read_text().splitlines()
    assert header == "sample_index,predict_category"
    assert [line.split(",")[0] for line in lines] == [str(i) for i in range(10)]
    assert {line.split(",")[1] for line in lines} <= {"0", "1"}


@row("a checkpoint and recordings of any of the formats above")
def test_everyone_in_recordings_is_classified(type_row: Type, rows: Path) -> None:
    shutil.rmtree(rows / "FOLDER")
    video(rows / "FOLDER", people=3)
    type_row()
    assert [told["person"] for told in table_of(rows / "predictions.csv")] == ["0", "1", "2"]
    shutil.rmtree(rows / "FOLDER")
    coco(rows / "FOLDER")
    assert "absent=missing" in type_row(code=1).err
    type_row("absent=missing")
    assert len(table_of(rows / "predictions.csv")) == 1


@row("a long clip or video")
def test_a_long_clip_becomes_a_timeline(type_row: Type, rows: Path) -> None:
    clips = np.load(rows / "CLIPS.npy")
    np.save(rows / "CLIPS.npy", np.concatenate(list(clips), axis=1))
    type_row()
    told = json.loads((rows / "timeline.json").read_text())
    assert (told[0]["start"], told[-1]["end"]) == (0, 120)
    assert {name for part in told for name in part} == {"index", "start", "end", "top"}
    assert {name for part in told for name in part["top"][0]} == {"class", "probability"}


@row("a recording of any length")
def test_a_recording_becomes_a_timeline_in_one_pass(type_row: Type, rows: Path) -> None:
    shutil.rmtree(rows / "FOLDER")
    video(rows / "FOLDER", people=3)
    type_row()
    told = json.loads((rows / "timeline.json").read_text())
    assert told
    assert all(part["start"] < part["end"] for part in told)
    assert {part["top"][0]["class"] for part in told} <= {"jump", "spin"}


@row("a checkpoint, for another program")
def test_a_checkpoint_becomes_a_file_of_another_program(type_row: Type, rows: Path) -> None:
    type_row()
    network = onnx.load(rows / "model.onnx")
    onnx.checker.check_model(network)
    assert {entry.key for entry in network.metadata_props}


@row("a layout or a checkpoint, to look at")
def test_a_checkpoint_is_drawn(type_row: Type, rows: Path) -> None:
    said = type_row().out
    assert "3 partitions of fsd10 sum to its normalised adjacency" in said
    drawn = {path.name for path in (rows / "figures").iterdir()}
    assert {"skeleton.png", "partitions.png", "partitions.txt", "importance.png", "receptive_field.png"} <= drawn


@row("a clip or a recording, to look at")
def test_a_recording_is_drawn(type_row: Type, tmp_path: Path) -> None:
    video(tmp_path / "FOLDER", people=2)
    type_row()
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"film.png", "clip.gif"}


@row("a finished run, to look at")
def test_a_run_is_drawn(type_row: Type, rows: Path) -> None:
    """What there is to draw of any run; what it recognises, if it recognises anything."""
    type_row()
    drawn = {path.name for path in (rows / "figures").iterdir()}
    assert {"importance.png", "curves.png", "confusion.png", "accuracy.png", "confused.png"} <= drawn


@row("several checkpoints, of several streams for instance")
def test_several_checkpoints_answer_together(type_row: Type, rows: Path) -> None:
    best = rows / "RUN" / "checkpoints" / "best.ckpt"
    shutil.copy(best, rows / "joint.ckpt")
    bone = ["preprocessing.streams=[bone]", "hydra.run.dir=BONE"]
    typed(command_of("a folder that `prepare` wrote, of joints in the picture"), *SHORT, *bone, folder=rows)
    shutil.copy(rows / "BONE" / "checkpoints" / "best.ckpt", rows / "bone.ckpt")
    type_row()
    found = table_of(rows / "predictions.csv")
    assert [told["rank"] for told in found] == ["1", "2"] * 10
    chances = [float(told["probability"]) for told in found]
    assert [sum(pair) for pair in zip(chances[::2], chances[1::2], strict=True)] == pytest.approx([1] * 10, abs=2e-6)


STRIDES = ["--strides", "1,1,1,1,2,1,1,2,1,1"]  # of networks that are narrower than the published one


@pytest.fixture
def paddle(tmp_path: Path) -> Path:
    """``model.pdparams`` and ``model.pdopt`` of a run on the competition's files, and those files."""
    arrays(tmp_path / "FOLDER")
    recipe = [*BATCHES, "scheduler.t_max=90", "hydra.run.dir=begun"]
    typed(command_of("the skating competition's `train_data.npy`, `train_label.npy`"), *recipe, folder=tmp_path)
    paddle_files(tmp_path / "begun" / "checkpoints" / "last.ckpt", tmp_path)
    return tmp_path


def test_paddle_s_weights_are_converted_and_classify(paddle: Path) -> None:
    shutil.copy(paddle / "model.pdparams", paddle / "STGCN_fsd.pdparams")
    shutil.copy(paddle / "FOLDER" / "train_data.npy", paddle / "CLIPS.npy")
    for line in blocks("Weights from Paddle, and back")[0].splitlines():
        typed(line, *(STRIDES if line.startswith("convert") else ()), folder=paddle)
    assert len(table_of(paddle / "predictions.csv")) == 40


def test_training_that_paddle_began_goes_on(paddle: Path) -> None:
    convert, train = blocks("Weights from Paddle, and back")[1].splitlines()
    typed(convert, *STRIDES, folder=paddle)
    typed(train, *BATCHES[:1], *BATCHES[2:], "trainer.max_epochs=2", "hydra.run.dir=RUN", folder=paddle)
    assert [told["epoch"] for told in table_of(paddle / "RUN" / "metrics.csv")] == ["1"]


def test_the_python_of_the_readme_runs() -> None:
    made: dict[str, torch.Tensor] = {}
    for code in blocks("In Python", "python"):
        exec(code, made)
    assert (made["logits"].shape, made["features"].shape, made["A"].shape) == ((4, 30), (4, 256), (3, 25, 25))


def test_checkpoints_load_as_the_readme_says(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(begun)
    spans = re.findall(r"`([\w.]+\([^`]*\.ckpt\"\))`", SECTIONS["In Python"])
    assert len(spans) == 2
    for span in spans:
        assert isinstance(eval(span, {"LitSTGCN": LitSTGCN, "load_model": load_model}), torch.nn.Module)


def test_the_converter_is_a_library_as_the_readme_says() -> None:
    (line,) = re.findall(r"`(from convert import [^`]+)`", SECTIONS["Weights from Paddle, and back"])
    names: dict[str, object] = {}
    exec(" ".join(line.split()), names)
    assert {convert_state_dict, read_pdparams, write_pdparams} <= {*filter(callable, names.values())}
