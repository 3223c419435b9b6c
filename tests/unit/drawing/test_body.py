"""stgcn_torch/drawing/body.py."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stgcn_torch.drawing.body import GAP, MARKERS, draw_arrows, draw_body, sides, spread, write_labels
from stgcn_torch.drawing.pose import Pose
from stgcn_torch.drawing.style import THEMES
from stgcn_torch.skeleton import LAYOUTS, skeleton

LIGHT = THEMES["light"]
HAND = {"joints": ["wrist", "palm", "tip"], "bones": [["palm", "wrist"], ["tip", "palm"]], "center": "wrist"}
EDGES = np.random.default_rng(0).random((25, 25)) < 0.1
each_layout = pytest.mark.parametrize("body", [*LAYOUTS.values(), skeleton(HAND)], ids=[*LAYOUTS, "hand"])


def drawn(body: object, *, plain: bool = False) -> tuple[Axes, Pose]:
    axes = Figure(figsize=(7.6, 7.6), layout="compressed").subplots()
    return axes, draw_body(axes, body, LIGHT, plain=plain)  # type: ignore[arg-type]


def of(axes: Axes, kind: str) -> list:
    return [artist for artist in (*axes.lines, *axes.patches, *axes.texts) if artist.get_gid() == kind]


@each_layout
def test_every_joint_and_every_bone_is_drawn(body) -> None:
    axes, pose = drawn(body)
    points = {tuple(point) for line in of(axes, "joints") for point in line.get_xydata().tolist()}
    assert points == {tuple(point) for point in pose.tolist()}
    ends = [{tuple(point) for point in line.get_xydata().tolist()} for line in of(axes, "bone")]
    assert ends == [{tuple(pose[v]), tuple(pose[w])} for v, w in body.bones]


@pytest.mark.parametrize("body", LAYOUTS.values(), ids=LAYOUTS)
def test_the_left_side_is_on_the_viewers_right_in_a_colour_and_a_shape_of_its_own(body) -> None:
    axes, _ = drawn(body)
    left, right, _ = of(axes, "joints")
    assert (left.get_xdata() > 0).all()
    assert (right.get_xdata() < 0).all()
    assert (left.get_marker(), left.get_color()) == (MARKERS["left"], LIGHT.left)
    assert (right.get_marker(), right.get_color()) == (MARKERS["right"], LIGHT.right)
    assert len(set(MARKERS.values())) == 3
    assert sides(body).count("left") == sides(body).count("right") == len(body.pairs)


@each_layout
def test_labels_are_whole_and_do_not_overlap(body) -> None:
    axes, pose = drawn(body)
    write_labels(axes, LIGHT, pose, dict(enumerate(body.joints)))
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    texts = of(axes, "label")
    assert sorted(text.get_text() for text in texts) == sorted(body.joints)
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    assert [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []
    width, height = canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)


@each_layout
def test_no_label_lies_on_the_body(body) -> None:
    axes, pose = drawn(body)
    write_labels(axes, LIGHT, pose, dict(enumerate(body.joints)))
    for text in of(axes, "label"):
        x, _ = text.get_position()
        assert x > pose[:, 0].max() if text.get_ha() == "left" else x < pose[:, 0].min()


def test_a_line_leads_from_each_label_to_its_joint() -> None:
    axes, pose = drawn(LAYOUTS["fsd10"])
    before = len(axes.lines)
    write_labels(axes, LIGHT, pose, {3: "RElbow", 8: "MidHip"}, {3: "#ff0000"})
    led = {tuple(line.get_xydata()[0].tolist()): line.get_ydata()[-1] for line in axes.lines[before:]}
    texts = {text.get_text(): text for text in of(axes, "label")}
    assert led == {tuple(pose[v]): texts[name].get_position()[1] for v, name in ((3, "RElbow"), (8, "MidHip"))}
    assert (texts["RElbow"].get_color(), texts["MidHip"].get_color()) == ("#ff0000", LIGHT.text)


def test_labels_stay_where_there_is_room_and_move_as_little_as_they_must() -> None:
    np.testing.assert_allclose(spread([1.0, 0.5, 0.0]), [1.0, 0.5, 0.0])
    np.testing.assert_allclose(spread([0.5, 0.5]), [0.5 + GAP / 2, 0.5 - GAP / 2])
    heights = np.sort(np.random.default_rng(0).random(30))[::-1]
    assert (-np.diff(spread(heights)) >= GAP - 1e-12).all()
    assert len(spread([])) == 0


def test_there_is_an_arrow_for_each_edge_from_the_giver_to_the_taker_and_a_ring_for_each_joint_itself() -> None:
    axes, pose = drawn(LAYOUTS["fsd10"], plain=True)
    draw_arrows(axes, pose, EDGES, "#000000")
    own = np.eye(25, dtype=bool)
    ways = [tuple(map(tuple, arrow._posA_posB)) for arrow in of(axes, "arrow")]
    assert ways == [(tuple(pose[v]), tuple(pose[w])) for v, w in np.argwhere(EDGES & ~own)]
    rings = [tuple(ring.get_xydata()[0].tolist()) for ring in of(axes, "ring")]
    assert rings == [tuple(pose[v].tolist()) for v in np.flatnonzero(EDGES.diagonal())]


def test_arrows_have_the_widths_colours_and_dashes_they_are_given() -> None:
    axes, pose = drawn(LAYOUTS["fsd10"], plain=True)
    edges = np.zeros((25, 25), dtype=bool)
    edges[[1, 3, 8], [0, 4, 8]] = True
    widths = np.arange(625.0).reshape(25, 25)
    dashed = np.zeros_like(edges)
    dashed[1, 0] = True
    draw_arrows(
        axes, pose, edges, {(1, 0): "#ff0000", (3, 4): "#00ff00", (8, 8): "#0000ff"}, widths=widths, dashed=dashed
    )
    first, second = of(axes, "arrow")
    (ring,) = of(axes, "ring")
    assert [first.get_linewidth(), second.get_linewidth(), ring.get_markeredgewidth()] == [25, 79, 208]
    assert (first.get_edgecolor()[:3], second.get_edgecolor()[:3]) == ((1, 0, 0), (0, 1, 0))
    assert ring.get_markeredgecolor() == "#0000ff"
    assert (first.get_linestyle() == "solid", second.get_linestyle()) == (False, "solid")
