"""Whatever a source's text is damaged to, a reader gives clips or one line: no crash, no warning, no endless work."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.data.formats import coco, kinetics, ntu, openpose, tables
from stgcn_torch.data.recordings.collection import collect
from stgcn_torch.data.recordings.recording import Recording
from stgcn_torch.data.recordings.selection import Selection
from stgcn_torch.skeleton import skeleton

RNG = np.random.default_rng(0)
TOKEN = re.compile(rb'-?[\d.]+|"[^"]*"|\[\]')
INSTEAD = [
    b"",
    b"null",
    b"-1",
    b"1e999",
    b"3e38",
    b"NaN",
    b"[]",
    b"{}",
    b'""',
    b"true",
    b"\xff",
    b"9" * 20,
    b"0",
    b"\0",
]
INSTEAD += [b'"x"', b"[[1]]", b'{"a":1}', b"1" * 5000, b"[" * 5000]
MANY = 400


def values(count: int) -> list[float]:
    return RNG.uniform(0, 9, count).round(2).tolist()


OPENPOSE = json.dumps({"people": [{"pose_keypoints_2d": values(75)} for _ in range(2)]})
KINETICS = json.dumps(
    {
        "data": [{"frame_index": t, "skeleton": [{"pose": values(36), "score": values(18)}]} for t in (1, 2)],
        "label": "a",
        "label_index": 3,
    }
)
COCO = json.dumps(
    {
        "images": [{"id": i, "file_name": f"{i}.jpg", "frame_id": i} for i in range(3)],
        "annotations": [{"image_id": i, "track_id": 7, "keypoints": values(51)} for i in range(3)],
    }
)
JOINTS = "".join(" ".join(map(str, values(12))) + "\n" for _ in range(25))
NTU = "2\n" + f"1\n72057594037931101 0 1 1 1 1 0 0.03 0.06 2\n25\n{JOINTS}" * 2
CSV = "frame,person,joint,x,y,score\n" + "".join(f"{t},0,{v},{t},{v},0.5\n" for t in range(2) for v in range(17))

SOURCES: dict[str, tuple[str, str, Callable[[Path], list[Recording]]]] = {
    "openpose": ("video_0_keypoints.json", OPENPOSE, openpose.recordings),
    "kinetics": ("clip.json", KINETICS, kinetics.recordings),
    "coco": ("clip.json", COCO, coco.recordings),
    "ntu": ("S001C001P001R001A001.skeleton", NTU, ntu.recordings),
    "csv": ("clip.csv", CSV, tables.recordings),
}


def damaged(text: bytes, chance: random.Random) -> bytes:
    """The text with a token exchanged, a piece cut out, or something put in."""
    at = chance.randrange(len(text))
    match chance.randrange(3):
        case 0:
            start, end = chance.choice([match.span() for match in TOKEN.finditer(text)])
            return text[:start] + chance.choice(INSTEAD) + text[end:]
        case 1:
            return text[:at] + text[at + chance.randrange(200) :]
    return text[:at] + chance.choice(INSTEAD) + text[at:]


@pytest.mark.parametrize("name", SOURCES)
def test_damage_is_one_line(tmp_path: Path, name: str) -> None:
    file, text, recordings = SOURCES[name]
    chance = random.Random(name)
    selection = Selection(body=skeleton("coco") if name == "csv" else None)
    usable, said = 0, ""
    for i in range(MANY):
        root = tmp_path / str(i)
        root.mkdir()
        (root / file).write_bytes(damaged(text.encode(), chance) if i else text.encode())
        try:
            usable += len(list(collect(recordings(root), tmp_path / "clips", selection)))
        except ValueError as refused:
            said = max(said, str(refused), key=lambda line: (line.count("\n"), len(line)))
    assert "\n" not in said
    assert len(said) < 500
    assert 0 < usable < MANY
