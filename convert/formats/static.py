"""Paddle's inference and 1.x files: tensors in one file or in one file each, and a program with their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.formats import paddle_names as names
from convert.formats import programs
from convert.formats.kinds import MAX_FILES, TORCH, File, Folder, open_path
from convert.formats.programs import PROGRAMS, Shape
from convert.formats.tensors import tensors
from convert.pickle.errors import MismatchError, UnreadableError, about
from convert.pickle.stored import Array
from convert.pickle.tree import copied


def read_static(path: str | Path, *, program: str | Path | None = None) -> object:
    """Read the tensors of an inference model, or of a directory saved by Paddle 1.

    Args:
        path: The file of the tensors, the program, or a directory of both or of one file for each tensor.
        program: The program, if it is not beside the tensors.

    Returns:
        Arrays by structured name if a ``.info`` file lists them, or if names and shapes are those of an ST-GCN; else by
        parameter name. Of a file with a single tensor and no program, the array itself.

    Raises:
        UnreadableError: A file is damaged or of another kind, or no file names the tensors.
        MismatchError: The program describes other tensors.
    """
    return copied(static_views(open_path(path), program=File(Path(program)) if program else None))


def static_views(source: File | Folder, *, program: File | None = None) -> object:
    """``read_static``, with each array a read-only view of its file."""
    parameters, own_program = _of_folder(source) if isinstance(source, Folder) else _of_file(source)
    if isinstance(parameters, Folder):
        return by_structured_name(_folder_tensors(parameters))
    program = program or own_program
    arrays = _tensors(parameters)
    info = f"{parameters.path.name}.info"
    structured = programs.structured_names(parameters.folder[info]) if (parameters.folder.path / info).exists() else {}
    if not program and not structured:
        if len(arrays) == 1:
            return arrays[0]
        program = _sibling(parameters, *PROGRAMS)
        if not program:
            raise UnreadableError(
                f"{parameters.path}: holds {len(arrays)} tensors, and no program says what they are called"
            )
    shapes: Mapping[str, Shape | None] = programs.variables(program) if program else dict.fromkeys(structured)
    with about(parameters.path):
        named = _named(arrays, shapes)
        return _renamed(named, structured) if structured else by_structured_name(named)


def by_structured_name(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values by structured name, if parameter names and shapes are those of an ST-GCN; else the mapping itself.

    Values that Paddle saves beside the weights keep their names.
    """
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    shapes = {name: array.shape for name, array in arrays.items() if not names.EXTRA_TENSORS.fullmatch(name)}
    try:
        structured = names.structured_names(shapes, names.network_keys(shapes))
    except MismatchError:
        return values
    return {structured.get(name, name): value for name, value in values.items()}


def _of_file(file: File) -> tuple[File | Folder, File | None]:
    """The tensors' file, or the folder of one file for each tensor; and the program, if it is where Paddle puts it."""
    if file.kind not in PROGRAMS:
        return file, _program(file)
    path, is_model = file.path, file.path.name == "__model__"
    parameters_name = "__params__" if is_model else path.with_suffix(".pdiparams").name
    if (path.parent / parameters_name).exists():
        return file.folder[parameters_name], file
    sibling = _sibling(file, "tensors")
    if sibling and _program(sibling) in (None, file):  # the tensors may belong to another program
        return sibling, file
    if is_model:
        return _of_folder(file.folder)
    raise UnreadableError(f"{path}: is a program, and the file of its tensors, {parameters_name}, is not beside it")


def _of_folder(folder: Folder) -> tuple[File | Folder, File | None]:
    """The only tensors' file of a folder and its program, or the folder itself if each tensor has a file."""
    models = [name for name in folder.names if name == "__params__" or name.endswith(".pdiparams")]
    if len(models) > 1:
        raise UnreadableError(f"{folder.path}: holds {len(models)} models; choose one of its files")
    if models:
        return folder[models[0]], _program(folder[models[0]])
    tensor_files, program_files = folder.of_kind("tensors"), folder.of_kind(*PROGRAMS)
    if program_files and not tensor_files:
        name = program_files[0].path.name
        raise UnreadableError(f"{folder.path}: holds a program, {name}, and not its tensors (.pdiparams)")
    if len(tensor_files) == 1 and (program := _sibling(tensor_files[0], *PROGRAMS)):
        return tensor_files[0], program
    if not tensor_files and (others := folder.of_kind("pickle", "safetensors", *TORCH)):
        some = ", ".join(file.path.name for file in others[:3]) + (", ..." if len(others) > 3 else "")
        raise UnreadableError(f"{folder.path}: is a folder; choose one of its files ({some})")
    return folder, None


def _program(file: File) -> File | None:
    """The program of a tensors' file, if it is where Paddle puts it."""
    path, folder = file.path, file.folder
    if path.name == "__params__":
        return folder["__model__"] if (path.parent / "__model__").exists() else None
    if path.suffix != ".pdiparams":
        return None
    if (model := path.with_suffix(".pdmodel")).exists():
        return folder[model.name]
    return folder.get(path.with_suffix(".json").name, *PROGRAMS)  # checked by kind: a .json may be anything


def _sibling(file: File, *kinds: str) -> File | None:
    """The sibling of these kinds; if several, the only one with the same stem; else None."""
    siblings = [other for other in file.folder.of_kind(*kinds) if other is not file]
    siblings = [other for other in siblings if other.path.stem == file.path.stem] or siblings
    return siblings[0] if len(siblings) == 1 else None


def _tensors(file: File) -> list[Array]:
    with about(file.path):
        if file.kind != "tensors":
            raise UnreadableError(f"is a {file.kind}, where tensors belong")
        return tensors(file.data)


def _folder_tensors(folder: Folder) -> dict[str, Array]:
    """The tensors of a folder that holds one file for each, by file name."""
    if not 0 < len(folder.names) <= MAX_FILES:
        raise UnreadableError(f"{folder.path}: holds {len(folder.names)} files, where 1 to {MAX_FILES} tensors belong")
    tensors_by_name = {}
    for name in [name for name in folder.names if not folder.get(name, *PROGRAMS)]:
        arrays = _tensors(folder[name])
        if len(arrays) != 1:
            raise UnreadableError(f"{folder.path / name}: holds {len(arrays)} tensors, where one belongs")
        tensors_by_name[name] = arrays[0]
    return tensors_by_name


def _named(arrays: list[Array], shapes: Mapping[str, Shape | None]) -> dict[str, Array]:
    """The arrays by parameter name; files store them in the alphabetical order of these names."""
    if len(arrays) != len(shapes):
        raise MismatchError(f"holds {len(arrays)} tensors, and its program names {len(shapes)}")
    named = dict(zip(sorted(shapes), arrays, strict=True))
    if wrong := [name for name, array in named.items() if shapes[name] not in (None, array.shape)]:
        name = wrong[0]
        raise MismatchError(f"holds for {name} a tensor of shape {named[name].shape}, the program has {shapes[name]}")
    return named


def _renamed(arrays: dict[str, Array], structured: Mapping[str, str]) -> dict[str, Array]:
    """The arrays by structured name, or by their old name if the structured one is unknown."""
    renamed = {structured.get(name, name): array for name, array in arrays.items()}
    if len(renamed) < len(arrays):
        raise MismatchError("holds two tensors by the same name, as its .info has it")
    return renamed
