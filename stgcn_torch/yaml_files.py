"""YAML files of strangers, such as layouts: one document of plain values, bounded in size, nesting and time."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 18
MAX_NESTING = 20
MAX_NODES = 20_000  # with those that anchors unfold to

_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # whichever of the two there is
    """The safe loader, for which a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """See yaml."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} stands twice", node.start_mark)
        return dict(super().construct_mapping(node, deep=deep))


def load_yaml(path: str | Path) -> Any:
    """The one document of a YAML file, as dicts, lists and scalars.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no YAML, has several documents, a tag, a key twice, or more in it than any layout.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes, the most that is read of a YAML file")
    try:
        text = data.decode("utf-8-sig")
        _check_size(text)
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {_reason(error)}") from None


def _check_size(text: str) -> None:
    """Raise ValueError for a document that is nested too deeply, or unfolds to too many nodes."""
    nesting, nodes = 0, 0
    sizes: dict[str, int] = {}  # nodes under each anchor
    opened: list[tuple[str | None, int]] = []  # anchors of the collections that are open, and nodes before them
    for event in yaml.parse(text, _Base):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in opened):
                raise ValueError(f"the anchor {event.anchor} holds itself")
            nodes += sizes.get(event.anchor, 0)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, nodes))
            nodes, nesting = nodes + 1, nesting + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            nesting -= 1
            if anchor:
                sizes[anchor] = nodes - before
        if getattr(event, "tag", None):
            raise ValueError(f"it has a tag, {event.tag}, where plain values belong")
        if nesting > MAX_NESTING:
            raise ValueError(f"it is nested more than {MAX_NESTING} levels deep")
        if nodes > MAX_NODES:
            raise ValueError(f"it has more than {MAX_NODES} entries")


def _reason(error: Exception) -> str:
    """An error of the parser in one line, with the place."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, yaml.MarkedYAMLError):
        place = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        return f"{' '.join(' '.join(filter(None, (error.context, error.problem))).split())}{place}"
    return " ".join(str(error).split()) or type(error).__name__
