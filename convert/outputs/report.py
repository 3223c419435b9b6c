"""What is told about a conversion: one structure, as JSON for machines and as a short table for people."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.formats.kinds import START, File, Folder
from convert.network.graphs import layout_name
from convert.network.network import Network

COLUMN_ERROR = 1e-5  # of a normalised graph in float32 it is 1e-7
PICKLES = {
    0: "protocol 0, as Paddle 1.6 writes under Python 2",
    1: "protocol 1, as no release of Paddle writes by itself",
    2: "protocol 2, as Paddle 1.7 to 2.0 write, and later ones where asked to",
    3: "protocol 3, as Paddle 1.6 writes, and later ones where asked to",
    4: "protocol 4, as Paddle 2.1 to 3.3 write",
    5: "protocol 5, as Paddle on macOS may write",
}


WORDS = {
    "folder": "a folder of Paddle's",
    "zip archive": "a checkpoint of torch, of 1.6 or later",
    "torch pickles": "a checkpoint of torch, of before 1.6",
    "program": "a program of Paddle 1 or 2, with its tensors beside it",
    "PIR program": "a program of Paddle 3, with its tensors beside it",
    "tensors": "tensors of Paddle's own form, of an inference model or one alone",
    "safetensors": "safetensors",
}


def describe(found: File | Folder) -> str:
    """What a file is and, as far as it shows, who wrote it."""
    if isinstance(found, File) and found.kind == "pickle":
        return f"a pickle of {_writer(bytes(found.data[:START]))}"
    return WORDS[found.kind]


def _writer(start: bytes) -> str:
    protocol = start[1] if start[0] == 0x80 else 0 if re.match(rb"\(dp?\d*\n|\(lp?\d*\n|c", start) else 1
    numpy = {b"numpy._core": ", with NumPy 2", b"numpy.core": ", with NumPy 1"}
    return PICKLES[protocol] + next((said for name, said in numpy.items() if name in start), "")


def checks(network: Network) -> dict[str, Any]:
    """Whether the tensors can be a network's: names of those that cannot, and how far columns of A are from 1."""
    state = network.state
    columns = state["backbone.A"].astype(np.float64).sum(axis=(0, 1))
    return {
        "not_finite": [name for name, value in state.items() if not np.isfinite(value).all()],
        "negative_variance": [name for name, value in state.items() if name.endswith("_var") and (value < 0).any()],
        "largest_column_error": float(np.abs(columns[columns != 0] - 1).max(initial=0)),
    }


def damage(found: Mapping[str, Any]) -> list[str]:
    """What of the checks deserves a warning, a line each."""
    said = [
        f"{name} {'is' if len(names) == 1 else f'and {len(names) - 1} more are'} {what}"
        for what, names in (("not finite", found["not_finite"]), ("negative, a variance", found["negative_variance"]))
        for name in names[:1]
    ]
    if (error := found["largest_column_error"]) > COLUMN_ERROR:
        said.append(f"columns of backbone.A do not add up to 1: they are off by up to {error:.0e}")
    return said


def report(found: File | Folder, network: Network) -> dict[str, Any]:
    """All there is to say of a file and of the network in it, as plain values."""
    return {
        "input": str(found.path),
        "sha256": _sha256_of(found.path) if isinstance(found, File) else _sha256_of_each(found.path),
        "kind": describe(found),
        "names": network.dialect,
        "model": network.model,
        "strides_from": network.strides_from,
        "tensors": {
            name: {
                "shape": list(value.shape),
                "dtype": str(value.dtype),
                "sha256": hashlib.sha256(value.tobytes()).hexdigest(),
            }
            for name, value in network.state.items()
        },
        "renamed": network.renamed,
        "cast": network.cast,
        "added": network.added,
        "left": network.left,
        "checks": checks(network),
        "warnings": network.warnings,
    }


def table(told: Mapping[str, Any]) -> str:
    """A report in a few lines."""
    model, found = told["model"], told["checks"]
    taken = f"{len(told['tensors']) - len(told['added'])} taken, {len(told['renamed'])} of them renamed"
    if told["cast"]:
        taken += f", {len(told['cast'])} cast to float32 from {', '.join(sorted({*told['cast'].values()}))}"
    without = "".join(f", no {part}" for part in ("edge_importance", "data_bn") if not model[part])
    lines = {
        "file": f"{told['input']}, {told['kind']}",
        "names": told["names"],
        "tensors": "; ".join([taken, _some("added", told["added"]), _some("left", told["left"])]),
        "network": f"{len(model['channels'])} blocks, {model['in_channels']} coordinates, "
        f"{model['num_classes'] or 'no'} classes{without}",
        "strides": f"{','.join(map(str, model['strides']))} ({told['strides_from']})",
        "layout": f"{layout_name(model['layout'])}, {model['strategy']}",
        "centring": told.get("centring"),
        "preprocessing": told.get("preprocessing_said"),
        "checks": _checked(found),
        "reference": told.get("reference_said"),
        "optimizer": told.get("optimizer_said"),
        "output": told.get("output_said"),
    }
    return "\n".join(f"{name:14}{value}" for name, value in lines.items() if value)


def _checked(found: Mapping[str, Any]) -> str:
    wrong = {"NOT FINITE": found["not_finite"], "NEGATIVE": found["negative_variance"]}
    said = [f"{what}: {', '.join(names)}" for what, names in wrong.items() if names] or [
        "all finite, no variance negative"
    ]
    return "; ".join([*said, f"columns of A within {found['largest_column_error']:.0e} of 1"])


def _some(what: str, names: list[str]) -> str:
    """How many, and of which kinds: the last part of a name is its kind."""
    kinds = list(dict.fromkeys(name.rpartition(".")[2] for name in names))
    shown = ", ".join(kinds[:4]) + (", ..." if len(kinds) > 4 else "")
    return f"{len(names)} {what}" + (f" ({shown})" if names else "")


def _sha256_of_each(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): _sha256_of(file) for file in files}


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:  # through a buffer: what is mapped would count as this process's memory
        return hashlib.file_digest(file, "sha256").hexdigest()
