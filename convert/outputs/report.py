"""The report of a conversion: one structure, as JSON for machines and as a short table for people."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.formats.kinds import START, File, Folder
from convert.network.graphs import layout_name
from convert.network.network import Network
from convert.outputs.writer import clips_of
from stgcn_torch.data.training_clips import DIGITS, TrainingClips

COLUMN_ERROR = 1e-5  # a graph normalised in float32 has 1e-7
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


def describe(source: File | Folder) -> str:
    """The kind of a file in words and, if the file shows it, its writer."""
    if isinstance(source, File) and source.kind == "pickle":
        return f"a pickle of {_writer(bytes(source.data[:START]))}"
    return WORDS[source.kind]


def _writer(start: bytes) -> str:
    protocol = start[1] if start[0] == 0x80 else 0 if re.match(rb"\(dp?\d*\n|\(lp?\d*\n|c", start) else 1
    numpy = {b"numpy._core": ", with NumPy 2", b"numpy.core": ", with NumPy 1"}
    return PICKLES[protocol] + next((words for name, words in numpy.items() if name in start), "")


def checks(network: Network) -> dict[str, Any]:
    """Checks for damage: tensors with invalid values, and the largest difference of a column sum of A from 1."""
    state = network.state
    columns = state["backbone.A"].astype(np.float64).sum(axis=(0, 1))
    return {
        "not_finite": [name for name, value in state.items() if not np.isfinite(value).all()],
        "negative_variance": [name for name, value in state.items() if name.endswith("_var") and (value < 0).any()],
        "largest_column_error": float(np.abs(columns[columns != 0] - 1).max(initial=0)),
    }


def damage(checks: Mapping[str, Any]) -> list[str]:
    """Warnings for failed checks, a line each."""
    warnings = [
        f"{name} {'is' if len(names) == 1 else f'and {len(names) - 1} more are'} {state}"
        for state, names in (
            ("not finite", checks["not_finite"]),
            ("negative, a variance", checks["negative_variance"]),
        )
        for name in names[:1]
    ]
    if (error := checks["largest_column_error"]) > COLUMN_ERROR:
        warnings.append(f"columns of backbone.A do not add up to 1: they are off by up to {error:.0e}")
    return warnings


def report(source: File | Folder, network: Network) -> dict[str, Any]:
    """The report on a file and its network, as plain values."""
    return {
        "input": str(source.path),
        "sha256": _sha256_of(source.path) if isinstance(source, File) else _sha256_of_each(source.path),
        "kind": describe(source),
        "names": network.dialect,
        "model": network.model,
        "strides_from": network.strides_from,
        "training_clips": clips.plain if (clips := clips_of(network)) else None,
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


def table(summary: Mapping[str, Any]) -> str:
    """A report in a few lines."""
    model, results = summary["model"], summary["checks"]
    taken = f"{len(summary['tensors']) - len(summary['added'])} taken, {len(summary['renamed'])} of them renamed"
    if summary["cast"]:
        taken += f", {len(summary['cast'])} cast to float32 from {', '.join(sorted({*summary['cast'].values()}))}"
    without = "".join(f", no {part}" for part in ("edge_importance", "data_bn") if not model[part])
    lines = {
        "file": f"{summary['input']}, {summary['kind']}",
        "names": summary["names"],
        "tensors": "; ".join([taken, _some("added", summary["added"]), _some("left", summary["left"])]),
        "network": f"{len(model['channels'])} blocks, {model['in_channels']} coordinates, "
        f"{model['num_classes'] or 'no'} classes{without}",
        "strides": f"{','.join(map(str, model['strides']))} ({summary['strides_from']})",
        "layout": f"{layout_name(model['layout'])}, {model['strategy']}",
        "trained on": _clips(summary["training_clips"]),
        "centring": summary.get("centring"),
        "preprocessing": summary.get("preprocessing_text"),
        "checks": _checked(results),
        "reference": summary.get("reference_text"),
        "optimizer": summary.get("optimizer_text"),
        "output": summary.get("output_text"),
    }
    return "\n".join(f"{name:14}{value}" for name, value in lines.items() if value)


def _clips(told: Mapping[str, Any] | None) -> str:
    """What the file tells of the clips that the network was trained on."""
    if told is None:
        return ""
    clips = TrainingClips.of(told)
    people = "people" if clips.people is None else f"people ({clips.people})"
    parts = [f"{len(clips.hashes) // DIGITS} clips"] if clips.hashes else []
    parts.append(f"room for {clips.slots} {people}")
    if clips.frames:
        parts.append(f"{', '.join(map(str, clips.frames))} frames (5, 50, 95 and 100 %)")
    rates = {"fps": clips.fps, "unit": clips.unit, "scale": clips.scale}
    return "; ".join(parts + [f"{name} {value:.4g}" for name, value in rates.items() if value])


def _checked(results: Mapping[str, Any]) -> str:
    failures = {"NOT FINITE": results["not_finite"], "NEGATIVE": results["negative_variance"]}
    words = [f"{state}: {', '.join(names)}" for state, names in failures.items() if names] or [
        "all finite, no variance negative"
    ]
    return "; ".join([*words, f"columns of A within {results['largest_column_error']:.0e} of 1"])


def _some(verb: str, names: list[str]) -> str:
    """The number of names and their kinds; a kind is the last part of a name."""
    kinds = list(dict.fromkeys(name.rpartition(".")[2] for name in names))
    listed = ", ".join(kinds[:4]) + (", ..." if len(kinds) > 4 else "")
    return f"{len(names)} {verb}" + (f" ({listed})" if names else "")


def _sha256_of_each(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): _sha256_of(file) for file in files}


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:  # buffered: a mapped file would count as this process's memory
        return hashlib.file_digest(file, "sha256").hexdigest()
