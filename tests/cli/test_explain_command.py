"""``explain`` as a user types it: the page says what ``predict`` says, of whatever ``predict`` reads."""

import csv
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch

from tests.cli.commands import Command
from tests.cli.readme import typed
from tests.cli.test_prepare import video


@pytest.fixture
def checkpoint(trained: Path) -> str:
    return str(trained / "checkpoints" / "best.ckpt")


def shown(page: Path) -> list[dict[str, Any]]:
    """What a page holds of each clip."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    held: list[dict[str, Any]] = json.loads(found[1])
    return held


def explained(folder: Path, *overrides: str, code: int = 0) -> tuple[str, str]:
    said = typed("python -m stgcn_torch.explain", *overrides, folder=folder, code=code)
    return said.out, said.err


def predicted(folder: Path, *overrides: str) -> list[list[tuple[str, float]]]:
    """The five likeliest classes of each clip, as ``predict`` writes them."""
    typed("python -m stgcn_torch.predict", *overrides, "top_k=5", "out=predicted.csv", folder=folder)
    clips: dict[str, list[tuple[str, float]]] = {}
    with (folder / "predicted.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            clips.setdefault(row["index"], []).append((row["class"], float(row["probability"])))
    return list(clips.values())


def assert_same(answers: list[dict[str, Any]], said: list[tuple[str, float]]) -> None:
    assert [answer["name"] for answer in answers[:5]] == [name for name, _ in said]
    # ``predict`` rounds to six digits; measured: 6.5e-7
    assert [answer["probability"] for answer in answers[:5]] == pytest.approx([p for _, p in said], abs=1e-5)


def test_the_page_says_what_predict_says(command: Command, checkpoint: str, skating: Path, tmp_path: Path) -> None:
    given = [f"ckpt_path={checkpoint}", f"input={skating}/test_data.npy"]
    done = command("explain", *given, "index=[3,0]")
    assert done.stderr == ""
    assert done.stdout.startswith("test_data.npy, clip 3, frames 0 to ")
    assert "2 of 32 clips; index= chooses others" in done.stdout
    assert "the page: page.html, 0." in done.stdout
    page, said = shown(tmp_path / "page.html"), predicted(tmp_path, *given)
    for told, i in zip(page, (3, 0), strict=True):
        assert_same(told["answers"], said[i])
        for name, p in said[i]:
            assert re.search(rf"  {p:.3f}\d  {name}\n", done.stdout)


@pytest.mark.parametrize("people", ["each", "together"])
def test_people_of_recordings_are_explained(checkpoint: str, tmp_path: Path, people: str) -> None:
    video(tmp_path / "FOLDER", people=2)
    given = [f"ckpt_path={checkpoint}", "input=FOLDER", f"people={people}", "most_people=2"]
    out, _ = explained(tmp_path, *given, "index=[0,1]" if people == "each" else "index=0")
    page, said = shown(tmp_path / "page.html"), predicted(tmp_path, *given)
    assert [told["M"] for told in page] == ([1, 1] if people == "each" else [1])  # the network has one slot
    assert ("FOLDER, person 1, frames" in out) == (people == "each")
    assert ("FOLDER, 2 people, frames" in out) == (people == "together")
    for told, answers in zip(page, said, strict=True):
        assert_same(told["answers"], answers)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux tells what is mapped")
@pytest.mark.parametrize("index", ["0", "9"], ids=["a page", "an error"])
def test_clips_are_let_go_of_before_their_folder_goes(
    index: str, checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows removes no file that is mapped."""
    video(tmp_path / "FOLDER")
    mapped: list[bool] = []

    class Watched(TemporaryDirectory[str]):
        def cleanup(self) -> None:
            mapped.append(self.name in Path("/proc/self/maps").read_text())
            super().cleanup()

    monkeypatch.setattr("stgcn_torch.commands.input_source.TemporaryDirectory", Watched)
    explained(tmp_path, f"ckpt_path={checkpoint}", "input=FOLDER", f"index={index}", code=int(index != "0"))
    assert mapped == [False]


def test_another_preprocessing_may_be_asked_for(checkpoint: str, skating: Path, tmp_path: Path) -> None:
    given = [f"ckpt_path={checkpoint}", f"input={skating}/test_data.npy", "preprocessing=paddlevideo"]
    explained(tmp_path, *given)
    (told,) = shown(tmp_path / "page.html")
    assert_same(told["answers"], predicted(tmp_path, *given)[0])
    assert told["T"] == 350
    assert (
        "MidHip moved to the origin in every frame, and with it every joint, undetected ones too"
        in told["preprocessing"]
    )
    assert (tmp_path / "page.html").stat().st_size < 2e6  # measured: 1.9e5


def test_clips_without_the_score_are_explained(checkpoint: str, skating: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "xy.npy", np.load(skating / "test_data.npy")[0, :2])
    _, err = explained(tmp_path, f"ckpt_path={checkpoint}", "input=xy.npy")
    assert "explain: clips of x, y alone" in err
    assert shown(tmp_path / "page.html")[0]["title"].startswith("xy.npy, clip 0, frames")


def test_each_clip_is_judged_alone(checkpoint: str, skating: Path, tmp_path: Path) -> None:
    """Neither an empty clip nor one in pixels says anything of the others."""
    clips = np.load(skating / "test_data.npy")[:3].astype("f4")
    clips[0], clips[2, :2] = 0, 2600 * clips[2, :2]
    np.save(tmp_path / "clips.npy", clips)
    _, err = explained(tmp_path, f"ckpt_path={checkpoint}", "input=clips.npy", "index=[1,2]")
    usual, large = (told["warnings"] for told in shown(tmp_path / "page.html"))
    assert usual == []
    (line,) = large
    assert line.startswith("coordinates are ")
    assert err == f"explain: clip 2: {line}\n"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["index=32"], "index 32 is none of the 32 clips, which are numbered from 0 to 31"),
        (
            ["index=-1"],
            "index must be a whole number from 0 on or a list of whole numbers from 0 on, such as [0,3], got -1",
        ),
        (
            ["index=[]"],
            "index must be a whole number from 0 on or a list of whole numbers from 0 on, such as [0,3], got []",
        ),
        (
            ["index=first"],
            "index must be a whole number from 0 on or a list of whole numbers from 0 on, such as [0,3], got first",
        ),
        (["crop=1"], "crop must be from 0 to 0, got 1"),
        (["crop=half"], "crop must be a whole number from 0 on or null, got half"),
        (["top_k=0"], "top_k must be a whole number from 1 on, got 0"),
        (["top_k=2.5"], "top_k must be a whole number from 1 on, got 2.5"),
        (["input=nowhere.npy"], "no file nowhere.npy"),
        (["input=null"], "input must be a path, got null"),
        (["out=null"], "out must be a path, got null"),
        (["out="], "out must be a path, got ''"),
        (["out=."], "Is a directory: '.'"),
        (["out=empty.npy/page.html"], "Not a directory: 'empty.npy/page.html'"),
        (["people=foo"], "people must be each, together or null, got foo"),
        (["ckpt_path=[a.ckpt,b.ckpt]"], "ckpt_path must be a path, got [a.ckpt,b.ckpt]"),
        (["ckpt_path=weights.pt"], "weights.pt holds weights only"),
        (["ckpt_path=body.pt", "preprocessing=fixed"], "the weights are a backbone's, without a head to classify"),
        (["input=empty.npy"], "clip 0 is empty: all values are zero"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(
    overrides: list[str], told: str, checkpoint: str, skating: Path, tmp_path: Path
) -> None:
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    torch.save(state, tmp_path / "weights.pt")
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("head")}, tmp_path / "body.pt")
    np.save(tmp_path / "empty.npy", np.zeros((1, 3, 20, 25, 1), "f4"))
    given = [f"ckpt_path={checkpoint}", f"input={skating}/test_data.npy", *overrides]
    _, err = explained(tmp_path, *given, code=1)
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
