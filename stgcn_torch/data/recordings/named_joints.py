"""The layout of joints that a file names, in whatever order."""

from collections.abc import Sequence

from stgcn_torch.skeleton import LAYOUTS, Skeleton

FIRST = ("coco", "fsd10")  # of layouts that have the same joints and more


def layout_of(names: Sequence[str]) -> tuple[str | None, str]:
    """The layout that has joints of all these names, and fewest others; and a sentence.

    Args:
        names: As a file has them, such as ``left_shoulder``.

    Returns:
        The layout's name, None if none has all. The sentence says which joints of the layout the file lacks, or which
        of its joints no layout has.
    """
    found = {name: _indices(names, body) for name, body in LAYOUTS.items()}
    order = sorted(LAYOUTS, key=lambda name: (len(LAYOUTS[name].joints), name not in FIRST))
    for name in order:
        indices = found[name]
        if None not in indices and len({*indices}) == len(names):
            absent = [joint for v, joint in enumerate(LAYOUTS[name].joints) if v not in indices]
            return name, f"it has no {', '.join(absent)} of {name}" if absent else ""
    nearest = max(order, key=lambda name: sum(index is not None for index in found[name]))
    strange = [joint for joint, index in zip(names, found[nearest], strict=True) if index is None]
    told = f"the joints {', '.join(strange)} are not of {nearest}" if strange else "it names joints twice"
    return None, f"{told}, whose others it has" if strange and len(strange) < len(names) else told


def _indices(names: Sequence[str], body: Skeleton) -> list[int | None]:
    return [_index(name, body) for name in names]


def _index(name: str, body: Skeleton) -> int | None:
    try:
        return body.index(name)
    except ValueError:
        return None
