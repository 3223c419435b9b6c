"""Every layout is a connected, symmetric body, and a user's own is either one too or refused."""

from typing import Any

import pytest

from stgcn_torch.skeleton import LAYOUTS, Skeleton, skeleton

LEG: dict[str, Any] = {
    "joints": ["Hip", "Knee", "Ankle"],
    "bones": [["Knee", "Hip"], ["Ankle", "Knee"]],
    "center": "Hip",
}

every_layout = pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in LAYOUTS.items()])


def undirected(bones: Any) -> set[frozenset[int]]:
    """Bones without their direction."""
    return {frozenset(bone) for bone in bones}


@every_layout
def test_every_joint_hangs_together_with_the_centre(body: Skeleton) -> None:
    piece = {v: v for v in range(len(body.joints))}
    for child, parent in body.bones:
        old, new = piece[child], piece[parent]
        piece = {v: new if p == old else p for v, p in piece.items()}
    assert set(piece.values()) == {piece[body.center]}


@every_layout
def test_a_layout_is_found_under_its_own_name(body: Skeleton) -> None:
    assert skeleton(body.name) is body


@every_layout
def test_names_and_bones_are_all_different(body: Skeleton) -> None:
    assert len(set(body.joints)) == len(body.joints)
    assert len(undirected(body.bones)) == len(body.bones)
    assert all(len(bone) == 2 for bone in undirected(body.bones))


@every_layout
def test_every_joint_with_a_side_is_in_one_pair_with_its_twin(body: Skeleton) -> None:
    for left, right in body.pairs:
        assert body.joints[left][0] == "L"
        assert body.joints[right] == "R" + body.joints[left][1:]
    sided = [v for v, name in enumerate(body.joints) if f"{'LR'[name[0] == 'L']}{name[1:]}" in body.joints]
    assert sorted(v for pair in body.pairs for v in pair) == sided


@every_layout
def test_a_mirror_image_of_a_mirror_image_is_the_layout(body: Skeleton) -> None:
    assert [body.mirror[v] for v in body.mirror] == list(range(len(body.joints)))


@every_layout
def test_a_mirror_image_swaps_the_pairs_and_nothing_else(body: Skeleton) -> None:
    moved = {(v, w) for v, w in enumerate(body.mirror) if v != w}
    assert moved == {pair for left, right in body.pairs for pair in ((left, right), (right, left))}


@every_layout
def test_a_mirror_image_has_the_same_bones(body: Skeleton) -> None:
    assert undirected((body.mirror[v], body.mirror[w]) for v, w in body.bones) == undirected(body.bones)


@every_layout
def test_parents_lead_along_bones_to_the_centre(body: Skeleton) -> None:
    assert body.parents[body.center] == body.center
    for v in range(len(body.joints)):
        way = [v]
        while way[-1] != body.center:
            way.append(body.parents[way[-1]])
            assert frozenset(way[-2:]) in undirected(body.bones)
            assert len(set(way)) == len(way), "the way goes round in a circle"


def test_parents_take_the_shortest_way_round_a_ring() -> None:
    ring = {
        "joints": list("abcde"),
        "bones": [["b", "a"], ["c", "b"], ["d", "c"], ["e", "d"], ["e", "a"]],
        "center": "a",
    }
    assert skeleton(ring).parents == (0, 0, 1, 4, 0)  # d goes by e, whatever way its bones are written


def test_of_two_ways_as_short_parents_take_the_one_by_the_first_joint() -> None:
    ring = {"joints": list("abcd"), "bones": [["d", "c"], ["d", "a"], ["c", "b"], ["b", "a"]], "center": "a"}
    assert skeleton(ring).parents == (0, 0, 1, 0)


def test_parents_follow_the_direction_that_a_tree_was_written_in() -> None:
    body = LAYOUTS["fsd10"]
    assert {(v, p) for v, p in enumerate(body.parents) if v != p} == set(body.bones)


def test_body_25_has_its_published_indices() -> None:
    body = LAYOUTS["fsd10"]
    published = {"Nose": 0, "Neck": 1, "RWrist": 4, "LWrist": 7, "MidHip": 8, "RAnkle": 11, "LAnkle": 14, "RHeel": 24}
    assert {name: body.index(name) for name in published} == published


def test_body_25b_has_its_published_indices() -> None:
    """COCO's seventeen, then MPII's two, then the feet as in BODY_25."""
    body = LAYOUTS["body_25b"]
    assert body.joints[:17] == LAYOUTS["coco"].joints
    assert body.joints[17:19] == ("UpperNeck", "HeadTop")
    assert body.joints[19:] == LAYOUTS["fsd10"].joints[19:]


def test_the_article_s_bones_are_body_25_s() -> None:
    article = (
        "1-8 0-1 15-0 17-15 16-0 18-16 5-1 6-5 7-6 2-1 3-2 4-3 9-8 10-9 11-10 24-11 22-11 23-22 "
        "12-8 13-12 14-13 21-14 19-14 20-19"
    )
    body = LAYOUTS["fsd10"]
    assert undirected(tuple(map(int, bone.split("-"))) for bone in article.split()) == undirected(body.bones)


def test_the_article_s_bones_are_kinect_s() -> None:
    article = (  # counted from 1
        "1-2 2-21 3-21 4-3 5-21 6-5 7-6 8-7 9-21 10-9 11-10 12-11 13-1 14-13 15-14 16-15 17-1 18-17 19-18 20-19 "
        "22-23 23-8 24-25 25-12"
    )
    body = LAYOUTS["ntu-rgb+d"]
    assert undirected(tuple(int(v) - 1 for v in bone.split("-")) for bone in article.split()) == undirected(body.bones)
    assert body.center == 20


def test_joints_may_be_named_or_counted() -> None:
    counted = {"joints": LEG["joints"], "bones": [[1, 0], [2, 1]], "center": 0}
    assert skeleton(counted) == skeleton(LEG)


def test_a_layout_survives_being_written_as_a_mapping() -> None:
    body = LAYOUTS["fsd10"]
    mapping = {"name": "fsd10", "joints": body.joints, "bones": body.bones, "center": body.center, "pairs": body.pairs}
    assert skeleton(mapping) == body


def test_a_mapping_may_keep_its_name_and_pairs_to_itself() -> None:
    body = skeleton(LEG)
    assert body.name == "custom"
    assert body.pairs == ()
    assert body.mirror == (0, 1, 2)


def test_an_index_stands_for_itself() -> None:
    body = skeleton(LEG)
    assert [body.index(v) for v in range(3)] == [body.index(name) for name in body.joints] == [0, 1, 2]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no joints": ({"joints": None}, "no 'joints'"),
    "no bones": ({"bones": None}, "no 'bones'"),
    "no centre": ({"center": None}, "no 'center'"),
    "another key": ({"centre": "Hip"}, "unexpected key 'centre'"),
    "a joint twice": ({"joints": ["Hip", "Knee", "Ankle", "Hip"]}, "twice"),
    "joints that are no list": ({"joints": "Hip"}, "joints must be a list"),
    "joints that are a number": ({"joints": 3}, "joints must be a list"),
    "a bone to nowhere": ({"bones": [["Knee", "Hip"], ["Ankle", "Toe"]]}, "no joint 'Toe'"),
    "an index past the end": ({"bones": [[1, 0], [3, 1]]}, "no joint 3"),
    "a negative index": ({"center": -1}, "no joint -1"),
    "a fractional index": ({"center": 0.5}, "no joint 0.5"),
    "a bone of three joints": ({"bones": [["Hip", "Knee", "Ankle"]]}, "bones must be pairs"),
    "a bone of one word": ({"bones": ["ab"]}, "bones must be pairs"),
    "a bone of one number": ({"bones": [1, 2]}, "bones must be pairs"),
    "bones that are a number": ({"bones": 2}, "bones must be pairs"),
    "pairs that are a mapping": ({"pairs": {"Knee": "Ankle"}}, "pairs must be pairs"),
    "a pair of one joint": ({"pairs": [["Knee"]]}, "pairs must be pairs"),
    "pairs that share a joint": ({"pairs": [["Hip", "Knee"], ["Hip", "Ankle"]]}, "two of its pairs"),
    "a joint that is its own twin": ({"pairs": [["Hip", "Hip"]]}, "two of its pairs"),
    "a joint without bones": ({"bones": [["Knee", "Hip"]]}, "no bones lead from joint 'Ankle' to the centre 'Hip'"),
    "no joint at all": ({"joints": [], "bones": [], "center": 0}, "no joint 0"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="layout 'custom'") as refusal:
        skeleton(LEG | change)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_lists_every_key_that_is_wrong() -> None:
    with pytest.raises(ValueError, match="no 'bones'; no 'center'; unexpected key 'edges'"):
        skeleton({"joints": ["Hip"], "edges": []})


def test_an_unknown_name_is_answered_with_the_known() -> None:
    with pytest.raises(ValueError, match="layout 'body25' is unknown; choose one of body_25b, coco, fsd10, h36m"):
        skeleton("body25")


@pytest.mark.parametrize(
    ("layout", "name", "joint"),
    [
        ("mediapipe", "LEFT_EYE_INNER", "LEyeInner"),
        ("mediapipe", "mouth_right", "RMouth"),
        ("mediapipe", "right foot index", "RFootIndex"),
        ("coco", "left_shoulder", "LShoulder"),
        ("coco", "nose", "Nose"),
        ("fsd10", "mid_hip", "MidHip"),
        ("ntu-rgb+d", "Spine-Base", "SpineBase"),
    ],
)
def test_joints_are_known_by_the_names_that_others_give_them(layout: str, name: str, joint: str) -> None:
    assert LAYOUTS[layout].joints[LAYOUTS[layout].index(name)] == joint


def test_a_name_that_may_be_two_joints_is_none() -> None:
    with pytest.raises(ValueError, match="has no joint 'LEFT_HAND'"):
        skeleton({"joints": ["LHand", "lhand"], "bones": [[0, 1]], "center": 0}).index("LEFT_HAND")
