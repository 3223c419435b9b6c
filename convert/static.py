"""Paddle's inference and 1.x files: tensors in one file or in one each, and a program that knows their names."""

from collections.abc import Mapping
from pathlib import Path

from convert import names, programs
from convert.errors import MismatchError, UnreadableError, about
from convert.files import contents
from convert.programs import Shape
from convert.sniff import kind
from convert.stored import Array
from convert.tensors import tensors
from convert.tree import copied

MAX_FILES = 10_000  # of a directory


def read_static(path: str | Path, *, program: str | Path | None = None) -> object:
    """The tensors of an inference model, or of a directory as Paddle 1 saved it.

    Args:
        path: The file with the tensors, their program, or a directory of both or of a file for each tensor.
        program: The file that knows what the tensors are called, where it is not beside them under Paddle's name.

    Returns:
        Arrays by structured name where a ``.info`` tells or the names are those of an ST-GCN, else by parameter name;
        the array itself where a file holds one alone.

    Raises:
        UnreadableError: A file is damaged or of another kind, or nothing says what the tensors are called.
        MismatchError: The program is that of other tensors.
    """
    return copied(static_views(path, program=program))


def static_views(path: str | Path, *, program: str | Path | None = None) -> object:
    """``read_static``, with each array a read-only view of its file."""
    path = _holder(Path(path))
    if path.is_dir():
        return _structured(_one_each(path), {})
    arrays = _tensors(path)
    info = path.with_name(f"{path.name}.info")
    structured = programs.structured_names(info) if info.exists() else {}
    known = [Path(program)] if program else [file for file in _programs(path) if file.exists()]
    if not known and not structured:
        if len(arrays) == 1:
            return arrays[0]
        raise UnreadableError(f"{path}: holds {len(arrays)} tensors, and no program says what they are called")
    shapes: Mapping[str, Shape | None] = programs.variables(known[0]) if known else dict.fromkeys(structured)
    with about(path):
        return _structured(_named(arrays, shapes), structured)


def _programs(path: Path) -> list[Path]:
    """Where Paddle puts the program of tensors that are in one file."""
    if path.name == "__params__":
        return [path.with_name("__model__")]
    return [path.with_suffix(".pdmodel"), path.with_suffix(".json")] if path.suffix == ".pdiparams" else []


def _holder(path: Path) -> Path:
    """Where the tensors are: the path itself, or what is in it or beside it."""
    if path.is_dir():
        models = [file for file in (path / "__params__", *path.glob("*.pdiparams")) if file.exists()]
        if len(models) > 1:
            raise UnreadableError(f"{path}: holds {len(models)} models; choose one of its files")
        if not models and (alone := [*path.glob("*.pdmodel"), *path.glob("*.json")]):
            raise UnreadableError(f"{path}: holds a program, {alone[0].name}, and not its tensors (.pdiparams)")
        return models[0] if models else path
    with about(path):
        if kind(contents(path)) not in ("program", "PIR program"):
            return path
    if path.name == "__model__":
        return _holder(path.parent)
    holder = path.with_suffix(".pdiparams")
    if not holder.exists():
        raise UnreadableError(f"{path}: is a program, and the file of its tensors, {holder.name}, is not beside it")
    return holder


def _tensors(path: Path) -> list[Array]:
    with about(path):
        data = contents(path)
        if (what := kind(data)) != "tensors":
            raise UnreadableError(f"is a {what}, where tensors belong")
        return tensors(data)


def _one_each(directory: Path) -> dict[str, Array]:
    """The tensors of a directory in which each has a file that bears its name."""
    files = sorted(file for file in directory.iterdir() if file.name != "__model__")
    if not files or len(files) > MAX_FILES:
        raise UnreadableError(f"{directory}: holds {len(files)} files, where 1 to {MAX_FILES} tensors belong")
    found = {}
    for file in files:
        arrays = _tensors(file)
        if len(arrays) != 1:
            raise UnreadableError(f"{file}: holds {len(arrays)} tensors, where one belongs")
        found[file.name] = arrays[0]
    return found


def _named(arrays: list[Array], shapes: Mapping[str, Shape | None]) -> dict[str, Array]:
    """The arrays by parameter name: they are stored in the order of their names, whatever the program's order."""
    if len(arrays) != len(shapes):
        raise MismatchError(f"holds {len(arrays)} tensors, and its program names {len(shapes)}")
    named = dict(zip(sorted(shapes), arrays, strict=True))
    if wrong := [name for name, array in named.items() if shapes[name] not in (None, array.shape)]:
        name = wrong[0]
        raise MismatchError(f"holds for {name} a tensor of shape {named[name].shape}, the program has {shapes[name]}")
    return named


def _structured(arrays: dict[str, Array], structured: Mapping[str, str]) -> dict[str, Array]:
    """The arrays by structured name; as they were where that is not known."""
    if not structured:
        try:
            structured = names.structured_names(arrays)
        except MismatchError:  # another network's
            return arrays
    found = {structured.get(name, name): array for name, array in arrays.items()}
    if len(found) < len(arrays):
        raise MismatchError("holds two tensors by the same name, as its .info has it")
    return found
