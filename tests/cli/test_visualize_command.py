"""``visualize`` as a user types it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stgcn_torch import STGCN, adjacency
from stgcn_torch.tasks.visualize import SUBJECTS
from tests.cli.readme import typed

HAND = """\
name: hand
joints: [wrist, palm, tip]
bones: [[palm, wrist], [tip, palm]]
center: wrist
"""
LINE = "python -m stgcn_torch.visualize"


def test_a_layout_of_ones_own_is_drawn_light_and_dark(tmp_path: Path) -> None:
    (tmp_path / "hand.yaml").write_text(HAND)
    said = typed(f"{LINE} layout=hand.yaml theme=both", folder=tmp_path).out
    assert said.startswith("3 partitions of hand sum to its normalised adjacency, within 0.0e+00\n")
    names = {"skeleton", "hops", "adjacency", "partitions"}
    found = {path.name for path in (tmp_path / "figures").iterdir()}
    pictures = {f"{name}{theme}.png" for name in names for theme in ("", "-dark")}
    assert found == pictures | {"hops.txt", "adjacency.txt", "partitions.txt"}
    assert {line.split("/")[-1] for line in said.splitlines()[1:]} == found
    for name in names:
        light, dark = (
            np.asarray(Image.open(tmp_path / "figures" / f"{name}{theme}.png").convert("L"), int)
            for theme in ("", "-dark")
        )
        assert light[0, 0] > 250 > 25 > dark[0, 0]
        assert light.shape == dark.shape


def test_a_checkpoint_is_drawn_whole(tmp_path: Path) -> None:
    """All figures of a layout, and those of what its network has learned."""
    torch.save(STGCN(3, layout="coco", channels=[4, 4], strides=[1, 1]).state_dict(), tmp_path / "small.pt")
    said = typed(f"{LINE} ckpt_path=small.pt strides=[1,1] out=out figure_format=svg", folder=tmp_path).out
    assert said.startswith("3 partitions of coco sum to its normalised adjacency, within ")
    assert {path.stem for path in (tmp_path / "out").glob("*.svg")} == {
        "skeleton", "hops", "adjacency", "partitions", "importance", "importance_matrices", "receptive_field"
    }  # fmt: skip
    assert all(path.read_text().startswith("<?xml") for path in (tmp_path / "out").glob("*.svg"))


def test_a_name_that_no_font_has_is_told_in_one_line(tmp_path: Path) -> None:
    name = "palm\U0010fffd"
    (tmp_path / "hand.yaml").write_text(HAND.replace("palm", name), encoding="utf-8")
    said = typed(f"{LINE} layout=hand.yaml only=[skeleton,adjacency] out=out", folder=tmp_path)
    told = "install one of its script, such as Noto Sans CJK; until then a number stands for it"
    assert said.err == f"visualize: no font has all of {name!r}; {told}\n"
    assert name in (tmp_path / "out" / "adjacency.txt").read_text(encoding="utf-8")


def test_weights_alone_are_drawn_too_and_a_preprocessing_says_how_long_a_clip_is(tmp_path: Path) -> None:
    torch.save(STGCN(3, channels=[4, 4, 8], strides=[1, 1, 2]).state_dict(), tmp_path / "bare.pt")
    line = f"{LINE} ckpt_path=bare.pt only=[receptive_field] preprocessing=paddlevideo figure_format=svg out=out"
    typed(line, "strides=[1,1,2]", folder=tmp_path)
    assert "a clip of 350 frames" in (tmp_path / "out" / "receptive_field.svg").read_text()


def test_a_graph_that_is_not_its_layouts_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    state = STGCN(3, layout="coco", channels=[4, 4], strides=[1, 1]).state_dict()
    state["backbone.A"][1] *= 1.01
    torch.save(state, tmp_path / "bent.pt")
    said = typed(f"{LINE} ckpt_path=bent.pt strides=[1,1] out=out", folder=tmp_path, code=1).err
    assert said.startswith("visualize: the partitions do not sum to the normalised adjacency of ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("figure_format=pdf", "figure_format must be png or svg, got pdf"),
        ("theme=grey", "theme must be light, dark or both, got grey"),
        ("only=[hop]", f"only must be a list out of {', '.join([*SUBJECTS][:-1])} or clip or null"),
        ("only=hops", "only must be a list out of skeleton, hops, "),
        ("only=[]", "only must be a list out of skeleton, hops, "),
        ("only=[receptive_field]", "receptive_field cannot be drawn of what is given"),
        ("layout=cocco", "layout 'cocco' is unknown"),
        ("layout=missing.yaml", "no file missing.yaml"),
        (
            "strategy=spatal",
            "strategy must be spatial, spatial_fixed, distance or uniform, got spatal; the nearest: spatial",
        ),
        ("max_hop=0", "max_hop must be a whole number from 1 to 1000 (bones), got 0"),
        ("max_hop=1.5", "max_hop must be a whole number from 1 to 1000 (bones), got 1.5"),
        ("ckpt_path=none.ckpt", "no file none.ckpt"),
        ("max_hop=11", "max_hop must be at most 10, the longest way in fsd10, got 11"),
        ("strategy=spatial ckpt_path=none.ckpt", "strategy= says nothing of ckpt_path=, of which there are strides, "),
        ("layout=coco ckpt_path=none.ckpt", "layout= says nothing of ckpt_path="),
        ("preprocessing.nan=missing max_hop=1", "preprocessing= says nothing of layout=, of which there are layout, "),
        ("strides=[1] run=none", "strides= says nothing of run=, of which there are root, classes, "),
        ("dilation=1 input=none", "dilation= says nothing of input=, of which there are layout, index, "),
        (
            "run=none classes=camel_spin",
            "classes must be a list of texts or null, such as [camel_spin,axel_jump], got camel_spin",
        ),
        ("run=none classes=[]", "classes must be a list of texts or null, such as [camel_spin,axel_jump], got []"),
        ("out=file", "out must be a folder that can be written, got file"),
        ("out=file/in/it", "out must be a folder that can be written, got file/in/it"),
    ],
)
def test_bad_input_is_one_line(given: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = typed(LINE, *given.split(), folder=tmp_path, code=1).err
    assert said.startswith(f"visualize: {message}")
    assert said.count("\n") == 1
    assert not (tmp_path / "figures").exists()


def test_the_text_of_the_partitions_is_the_adjacency_of_the_network(tmp_path: Path) -> None:
    typed(LINE, "strategy=spatial_fixed", "layout=h36m", "only=[partitions]", "figure_format=svg", folder=tmp_path)
    parts = (tmp_path / "figures" / "partitions.txt").read_text().strip().split("\n\n")
    read = [[line.split()[1:] for line in part.splitlines()[2:]] for part in parts]
    np.testing.assert_array_equal(np.array(read, "f4"), adjacency("h36m", "spatial_fixed").astype("f4"))
