"""Laws of CSV: columns by name in any order, joints by name or number, a bad line is named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.data.formats.tables import COLUMNS, read_table, recordings
from stgcn_torch.data.recordings.recording import Label


def saved(folder: Path, *lines: str, newline: str = "\n", name: str = "a.csv", bom: str = "") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(bom + "".join(line + newline for line in lines), encoding="utf-8", newline="")
    return folder / name


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_rows_are_joints(tmp_path: Path, newline: str, bom: str) -> None:
    lines = ("frame,person,joint,x,y,score", "3,a,Hip,1,2,.5", "5,b,Hip,5,6,.7", "3,a,Knee,3,4,.6")
    scene = read_table(saved(tmp_path, *lines, newline=newline, bom=bom))
    assert (scene.frames, scene.joints, scene.channels) == (3, ("Hip", "Knee"), ("x", "y", "score"))
    clip = scene.together()
    assert clip.shape == (3, 3, 2, 2)
    np.testing.assert_allclose(clip[:, 0, :, 0].T, [[1, 2, 0.5], [3, 4, 0.6]])
    np.testing.assert_allclose(clip[:, 2, :, 1].T, [[5, 6, 0.7], [0, 0, 0]])
    assert np.count_nonzero(clip) == 9


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    scene = read_table(saved(tmp_path, "Z, Y, X, Joint, note, Frame", "3,2,1,0,hello,0"))
    assert scene.channels == ("x", "y", "z")
    assert scene.together()[:, 0, 0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_signs_may_stand_for_commas(tmp_path: Path, delimiter: str) -> None:
    lines = [line.replace(",", delimiter) for line in ("frame,joint,x,y", "0,Hip,1.5,2")]
    assert read_table(saved(tmp_path, *lines)).together()[:, 0, 0, 0].tolist() == [1.5, 2]


@pytest.mark.parametrize("name", ["Visibility", "confidence", "likelihood"])
def test_a_score_has_many_names(tmp_path: Path, name: str) -> None:
    scene = read_table(saved(tmp_path, f"frame,joint,x,y,{name}", "0,Hip,1,2,0.5"))
    assert scene.channels == ("x", "y", "score")
    assert scene.together()[:, 0, 0, 0].tolist() == [1, 2, 0.5]


@pytest.mark.parametrize("score", ["", ",score"])
def test_who_is_seen_longest_comes_first(tmp_path: Path, score: str) -> None:
    rows = ["0,passer,0,1,1", *(f"{t},skater,0,{t + 1},1" for t in range(9))]
    lines = [f"frame,person,joint,x,y{score}", *(row + (",0.5" if score else "") for row in rows)]
    assert [len(track.poses) for track in read_table(saved(tmp_path, *lines)).people] == [9, 1]


@pytest.mark.parametrize("row", ["0,Hip,,2", "0,Hip,1,", "0,Hip, ,"])
def test_an_empty_cell_is_an_undetected_joint(tmp_path: Path, row: str) -> None:
    clip = read_table(saved(tmp_path, "frame,joint,x,y", row, "0,Knee,1,1")).together()
    assert clip[:, 0, :, 0].T.tolist() == [[0, 0], [1, 1]]


def test_no_rows_show_nobody(tmp_path: Path) -> None:
    assert list(read_table(saved(tmp_path, "frame,joint,x,y")).people) == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], r"it lacks the column frame, joint, x, y; it has none"),
        (["frame,joint,x"], r"it lacks the column y; it has frame, joint, x"),
        (["frame,joint,x,y", "0,0,1,1", "1.5,0,1,1"], r"line 3: frame must be a whole number, got '1\.5'"),
        (["frame,joint,x,y", ",0,1,1"], r"line 2: frame must be a whole number, got ''"),
        (["frame,joint,x,y", "inf,0,1,1"], r"line 2: frame must be a whole number, got 'inf'"),
        (["frame,joint,x,y", "a,0,1,1"], r"line 2: could not convert string to float: 'a'"),
        (["frame,joint,x,y", "0,0,1,up"], r"line 2: could not convert string to float: 'up'"),
        (["frame,joint,x,y", "0, ,1,1"], r"line 2: it names no joint"),
        (["frame,joint,x,y", "0,0,1,1", "0,0,2,2"], r"line 3: joint 0 of frame 0 stands there twice"),
        (["frame,joint,x,y", "0,0,1,1", "1000000,0,2,2"], r"frames run from 0 to 1000000; at most 1000000 .*"),
        (["frame,joint,x,y", *(f"0,{v},1,1" for v in range(1001))], r"it names 1001 joints; at most 1000 are allowed"),
        (["frame,joint,x,y", '0,"0,1,1'], r"line 2: unexpected end of data"),
        (["frame,joint,x,y", "0,0,1,5,2,5"], r"line 2: it has more cells than there are columns"),
        (["frame;joint;x;y", "0;0;1,5;2,5"], r"line 2: could not convert string to float: '1,5'"),
        (["frame,joint,x,y", "0"], r"line 2: it names no joint"),
        (["frame,joint,x,y", "0," + "a" * 200_000], r"line 2: field larger than field limit .*"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value)[-40:],
)
def test_names_the_line_that_is_wrong(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_table(saved(tmp_path, *lines))


def test_bytes_that_are_no_text_are_no_crash(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"frame,joint,x,y\n0,\xff\xfe,1,1\n")
    assert read_table(tmp_path / "a.csv").joints == ("\\xff\\xfe",)


def test_a_folder_above_is_the_class(tmp_path: Path) -> None:
    for name in ("Ann/spin/clip_10.csv", "Ann/spin/clip_9.csv"):
        saved(tmp_path, "frame,joint,x,y", name=name)
    found = recordings(tmp_path)
    assert [each.source for each in found] == ["Ann/spin/clip_9.csv", "Ann/spin/clip_10.csv"]
    assert {(each.label, each.group) for each in found} == {(Label("spin"), "Ann")}


@st.composite
def headers(draw: st.DrawFn) -> dict[str, str]:
    """A name that programs use for each column, in random order, some with capitals or blanks."""
    names = {column: draw(st.sampled_from(aliases)) for column, aliases in COLUMNS.items() if column != "time"}
    forms = [str, str.upper, lambda name: name.replace("_", " ").title()]
    return {column: draw(st.sampled_from(forms))(names[column]) for column in draw(st.permutations(sorted(names)))}


@settings(deadline=None, derandomize=True, database=None, max_examples=100)
@given(names=headers(), joints=st.permutations(["Hip", "Knee", "Foot"]))
def test_columns_of_any_usual_name_and_order(
    names: dict[str, str], joints: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two videos of two people each."""
    rows = [",".join([*names.values(), "note"])]
    for video, person, frame in np.ndindex(2, 2, 4):
        for v, joint in enumerate(joints):
            row = {"frame": frame, "person": f"p{person}", "joint": joint, "x": 10 * video + person + 1, "y": frame + 1}
            row |= {"z": v + 1, "score": 0.9 - person / 2, "label": ("walk", "fall")[video], "video": f"v{video}"}
            rows.append(",".join(str(row[column]) for column in names) + ",hello")
    path = saved(tmp_path_factory.mktemp("tables"), *rows)
    for video, found in enumerate(recordings(path)):
        scene = found.read()
        assert (found.source, scene.label) == (f"a.csv:v{video}", Label(("walk", "fall")[video]))
        assert scene.problems == ("columns that are not used: note",)
        assert (scene.channels, scene.joints) == (("x", "y", "z", "score"), tuple(joints))
        clip = scene.together()
        assert clip.shape == (4, 4, 3, 2)
        for person, frame, v in np.ndindex(2, 4, 3):
            expected = [10 * video + person + 1, frame + 1, v + 1, 0.9 - person / 2]
            np.testing.assert_allclose(clip[:, frame, v, person], expected, rtol=1e-6)


def test_times_are_counted_and_told(tmp_path: Path) -> None:
    scene = read_table(saved(tmp_path, "timestamp,joint,x,y", "0.08,Hip,3,1", "0.00,Hip,1,1", "0.04,Hip,2,1"))
    assert scene.together()[0, :, 0, 0].tolist() == [1, 2, 3]
    assert scene.problems == ("frames are counted in the order of timestamp",)
    with pytest.raises(ValueError, match=r"^line 2: time must be a number, got ''$"):
        read_table(saved(tmp_path, "time,joint,x,y", ",Hip,3,1", name="b.csv"))


def test_joints_from_one_are_told(tmp_path: Path) -> None:
    (line,) = read_table(saved(tmp_path, "frame,joint,x,y", "0,1,3,1", "0,2,1,1")).problems
    assert line.startswith("no joint has the number 0")
    assert read_table(saved(tmp_path, "frame,joint,x,y", "0,0,3,1", "0,2,1,1", name="b.csv")).problems == ()


def test_a_recording_is_of_one_class(tmp_path: Path) -> None:
    lines = ("frame,joint,x,y,label", "0,Hip,3,1,walk", "1,Hip,3,1,fall")
    with pytest.raises(ValueError, match=r"^it is of the classes walk, fall, must be of one$"):
        read_table(saved(tmp_path, *lines))
    (found,) = recordings(saved(tmp_path, "frame,joint,x,y,class", "0,Hip,3,1,4", name="b.csv"))
    assert found.read().label == Label("4", 4)


def test_a_file_that_cannot_be_read_is_one_recording_that_says_so(tmp_path: Path) -> None:
    (bad,) = recordings(saved(tmp_path, "frame,joint,x,y,video", "0,Hip,3,1,a", "x,Hip,3,1,b"))
    with pytest.raises(ValueError, match=r"^line 3: "):
        bad.read()
