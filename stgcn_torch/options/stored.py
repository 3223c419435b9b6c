"""The arguments that a checkpoint stores, held to the limits of the options that they came from."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from stgcn_torch.options.checking import shown, unknown
from stgcn_torch.options.clips import Layout, Preprocessing
from stgcn_torch.options.declaration import Count, Index, Options, demand
from stgcn_torch.options.training import Network, Widths


class StoredNetwork(Network):
    """Arguments of ``STGCN`` in a file."""

    num_classes: Index
    in_channels: Count
    layout: Layout
    channels: Widths


class Stored(Options):
    """Arguments of ``LitSTGCN`` in a file, as far as a network is asked."""

    classes: list[str]


def check_stored(model: object, preprocessing: object, classes: object, *, complete: bool = False) -> None:
    """Raise ValueError that names every argument in a file that no run writes.

    Args:
        model: Arguments of ``STGCN``; those that are left out have its defaults.
        preprocessing: Arguments of ``Preprocessing``, likewise; None if not known.
        classes: Class names.
        complete: Whether the preprocessing must be known.
    """
    problems = [*_problems("model", StoredNetwork, model)]
    problems += (
        _problems("preprocessing", Preprocessing, preprocessing) if complete or preprocessing is not None else []
    )
    problems += _problems("", Stored, {"classes": classes})
    if problems:
        raise ValueError("; ".join(problems))


def _problems(name: str, options: type[Options], values: object) -> list[str]:
    if not isinstance(values, Mapping):
        return [f"{name} must be a mapping, got {shown(values)}"]
    found = []
    for key, value in values.items():
        full = f"{name}.{key}".lstrip(".")
        if key not in options.model_fields:
            found.append(unknown(full, [f"{name}.{field}" for field in options.model_fields]))
            continue
        field = options.model_fields[key]
        annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        try:
            TypeAdapter(annotation, config=Options.model_config).validate_python(_lists(value))
        except ValidationError:
            found.append(f"{full} must be {demand(annotation)}, got {shown(value)}")
    return found


def _lists(value: object) -> object:
    """A value with lists for tuples, which some files hold."""
    if isinstance(value, list | tuple):
        return [_lists(part) for part in value]
    return value
