"""Paddle's inference and 1.x files: tensors in one file or in one each, and a program that knows their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.formats import paddle_names as names
from convert.formats import programs
from convert.formats.kinds import MAX_FILES, TORCH, File, Folder, opened
from convert.formats.programs import PROGRAMS, Shape
from convert.formats.tensors import tensors
from convert.pickle.errors import MismatchError, UnreadableError, about
from convert.pickle.stored import Array
from convert.pickle.tree import copied


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
    return copied(static_views(opened(path), program=File(Path(program)) if program else None))


def static_views(found: File | Folder, *, program: File | None = None) -> object:
    """``read_static``, with each array a read-only view of its file."""
    holder, beside = _of_folder(found) if isinstance(found, Folder) else _of_file(found)
    if isinstance(holder, Folder):
        return placed(_one_each(holder))
    program = program or beside
    arrays = _tensors(holder)
    info = f"{holder.path.name}.info"
    structured = programs.structured_names(holder.folder[info]) if (holder.folder.path / info).exists() else {}
    if not program and not structured:
        if len(arrays) == 1:
            return arrays[0]
        program = _beside(holder, *PROGRAMS)
        if not program:
            raise UnreadableError(
                f"{holder.path}: holds {len(arrays)} tensors, and no program says what they are called"
            )
    shapes: Mapping[str, Shape | None] = programs.variables(program) if program else dict.fromkeys(structured)
    with about(holder.path):
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


def _of_file(file: File) -> tuple[File | Folder, File | None]:
    """The file of the tensors, or the folder with one for each, and their program if it is where Paddle puts it."""
    if file.kind not in PROGRAMS:
        return file, _program(file)
    path, is_model = file.path, file.path.name == "__model__"
    holder = "__params__" if is_model else path.with_suffix(".pdiparams").name
    if (path.parent / holder).exists():
        return file.folder[holder], file
    if (found := _beside(file, "tensors")) and _program(found) in (None, file):  # which may have a program of its own
        return found, file
    if is_model:
        return _of_folder(file.folder)
    raise UnreadableError(f"{path}: is a program, and the file of its tensors, {holder}, is not beside it")


def _of_folder(folder: Folder) -> tuple[File | Folder, File | None]:
    """The one file of tensors in a folder and their program, or the folder itself, with a file for each tensor."""
    models = [name for name in folder.names if name == "__params__" or name.endswith(".pdiparams")]
    if len(models) > 1:
        raise UnreadableError(f"{folder.path}: holds {len(models)} models; choose one of its files")
    if models:
        return folder[models[0]], _program(folder[models[0]])
    holders, alone = folder.of_kind("tensors"), folder.of_kind(*PROGRAMS)
    if alone and not holders:
        raise UnreadableError(f"{folder.path}: holds a program, {alone[0].path.name}, and not its tensors (.pdiparams)")
    if len(holders) == 1 and (program := _beside(holders[0], *PROGRAMS)):
        return holders[0], program
    if not holders and (others := folder.of_kind("pickle", "safetensors", *TORCH)):
        some = ", ".join(file.path.name for file in others[:3]) + (", ..." if len(others) > 3 else "")
        raise UnreadableError(f"{folder.path}: is a folder; choose one of its files ({some})")
    return folder, None


def _program(file: File) -> File | None:
    """The program of tensors that are in one file, if it is where Paddle puts it."""
    path, folder = file.path, file.folder
    if path.name == "__params__":
        return folder["__model__"] if (path.parent / "__model__").exists() else None
    if path.suffix != ".pdiparams":
        return None
    if (model := path.with_suffix(".pdmodel")).exists():
        return folder[model.name]
    return folder.get(path.with_suffix(".json").name, *PROGRAMS)  # or a report: anything may be in a file of JSON


def _beside(file: File, *kinds: str) -> File | None:
    """The file beside it that is of these kinds: the only one, or the only one that is called as it is."""
    found = [other for other in file.folder.of_kind(*kinds) if other is not file]
    found = [other for other in found if other.path.stem == file.path.stem] or found
    return found[0] if len(found) == 1 else None


def _tensors(file: File) -> list[Array]:
    with about(file.path):
        if file.kind != "tensors":
            raise UnreadableError(f"is a {file.kind}, where tensors belong")
        return tensors(file.data)


def _one_each(folder: Folder) -> dict[str, Array]:
    """The tensors of a folder in which each has a file that bears its name."""
    if not 0 < len(folder.names) <= MAX_FILES:
        raise UnreadableError(f"{folder.path}: holds {len(folder.names)} files, where 1 to {MAX_FILES} tensors belong")
    found = {}
    for name in [name for name in folder.names if not folder.get(name, *PROGRAMS)]:
        arrays = _tensors(folder[name])
        if len(arrays) != 1:
            raise UnreadableError(f"{folder.path / name}: holds {len(arrays)} tensors, where one belongs")
        found[name] = arrays[0]
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
