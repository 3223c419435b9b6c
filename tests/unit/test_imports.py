"""The rooms: what each may use, as docs/developing.md draws them, and how large they may grow."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import stgcn_torch
from stgcn_torch.old_paths import MOVED

ROOT = Path(__file__).parents[2]
PROJECT = ("stgcn_torch", "convert")
COMMANDS = ("train", "evaluate", "predict", "explain", "visualize", "export", "prepare", "check")
MODULES = 14  # of a folder, at most
LINES = 300  # of a file, at most

# A file or a folder, and what it uses of the project beside itself: the drawing in the page.
PAGE = (ROOT / "docs" / "developing.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| `.*\|$", PAGE, re.MULTILINE)]
ROOMS = {room.strip("`"): uses.replace("`", "") for room, _, uses in ROWS}
HOLDS = {room.strip("`"): holds for room, holds, _ in ROWS}
HYDRA = ("stgcn_torch/commands/", "stgcn_torch/tasks/")
UNDRAWN = {*COMMANDS, "convert", "stgcn_torch"}  # the commands use what they like, the two packages name what is public


def files_of(*folders: str) -> list[Path]:
    """The Python files of folders, however deep."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imported(file: Path) -> frozenset[str]:
    """Every module that a file names in an import, wherever it stands; of ``from a import b`` both a.b and a count."""
    names = set()
    for step in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(step, ast.Import):
            names |= {alias.name for alias in step.names}
        elif isinstance(step, ast.ImportFrom):
            assert step.level == 0, f"{file} imports by dots"
            names |= {f"{step.module}.{alias.name}" for alias in step.names}
    return frozenset(names)


def within(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def room_of(module: str) -> str:
    """The room that a module is in, by its name in ``ROOMS``; a command or a package itself by its own."""
    name = module.removeprefix("stgcn_torch.")
    return max((room for room in ROOMS if within(name, (room,))), key=len, default=name.partition(".")[0])


@cache
def used() -> dict[str, set[str]]:
    """For each room the rooms that its files import."""
    found: dict[str, set[str]] = {}
    for file in files_of(*PROJECT):
        room = room_of(module_of(file))
        names = {room_of(name) for name in imported(file) if within(name, PROJECT)}
        found.setdefault(room, set()).update(names - {room, "old_paths"})
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_what_is_drawn(room: str) -> None:
    """Neither more, nor less: an arrow that nobody goes is no part of the drawing."""
    assert used()[room] == {*ROOMS[room].split()}


def test_every_file_is_in_a_room() -> None:
    assert {room_of(module_of(file)) for file in files_of(*PROJECT)} - {*ROOMS} - UNDRAWN == set()


def test_arrows_point_one_way() -> None:
    assert [*TopologicalSorter({room: uses.split() for room, uses in ROOMS.items()}).static_order()]


@pytest.mark.parametrize("package", PROJECT)
def test_files_and_folders_stay_small(package: str) -> None:
    files = files_of(package)
    lines = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8").count("\n") for file in files}
    assert {name: count for name, count in lines.items() if count > LINES} == {}
    for folder in {file.parent for file in [*files, *files_of("tests/unit")]}:
        modules = {file.stem.removeprefix("test_") for file in folder.glob("*.py")} - {"__init__", *COMMANDS}
        assert len(modules) <= MODULES, f"{folder.relative_to(ROOT)} has {len(modules)} modules"


def test_a_room_says_in_one_line_what_belongs_in_it() -> None:
    """And the page says the same."""
    for file in files_of(*PROJECT):
        said = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        module = module_of(file)
        assert said.endswith((".", ":")), module
        if (room := module.removeprefix("stgcn_torch.")) in HOLDS:
            assert said == HOLDS[room], module


def test_tests_lie_in_the_folders_of_what_they_test() -> None:
    """A file of tests is named for a module, and stands where that stands."""
    of = {file: file.relative_to(ROOT / "tests/unit") for file in files_of("tests/unit") if file.stem != "__init__"}
    strangers = []
    for place in of.values():
        name = place.stem.removeprefix("test_")
        folder = ROOT / "stgcn_torch" / place.parent
        places = [folder, ROOT / place.parent] if place.parent.parts else [folder]
        if not any(
            (where / f"{name}.py").is_file() or (where / name).is_dir() or where.name == name for where in places
        ):
            strangers.append(str(place))
    assert strangers == ["kernels/test_aggregators.py", "kernels/triton/test_compilation.py", "test_imports.py"]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_leads_to_the_same_module(old: str) -> None:
    if ".kernels." in old:
        pytest.importorskip("triton", reason="Triton is not installed")
    module = import_module(old)
    assert module is import_module(MOVED[old])
    assert module.__spec__ is not None
    assert module.__spec__.name == MOVED[old]


def test_modules_of_a_room_that_moved_are_not_made_twice() -> None:
    from stgcn_torch.explanation import page

    before = page.page
    assert import_module("stgcn_torch.page.scene") is import_module("stgcn_torch.explanation.page.scene")
    assert import_module("stgcn_torch.page.content") is import_module("stgcn_torch.explanation.page.content")
    assert page.page is before


def test_a_function_keeps_its_name_where_a_module_had_it_too() -> None:
    source = "from convert.unpickle import unpickle as old; from convert import unpickle; print(old is unpickle)"
    run = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


def test_a_module_of_a_room_is_found_without_what_the_room_is_called_for() -> None:
    source = "import sys; from stgcn_torch.checkpoint import card; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("room", "names"),
    [
        ("stgcn_torch.inference", ["for_inference", "InferenceBackbone"]),
        ("stgcn_torch.checkpoint", ["load_model", "load_module", "read_checkpoint", "take_weights"]),
        ("stgcn_torch.explanation", ["Explanation"]),
        ("stgcn_torch.commands", ["command"]),
        ("stgcn_torch.data.preprocessing", ["PREPROCESSINGS", "Preprocessing", "preprocess", "live_frames"]),
        ("convert.network", ["find_network"]),
        ("convert.outputs", ["write"]),
    ],
)
def test_a_room_that_is_called_as_a_module_was_has_its_names(room: str, names: list[str]) -> None:
    module = import_module(room)
    assert [name for name in names if not hasattr(module, name)] == []
    assert not hasattr(module, "_private")
    with pytest.raises(AttributeError, match=f"module '{room}' has no attribute 'nothing'"):
        _ = module.nothing


def test_kernels_know_only_torch_and_triton() -> None:
    allowed = ("torch", "triton", "jaxtyping", "collections", "dataclasses", "typing", "stgcn_torch.kernels")
    assert [
        name for file in files_of("stgcn_torch/kernels") for name in imported(file) if not within(name, allowed)
    ] == []


@pytest.mark.parametrize(
    ("libraries", "but"),
    [
        (("hydra", "omegaconf"), HYDRA),
        (("paddle",), ()),
        (("convert",), ("stgcn_torch/data",)),
    ],
    ids=["hydra in commands", "paddle nowhere", "convert in data"],
)
def test_a_library_is_imported_only_where_it_belongs(libraries: tuple[str, ...], but: tuple[str, ...]) -> None:
    here = [file for file in files_of("stgcn_torch") if any(within(name, libraries) for name in imported(file))]
    assert [str(file) for file in here if not str(file.relative_to(ROOT)).startswith(tuple(but))] == []


def test_paddle_is_imported_only_to_compare_with_and_to_write_fixtures() -> None:
    here = [file for file in files_of(*PROJECT, "tests") if any(within(name, ("paddle",)) for name in imported(file))]
    allowed = {ROOT / "tests" / "parity", ROOT / "tests" / "fixtures"}
    assert [str(file) for file in here if not allowed & {*file.parents}] == []


def test_convert_loads_neither_torch_nor_paddle() -> None:
    """Nor does any module of it but the one that writes Lightning's checkpoints."""
    modules = [module_of(file) for file in files_of("convert") if file.stem != "lightning"]
    source = f"import sys, {', '.join(modules)}; print(sorted({{'torch', 'paddle', 'hydra'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert [getattr(stgcn_torch, name).__name__ for name in stgcn_torch.__all__] == stgcn_torch.__all__
    assert {*stgcn_torch.__all__} <= {*dir(stgcn_torch)}
