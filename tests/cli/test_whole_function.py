"""A checkpoint is the whole function: what was done for its clips is done for others, or it is said."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stgcn_torch.checkpoint.reader import read_checkpoint
from stgcn_torch.yaml_files import load_yaml
from tests.cli.test_prepare import video
from tests.in_process import Said, line_of, run

SET = ["data=arrays", "data.root=set", "layout=fsd10", "data.channels=[x,y,score]"]
TINY = [
    *("widths=[4,8]", "model.strides=[1,3]", "preprocessing.window=16", "progress_bar=false", "data.batch_size=16"),
    "hydra.run.dir=run",
]
BEST = "ckpt_path=run/checkpoints/best.ckpt"


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Here:
    """Commands in a folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, name: str, *words: str, code: int = 0) -> Said:
        """Run one, which must end with this code."""
        said = run(name, list(words), self.capsys, self.monkeypatch)
        assert said.code == code, said
        return said

    def answers(self, *words: str) -> list[float]:
        """The probabilities of the best classes."""
        self("predict", *words, "out=answers.csv")
        return [float(row["probability"]) for row in rows_of("answers.csv")]


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, capsys, monkeypatch)


def write_set(N: int = 40, M: int = 1, seed: int = 0) -> np.ndarray:
    """Clips of four classes in ``set``; with M = 2 every other clip has an absent second person."""
    rng, labels = np.random.default_rng(seed), np.arange(N) % 4
    clips = rng.normal(size=(4, 3, 20, 25, 1))[labels] + 0.5 * rng.normal(size=(N, 3, 20, 25, M))
    clips[:, 2] = 0.9
    if M == 2:
        clips[::2, ..., 1] = 0
    Path("set").mkdir(exist_ok=True)
    np.save("set/data.npy", clips.astype(np.float32))
    np.save("set/labels.npy", labels)
    return clips.astype(np.float32)


def test_person_slots_are_filled_as_in_training(here: Here) -> None:
    clips = write_set(M=2)[::2]
    here("train", *SET, *TINY, "epochs=2")
    for name, given in (("two", clips), ("one", clips[..., :1]), ("three", np.pad(clips, [(0, 0)] * 4 + [(0, 1)]))):
        np.save(f"{name}.npy", given)
    expected = here.answers(BEST, "input=two.npy")
    assert here.answers(BEST, "input=one.npy") == expected
    assert here.answers(BEST, "input=three.npy") == expected
    crowd = np.concatenate([clips[..., :1]] * 3, axis=4)
    np.save("crowd.npy", crowd)
    said = here("predict", BEST, "input=crowd.npy")
    assert "20 clips show more people than the 2 of the training; the first are taken" in said.err


def test_evaluation_is_of_clips_that_the_run_held_out(here: Here) -> None:
    write_set(60)
    here("train", *SET, *TINY, "epochs=1", "data.val.fold=2")
    said = here("evaluate", BEST, *SET)
    first, second = said.out.splitlines()[-2:]
    assert first.startswith("the split of the checkpoint's run: val folds (folds=5, fold=2, seed=0, together=true)")
    assert second.endswith(", 12 clips")
    assert said.err == ""
    said = line_of("evaluate", here("evaluate", BEST, *SET, "data.val.fold=3", code=1))
    assert said == "evaluate: the network was trained on each of the 12 clips of val; allow_seen=true scores them"
    assert here("evaluate", BEST, *SET, "data.val.fold=3", "allow_seen=true").out.endswith(", 12 clips\n")
    said = here("evaluate", BEST, *SET, "data.val={rule: every, step: 2, offset: 0}")
    assert " of 30 clips of val are left out, as the network was trained on them (clips " in said.err
    left = int(said.err.split(" of 30 clips")[0].rpartition(" ")[2])
    assert 20 < left < 30
    assert said.out.endswith(f", {30 - left} clips\n")


def test_clips_are_known_again_wherever_they_lie(here: Here) -> None:
    """In another folder, padded, and in another order."""
    clips = write_set(40)
    here("train", *SET, *TINY, "epochs=1", "data.val.fold=0")
    Path("other").mkdir()
    np.save("other/data.npy", np.pad(clips, [(0, 0)] * 2 + [(0, 7), (0, 0), (0, 1)])[::-1])
    np.save("other/labels.npy", (np.arange(40) % 4)[::-1])
    rule = "data.val={rule: every, step: 2, offset: 0}"
    said = here("evaluate", BEST, *SET[:1], "data.root=other", *SET[2:], rule)
    assert " of 20 clips of val are left out" in said.err


def test_a_diverged_training_ends_there(here: Here) -> None:
    """With one line, and checkpoints of the epochs before it."""
    write_set()
    line = line_of("train", here("train", *SET, *TINY, "epochs=5", "optimizer.lr=1e12", code=1))
    assert line.startswith("train: training diverged in epoch 1: ")
    assert "a lower optimizer.lr" in line
    last = read_checkpoint("run/checkpoints/last.ckpt")
    assert all(bool(tensor.isfinite().all()) for tensor in last.state.values())
    assert not Path("run/checkpoints/best.ckpt").exists()


def test_a_damaged_checkpoint_is_not_resumed(here: Here) -> None:
    write_set()
    here("train", *SET, *TINY, "epochs=1")
    content = bytearray(Path("run/checkpoints/last.ckpt").read_bytes())
    content[len(content) // 2] ^= 1
    Path("run/checkpoints/last.ckpt").write_bytes(content)
    given = ["ckpt_path=run/checkpoints/last.ckpt", "epochs=1"]
    line = line_of("train", here("train", *SET, *TINY, *given, code=1))
    assert "is no readable checkpoint: it is damaged: " in line


def test_weights_that_mean_something_else_are_told_of(here: Here) -> None:
    write_set()
    here("train", *SET, *TINY, "epochs=1")
    (Path("set") / "classes.txt").write_text("a\nb\nc\nd\n")
    start = "init_from=run/checkpoints/best.ckpt"
    said = here("train", *SET, *TINY, "epochs=1", start, "preprocessing.streams=[bone]", "hydra.run.dir=bones").out
    assert "was trained on joint of x, y, and this network sees bone of x, y" in said
    here("train", *SET, *TINY, "epochs=1", "hydra.run.dir=named")
    (Path("set") / "classes.txt").write_text("d\nc\nb\na\n")
    start = "init_from=named/checkpoints/best.ckpt"
    said = here("train", *SET, *TINY, "epochs=1", start, "hydra.run.dir=others").out
    assert "but not head.fcn.bias, head.fcn.weight" in said
    assert "was trained on other classes, such as a, b, c" in said
    said = here("train", *SET, *TINY, "epochs=1", start, "preprocessing.center=null", "hydra.run.dir=raw").out
    assert "the weights were trained with MidHip at the origin in every frame" in said


def test_weights_of_another_size_or_other_blocks_are_told_of(here: Here) -> None:
    clips = write_set(60)
    Path("set/recordings.yaml").write_text("people: each\nunit: 0.01\n")
    here("train", *SET, *TINY, "epochs=1", "hydra.run.dir=first")
    start = "init_from=first/checkpoints/best.ckpt"
    said = here("train", *SET, *TINY, "epochs=1", start, "data.val.fold=1").out
    assert "first/checkpoints/best.ckpt was trained on 12 clips of val: scores on them do not speak of others" in said
    said = here("train", *SET, *TINY, "epochs=1", start, "model.strides=[1,1]").out
    assert "has the strides 1,3, this network 1,1" in said
    line = line_of(
        "train", here("train", *SET, *TINY, "epochs=1", start, "widths=[4,8,8]", "model.strides=[1,3,1]", code=1)
    )
    assert line.endswith("; widths=[4,8] model.strides=[1,3] has its blocks")
    np.save("set/data.npy", clips * [[[[[100]]], [[[100]]], [[[1]]]]])
    Path("set/recordings.yaml").write_text("people: together\nunit: 1\n")
    origin = [
        "was trained on clips of people=each, and these are of people=together",
        "coordinates are 1e+02 times as large as those of the training clips (unit=0.01 there, unit=1 here)",
    ]
    said = here("train", *SET, *TINY, "epochs=1", start).out
    assert all(line in said for line in origin)
    said = here("evaluate", "ckpt_path=first/checkpoints/best.ckpt", *SET).err
    assert all(line in said for line in origin)


def test_what_replaces_what_a_file_says_is_told(here: Here) -> None:
    write_set()
    here("train", *SET, *TINY, "epochs=1")
    said = here("predict", BEST, "input=set/data.npy").err
    assert said == ""
    said = here("predict", BEST, "input=set/data.npy", "preprocessing=paddlevideo").err
    assert "the preprocessing asked for replaces its own: window=350 for 16, " in said
    assert "center=8 for layout" in said
    given = ["preprocessing=fixed", "preprocessing.window=16"]
    assert here("predict", BEST, "input=set/data.npy", *given).err == ""  # it is the same
    said = here("predict", BEST, "input=set/data.npy", "strides=[1,1]").err
    assert said == (
        "predict: run/checkpoints/best.ckpt: strides= overrules its own strides, 1,3: it is another network\n"
    )
    assert here("predict", BEST, "input=set/data.npy", "strides=[1,3]").err == ""


def test_arrays_that_are_prepared_again_keep_what_is_known_of_their_recordings(here: Here) -> None:
    video(Path("raw") / "jump" / "v", people=2)
    here("prepare", "input=raw", "out=first", "fps=25", "unit=0.01", "people=each")
    here("prepare", "input=first", "out=second", "unit=10")
    told = load_yaml("second/recordings.yaml")
    assert told == {"people": "each", "unit": pytest.approx(0.1), "fps": 25.0}
    here("prepare", "input=first/data.npy", "out=third", "fps=30")
    assert load_yaml("third/recordings.yaml") == {"people": "each", "unit": 0.01, "fps": 30.0}


def test_what_a_timeline_is_made_of_is_told(here: Here) -> None:
    clips = write_set()
    here("train", *SET, *TINY, "epochs=1")
    np.save("long.npy", np.concatenate([*clips[:8], np.zeros_like(clips[0])], axis=1)[None])
    said = here("predict", BEST, "input=long.npy", "slide=50").err
    assert "windows of 20 frames begin 50 apart: between them no frame has an answer" in said
    said = here("predict", BEST, "input=long.npy", "stream=50").err
    assert "the tempo is that of clips of 20 frames, the median of its training clips; span= overrules" in said
    assert "in which several clips of 20 have room: stream=10 tells them apart better" in said
    said = here("predict", BEST, "input=long.npy", "stream=20", "span=90", "out=line.csv").err
    assert said == ""
    assert int(rows_of("line.csv")[-1]["end"]) == 160  # where the recording ends, and not its padding


def test_a_window_of_nan_alone_shows_nobody(here: Here) -> None:
    write_set()
    here("train", *SET, *TINY, "epochs=1", "preprocessing.nan=missing")
    lines = []
    for name, fill in (("zeros", 0), ("nan", np.nan)):
        clip = np.random.default_rng(1).uniform(0.5, 1.5, (1, 3, 120, 25, 1)).astype(np.float32)
        clip[:, :, 40:90] = fill
        np.save(f"{name}.npy", clip)
        here("predict", BEST, f"input={name}.npy", "slide=8", f"out={name}.json")
        lines.append(json.loads(Path(f"{name}.json").read_text()))
    assert lines[0] == lines[1]
    assert [part["end"] - part["start"] for part in lines[0]]


def test_half_precision_keeps_its_graph(here: Here) -> None:
    """Also for a run that starts from it."""
    write_set()
    here("train", *SET, *TINY, "epochs=1")
    state = read_checkpoint("run/checkpoints/best.ckpt").state
    told = ["preprocessing=fixed", "preprocessing.window=16", "strides=[1,3]"]
    expected = here.answers(BEST, "input=set/data.npy")
    for dtype in (torch.float16, torch.bfloat16):
        half = {name: each.to(dtype) if each.is_floating_point() else each for name, each in state.items()}
        torch.save(half, "half.pt")
        assert here.answers("ckpt_path=half.pt", "input=set/data.npy", *told) == pytest.approx(expected, abs=0.05)
        here("train", *SET, *TINY, "epochs=1", "init_from=half.pt", f"hydra.run.dir={dtype}")


def test_people_rates_and_tempo_follow_the_training(here: Here) -> None:
    """From prepare to a timeline in seconds."""
    for i in range(6):
        video(Path("raw") / ("jump", "spin")[i % 2] / f"v{i}", people=1 + i % 2)
    here("prepare", "input=raw", "out=set", "fps=25")
    here("train", "data=arrays", "data.root=set", *TINY, "epochs=1", "data.val.folds=2")
    clips = read_checkpoint("run/checkpoints/best.ckpt").clips
    assert clips is not None
    assert (clips.slots, clips.people, clips.fps, clips.unit) == (2, "together", 25.0, 1.0)
    assert clips.frames is not None
    said = here("predict", BEST, "input=raw/spin", "out=together.csv")
    assert "people=together, as in the clips of the training; people=each makes a clip of each" in said.err
    assert len(rows_of("together.csv")) == 3
    said = here("predict", BEST, "input=raw/jump", "people=together", "most_people=3")
    assert "show more people" not in said.err
    video(Path("crowd") / "v", people=3)
    said = here("predict", BEST, "input=crowd", "people=together", "most_people=3")
    assert "1 clip shows more people than the 2 of the training; the first are taken" in said.err
    long = np.concatenate(list(np.load("set/data.npy")), axis=1)[None]
    np.save("long.npy", long)
    said = here("predict", BEST, "input=long.npy", "slide=2", "fps=50", "every=2", "out=line.csv")
    assert f"a window spans {clips.frames[1]} frames, the median of its training clips; span= overrules" in said.err
    ends = [(float(row["end_seconds"]), int(row["end"]) / 25) for row in rows_of("line.csv")]
    assert all(seconds == pytest.approx(end, abs=1e-3) for seconds, end in ends)
    said = here("predict", BEST, "input=long.npy")
    assert "times as long as 95 % of the training's" in said.err
    assert "slide= makes a timeline" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["span=0"], "span must be a whole number from 1 on or null (frames), got 0"),
        (["span=1.5"], "span must be a whole number from 1 on or null (frames), got 1.5"),
        (["fps=0"], "fps must be a number above 0 or null, got 0"),
        (["fps=nan"], "fps must be a number above 0 or null, got nan"),
        (["every=0"], "every must be a whole number from 1 on (frames), got 0"),
        (["span=5"], "span= is for slide= or stream=; give one of them"),
        (["people=all"], "people must be each, together or null, got all"),
        (["most_people=0"], "most_people must be a whole number from 1 on or null, got 0"),
    ],
)
def test_bad_input_of_the_options_is_one_line(words: list[str], message: str, here: Here) -> None:
    line = line_of("predict", here("predict", "ckpt_path=a.ckpt", "input=b.npy", *words, code=1))
    assert line == f"predict: {message}"


def test_bad_input_of_the_other_commands_is_one_line(here: Here) -> None:
    line = line_of("evaluate", here("evaluate", "ckpt_path=a.ckpt", "allow_seen=maybe", code=1))
    assert line.startswith("evaluate: allow_seen must be true or false, got maybe")
    line = line_of("train", here("train", *SET, "data.val.together=perhaps", code=1))
    assert line.startswith("train: data.val.together must be true or false, got perhaps")
    line = line_of("train", here("train", *SET, "augmentation.about=hip", code=1))
    assert line.startswith("train: augmentation.about must be body or origin, got hip")
    line = line_of("prepare", here("prepare", "input=a", "out=b", "fps=-1", code=1))
    assert line.startswith("prepare: fps must be a number above 0 or null, got -1")


def test_clips_of_a_recording_stay_together(here: Here) -> None:
    """By default; a run that began before it was so goes on as it began, and is evaluated so."""
    write_set(60)
    recordings = [f"v{i // 3}" for i in range(60)]
    Path("set/manifest.csv").write_text("source,group\n" + "".join(f"{name},\n" for name in recordings))
    here("train", *SET, *TINY, "epochs=1", "hydra.run.dir=now")
    line = here("evaluate", "ckpt_path=now/checkpoints/best.ckpt", *SET).out.splitlines()[-2]
    assert "together=true" in line
    said = here("train", *SET, *TINY, "epochs=1", "~data.val.together").out
    assert "recordings of manifest.csv are in train and in val, such as v" in said
    said = here("train", *SET, *TINY, "epochs=1", "ckpt_path=run/checkpoints/last.ckpt").out
    assert "data.val: the folds are those of the run that goes on, of single clips" in said
    said = here("evaluate", BEST, *SET)
    assert "together" not in said.out
    assert said.err == ""  # none of its clips was trained on
    Path("set/manifest.csv").write_text(
        "source,group\n" + "".join(f"{name},{i % 2}\n" for i, name in enumerate(recordings))
    )
    said = here("train", *SET, *TINY, "epochs=1", "hydra.run.dir=two").out
    assert "subjects and recordings make 1 of all clips, too few for 5 folds: clips of one are in several" in said
