"""``python -m stgcn_torch.commands.reference``: every option of every command as Markdown, from the declarations."""

import sys
from collections.abc import Sequence

from stgcn_torch.commands.configuration import composition_of
from stgcn_torch.commands.entry import write_any_character
from stgcn_torch.options.catalogue import COMMANDS, PRESETS_TITLE
from stgcn_torch.options.help import FIXED, Item, grouped, preset, visible

HEADING = """\
# Options

Of every command, as `--help` has them: name and default, type, meaning. How they are typed is in
[README.md](../README.md). This page is what `python -m stgcn_torch.commands.reference` prints.
"""


def reference(name: str) -> str:
    """The options of a command as a page of Markdown, a table for each group."""
    entry = COMMANDS[name]
    defaults, choices = composition_of(name)
    lines = [f"## {name}", "", entry.summary, "", "```"]
    lines += [f"python -m stgcn_torch.{name} {line}".rstrip() for line in entry.examples]
    lines += ["```"]
    if choices:
        lines += table(PRESETS_TITLE, [preset(key, names) for key, names in choices.items()])
    for title, items in grouped(entry.options, visible(entry.options), defaults, meanings=True).items():
        lines += table(title, items)
    return "\n".join(lines) + "\n"


def table(title: str, items: Sequence[Item]) -> list[str]:
    """A heading and a row for each option."""
    lines = ["", f"### {title}", "", "| option | type | |", "|---|---|---|"]
    for head, note, sentence, meanings in items:
        told = [_cell(sentence), *(f"`{choice}`: {_cell(meaning)}" for choice, meaning in meanings.items())]
        lines.append(f"| `{_cell(head)}` | {_cell(note[1:-1])} | {'<br>'.join(told)} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace(FIXED, " ")


def main() -> None:
    """Print the pages of the commands that are named, or of all."""
    write_any_character()
    names = sys.argv[1:] or [*COMMANDS]
    if unknown := [name for name in names if name not in COMMANDS]:
        sys.exit(f"reference: {unknown[0]} is no command; choose of {', '.join(COMMANDS)}")
    print("\n".join([HEADING, *map(reference, names)]), end="")


if __name__ == "__main__":
    main()
