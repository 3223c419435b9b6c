"""Random schemes of names: frames come in order and together with those of their recording, or it is said."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgcn_torch.data.formats.coco import recordings as of_coco
from stgcn_torch.data.formats.openpose import recordings as of_openpose
from stgcn_torch.data.formats.registry import recordings
from stgcn_torch.data.recordings.frame_names import Pattern, natural, series_of
from stgcn_torch.data.recordings.recording import Label
from tests.unit.data.formats.test_openpose import BODY_25, frame

WORDS = ["walk", "fall", "Sit-up", "a b", "Ann", "jump", "x", "é"]
FRAME = ["", "frame", "Frame_", "img", "f", "rgb-"]
OTHERS = ["cam", "take", "video_", "S", "P"]
ENDS = ["", "_keypoints", "_pose", "_rgb_keypoints", ".jpg", "_keypoints_2d", "_cam1", " (1)"]
SETTINGS = settings(deadline=None, derandomize=True, database=None, max_examples=200)


@st.composite
def schemes(draw: st.DrawFn) -> tuple[dict[str, list[str]], bool]:
    """Names of each recording's frames in order, and whether numbers of recordings vary too."""
    width, first = draw(st.sampled_from([1, 2, 4, 12])), draw(st.sampled_from([0, 1, 7, 95]))
    word, end, separator = (draw(st.sampled_from(each)) for each in (FRAME, ENDS, "_-. "))
    kind = draw(st.sampled_from(["one", "words", "numbers", "bare"]))
    length = draw(st.integers(17 if kind == "bare" else 2, 24))
    numbers = [f"{word}{t:0{width}}" for t in range(first, first + length)]
    if kind == "bare":  # with nothing that tells it but how many there are
        before, wide = draw(st.sampled_from(["", "x", "rgb", "image", "t"])), draw(st.sampled_from([1, 4]))
        heads = [f"{before}{k:0{wide}}" for k in range(draw(st.integers(2, 4)))]
    elif kind == "numbers":  # with a word that tells the recording
        before = draw(st.sampled_from(OTHERS))
        heads = [f"{before}{k}" for k in draw(st.sets(st.integers(0, 120), min_size=2, max_size=4))]
    else:
        heads = draw(st.permutations(WORDS))[: 1 if kind == "one" else draw(st.integers(2, 4))]
    behind = draw(st.booleans()) and not word  # the frame's number first
    names = {head: [f"{n}{separator}{head}{end}" for n in numbers] for head in heads}
    if not behind:
        names = {head: [f"{head}{separator}{n}{end}" for n in numbers] for head in heads}
    return names, kind in ("numbers", "bare")


@SETTINGS
@given(schemes(), st.randoms(use_true_random=False))
def test_frames_are_with_those_of_their_recording_in_order(
    scheme: tuple[dict[str, list[str]], bool], rng: random.Random
) -> None:
    by_recording, numbered = scheme
    names = [name for each in by_recording.values() for name in each]
    rng.shuffle(names)
    found, others = series_of(names)
    assert others == []
    assert sorted([names[i] for _, i in each.frames] for each in found) == sorted(by_recording.values())
    assert [bool(each.told) for each in found] == [numbered, *[False] * (len(found) - 1)]
    assert len({each.name for each in found}) == len(found)


@pytest.mark.parametrize(
    ("names", "recordings", "told"),
    [
        (["walk_1", "walk_2", "fall_3", "fall_4"], [["fall_3", "fall_4"], ["walk_1", "walk_2"]], "pattern= joins them"),
        (["b2", "a10", "a9c"], [["a9c", "a10", "b2"]], "3 names differ by more than a number"),
        (["10", "9", "1"], [["1", "9", "10"]], ""),
        (["a", "c", "b"], [["a", "b", "c"]], ""),
        (
            ["1_2", "1_10", "2_2", "2_10"],
            [["1_2", "1_10"], ["2_2", "2_10"]],
            "taken to be 1_{frame}, pattern= overrules",
        ),
        (["0001_2", "0002_2", "0001_3", "0002_3"], [["0001_2", "0002_2"], ["0001_3", "0002_3"]], "{frame}_2"),
        (["cam1_7", "cam2_7", "cam1_8", "cam2_8"], [["cam1_7", "cam1_8"], ["cam2_7", "cam2_8"]], "cam1_{frame}"),
        (["7_cam1", "7_cam2", "8_cam1", "8_cam2"], [["7_cam1", "8_cam1"], ["7_cam2", "8_cam2"]], "{frame}_cam1"),
        (["S1P2_f3", "S1P3_f3", "S1P2_f4"], [["S1P2_f3", "S1P2_f4"], ["S1P3_f3"]], "S1P2_f{frame}"),
    ],
)
def test_what_is_chosen_is_told(names: list[str], recordings: list[list[str]], told: str) -> None:
    found, _ = series_of(names)
    assert [[names[i] for _, i in each.frames] for each in found] == recordings
    assert told in " ".join(found[0].told)
    assert any(each.told for each in found) == bool(told)


@pytest.mark.parametrize(
    "names",
    [
        {"walk_1": 0, "walk_2": 0, "walk-1": 1, "walk-2": 1},
        {"anna_0_keypoints": 0, "bob_0_keypoints": 1, "carl_0_keypoints": 2},
        {f"image{k}_{t:06}": k for k in (2, 3) for t in range(20)},
        {f"{k:04}_{t}": k for k in range(4) for t in range(30)},
        {f"{t}_{k}": k for k in range(2) for t in range(30)},
        {f"run{k}_t{n}_{t:05}": (k, n) for k in (1, 2) for n in (1, 2) for t in range(9)},
    ],
    ids=lambda names: next(iter(names)),
)
def test_recordings_keep_apart_and_have_names_of_their_own(names: dict[str, object]) -> None:
    found, _ = series_of([*names])
    of = [*names.values()]
    assert all(len({of[i] for _, i in each.frames}) == 1 for each in found)
    assert len(found) == len({*of}) == len({each.name for each in found})


def test_times_of_a_clock_are_counted() -> None:
    names = [str(1690000000000000000 + 40_000_000 * t) for t in range(5)]
    (series,), _ = series_of(names)
    assert series.frames == [(t, t) for t in range(5)]
    assert "are no frames': they are taken in their order" in series.told[0]


def test_a_pattern_says_it() -> None:
    names = ["walk/Ann_left_0007", "walk/Ann_left_0008", "fall/Bo_left_1", "notes"]
    found, others = series_of(names, Pattern("{class}/{subject}_{view}_{frame}"))
    assert [(each.name, dict(each.fields), [number for number, _ in each.frames]) for each in found] == [
        ("fall/Bo/left", {"class": "fall", "subject": "Bo", "view": "left"}, [1]),
        ("walk/Ann/left", {"class": "walk", "subject": "Ann", "view": "left"}, [7, 8]),
    ]
    assert others == [3]
    assert found[0].told == (
        "1 names do not fit pattern {class}/{subject}_{view}_{frame}, such as notes: they are left out",
    )
    apart, _ = series_of(["a/1", "a/2", "b/1", "b/2_keypoints"], Pattern("{frame}"))
    assert [(each.name, [number for number, _ in each.frames]) for each in apart] == [("a", [1, 2]), ("b", [1, 2])]
    counted, _ = series_of(["x1_a", "x10_a", "x2_a", "x1_b"], Pattern("_{recording}"))
    assert [(each.name, each.frames) for each in counted] == [("a", [(0, 0), (1, 2), (2, 1)]), ("b", [(0, 3)])]
    joined, _ = series_of(["walk_1", "fall_2"], Pattern("_{frame}"))
    assert [number for each in joined for number, _ in each.frames] == [1, 2]
    for text in ("frame", "{frame}{frame}", "{colour}_{frame}", ""):
        with pytest.raises(ValueError, match=r"^pattern must hold some of \{frame\}, "):
            Pattern(text)
    with pytest.raises(ValueError, match=r"^pattern must have something between its fields, got \{class\}\{view\}$"):
        Pattern("{class}{view}")
    with pytest.raises(ValueError, match=r"^pattern x_\{frame\} fits none of 4 names, such as fall/Bo_left_1$"):
        series_of(names, Pattern("x_{frame}"))


@SETTINGS
@given(st.lists(st.text("ab1_", min_size=1, max_size=6), unique=True))
def test_natural_order_is_total_and_by_value(names: list[str]) -> None:
    order = sorted(names, key=natural)
    backwards = order[::-1]
    assert sorted(backwards, key=natural) == order
    numbers = [name for name in order if name.isdecimal()]
    assert [int(name) for name in numbers] == sorted(map(int, numbers))


@pytest.mark.parametrize("name", ["{}_rgb", "frame{}.jpg", "{}_pose", "{}_keypoints_2d", "{:05}_cam1", "a1_{}_b2"])
def test_both_readers_put_them_in_order(tmp_path: Path, name: str) -> None:
    """Frame 10 after frame 9."""
    results = []
    for t in range(12):
        pose = np.add(BODY_25, (t, 0, 0))
        (tmp_path / "wave").mkdir(exist_ok=True)
        (tmp_path / "wave" / f"{name.format(t)}.json").write_text(frame([pose]))
        keypoints = np.concatenate([pose[:17, :2], np.full((17, 1), 0.9)], axis=1).ravel().tolist()
        results.append(f'{{"image_id": "{name.format(t)}.png", "category_id": 1, "keypoints": {keypoints}}}')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "r.json").write_text(f"[{','.join(sorted(results))}]")
    for found in (of_openpose(tmp_path / "wave"), of_coco(tmp_path / "results")):
        (recording,) = found
        scene = recording.read()
        np.testing.assert_allclose(scene.together()[0, :, 0, 0], BODY_25[0, 0] + np.arange(12), atol=1e-4)
        assert scene.problems == ()


def test_a_pattern_without_a_frame_is_of_recordings(tmp_path: Path) -> None:
    for k, name in enumerate(("jump_Ann", "spin_Bo")):
        for t in range(3):
            (tmp_path / f"{name}_{t}_keypoints.json").write_text(frame([np.add(BODY_25, (t + k, 0, 0))]))
    found = recordings(tmp_path, pattern=Pattern("{class}_{subject}"))
    assert [(each.source, each.label, each.group, each.read().frames) for each in found] == [
        ("jump_Ann", Label("jump"), "Ann", 3),
        ("spin_Bo", Label("spin"), "Bo", 3),
    ]
    (bad, _) = recordings(tmp_path, pattern=Pattern("spin_{subject}"))
    with pytest.raises(ValueError, match=r"^pattern spin_\{subject\} does not fit it$"):
        bad.read()
