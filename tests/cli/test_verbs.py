"""``prepare``, ``evaluate`` and ``predict`` as a user types them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stgcn_torch import load_model
from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.data.preprocessing.steps import preprocess
from tests.cli.commands import Command


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two skaters, two classes, clips (T, V, C) of several lengths in millimetres, and one file that is none."""
    rng = np.random.default_rng(0)
    for skater in ("Ann", "Bo"):
        for name in ("spin", "jump"):
            (tmp_path / "raw" / skater / name).mkdir(parents=True)
            for i in (2, 10, 1, 3):
                clip = rng.normal(1000, 200, (20 + i, 17, 3))
                np.save(tmp_path / "raw" / skater / name / f"clip_{i}.npy", clip)
    (tmp_path / "raw" / "Ann" / "spin" / "broken.npy").write_bytes(b"\x93NUMPY")
    return tmp_path / "raw"


def test_prepare_writes_what_training_takes(command: Command, folders: Path, tmp_path: Path) -> None:
    done = command("prepare", "input=raw", "out=out", "layout=h36m", "unit=0.001")
    assert "16 of 17 recordings" in done.stdout
    assert done.stderr.startswith("left out Ann/spin/broken.npy: ")
    data, labels = np.load(tmp_path / "out" / "data.npy"), np.load(tmp_path / "out" / "labels.npy")
    assert data.shape == (16, 3, 30, 17, 1)
    with (tmp_path / "out" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows][:4] == [f"Ann/jump/clip_{i}.npy" for i in (1, 2, 3, 10)]
    classes = (tmp_path / "out" / "classes.txt").read_text().split()
    assert [classes[label] for label in labels] == [row["label"] for row in rows]
    for clip, row in zip(data, rows, strict=True):
        recorded = np.load(folders / row["source"])
        assert int(row["frames"]) == len(recorded)
        np.testing.assert_array_equal(clip[:, : len(recorded), :, 0], (recorded.transpose(2, 0, 1) / 1000).astype("f4"))
        assert not clip[:, len(recorded) :].any()
    said = command(
        "train",
        "data=arrays",
        "data.root=out",
        "data.val=null",
        "data.test={rule: groups, column: group, value: Bo}",
        "preprocessing.keep=[x,y,z]",
        "preprocessing.window=16",
        "widths=[4,4,4,4,4,4,4,4,4,4]",
        "epochs=1",
        "progress_bar=false",
    ).stdout
    assert "8 train, 8 test clips, 2 classes, window 16, joints h36m" in said


def test_prepare_leaves_nothing_behind_when_it_cannot(command: Command, folders: Path, tmp_path: Path) -> None:
    said = command("prepare", "input=raw", "out=out", "layout=coco", "channels=[x,y]", code=1).stderr
    assert "none of 17 recordings can be read" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_prepare_does_not_overwrite(command: Command, folders: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "out exists" in command("prepare", "input=raw", "out=out", "layout=h36m", code=1).stderr


def test_prepare_corrects_the_class_of_a_folder(command: Command, folders: Path, tmp_path: Path) -> None:
    command("prepare", "input=raw", "out=out", "layout=h36m", "relabel={Ann/spin: jump}")
    with (tmp_path / "out" / "manifest.csv").open() as file:
        labels = {row["source"].rsplit("/", 1)[0]: row["label"] for row in csv.DictReader(file)}
    assert labels == {"Ann/jump": "jump", "Ann/spin": "jump", "Bo/jump": "jump", "Bo/spin": "spin"}


def test_evaluate_repeats_the_result_of_the_run(
    command: Command, trained: Path, tiny: list[str], tmp_path: Path
) -> None:
    data = [override for override in tiny if override.startswith("data.")]
    command("evaluate", f"ckpt_path={trained}/checkpoints/best.ckpt", *data, "out=report")
    run = json.loads((trained / "report" / "results.json").read_text())
    again = json.loads((tmp_path / "report" / "results.json").read_text())
    assert again["confusion"] == run["confusion"]
    assert again["loss"] == pytest.approx(run["loss"], abs=1e-5)  # measured: 0 on the machine that trained
    assert (tmp_path / "report" / "confusion.png").is_file()


def test_predict_writes_a_row_per_clip(command: Command, trained: Path, skating: Path, tmp_path: Path) -> None:
    path = trained / "checkpoints" / "best.ckpt"
    command("predict", f"ckpt_path={path}", f"input={skating}/test_data.npy")
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    clips, module = np.load(skating / "test_data.npy"), load_module(path)
    batch = torch.from_numpy(np.stack([preprocess(clip, module.preprocessing, module.body) for clip in clips]))
    with torch.inference_mode():
        probabilities = load_model(path)(batch).softmax(dim=1)
    assert [int(row["index"]) for row in rows] == list(range(len(clips)))
    assert [row["class"] for row in rows] == [module.classes[i] for i in probabilities.argmax(dim=1)]
    expected = probabilities.amax(dim=1).tolist()
    # float32 over other batch sizes; measured: 5e-7, of which the CSV's six digits are most
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=1e-5)


def test_predict_writes_a_submission(command: Command, trained: Path, skating: Path, tmp_path: Path) -> None:
    path = trained / "checkpoints" / "best.ckpt"
    given = (f"ckpt_path={path}", f"input={skating}/test_data.npy", "out=submission.csv")
    command("predict", *given, "out_format=submission")
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    assert lines[0] == "sample_index,predict_category"
    assert len(lines) == 33
    assert all(0 <= int(line.split(",")[1]) < 10 for line in lines[1:])


@pytest.mark.parametrize("axes", [3, 4])
def test_predict_takes_one_clip(axes: int, command: Command, trained: Path, skating: Path, tmp_path: Path) -> None:
    clip = np.load(skating / "test_data.npy")[0]
    np.save(tmp_path / "clip.npy", clip if axes == 4 else clip[..., 0])
    assert "1 clips" in command("predict", f"ckpt_path={trained}/checkpoints/best.ckpt", "input=clip.npy").stdout


def test_weights_alone_want_to_be_told_their_preprocessing(command: Command, trained: Path, tmp_path: Path) -> None:
    held = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save(held["state_dict"], tmp_path / "weights.pt")
    np.save(tmp_path / "clip.npy", np.random.default_rng(0).uniform(0.1, 0.5, (3, 60, 25, 1)))
    said = command("predict", "ckpt_path=weights.pt", "input=clip.npy", code=1).stderr
    assert "say preprocessing=NAME, one of paddlevideo, article, fixed" in said
    strides = "strides=[2,1,1,1,2,1,1,2,1,1]"  # those of the network, which its weights do not say
    command(
        "predict", "ckpt_path=weights.pt", "input=clip.npy", "preprocessing=fixed", "preprocessing.window=32", strides
    )
    alone = (tmp_path / "predictions.csv").read_text()
    command("predict", f"ckpt_path={trained}/checkpoints/best.ckpt", "input=clip.npy")
    whole = (tmp_path / "predictions.csv").read_text()
    assert alone.split(",")[-1] == whole.split(",")[-1]  # the probability; weights alone know no names


def test_data_with_other_classes_are_not_evaluated(
    command: Command, trained: Path, tiny: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    root = Path(next(word for word in tiny if word.startswith("data.root=")).split("=")[1])
    for path in root.glob("*.npy"):
        (folder / path.name).symlink_to(path)
    names = (root / "classes.txt").read_text().split()
    (folder / "classes.txt").write_text("\n".join(reversed(names)))
    files = ["data=fsd10", f"data.root={folder}", "data.num_classes=10"]
    said = command("evaluate", f"ckpt_path={trained}/checkpoints/best.ckpt", *files, code=1).stderr
    assert "knows the classes single_jump" in said


def test_evaluate_needs_the_files_of_its_split_alone(
    command: Command, trained: Path, skating: Path, tmp_path: Path
) -> None:
    (tmp_path / "held_out").mkdir()
    for name in ("test_data.npy", "test_label.npy"):
        (tmp_path / "held_out" / name).symlink_to(skating / name)
    folder = ["data=arrays", "data.root=held_out", "data.channels=[x,y,score]"]
    files = "data.test={rule: file, clips: test_data.npy, labels: test_label.npy}"
    command("evaluate", f"ckpt_path={trained}/checkpoints/best.ckpt", *folder, files, "out=report")
    run = json.loads((trained / "report" / "results.json").read_text())
    alone = json.loads((tmp_path / "report" / "results.json").read_text())
    assert (alone["confusion"], list(alone["classes"])) == (run["confusion"], list(run["classes"]))
    val = command("evaluate", f"ckpt_path={trained}/checkpoints/best.ckpt", *folder, files, "split=val", code=1)
    assert val.stderr == "evaluate: no file held_out/data.npy\n"


def test_paddle_files_are_sent_to_the_converter(command: Command, tmp_path: Path) -> None:
    (tmp_path / "net.pdparams").write_bytes(b"\x80\x04.")
    assert "Paddle" in command("predict", "ckpt_path=net.pdparams", "input=x.npy", code=1).stderr
