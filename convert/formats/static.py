"""Paddle's inference and 1.x files: tensors in one file or in one each, and a program that knows their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.formats import paddle_names as names
from convert.formats import programs
from convert.formats.programs import Shape
from convert.formats.sniff import kind
from convert.formats.tensors import tensors
from convert.pickle.errors import MismatchError, UnreadableError, about
from convert.pickle.files import contents
from convert.pickle.stored import Array
from convert.pickle.tree import copied

MAX_FILES = 10_000  # of a directory
PROGRAMS = ("program", "PIR program")


def read_static(path: str | Path, *, program: str | Path | None = None) -> object:
    """The tensors of an inference model, or of a directory as Paddle 1 saved it.

    Args:
        path: The file with the tensors, their program, or a directory of both or of a file for each tensor.
        program: The file that knows what the tensors are called, where it is not beside them.

    Returns:
        Arrays by structured name where a ``.info`` tells or names and shapes are those of an ST-GCN, else by parameter
        name; the array itself where a file holds one alone.

    Raises:
        UnreadableError: A file is damaged or of another kind, or nothing says what the tensors are called.
        MismatchError: The program is that of other tensors.
    """
    return copied(static_views(path, program=program))


def static_views(path: str | Path, *, program: str | Path | None = None) -> object:
    """``read_static``, with each array a read-only view of its file."""
    path = Path(path)
    path, known = _of_folder(path) if path.is_dir() else _of_file(path)
    if path.is_dir():
        return placed(_one_each(path))
    known = Path(program) if program else known
    arrays = _tensors(path)
    info = path.with_name(f"{path.name}.info")
    structured = programs.structured_names(info) if info.exists() else {}
    if not known and not structured:
        if len(arrays) == 1:
            return arrays[0]
        known = _beside(path, *PROGRAMS)
        if not known:
            raise UnreadableError(f"{path}: holds {len(arrays)} tensors, and no program says what they are called")
    shapes: Mapping[str, Shape | None] = programs.variables(known) if known else dict.fromkeys(structured)
    with about(path):
        named = _named(arrays, shapes)
        return _renamed(named, structured) if structured else placed(named)


def placed(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same by structured name, where parameter names and shapes are those of an ST-GCN.

    What Paddle keeps beside weights stays under its own name; so does everything of another network.
    """
    arrays = {name: value for name, value in held.items() if isinstance(value, np.ndarray)}
    shapes = {name: array.shape for name, array in arrays.items() if not names.BESIDE.fullmatch(name)}
    try:
        structured = names.structured_names(shapes, names.network_keys(shapes))
    except MismatchError:
        return held
    return {structured.get(name, name): value for name, value in held.items()}


def _of_file(path: Path) -> tuple[Path, Path | None]:
    """The file of the tensors, or the folder with one for each, and their program if it is where Paddle puts it."""
    with about(path):
        what = kind(contents(path))
    if what not in PROGRAMS:
        return path, _program(path)
    holder = path.with_name("__params__") if path.name == "__model__" else path.with_suffix(".pdiparams")
    if holder.exists():
        return holder, path
    if (found := _beside(path, "tensors")) and _program(found) in (None, path):  # which may have a program of its own
        return found, path
    if path.name == "__model__":
        return _of_folder(path.parent)
    raise UnreadableError(f"{path}: is a program, and the file of its tensors, {holder.name}, is not beside it")


def _of_folder(folder: Path) -> tuple[Path, Path | None]:
    """The one file of tensors in a folder and their program, or the folder itself, with a file for each tensor."""
    models = [file for file in _files(folder) if file.name == "__params__" or file.suffix == ".pdiparams"]
    if len(models) > 1:
        raise UnreadableError(f"{folder}: holds {len(models)} models; choose one of its files")
    if models:
        return models[0], _program(models[0])
    holders, alone = _of_kind(folder, "tensors"), _of_kind(folder, *PROGRAMS)
    if alone and not holders:
        raise UnreadableError(f"{folder}: holds a program, {alone[0].name}, and not its tensors (.pdiparams)")
    if len(holders) == 1 and (program := _beside(holders[0], *PROGRAMS)):
        return holders[0], program
    if not holders and (others := _of_kind(folder, "pickle", "safetensors")):
        some = ", ".join(file.name for file in others[:3]) + (", ..." if len(others) > 3 else "")
        raise UnreadableError(f"{folder}: is a folder; choose one of its files ({some})")
    return folder, None


def _program(path: Path) -> Path | None:
    """The program of tensors that are in one file, if it is where Paddle puts it."""
    if path.name == "__params__":
        places = [path.with_name("__model__")]
    else:
        places = [path.with_suffix(".pdmodel"), path.with_suffix(".json")] if path.suffix == ".pdiparams" else []
    # Anything may be in a file of JSON: a report, for instance.
    return next(
        (file for file in places if file.exists() and (file.suffix != ".json" or _kind(file) in PROGRAMS)), None
    )


def _beside(path: Path, *kinds: str) -> Path | None:
    """The file beside it that is of these kinds: the only one, or the only one that is called as it is."""
    found = [file for file in _of_kind(path.parent, *kinds) if file.name != path.name]
    found = [file for file in found if file.stem == path.stem] or found
    return found[0] if len(found) == 1 else None


def _of_kind(folder: Path, *kinds: str) -> list[Path]:
    """The files in a folder that hold what these kinds do, whatever they are called; none of a folder too large."""
    files = _files(folder)
    return [file for file in files if _kind(file) in kinds] if len(files) <= MAX_FILES else []


def _files(folder: Path) -> list[Path]:
    """What is in a folder, but for what desktops and file systems hide there."""
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))


def _kind(path: Path) -> str | None:
    """The kind of a file; None if it is none that is read here."""
    try:
        return kind(contents(path)) if path.is_file() else None
    except (UnreadableError, OSError):
        return None


def _tensors(path: Path) -> list[Array]:
    with about(path):
        data = contents(path)
        if (what := kind(data)) != "tensors":
            raise UnreadableError(f"is a {what}, where tensors belong")
        return tensors(data)


def _one_each(directory: Path) -> dict[str, Array]:
    """The tensors of a directory in which each has a file that bears its name."""
    files = _files(directory)
    if not files or len(files) > MAX_FILES:
        raise UnreadableError(f"{directory}: holds {len(files)} files, where 1 to {MAX_FILES} tensors belong")
    found = {}
    for file in [file for file in files if _kind(file) not in PROGRAMS]:
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


def _renamed(arrays: dict[str, Array], structured: Mapping[str, str]) -> dict[str, Array]:
    """The arrays by structured name; as they were where that is not known."""
    found = {structured.get(name, name): array for name, array in arrays.items()}
    if len(found) < len(arrays):
        raise MismatchError("holds two tensors by the same name, as its .info has it")
    return found
