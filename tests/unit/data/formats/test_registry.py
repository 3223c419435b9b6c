"""Laws of detection: the content of files decides their reader."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.formats import FORMATS, format_of, recordings

FRAME = json.dumps({"version": 1.3, "people": []})
KINETICS = json.dumps({"data": [{"frame_index": 1, "skeleton": []}], "label": "a", "label_index": 0})
LABELS = json.dumps({"a": {"has_skeleton": True, "label": "a", "label_index": 0}})
COCO = json.dumps({"info": {}, "images": [{"id": 0}], "annotations": []})
RESULTS = json.dumps([{"image_id": "0.jpg", "keypoints": []}])

SOURCES: dict[str, tuple[str, dict[str, str | np.ndarray]]] = {
    "openpose frames": ("openpose", {"v_000_keypoints.json": FRAME}),
    "openpose videos": ("openpose", {"spin/one/0.json": FRAME, "spin/two/0.json": FRAME}),
    "kinetics": ("kinetics", {"k_train/a.json": KINETICS, "k_train_label.json": LABELS}),
    "coco": ("coco", {"a.json": COCO}),
    "results": ("coco", {"spin/a.json": RESULTS}),
    "ntu": ("ntu", {"S001C001P001R001A001.skeleton": "0"}),
    "csv": ("csv", {"spin/a.csv": "frame,joint,x,y\n"}),
    "fsd": ("arrays", {"train_data.npy": np.ones((2, 3, 4, 25, 1)), "train_label.npy": np.arange(2)}),
    "classes": ("class_folders", {"spin/a.npy": np.ones((4, 17, 3)), "spin/data_1.npy": np.ones((4, 17, 3))}),
}


def written(folder: Path, files: dict[str, str | np.ndarray]) -> Path:
    for name, held in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(held, str):
            (folder / name).write_text(held)
        else:
            np.save(folder / name, held)
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_tells_its_format(tmp_path: Path, name: str) -> None:
    form, files = SOURCES[name]
    assert format_of(written(tmp_path, files)) == form


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_is_read_in_its_format(tmp_path: Path, name: str) -> None:
    assert recordings(written(tmp_path, SOURCES[name][1]))


@pytest.mark.parametrize("name", ["openpose frames", "coco", "ntu", "fsd"])
def test_a_file_tells_its_format(tmp_path: Path, name: str) -> None:
    form, files = SOURCES[name]
    assert format_of(written(tmp_path, files) / next(iter(files))) == form


def test_a_pickle_is_pyskl_s(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"annotations": []}))
    assert format_of(tmp_path) == format_of(tmp_path / "a.pkl") == "pyskl"


def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    written(tmp_path, {"a/0.json": "{", "a/1.json": FRAME})
    assert format_of(tmp_path) == "openpose"


@pytest.mark.parametrize("stray", ["0.json", "z.json"])
def test_the_most_files_tell(tmp_path: Path, stray: str) -> None:
    written(tmp_path, {stray: COCO, **{f"a/{t}.json": FRAME for t in range(3)}})
    assert format_of(tmp_path) == "openpose"


def test_people_who_shall_be_apart_are_followed(tmp_path: Path) -> None:
    """In ST-GCN's arrays the person with the higher scores is the first in each frame, so places may change hands."""

    def person(x: float, score: float) -> dict[str, list[float]]:
        return {"pose": np.linspace(x, x + 0.1, 36).tolist(), "score": [score] * 18}

    frames = [
        {"frame_index": t, "skeleton": [person(0.1, 0.5 + 0.1 * (t % 2)), person(0.8, 0.55)]} for t in range(1, 9)
    ]
    (tmp_path / "a.json").write_text(json.dumps({"data": frames}))
    for options, swaps in (({}, 7), ({"apart": True}, 0), ({"form": "kinetics", "apart": True}, 7)):
        x = recordings(tmp_path, **options)[0].read().together()[0, :, 0, 0]  # type: ignore[arg-type]
        assert np.count_nonzero(np.abs(np.diff(x)) > 0.5) == swaps


def test_a_given_format_has_the_last_word(tmp_path: Path) -> None:
    written(tmp_path, SOURCES["ntu"][1])
    assert len(recordings(tmp_path, "ntu_active")) == 1
    with pytest.raises(ValueError, match=r"^.* holds nothing of format csv$"):
        recordings(tmp_path, "csv")


def test_refuses_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"^format 'bvh' is unknown; choose one of {', '.join(FORMATS)}$"):
        recordings(tmp_path, "bvh")


@pytest.mark.parametrize("files", [{}, {"a.txt": "hello"}, {"a.json": "{}"}], ids=str)
def test_says_when_no_format_can_be_told(tmp_path: Path, files: dict[str, str | np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"^.* is of no format known; give input_format= one of arrays, "):
        recordings(written(tmp_path, files))


def test_a_missing_source_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"^no file or folder nowhere$"):
        recordings("nowhere")
