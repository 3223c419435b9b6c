"""How an option is declared: a field of an ``Options`` class, with its type and limits, and a sentence of help.

Values are taken as they are or refused, never converted (pydantic's strict mode). Defaults stand in ``conf`` alone.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

LARGEST = 1_000_000_000  # of any count
NOTHING: Mapping[str, str] = types.MappingProxyType({})


@dataclass(frozen=True)
class Noun:
    """What help and errors call a type, in place of Python's name for it.

    Attributes:
        singular: For one.
        plural: For several.
        literal: Whether a value on the command line is text as it is typed, whatever Hydra would read in it.
    """

    singular: str
    plural: str
    literal: bool = False


class Options(BaseModel):
    """Options that belong together; the first line of the class's docstring is their title in help."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def option(
    sentence: str,
    *,
    unit: str = "",
    example: str = "",
    meanings: Mapping[str, str] = NOTHING,
    optional: bool = False,
    hidden: bool = False,
) -> Any:
    """Declare a field as an option.

    Args:
        sentence: Help in one sentence.
        unit: Of its number, such as frames.
        example: A value as it is typed.
        meanings: What each of its choices is, for help on this option alone.
        optional: Whether the configuration files may leave it out, so that ``+name=value`` adds it.
        hidden: Whether nobody can give it: a part of a shared file that the command leaves alone.
    """
    texts = {"unit": unit, "example": example, "hidden": "yes" if hidden else "", "meanings": {**meanings}}
    default: dict[str, Any] = {"default": None, "validate_default": False} if optional or hidden else {}
    return Field(description=sentence, json_schema_extra=texts, **default)  # type: ignore[arg-type]


AS_TYPED = Noun("", "", literal=True)  # of choices such as 16, which Hydra would make a number of
Count = Annotated[int, Ge(1), Le(LARGEST)]
Index = Annotated[int, Ge(0), Le(LARGEST)]
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
Share = Annotated[float, Gt(0), Le(1)]
Name = Annotated[str, MinLen(1), Noun("name", "names")]
Text = Annotated[str, MinLen(1), Noun("text", "texts", literal=True)]
File = Annotated[str, MinLen(1), Noun("path", "paths", literal=True)]
LayoutName = Annotated[str, MinLen(1), Noun("layout name", "layout names", literal=True)]
YamlFile = Annotated[str, MinLen(1), Noun("YAML file", "YAML files", literal=True)]


def is_count(annotation: Any) -> bool:
    """Whether an option is a whole number with ``LARGEST`` for a limit, which help does not name."""
    return any(part == Le(LARGEST) for each in variants(annotation) for part in get_args(each))


def is_literal(annotation: Any) -> bool:
    """Whether an option may be a path or other text that is taken as it is typed."""
    return any(isinstance(part, Noun) and part.literal for each in variants(annotation) for part in get_args(each))


def is_literal_list(annotation: Any) -> bool:
    """Whether an option may be a list of such texts, whose items Hydra reads first."""
    lists = [part for part in variants(annotation) if get_origin(_bare(part)) is list]
    return any(is_literal(item) for part in lists for item in get_args(_bare(part)))


def variants(annotation: Any) -> Iterator[Any]:
    """The types of a union, or the one type that is none."""
    if get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from variants(part)
    else:
        yield annotation


def words(annotation: Any, *, several: bool = False) -> str:
    """A type as help and errors say it, such as "whole number, at least 1, or null"."""
    return in_a_row([_words(part, several) for part in kinds(annotation)])


def kinds(annotation: Any) -> list[Any]:
    """The types of a union, each choice of a ``Literal`` by itself."""
    parts = [Literal[True, False] if part is bool else part for part in variants(annotation)]
    parts = [get_args(part)[0] if AS_TYPED in get_args(part) else part for part in parts]
    return [Literal[choice] for part in parts if get_origin(part) is Literal for choice in get_args(part)] + [
        part for part in parts if get_origin(part) is not Literal
    ]


def choices(annotation: Any) -> list[str]:
    """The words that a type allows, of a list the words that its items allow."""
    parts = [get_args(part)[0] if get_origin(part) is Annotated else part for part in kinds(annotation)]
    parts = [item for part in parts for item in (kinds(get_args(part)[0]) if get_origin(part) is list else [part])]
    return [str(get_args(part)[0]) for part in parts if get_origin(part) is Literal]


def demand(annotation: Any) -> str:
    """A type as an error demands it: ``words`` with articles."""
    parts = [_words(part, several=False) for part in kinds(annotation)]
    return in_a_row([f"a {part}" if part.startswith(COUNTED) else part for part in parts])


COUNTED = ("whole number", "number", "path", "text", "name", "list", "mapping", "layout name", "YAML file", "time")


def in_a_row(parts: list[str]) -> str:
    """Parts of a sentence, the last two joined by or."""
    *first, last = dict.fromkeys(parts)
    return f"{', '.join(first)} or {last}" if first else last


def _words(annotation: Any, several: bool) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        noun = next((part for part in arguments if isinstance(part, Noun)), None)
        name = (noun.plural if several else noun.singular) if noun else _words(arguments[0], several)
        return name + limits(arguments)
    if origin is Literal:
        return {True: "true", False: "false"}.get(arguments[0], str(arguments[0]))
    if origin is list:
        of = "out of" if get_origin(arguments[0]) is Literal else "of"
        return f"list {of} {words(arguments[0], several=True)}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"mapping of {', '.join(annotation.model_fields)}"
    plain = {
        int: ("whole number", "whole numbers"),
        float: ("number", "numbers"),
        str: ("text", "texts"),
        type(None): ("null", "null"),
    }
    return plain[annotation][several]


def limits(metadata: tuple[Any, ...]) -> str:
    """The limits of a number or a length in words."""
    lower = next((part for part in metadata if isinstance(part, Ge | Gt)), None)
    upper = next((part for part in metadata if isinstance(part, Le | Lt)), None)
    least = lower.ge if isinstance(lower, Ge) else lower.gt if isinstance(lower, Gt) else None
    most = upper.le if isinstance(upper, Le) else upper.lt if isinstance(upper, Lt) else None
    above = "" if least is None else f" from {least}" if isinstance(lower, Ge) else f" above {least}"
    joint = " and at most" if isinstance(lower, Gt) else " to"
    below = "" if most in (None, LARGEST) else f"{joint} {most}" if isinstance(upper, Le) else f" to below {most}"
    return above + below if below or not isinstance(lower, Ge) else f"{above} on"


class Declared(NamedTuple):
    """An option as it is found in a class.

    Attributes:
        name: As it is typed, dots between a group and its options.
        annotation: Its type.
        field: What ``option`` said of it.
        group: Title of the class that declares it.
    """

    name: str
    annotation: Any
    field: FieldInfo
    group: str

    def text(self, key: str) -> str:
        """Its unit or example, or whether it is hidden; empty without."""
        texts = self.field.json_schema_extra
        return str(texts.get(key, "")) if isinstance(texts, dict) else ""

    @property
    def meanings(self) -> Mapping[str, str]:
        """What each of its choices is, where the sentence does not say it."""
        texts: Any = self.field.json_schema_extra
        return texts.get("meanings", NOTHING) if isinstance(texts, dict) else NOTHING


def declared(options: type[Options], prefix: str = "", group: str = "") -> Iterator[Declared]:
    """Every option of a class, those of its groups and of their variants among them, in the order of declaration."""
    seen: set[str] = set()
    for name, field in options.model_fields.items():
        annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        inner = [part for part in variants(_bare(annotation)) if isinstance(part, type) and issubclass(part, Options)]
        if not inner or field.description:
            yield Declared(prefix + name, annotation, field, group or title(home_of(options, name)))
        for part in inner:
            for each in declared(part, f"{prefix}{name}.", title(part)):
                if each.name not in seen:
                    seen.add(each.name)
                    yield each


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def home_of(options: type[Options], name: str) -> type:
    """The class that declares a field: this one or the nearest of its ancestors."""
    return next(cls for cls in options.__mro__ if name in vars(cls).get("__annotations__", {}))


def title(options: type) -> str:
    """Title of the options that a class declares: the first line of its docstring."""
    return (options.__doc__ or "").split("\n")[0].rstrip(".")


def titles(options: type[Options]) -> list[str]:
    """Titles of a class's options in the order of help: its ancestors', its own, those of its groups."""
    mro = [cls for cls in options.__mro__ if issubclass(cls, Options) and cls is not Options]
    order = [title(cls) for cls in (*mro[1:], mro[0])]
    return list(dict.fromkeys([*order, *(each.group for each in declared(options))]))
