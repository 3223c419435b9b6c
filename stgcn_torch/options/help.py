"""What ``--help`` prints: what a command does, examples that run, and its options in groups."""

import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stgcn_torch.options.catalogue import COMMANDS, PRESETS, PRESETS_TITLE, Entry
from stgcn_torch.options.checking import MISSING, shown, unknown
from stgcn_torch.options.command_line import flags_of
from stgcn_torch.options.declaration import NOTHING, Declared, Options, declared, in_a_row, titles, words
from stgcn_torch.options.declaration import title as title_of
from stgcn_torch.options.questions import GivenPreprocessing
from stgcn_torch.options.training import SGD, Trainer
from stgcn_torch.skeleton import LAYOUTS

FLAGS = ("--help", "-h")
WIDEST = 100  # columns
FIXED = "\N{NO-BREAK SPACE}"  # where no line may end
NOTE = (
    "Options are given as NAME=VALUE, in any order. Lists and mappings want quotes: 'NAME=[a,b]', 'NAME={{a: b}}'. "
    "Paths are taken as they are typed.{presets} --help NAME tells all about one option{group}."
)
PRESETS_NOTE = " Defaults are those of the presets, or of those given beside --help."
LAYOUTS_NOTE = (
    f"Layouts: {', '.join(sorted(LAYOUTS))}, or a YAML file such as {{joints: [Hip, LKnee, RKnee], bones: "
    "[[LKnee, Hip], [RKnee, Hip]], center: Hip, pairs: [[LKnee, RKnee]]}; pairs of left and right are for mirroring."
)


def topics_of(line: Sequence[str]) -> list[str] | None:
    """The options or groups that a command line wants help on; empty for all, None if it does not want help."""
    if not any(flag in line for flag in FLAGS):
        return None
    words = flags_of([word for word in line if word not in FLAGS])[1]
    return [word.strip(".") for word in words if "=" not in word]


class Item(NamedTuple):
    """An option as help lists it.

    Attributes:
        head: How it is typed.
        note: Its type, and whether it must be given.
        sentence: What it is for.
        meanings: What each choice is, where help is on this option alone.
    """

    head: str
    note: str
    sentence: str
    meanings: Mapping[str, str] = NOTHING


def page(
    summary: str,
    usage: str,
    examples: Mapping[str, str],
    notes: Sequence[str],
    groups: Mapping[str, Sequence[Item]],
) -> str:
    """Help on a command, at the terminal's width: what it does, how it is typed, examples, its options in groups."""
    width = columns()
    lines = [*wrapped(summary, width), "", *folded(usage, width), "", "Examples"]
    for line, meaning in examples.items():
        lines += [*folded(line, width, " \\"), *wrapped(meaning, width, 6)]
    for note in notes:
        lines += ["", *wrapped(note, width)]
    return "\n".join([*lines, listed(groups)])


def listed(groups: Mapping[str, Sequence[Item]]) -> str:
    """Options under the titles of their groups, at the terminal's width."""
    width, lines = columns(), []
    for title, items in groups.items():
        lines += ["", *wrapped(title, width)]
        for head, note, sentence, meanings in items:
            if len(head) + len(note) + 4 <= width:
                lines.append(f"  {head}  {note}".rstrip())
            else:
                lines += [f"  {head}", *wrapped(note, width, 6)]
            lines += wrapped(sentence, width, 6)
            lines += [line for each in meanings.items() for line in wrapped(": ".join(each), width, 8, 12)]
    return "\n".join(lines)


def folded(command: str, width: int, end: str = "") -> list[str]:
    """A command line over several lines, broken between its words; each but the last ends as a shell goes on."""
    lines = ["  "]
    for word in re.findall(r"\[[^\]|]*\]|(?:'[^']*'|[^\s'])+", command):
        if len(lines[-1]) + len(word) + len(end) > width and lines[-1].strip():
            lines[-1] = lines[-1].rstrip() + end
            lines.append(" " * 6)
        lines[-1] += word + " "
    return [*lines[:-1], lines[-1].rstrip()]


def columns() -> int:
    """Width of help: the terminal's, but no more than is easy to read."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def wrapped(text: str, width: int, indent: int = 0, hanging: int = 0) -> list[str]:
    """Text in lines of a width, indented; those after the first by ``hanging`` if that is more."""
    space, rest = " " * indent, " " * max(indent, hanging)
    lines = textwrap.wrap(
        text, width, initial_indent=space, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(FIXED, " ") for line in lines]


def help_text(
    name: str, topics: Sequence[str], defaults: Mapping[str, Any], choices: Mapping[str, Sequence[str]]
) -> str:
    """Help on a command as terminal text.

    Args:
        name: Name of the command.
        topics: Options or groups; empty for all.
        defaults: The command's configuration as plain values.
        choices: Groups of the configuration and the names that each can have; the first is the default.

    Raises:
        ValueError: There is no such topic.
    """
    entry = COMMANDS[name]
    options = visible(entry.options)
    if topics:
        return "\n\n".join(help_on(topic, entry, defaults, choices) for topic in topics)
    groups = [group for option in options for group in outer(option.name)]
    note = NOTE.format(
        group=f", or a group of them such as {groups[-1]}" if groups else "", presets=PRESETS_NOTE * bool(choices)
    )
    presets = [preset(key, names)._replace(meanings=NOTHING) for key, names in choices.items()]
    return page(
        entry.summary,
        f"python -m stgcn_torch.{name} {entry.usage}",
        {f"python -m stgcn_torch.{name} {line}".rstrip(): meaning for line, meaning in entry.examples.items()},
        [note, *entry.notes, LAYOUTS_NOTE],
        ({PRESETS_TITLE: presets} if presets else {})
        | grouped(entry.options, [option for option in options if not is_twin(option.name)], defaults),
    )


def help_on(topic: str, entry: Entry, defaults: Mapping[str, Any], choices: Mapping[str, Sequence[str]]) -> str:
    """Help on an option or a group, with what each choice is.

    Raises:
        ValueError: There is no such topic.
    """
    options = visible(entry.options)
    chosen = [option for option in options if topic in (option.name, *outer(option.name))]
    notes = [line for note in entry.notes if topic in note for line in wrapped(note, columns())]
    presets = {PRESETS_TITLE: [preset(topic, choices[topic])]} if topic in choices else {}
    if not (chosen or presets or notes):
        raise ValueError(unknown(topic, [*(option.name for option in options), *choices]))
    groups = grouped(entry.options, chosen, defaults, meanings=len(chosen) == 1)
    if topic == "layout":
        notes += wrapped(LAYOUTS_NOTE, columns())
    return "\n".join([listed(presets | groups), *notes]).strip("\n")


def preset(key: str, names: Sequence[str]) -> Item:
    """A group of the configuration and the names that it can have; the first is the default."""
    sentence, meanings = PRESETS[key].sentence, PRESETS[key].meanings
    return Item(
        f"{key}={names[0]}",
        f"({in_a_row([*names])})",
        sentence,
        {each: meanings[each] for each in names if each in meanings},
    )


def visible(options: type[Options]) -> list[Declared]:
    """The options of a class that can be given."""
    return [option for option in declared(options) if not option.text("hidden")]


def is_twin(name: str) -> bool:
    """Whether an option of the test's rule stands beside the same one of validation's."""
    return name.startswith("data.test.")


def outer(name: str) -> list[str]:
    """The groups that an option is in, by its name."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def grouped(
    options: type[Options], chosen: Sequence[Declared], defaults: Mapping[str, Any], *, meanings: bool = False
) -> dict[str, list[Item]]:
    """Options of a class under the titles of their groups; those that must be given come first in each.

    Args:
        options: The class.
        chosen: Which of its options.
        defaults: The command's configuration as plain values.
        meanings: Whether each choice is told.
    """
    groups = {}
    for name in titles(options):
        members = [option for option in chosen if option.group == name]
        members.sort(key=lambda option: value_at(defaults, option.name) != MISSING)
        if members:
            rooms = dict.fromkeys(f"{outer(option.name)[-1]}.NAME" for option in members if outer(option.name))
            twins = ", likewise data.test.NAME" if [*rooms] == ["data.val.NAME"] else ""
            heading = f"{name} ({', '.join(rooms)}{twins})" if rooms else name
            # Parts in a file of data are for training: the checkpoint's hold, unless a preset is given.
            stored = name == title_of(GivenPreprocessing) and value_at(defaults, "preprocessing.centring") is ...
            values = {option.name: value_at(defaults, option.name) for option in members}
            items = [
                item(option, values[option.name], overruled=stored and values[option.name] is not None)
                for option in members
            ]
            groups[heading] = items if meanings else [each._replace(meanings=NOTHING) for each in items]
    return groups


OWNERS = {title_of(Trainer): "Lightning's", title_of(SGD): "torch's"}  # of defaults that no file says


def item(option: Declared, default: Any, *, overruled: bool = False) -> Item:
    """An option with its default.

    Args:
        option: The option.
        default: Of the configuration files; ... where they have none.
        overruled: Whether a checkpoint overrules them.
    """
    unit, example = option.text("unit"), option.text("example")
    kind = words(option.annotation) + (f", {unit}" if unit else "")
    shown_example = f"{option.name}={example}"
    if set("[{ ") & set(example):
        shown_example = f"'{shown_example}'"
    sentence = option.field.description or ""
    if example:
        sentence += f" Example: {shown_example}".replace(" ", FIXED).replace(FIXED, " ", 1)
    if overruled or default is ...:
        whose = OWNERS.get(option.group, "the checkpoint's" if overruled else "not set")
        return Item(option.name, f"({kind}; {whose})", sentence, option.meanings)
    if default == MISSING:
        return Item(option.name, f"({kind}; required)", sentence, option.meanings)
    head = f"{option.name}={typed(default)}"
    if len(head) + 2 > columns():
        return Item(option.name, f"({kind}; {typed(default)})", sentence, option.meanings)
    return Item(head, f"({kind})", sentence, option.meanings)


def value_at(config: Any, name: str) -> Any:
    """The value at a dotted name of a configuration; ... where there is none."""
    for part in name.split("."):
        config = config.get(part, ...) if isinstance(config, Mapping) else ...
    return config


def typed(value: Any) -> str:
    """A value as it is typed on a command line."""
    if isinstance(value, list):
        return f"[{','.join(typed(part) for part in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {typed(part)}' for name, part in value.items())}}}"
    return value if isinstance(value, str) else shown(value)
