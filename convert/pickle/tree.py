"""What a file may amount to: a tree that plain recursion can walk."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from convert.pickle.errors import UnreadableError, UnsafeError
from convert.pickle.stored import Stored, owned
from convert.pickle.symbols import Opaque, Symbol

MAX_DEPTH = 100
MAX_PARTS = 1 << 24  # counted once for every place where they occur


def check_tree(value: object) -> None:
    """Refuse what no state dict is, and what would hang or crash whoever walks it.

    Args:
        value: What a file was read as.

    Raises:
        UnreadableError: It contains itself, nests too deeply, or shares its parts so that they unfold without end.
        UnsafeError: A name is left in it that the file never used.
    """
    size: dict[int, tuple[int, int] | None] = {}  # id: depth and number of parts, None while still inside it
    todo = [value]
    while todo:
        item = todo[-1]
        inner = [
            part for part in _parts(item) if isinstance(part, dict | list | tuple | set | frozenset | Opaque | Symbol)
        ]
        if id(item) not in size:
            if isinstance(item, Symbol):
                raise UnsafeError(f"keeps {item} as a value")
            size[id(item)] = None
            if any(size.get(id(part), ()) is None for part in inner):
                raise UnreadableError("holds an object that contains itself")
            todo += [part for part in inner if id(part) not in size]
        elif size[id(todo.pop())] is None:
            sizes = [size[id(part)] or (0, 0) for part in inner]
            depth = 1 + max((depth for depth, _ in sizes), default=0)
            parts = len(_parts(item)) + sum(parts for _, parts in sizes)
            if depth > MAX_DEPTH or parts > MAX_PARTS:
                raise UnreadableError(f"nests deeper than {MAX_DEPTH} or unfolds to more than {MAX_PARTS} parts")
            size[id(item)] = depth, parts


def _parts(value: object) -> Collection[object]:
    match value:
        case dict():
            return [*value, *value.values()]
        case list() | tuple() | set() | frozenset():
            return value
        case Opaque():
            return [value.args, value.state]
    return ()


def collections(tree: object) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Every collection in a tree by its dotted place, the outer ones first, each met once.

    An item of a list has its number for a name: ``nets.0``.
    """
    parts, seen = deque([("", tree)]), set[int]()
    while parts:
        place, part = parts.popleft()
        if id(part) in seen or not isinstance(part, Mapping | list | tuple):
            continue
        seen.add(id(part))
        inner = by_key(part)
        yield place, inner
        parts += [(f"{place}.{key}".lstrip("."), value) for key, value in inner.items()]


def by_key(part: object) -> Mapping[Any, Any]:
    """The parts of a collection by their keys, or by their numbers in a list; none of anything else."""
    if isinstance(part, list | tuple):
        return dict(enumerate(part))
    return part if isinstance(part, Mapping) else {}


def mapped(value: object, change: Callable[[object], object]) -> object:
    """The tree with each of its parts changed, the inner ones first; what was one object stays one.

    Args:
        value: A tree that ``check_tree`` passed.
        change: What to put in a part's place; given the part once its own parts are changed.
    """
    done: dict[int, tuple[object, object]] = {}  # with the original, whose id must not be used again meanwhile

    def walk(part: object) -> object:
        if id(part) not in done:
            new = part
            match part:
                case dict():
                    new = type(part)((walk(name), walk(inner)) for name, inner in part.items())
                case list() | tuple() | set() | frozenset():
                    new = type(part)(map(walk, part))
                case Opaque(symbol, args, state):
                    new = Opaque(symbol, tuple(map(walk, args)), walk(state))
            done[id(part)] = part, change(new)
        return done[id(part)][1]

    try:
        return walk(value)
    finally:
        done.clear()  # walk refers to itself: a mapped file would stay open until garbage is collected


def viewed(value: object) -> object:
    """The tree with arrays and bytes in place of what stands for them while a file is read."""

    def view(part: object) -> object:
        match part:
            case Stored():
                return part.view()
            case memoryview():
                return part.tobytes()
        return part

    return mapped(value, view)


def copied(value: object) -> object:
    """The tree with its arrays in memory of their own, each copied once."""
    return mapped(value, lambda part: owned(part) if isinstance(part, np.ndarray) else part)
