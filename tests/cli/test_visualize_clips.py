"""``visualize`` of clips and of finished runs, as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from PIL import Image

from stgcn_torch.commands.past_run import answers_of, read_results
from stgcn_torch.data.preprocessing.steps import live_frames
from stgcn_torch.drawing.pose import standing
from stgcn_torch.skeleton import LAYOUTS
from tests.cli.readme import typed

LINE = "python -m stgcn_torch.visualize"
KNOWN = "layout=fsd10 channels=[x,y,score]"


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"), int)


def test_a_clip_of_an_array_becomes_a_strip_and_moves(skating: Path, tmp_path: Path) -> None:
    """Light and dark, all its live frames."""
    data = np.load(skating / "test_data.npy")
    index = int(np.argmin([live_frames(clip) for clip in data]))
    line = f"{LINE} input={skating}/test_data.npy {KNOWN} index={index} fps=20 theme=both out=out"
    said = typed(line, folder=tmp_path).out
    names = {"film.png", "film-dark.png", "clip.gif", "clip-dark.gif"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert {row.removeprefix("written to out/") for row in said.splitlines()} == names
    assert grey(tmp_path / "out" / "film.png")[0, 0] > 250 > 25 > grey(tmp_path / "out" / "film-dark.png")[0, 0]
    with Image.open(tmp_path / "out" / "clip.gif") as gif:
        assert gif.n_frames == live_frames(data[index])


def test_a_clip_with_y_up_is_the_same_picture(skating: Path, tmp_path: Path) -> None:
    clip = np.load(skating / "test_data.npy")[0]
    for name, sign in (("down", 1), ("up", -1)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "clip.npy", clip * np.array([1, sign, 1], np.float32)[:, None, None, None])
        typed(f"{LINE} input={name}/clip.npy {KNOWN} only=[film] out={name}", folder=tmp_path)
    np.testing.assert_array_equal(grey(tmp_path / "down" / "film.png"), grey(tmp_path / "up" / "film.png"))


def test_openpose_s_other_order_is_told_of_and_drawn_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    person = np.column_stack([200 * standing(LAYOUTS["body_25b"]) * (1, -1) + 300, np.full(25, 0.9)])
    for t in range(2):
        text = json.dumps({"people": [{"pose_keypoints_2d": person.ravel().tolist()}]})
        (tmp_path / "v" / f"v_{t}_keypoints.json").write_text(text)
    drawn = {}
    for layout in ("null", "body_25b", "fsd10"):
        said = typed(f"{LINE} input=v layout={layout} only=[film] out=as_{layout}", folder=tmp_path).err
        assert ("visualize: v: read as BODY_25B: " in said) == (layout == "null")
        drawn[layout] = grey(tmp_path / f"as_{layout}" / "film.png")
    np.testing.assert_array_equal(drawn["null"], drawn["body_25b"])
    assert not np.array_equal(drawn["null"], drawn["fsd10"])


def test_a_run_shows_what_its_report_counts(trained: Path, tmp_path: Path) -> None:
    """Curves, confusion and accuracy, and the clips behind the worst cells; also of its checkpoint's network."""
    said = typed(f"{LINE} run={trained} only=[curves,confusion,accuracy,confused,importance] out=out", folder=tmp_path)
    assert said.err == ""
    names = {"curves.png", "confusion.png", "accuracy.png", "confused.png", "importance.png", "importance.txt"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert all(grey(tmp_path / "out" / name).std() > 5 for name in names if name.endswith("png"))


def test_the_clips_of_a_run_are_those_that_its_report_counts(trained: Path) -> None:
    results = read_results(trained)
    assert results is not None
    answers = answers_of(trained, results)
    np.testing.assert_array_equal(answers.confusion, results.confusion)
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1)


def test_recognised_clips_are_played_to_the_end(trained: Path, tmp_path: Path) -> None:
    results = read_results(trained)
    assert results is not None
    best = results.classes[int(np.argmax(np.diag(results.confusion)))]
    typed(f"{LINE} run={trained} only=[recognised] classes=[{best}] fps=60 out=out", folder=tmp_path)
    with Image.open(tmp_path / "out" / "recognised.gif") as gif:
        assert gif.n_frames > 10
    never = next(
        name
        for name, row in zip(results.classes, results.confusion, strict=True)
        if row[results.classes.index(name)] == 0
    )
    said = typed(f"{LINE} run={trained} only=[recognised] classes=[{never}] out=out", folder=tmp_path, code=1).err
    assert said.startswith(f"visualize: no clip of class '{never}' is recognised; choose of ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("input=none.npy", "no file or folder none.npy"),
        ("input={data}", "its layout cannot be told; give layout=NAME"),
        ("input={data} layout=fsd10", "its channels cannot be told; give 'channels=[x,y,score]'"),
        ("input={data} layout=coco channels=[x,y,score]", "(C, V) must be (3, 17), x, y, score of coco, got (3, 25)"),
        ("input={data} index=32 " + KNOWN, "index must be one of the 32 clips of {data}, from 0, got 32"),
        ("input={data} index=-1 " + KNOWN, "index must be a whole number from 0 on, got -1"),
        ("input={data} index=0.5 " + KNOWN, "index must be a whole number from 0 on, got 0.5"),
        ("input={data} speed=0 " + KNOWN, "speed must be a number above 0, got 0"),
        ("input={data} trail=Tail " + KNOWN, "layout 'fsd10' has no joint 'Tail'"),
        ("input={data} moving=avi " + KNOWN, "moving must be gif or mp4, got avi"),
        ("input={data} frames=0 " + KNOWN, "frames must be a whole number from 1 to 1000, got 0"),
        ("input={data} only=[skeleton] " + KNOWN, "skeleton cannot be drawn of what is given, only film, clip"),
        ("input={data} run=there", "run= and input= are each drawn by themselves; give one of them"),
        ("run=there", "no checkpoints/best.ckpt or last.ckpt in there"),
    ],
)
def test_bad_input_is_one_line(given: str, message: str, skating: Path, tmp_path: Path) -> None:
    data = skating / "test_data.npy"
    said = typed(LINE, *given.format(data=data).split(), folder=tmp_path, code=1).err
    assert said.startswith(f"visualize: {message.format(data=data)}")
    assert said.count("\n") == 1


def test_without_ffmpeg_a_film_is_refused_before_anything_is_drawn(
    skating: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FFMpegWriter, "isAvailable", lambda: False)
    line = f"{LINE} input={skating}/test_data.npy {KNOWN} moving=mp4 out=out"
    said = typed(line, folder=tmp_path, code=1).err
    assert said == "visualize: out/NAME.mp4 needs ffmpeg, and there is none on the PATH; a .gif needs nothing\n"
    assert not list(tmp_path.iterdir())


def test_to_look_at_a_run_makes_no_clips(trained: Path, tmp_path: Path) -> None:
    """Its configuration says how its clips were made; a folder that has none is an error."""
    said = typed(f"{LINE} run={trained} root=nowhere only=[confused] out=out", folder=tmp_path, code=1).err
    assert said.startswith("visualize: ")
    assert "root=FOLDER says where they are" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
