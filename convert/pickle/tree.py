"""Trees that a file may be read as, safe for plain recursion."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from convert.pickle.errors import UnreadableError, UnsafeError
from convert.pickle.stored import Stored, owned
from convert.pickle.symbols import Opaque, Symbol

MAX_DEPTH = 100
MAX_PARTS = 1 << 24  # a shared part counts at each of its places


def check_tree(value: object) -> None:
    """Refuse trees that would hang or crash a recursive walk, and trees with bare symbols.

    Raises:
        UnreadableError: The tree contains itself, nests too deeply, or unfolds to too many parts.
        UnsafeError: A symbol is used as a value.
    """
    size: dict[int, tuple[int, int] | None] = {}  # id: depth and number of parts; None while its parts are visited
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
    """Every collection in a tree with its dotted path, outer ones first, shared ones once.

    Items of a list are named by their index: ``nets.0``.
    """
    parts, visited = deque([("", tree)]), set[int]()
    while parts:
        path, part = parts.popleft()
        if id(part) in visited or not isinstance(part, Mapping | list | tuple):
            continue
        visited.add(id(part))
        inner = by_key(part)
        yield path, inner
        parts += [(f"{path}.{key}".lstrip("."), value) for key, value in inner.items()]


def by_key(part: object) -> Mapping[Any, Any]:
    """The parts of a collection by key, or by index in a list; empty for other values."""
    if isinstance(part, list | tuple):
        return dict(enumerate(part))
    return part if isinstance(part, Mapping) else {}


def mapped(value: object, change: Callable[[object], object]) -> object:
    """The tree with each part replaced, inner parts first; a shared object stays shared.

    Args:
        value: A tree that ``check_tree`` accepts.
        change: Returns the replacement of a part whose own parts are replaced already.
    """
    # Original and replacement by the original's id; the original is kept so that its id is not reused.
    replacements: dict[int, tuple[object, object]] = {}

    def walk(part: object) -> object:
        if id(part) not in replacements:
            new = part
            match part:
                case dict():
                    new = type(part)((walk(name), walk(inner)) for name, inner in part.items())
                case list() | tuple() | set() | frozenset():
                    new = type(part)(map(walk, part))
                case Opaque(symbol, args, state):
                    new = Opaque(symbol, tuple(map(walk, args)), walk(state))
            replacements[id(part)] = part, change(new)
        return replacements[id(part)][1]

    try:
        return walk(value)
    finally:
        replacements.clear()  # walk refers to itself: without this, a mapped file stays open until garbage collection


def viewed(value: object) -> object:
    """The tree with arrays in place of ``Stored`` ones, and bytes in place of memory views."""

    def view(part: object) -> object:
        match part:
            case Stored():
                return part.view()
            case memoryview():
                return part.tobytes()
        return part

    return mapped(value, view)


def copied(value: object) -> object:
    """The tree with its arrays copied into their own memory, each once."""
    return mapped(value, lambda part: owned(part) if isinstance(part, np.ndarray) else part)
