"""What ``--help`` prints: what a command does, examples that run, and its options in groups."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.checking import nearest, shown
from stgcn_torch.options.declaration import Declared, declared, titles, words

FLAGS = ("--help", "-h")
WIDEST = 100  # columns
NOTE = (
    "Options are given as NAME=VALUE, in any order; lists as [a,b], which most shells want in quotes: 'keep=[x,y]'. "
    "Paths are taken as they are typed. --help NAME shows one option, or one group such as --help {group}."
)


def topic_of(line: Sequence[str]) -> str | None:
    """The option or group that a command line wants help on; empty for all, None if it does not want help."""
    if not any(flag in line for flag in FLAGS):
        return None
    others = [word for word in line if word not in FLAGS and "=" not in word and not word.startswith("-")]
    return others[0].strip(".") if others else ""


def help_text(name: str, topic: str, defaults: Mapping[str, Any], choices: Mapping[str, Sequence[str]]) -> str:
    """Help on a command as terminal text.

    Args:
        name: Of the command.
        topic: An option or a group; empty for all.
        defaults: The command's configuration as plain values.
        choices: Groups of the configuration and the names that each can have; the first is the default.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    options = [option for option in declared(COMMANDS[name].options) if not option.text("hidden")]
    if topic:
        options = [option for option in options if topic in (option.name, *_groups(option.name))]
        if not options:
            known = [option.name for option in declared(COMMANDS[name].options)]
            return f"{name} has no option {topic}; the nearest: {', '.join(nearest(topic, known)) or 'none'}"
        return "\n".join(_listed(options, titles(COMMANDS[name].options), defaults, width)).strip("\n")
    entry = COMMANDS[name]
    lines = [*_wrapped(entry.summary, width), "", f"  python -m stgcn_torch.{name} {entry.usage}", "", "Examples"]
    for line, meaning in entry.examples.items():
        lines += [f"  python -m stgcn_torch.{name} {line}".rstrip(), *_wrapped(meaning, width, 6)]
    group = next(iter(_groups(options[-1].name)), "preprocessing")
    lines += ["", *_wrapped(NOTE.format(group=group), width)]
    if choices:
        lines += ["", "Presets"]
        for key, names in choices.items():
            lines += [f"  {key}={names[0]}", *_wrapped(", ".join(dict.fromkeys(names)), width, 6)]
    lines += _listed(options, titles(entry.options), defaults, width)
    return "\n".join(lines)


def _groups(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def default_of(option: Declared, defaults: Mapping[str, Any]) -> str:
    """The default of an option as it would be typed; empty if it has none, or must be given."""
    value: Any = defaults
    for part in option.name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ""
        value = value[part]
    if value == "???":
        return ""
    return typed(value)


def typed(value: Any) -> str:
    """A value as it is typed on a command line."""
    if isinstance(value, list):
        return f"[{','.join(typed(part) for part in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {typed(part)}' for name, part in value.items())}}}"
    return value if isinstance(value, str) else shown(value)


def is_required(option: Declared, defaults: Mapping[str, Any]) -> bool:
    """Whether an option must be given."""
    value: Any = defaults
    for part in option.name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return bool(value == "???")


def _listed(
    options: Sequence[Declared], order: Sequence[str], defaults: Mapping[str, Any], width: int
) -> Iterator[str]:
    """The options under the titles of their groups; those that must be given come first in each."""
    for title in order:
        members = [option for option in options if option.group == title]
        if members:
            yield from ("", title)
        for option in sorted(members, key=lambda option: not is_required(option, defaults)):
            yield from _entry(option, defaults, width)


def _entry(option: Declared, defaults: Mapping[str, Any], width: int) -> Iterator[str]:
    unit = option.text("unit")
    kind = words(option.annotation) + (f", {unit}" if unit else "")
    default = "required" if is_required(option, defaults) else default_of(option, defaults)
    head = f"  {option.name}"
    if default and default != "required":
        head += f"={default}"
    note = f"({kind}; required)" if default == "required" else f"({kind})"
    if len(head) > width:
        head, note = f"  {option.name}", f"({kind}; {default})"
    if len(head) + 2 + len(note) <= width:
        yield f"{head}  {note}"
    else:
        yield head
        yield from _wrapped(note, width, 6)
    example = option.text("example")
    sentence = option.field.description or ""
    yield from _wrapped(sentence + (f" Such as {option.name}={example}" if example else ""), width, 6)


def _wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        text, width, initial_indent=space, subsequent_indent=space, break_long_words=False, break_on_hyphens=False
    )
