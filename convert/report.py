"""What is told about a conversion: one structure, as JSON for machines and as a short table for people."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.files import contents
from convert.network import Network

PROTOCOLS = {0: "1.6 under Python 2", 1: "1.6", 2: "1.7 to 2.0", 3: "1.6", 4: "2.1 to 3.3", 5: "2.1 to 3.3 (macOS)"}
CHUNK = 1 << 24  # bytes that are hashed at a time, so that a large file stays on disk


def describe(path: Path) -> str:
    """What a file is and, as far as it shows, who wrote it."""
    if path.is_dir():
        return "a folder of Paddle's tensors"
    start = bytes(contents(path)[: 1 << 16])
    if start[:2] == b"PK" or b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." in start[:32]:
        return "a checkpoint of torch"
    if start[4:9] == b"\0\0\0\0{" or start[8:9] == b"{":
        return "safetensors"
    if start[:1] == b"\x80":
        numpy = "2" if b"numpy._core" in start else "1"
        return f"a pickle of protocol {start[1]}, as Paddle {PROTOCOLS.get(start[1], '?')} writes, NumPy {numpy}"
    if start[:4] == b"\0\0\0\0":
        return "Paddle's tensors with their program"
    return "a pickle of protocol 0 or 1, as Paddle 1.6 writes under Python 2"


def checks(network: Network) -> dict[str, Any]:
    """Whether the tensors can be a network's: names of those that cannot, and how far columns of A are from 1."""
    state = network.state
    columns = state["backbone.A"].astype(np.float64).sum(axis=(0, 1))
    return {
        "not_finite": [name for name, value in state.items() if not np.isfinite(value).all()],
        "negative_variance": [name for name, value in state.items() if name.endswith("_var") and (value < 0).any()],
        "largest_column_error": float(np.abs(columns[columns != 0] - 1).max(initial=0)),
    }


def report(path: Path, network: Network) -> dict[str, Any]:
    """All there is to say of a file and of the network in it, as plain values."""
    return {
        "input": str(path),
        "sha256": None if path.is_dir() else _sha256(contents(path)),
        "kind": describe(path),
        "names": network.dialect,
        "model": network.model,
        "tensors": {
            name: {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": _sha256(value.tobytes())}
            for name, value in network.state.items()
        },
        "renamed": network.renamed,
        "added": network.added,
        "left": network.left,
        "checks": checks(network),
        "warnings": network.warnings,
    }


def table(told: Mapping[str, Any]) -> str:
    """A report in a few lines."""
    model, found = told["model"], told["checks"]
    layout = model["layout"] if isinstance(model["layout"], str) else "one of its own"
    taken = f"{len(told['tensors']) - len(told['added'])} taken, {len(told['renamed'])} of them renamed"
    without = "".join(f", no {part}" for part in ("edge_importance", "data_bn") if not model[part])
    lines = {
        "file": f"{told['input']}, {told['kind']}",
        "names": told["names"],
        "tensors": "; ".join([taken, _some("added", told["added"]), _some("left", told["left"])]),
        "network": f"{len(model['channels'])} blocks, {model['in_channels']} coordinates, "
        f"{model['num_classes']} classes{without}",
        "layout": f"{layout}, {model['strategy']}",
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


def _sha256(data: memoryview | bytes) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(data), CHUNK):
        digest.update(data[start : start + CHUNK])
    return digest.hexdigest()
