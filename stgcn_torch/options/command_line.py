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
    sweeps = any(word in ("-m", "--multirun") or SWEEPS.fullmatch(word) for word in words)
    groups = {*groups}
    flags, rest = flags_of(words)
    result = Words(flags, {}, {})
    for word in rest:
        match = WORD.fullmatch(word)
        if match is None or HYDRAS.match(match["name"]) or match["name"].partition("@")[0] in groups:
            result.given.append(word)
            continue
        name = entry.old.get(match["name"], match["name"])
        if name != match["name"]:
            result.renamed[match["name"]] = name
        if name in options and options[name].text("hidden") and name.endswith(".name"):
            group = name.removesuffix(".name")
            raise ValueError(f"{name} is no option: {group}=NAME chooses it")
        if not is_known(name, options):
            visible = [each.name for each in options.values() if not each.text("hidden")]
            hint = "" if match["rest"] or match["sign"] else "; options are given as NAME=VALUE"
            raise ValueError(unknown(name, [*visible, *groups]) + hint)
        if name.startswith("preprocessing.") and name not in GIVEN and not names_preprocessing(words, options):
            raise ValueError(f"{name}= is part of a named preprocessing: give preprocessing=NAME too")
        value, sign = match["value"], match["sign"] or ""
        if value is not None:
            result.typed[name] = value
            if name in options and is_literal(options[name].annotation) and not _is_hydras(value, sweeps):
                value = value if PLAIN.fullmatch(value) else quoted(value)
            if not sign and may_be_absent(name, options):
                sign = "++"  # for Hydra it is new
        result.given.append(sign + name + ("" if match["rest"] is None else f"={value}"))
    return result


SWEEPS = re.compile(r"\+{0,2}hydra\.mode=(RunMode\.)?MULTIRUN")
PLAIN = re.compile(r"(?!(true|false|null|nan|inf)$)[A-Za-z_/][\w./-]*", re.IGNORECASE | re.ASCII)  # text for Hydra too
GIVEN = ("preprocessing.nan", "preprocessing.empty")  # which overrule those of a checkpoint alone


def may_be_absent(name: str, options: Mapping[str, Declared]) -> bool:
    """Whether the configuration files may lack an option, or a part of it."""
    inner = [each for each in options if each == name or each.startswith(f"{name}.")]
    return all(options[each].field.default is None for each in inner[-1:]) and bool(inner)


def names_preprocessing(words: Sequence[str], options: Mapping[str, Declared]) -> bool:
    """Whether a preprocessing is named on the command line, or need not be as nothing else says one.

    A part of one without the name would be overruled by the checkpoint's in silence.
    """
    asks_checkpoint = "strides" in options
    of_a_file = any(word.partition("=")[0] in ("--config-name", "-cn") for word in words)  # which may name one
    named = any(re.match(r"\+{0,2}preprocessing=(?!null$)", word) for word in words)
    return named or of_a_file or not asks_checkpoint


# Hydra's flags: those alone, and those followed by a value, with the values where only some are possible.
FLAGS = ("--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m")
VALUED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
    **dict.fromkeys(("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p"), ()),
    **dict.fromkeys(("--shell-completion", "-sc", "--experimental-rerun"), ()),
}


def flags_of(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags with their values, and the other words; ValueError if a flag is unknown or lacks its value."""
    flags: list[str] = []
    rest: list[str] = []
    left = [*words]
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            rest.append(word)
            continue
        if name not in (*FLAGS, *VALUED):
            near = nearest(name, (*FLAGS, *VALUED), 1)
            raise ValueError(
                f"{word} is no flag" + (f"; the nearest: {near[0]}" if near else "; options are given as NAME=VALUE")
            )
        flags.append(word)
        if name in VALUED and not equals:
            choices = VALUED[name]
            if left and not left[0].startswith("-") and (left[0] in choices if choices else True):
                value = left.pop(0)
                flags.append(value)
            elif name not in ("--info", "-i"):
                kind = f"one of {', '.join(choices)}" if choices else "a value"
                raise ValueError(f"{name} must be followed by {kind}, got {left[0] if left else 'nothing'}")
    return flags, rest


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
