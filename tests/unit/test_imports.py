"""Imports point one way, as the design draws them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stgcn_torch

ROOT = Path(__file__).parents[2]
PROJECT = ("stgcn_torch", "convert")
ENTRY_POINTS = {
    f"stgcn_torch/{name}.py"
    for name in (
        *("train", "evaluate", "predict", "explain", "visualize", "prepare", "check", "export"),
        *("build", "commands", "finished", "source"),
    )
}

ROOMS = {  # what a file, or the files of a folder, may import of the project
    "stgcn_torch/skeleton.py": (),
    "stgcn_torch/files.py": (),
    "stgcn_torch/graph.py": ("stgcn_torch.skeleton",),
    "stgcn_torch/kernels": ("stgcn_torch.kernels",),
    "stgcn_torch/model.py": ("stgcn_torch.graph", "stgcn_torch.kernels"),
    "stgcn_torch/folded.py": ("stgcn_torch.model",),
    "stgcn_torch/inference.py": ("stgcn_torch.folded", "stgcn_torch.model"),
    "stgcn_torch/fused.py": ("stgcn_torch.model", "stgcn_torch.kernels"),
    "stgcn_torch/streaming.py": ("stgcn_torch.folded", "stgcn_torch.model"),
    "stgcn_torch/running.py": tuple(f"stgcn_torch.{room}" for room in ("data", "ensemble", "lit", "streaming")),
    "stgcn_torch/attribution.py": tuple(
        f"stgcn_torch.{room}" for room in ("data", "explanation", "inference", "lit", "model", "skeleton")
    ),
    "stgcn_torch/data": ("stgcn_torch.data", "stgcn_torch.skeleton", "stgcn_torch.files", "convert"),
    "stgcn_torch/fingerprint.py": ("stgcn_torch.data.preprocessing", "stgcn_torch.skeleton"),
    "stgcn_torch/fonts.py": (),
    "stgcn_torch/report.py": ("stgcn_torch.files", "stgcn_torch.fonts"),
    "stgcn_torch/drawing": tuple(
        f"stgcn_torch.{room}" for room in ("data", "drawing", "files", "fonts", "graph", "report", "skeleton")
    ),
    "stgcn_torch/page": tuple(
        f"stgcn_torch.{room}"
        for room in ("architecture", "data.preprocessing", "drawing", "explanation", "files", "page", "skeleton")
    ),
    "stgcn_torch/callbacks.py": ("stgcn_torch.files", "stgcn_torch.fused", "stgcn_torch.lit"),
    "stgcn_torch/lit.py": ("stgcn_torch.data", "stgcn_torch.fused", "stgcn_torch.model", "stgcn_torch.skeleton"),
    "stgcn_torch/architecture.py": ("stgcn_torch.graph", "stgcn_torch.skeleton"),
    "stgcn_torch/checkpoint.py": tuple(
        f"stgcn_torch.{room}" for room in ("architecture", "data.preprocessing", "files", "lit", "model")
    ),
    "convert": (
        "convert",
        *(
            f"stgcn_torch.{room}"
            for room in ("architecture", "data.preprocessing", "files", "fingerprint", "graph", "skeleton")
        ),
        *(
            f"stgcn_torch.{room}" for room in ("checkpoint", "lit", "model")
        ),  # which load torch: only when it comes to it
    ),
}


def files_of(*rooms: str) -> list[Path]:
    """The Python files of a file or folder."""
    return [file for room in rooms for file in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))]


def imported(file: Path) -> set[str]:
    """Every module that a file names in an import, wherever it stands; of ``from a import b`` both a.b and a count."""
    names = set()
    for step in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(step, ast.Import):
            names |= {alias.name for alias in step.names}
        elif isinstance(step, ast.ImportFrom):
            assert step.level == 0, f"{file} imports by dots"
            names |= {f"{step.module}.{alias.name}" for alias in step.names}
    return names


def within(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_those_it_may(room: str) -> None:
    assert files_of(room)
    found = {name for file in files_of(room) for name in imported(file) if within(name, PROJECT)}
    assert {name for name in found if not within(name, ROOMS[room])} == set()


def test_kernels_know_only_torch_and_triton() -> None:
    allowed = ("torch", "triton", "jaxtyping", "collections", "dataclasses", "typing", "stgcn_torch.kernels")
    assert [
        name for file in files_of("stgcn_torch/kernels") for name in imported(file) if not within(name, allowed)
    ] == []


@pytest.mark.parametrize(
    ("libraries", "but"),
    [
        (("hydra", "omegaconf"), ENTRY_POINTS),
        (("paddle",), ()),
        (("convert",), ("stgcn_torch/data",)),
    ],
    ids=["hydra in entry points", "paddle nowhere", "convert in data"],
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
    modules = [f"convert.{file.stem}" for file in files_of("convert") if file.stem not in ("__init__", "lightning")]
    source = f"import sys, {', '.join(modules)}; print(sorted({{'torch', 'paddle', 'hydra'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert [getattr(stgcn_torch, name).__name__ for name in stgcn_torch.__all__] == stgcn_torch.__all__
    assert {*stgcn_torch.__all__} <= {*dir(stgcn_torch)}
