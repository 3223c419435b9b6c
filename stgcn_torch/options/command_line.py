"""The words of a command line before Hydra reads them: old names, unknown names, and text that is taken as typed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stgcn_torch.options.catalogue import Entry
from stgcn_torch.options.checking import nearest, unknown
from stgcn_torch.options.declaration import Declared, declared, is_literal

WORD = re.compile(r"(?P<sign>\+\+|\+|~)?(?P<name>[A-Za-z_][\w.@/:-]*)(?P<rest>=(?P<value>.*))?", re.DOTALL)
SWEEP = re.compile(r"^(choice|range|interval|glob|shuffle|sort|extend_list)\(|,")
HYDRAS = re.compile(r"hydra([./@]|$)")


@dataclass(frozen=True)
class Words:
    """A command line, ready for Hydra.

    Attributes:
        given: The words that Hydra is given.
        typed: What was typed for each option, by its name of today.
        renamed: Old names among the words, and those of today.
    """

    given: list[str]
    typed: dict[str, str]
    renamed: dict[str, str]


def read(words: Sequence[str], entry: Entry, groups: Iterable[str]) -> Words:
    """The words of a command line with old names replaced, and paths quoted so that Hydra takes them as they are.

    Args:
        words: As the shell gives them.
        entry: The command.
        groups: Names of the configuration's groups, such as optimizer.

    Raises:
        ValueError: An option is unknown; the nearest are named.
    """
    options = {each.name: each for each in declared(entry.options)}
    sweeps = bool({"-m", "--multirun"} & {*words})
    groups = {*groups}
    result = Words([], {}, {})
    for at, word in enumerate(words):
        if word.startswith("-") and word.partition("=")[0] not in (*FLAGS, *VALUED):
            near = nearest(word.partition("=")[0], (*FLAGS, *VALUED), 1)
            hint = f"; the nearest: {near[0]}" if near else "; options are given as NAME=VALUE"
            raise ValueError(f"{word} is no flag{hint}")
        match = WORD.fullmatch(word)
        flag = word.startswith("-") or (at > 0 and words[at - 1] in VALUED)
        if flag or match is None or HYDRAS.match(match["name"]) or match["name"].partition("@")[0] in groups:
            result.given.append(word)
            continue
        name = entry.old.get(match["name"], match["name"])
        if name != match["name"]:
            result.renamed[match["name"]] = name
        if not is_known(name, options):
            visible = [each.name for each in options.values() if not each.text("hidden")]
            raise ValueError(unknown(name, [*visible, *groups]))
        if name.startswith("preprocessing.") and name not in GIVEN and not names_preprocessing(words, options):
            raise ValueError(f"{name}= is part of a named preprocessing: give preprocessing=NAME too")
        value = match["value"]
        if value is not None:
            result.typed[name] = value
            if name in options and is_literal(options[name].annotation) and not _is_hydras(value, sweeps):
                value = quoted(value)
        result.given.append((match["sign"] or "") + name + ("" if match["rest"] is None else f"={value}"))
    return result


GIVEN = ("preprocessing.nan", "preprocessing.empty")  # which overrule those of a checkpoint alone


def names_preprocessing(words: Sequence[str], options: Mapping[str, Declared]) -> bool:
    """Whether a preprocessing is named on the command line, or need not be as nothing else says one.

    A part of one without the name would be overruled by the checkpoint's in silence.
    """
    asks_checkpoint = "strides" in options
    return not asks_checkpoint or any(re.match(r"\+{0,2}preprocessing=(?!null$)", word) for word in words)


# Hydra's flags, and those that are followed by a value.
FLAGS = (
    *("--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m", "--shell-completion", "-sc"),
    *("--info", "-i", "--experimental-rerun"),
)
VALUED = ("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p", "--cfg", "-c")


def is_known(name: str, options: Mapping[str, Declared]) -> bool:
    """Whether a name is an option, a group of them, or an entry of one that is a mapping."""
    if name in options:
        return not options[name].text("hidden")
    if any(each.startswith(f"{name}.") for each in options):
        return True
    outer = name.rpartition(".")[0]
    while outer and outer not in options:
        outer = outer.rpartition(".")[0]
    return bool(outer) and "dict" in str(options[outer].annotation)


def _is_hydras(value: str, sweeps: bool) -> bool:
    """Whether a value of a path is written in Hydra's own words: quoted, null, a list, a mapping, an interpolation."""
    return value in ("", "null") or value[0] in "'\"[{" or "${" in value or (sweeps and bool(SWEEP.search(value)))


def quoted(text: str) -> str:
    """Text as Hydra's grammar quotes it."""
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", escaped) + "'"
