"""Laws of NTU's text: bodies as listed or by their numbers, the rest from the file's name."""

from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.formats.ntu import most_active, motion, read_skeletons, recordings
from stgcn_torch.data.recordings.recording import Label

NAME = "S002C003P005R001A042.skeleton"
STILL, MOVING = "72057594037931101", "72057594037931102"  # beyond what a float tells apart


def joints(x: float) -> np.ndarray:
    return np.arange(75).reshape(25, 3) / 10 + x


def text(*frames: list[tuple[str, float]], newline: str = "\n") -> str:
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for number, x in bodies:
            lines += [f"{number} 0 1 1 1 1 0 0.03 0.06 2", "25"]
            lines += [" ".join([*map(str, joint), *("7",) * 9]) for joint in joints(x)]
    return newline.join(lines) + newline


def saved(folder: Path, content: str) -> Path:
    (folder / NAME).write_text(content, newline="")
    return folder / NAME


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_body_is_its_numbers(tmp_path: Path, newline: str) -> None:
    scene = read_skeletons(saved(tmp_path, text([(STILL, 0)], [(STILL, 1)], newline=newline)))
    assert (scene.frames, scene.layout, scene.channels) == (2, "ntu-rgb+d", ("x", "y", "z"))
    np.testing.assert_allclose(scene.together()[:, :, :, 0], np.stack([joints(0).T, joints(1).T], 1), rtol=1e-6)


def test_bodies_are_the_first_two_as_listed(tmp_path: Path) -> None:
    frames = [[(STILL, 0), (MOVING, 1), ("3", 2)], [(MOVING, 1)], [], [(MOVING, 1), (STILL, 0)]]
    clip = read_skeletons(saved(tmp_path, text(*frames))).together()
    assert clip.shape == (3, 4, 25, 2)
    assert clip[0, :, 0].tolist() == [[0, 1], [1, 0], [0, 0], [1, 0]]


def test_bodies_by_number_are_ranked_by_motion(tmp_path: Path) -> None:
    frames = [[(STILL, 1), (MOVING, 2 + t)] if t != 2 else [(MOVING, 4)] for t in range(5)]
    scene = read_skeletons(saved(tmp_path, text(*frames)), most_active)
    assert [motion(track.poses) for track in scene.people] == pytest.approx([75 * np.sqrt(2), 0])
    assert scene.together()[0, :, 0].tolist() == [[2, 1], [3, 1], [4, 0], [5, 1], [6, 1]]


def test_classes_that_are_counted_from_zero_are_sorted_by_name(tmp_path: Path) -> None:
    (tmp_path / "S001C001P001R001A000.skeleton").write_text(text([(STILL, 0)]))
    (found,) = recordings(tmp_path)
    assert found.label == Label("A000", None)


def test_the_name_tells_class_group_and_splits(tmp_path: Path) -> None:
    (found,) = recordings(saved(tmp_path, text([(STILL, 0)])).parent)
    assert (found.source, found.label, found.group) == (NAME, Label("A042", 41), "P005")
    splits = {"xsub": "train", "xview": "train", "xset": "train"}
    assert found.columns == {"setup": "002", "camera": "003", "repetition": "001", **splits}


def test_another_name_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.skeleton").write_text(text([(STILL, 0)]))
    (found,) = recordings(tmp_path)
    assert (found.label, found.group, found.columns) == (None, "", {})
    assert found.read().frames == 1


def test_nobody_is_no_error(tmp_path: Path) -> None:
    scene = read_skeletons(saved(tmp_path, text([], [])))
    assert (scene.frames, list(scene.people)) == (2, [])


WHOLE = text([(STILL, 0)], [(STILL, 1)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"it ends in frame 0"),
        (WHOLE[: len(WHOLE) // 3], r"it ends in frame 0"),
        (WHOLE[:-40], r"it ends in frame 1"),
        (WHOLE.replace("2\n", "1\n", 1), r"it goes on after its 1 frames"),
        (WHOLE.replace("2\n", f"{10**12}\n", 1), r"it ends in frame 2"),
        (WHOLE.replace("\n25\n", "\n24\n"), r"frame 0: a body has 24 joints, must have 25"),
        (WHOLE.replace(" 7 7", " x 7", 1), r"frame 0: could not convert string to float: 'x'"),
        ("frames\n" + WHOLE, r"frame 0: invalid literal for int\(\) with base 10: 'frames'"),
        ("\0\xff\0", r"frame 0: invalid literal .*"),
    ],
)
def test_refuses_a_file_that_breaks_off_or_is_none(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_skeletons(saved(tmp_path, content))


def test_a_number_beyond_float32_is_infinite_without_a_warning(tmp_path: Path) -> None:
    scene = read_skeletons(saved(tmp_path, text([(STILL, 1e300)])))
    assert np.isinf(scene.together()).all()
