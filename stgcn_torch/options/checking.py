"""Whether a configuration is one that a command can work with: every problem in a line, before any work."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from stgcn_torch.options.catalogue import Entry
from stgcn_torch.options.clips import RULES
from stgcn_torch.options.declaration import LARGEST, Declared, choices, declared, demand, is_count, is_literal_list
from stgcn_torch.options.training import TAGS

MISSING = "???"  # how a configuration file marks what must be given
SHOWN = 80  # characters of a value


def check(
    entry: Entry, config: Mapping[str, Any], typed: Mapping[str, str], unresolved: Any = None
) -> dict[str, float]:
    """Raise ValueError that names every option whose value is not what it is declared to be.

    Returns the numbers that are too large for torch as whole ones, as it takes them.

    Args:
        entry: The command.
        config: Its whole configuration as plain values; names with an underscore are a user's own, to refer to.
        typed: What the command line says of each option, as text.
        unresolved: The same with interpolations as they stand; a value that another option gives is named once.
    """
    config = without_missing({name: part for name, part in config.items() if not name.startswith("_")})
    try:
        entry.options.model_validate(config)
    except ValidationError as error:
        lines = problems(entry, config, typed, error)
        own = [line for name, line in lines.items() if f"{_value(unresolved, name)}"[2:-1] not in lines]
        raise ValueError("; ".join(own)) from None
    if idle := of_another_rule(config, typed):
        raise ValueError("; ".join(idle))
    return dict(beyond_integers(config))


def beyond_integers(config: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The options, by their names, that hold a larger whole number than torch has integers, as a float.

    A float is declared there: no whole number may be so large.
    """
    for name, value in config.items():
        if isinstance(value, Mapping):
            for inner, number in beyond_integers(value):
                yield f"{name}.{inner}", number
        elif isinstance(value, int) and abs(value) >= 2**63:
            yield name, float(value)


def without_missing(part: Any) -> Any:
    """A part of a configuration without what its files mark as missing."""
    if not isinstance(part, Mapping):
        return part
    return {name: without_missing(value) for name, value in part.items() if value != MISSING}


def problems(
    entry: Entry, config: Mapping[str, Any], typed: Mapping[str, str], error: ValidationError
) -> dict[str, str]:
    """A line for each option that is wrong, by its name; those on the command line come first."""
    options = {each.name: each for each in declared(entry.options)}
    lines: dict[str, str] = {}
    for detail in error.errors():
        name = place(detail["loc"], options)
        if detail["type"] == "extra_forbidden":
            name = ".".join(str(part) for part in detail["loc"] if str(part) not in TAGS)
            line = strange(name, options, config)
        elif detail["type"] == "value_error":
            line = f"{name} {detail['ctx']['error']}".lstrip()
        elif detail["type"] == "missing":
            line = missing(name, options.get(name), entry.remedies)
        elif name in options:
            line = wrong(options[name], _value(config, name), typed.get(name))
        else:
            inner = ", ".join(each.rpartition(".")[2] for each in options if each.startswith(f"{name}."))
            line = f"{name} must have the options {inner}; got {shown(_value(config, name), typed.get(name))}"
        lines.setdefault(name, line)
    return {name: lines[name] for name in sorted(lines, key=lambda name: name not in typed)}


def of_another_rule(config: Mapping[str, Any], typed: Mapping[str, str]) -> list[str]:
    """A line for each option typed of a rule that does not hold; the files have those of every rule."""
    lines = []
    for name in typed:
        group, _, option = name.rpartition(".")
        rule = (_value(config, group) or {}).get("rule") if group in ("data.val", "data.test") else None
        if rule in RULES and option != "rule" and option not in RULES[rule]:
            others = " or ".join(f"{group}.rule={each}" for each, options in RULES.items() if option in options)
            lines.append(f"{name} is for {others}, and the rule is {rule}")
    return lines


def strange(name: str, options: Mapping[str, Declared], config: Mapping[str, Any]) -> str:
    """That an option is none, or none of the variant that the configuration chose of its group."""
    group = name.rpartition(".")[0]
    if name in options and not options[name].text("hidden"):
        return f"{name} is no option of {group}={_value(config, f'{group}.name')}"
    return unknown(name, [each for each in options if not options[each].text("hidden")])


def place(parts: Iterable[object], options: Mapping[str, Declared]) -> str:
    """Name of the option or group that an error is about: pydantic names variants and indices too."""
    known = {name[: i if i > 0 else len(name)] for name in options for i in _ends(name)}
    name = ""
    for part in parts:
        longer = f"{name}.{part}".lstrip(".")
        if longer in known:
            name = longer
    return name


def _ends(name: str) -> list[int]:
    return [i for i, letter in enumerate(name) if letter == "."] + [-1]


def wrong(option: Declared, value: object, typed: str | None) -> str:
    """What an option must be and is not."""
    unit = option.text("unit")
    kind = demand(option.annotation) + (f" ({unit})" if unit else "")
    example = f", such as {option.text('example')}" if option.text("example") and "list" in kind else ""
    near = nearest(value, choices(option.annotation), 1) if isinstance(value, str) else []
    hint = f"; the nearest: {near[0]}" if near else ""
    if (
        is_literal_list(option.annotation)
        and isinstance(value, list)
        and any(isinstance(each, int | float) for each in value)
    ):
        hint = '; quotes make text of a number, as in \'["1","2"]\''
    if type(value) is int and value > LARGEST and is_count(option.annotation):
        kind = f"at most {LARGEST}"
    return f"{option.name} must be {kind}{example}, got {shown(value, typed)}{hint}"


def missing(name: str, option: Declared | None, remedies: Mapping[str, str]) -> str:
    """What must be given, or may not be taken away."""
    if name in remedies:
        return f"{name} is missing; {remedies[name]}"
    if option is None or option.field.description is None:
        return f"{name} is missing, which the command needs"
    return f"{name} is missing: give {name}={option.text('example') or 'VALUE'}"


def unknown(name: str, options: Iterable[str]) -> str:
    """That no option has a name, and which names are nearest."""
    near = nearest(name, options)
    return f"{name} is no option" + (f"; the nearest: {', '.join(near)}" if near else "; --help lists them")


def absent(entry: Entry, config: Any, prefix: str = "") -> list[str]:
    """A line for each option of a configuration that its files mark as one that must be given."""
    if not isinstance(config, Mapping):
        return []
    options = {each.name: each for each in declared(entry.options)}
    names = [prefix + str(key) for key, value in config.items() if value == MISSING]
    lines = [missing(name, options.get(name), entry.remedies) for name in names]
    return lines + [line for key, value in config.items() for line in absent(entry, value, f"{prefix}{key}.")]


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names that are most like one: spelled alike, or ending as it does."""
    names = list(dict.fromkeys(known))
    last = name.rpartition(".")[2]
    same = [each for each in names if each.rpartition(".")[2] == last]
    alike = difflib.get_close_matches(name, names, most, 0.75)
    ends = {each.rpartition(".")[2]: each for each in reversed(names)}
    alike += [ends[end] for end in difflib.get_close_matches(last, ends, most, 0.75)]
    return list(dict.fromkeys([*same, *alike]))[:most]


def shown(value: object, typed: str | None = None) -> str:
    """A value as it was typed, or as a configuration file would have it."""
    if typed is not None:
        text = typed
    elif value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    text = text or "''"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _value(config: Any, name: str) -> Any:
    for part in name.split(".") if name else ():
        if not isinstance(config, Mapping) or part not in config:
            return None
        config = config[part]
    return config
