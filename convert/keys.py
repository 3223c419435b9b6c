"""The name tables: what a writer calls the tensors of an ST-GCN, and what this project calls them.

Total: a name that no table has is an error, so that nothing is left out in silence. NumPy only; arrays pass through
untouched.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from convert.errors import MismatchError

Array = np.ndarray[Any, np.dtype[Any]]
State = Mapping[str, Array]

ITSELF = ("",)
CONVOLUTION = (".weight", ".bias")
BATCH_NORM = (".weight", ".bias", ".running_mean", ".running_var", ".num_batches_tracked")

# The parts of the network, '*' for a block's number, and the tensors in each.
PARTS: dict[str, tuple[str, ...]] = {
    "backbone.A": ITSELF,
    "backbone.data_bn": BATCH_NORM,
    "backbone.edge_importance.*": ITSELF,
    "backbone.st_gcn_networks.*.gcn.conv": CONVOLUTION,
    "backbone.st_gcn_networks.*.tcn.0": BATCH_NORM,
    "backbone.st_gcn_networks.*.tcn.2": CONVOLUTION,
    "backbone.st_gcn_networks.*.tcn.3": BATCH_NORM,
    "backbone.st_gcn_networks.*.residual.0": CONVOLUTION,
    "backbone.st_gcn_networks.*.residual.1": BATCH_NORM,
    "head.fcn": CONVOLUTION,
}


@dataclass(frozen=True)
class Dialect:
    """How another writer's names differ from this project's.

    Attributes:
        parts: Its names for parts, where they are others.
        tensors: Its names for tensors of a part, where they are others; None for one that it does not have.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    tensors: Mapping[str, str | None] = field(default_factory=dict)

    def names(self) -> Iterator[tuple[str, str]]:
        """Pairs of (its name, this project's name), '*' for a block's number."""
        for part, tensors in PARTS.items():
            for tensor in tensors:
                theirs = self.tensors.get(tensor, tensor)
                if theirs is not None:
                    yield self.parts.get(part, part) + theirs, part + tensor


DIALECTS: dict[str, Dialect] = {
    # PaddlePaddle counts no batches. Its names are this project's but for the statistics of batch norms.
    "paddle": Dialect(tensors={".running_mean": "._mean", ".running_var": "._variance", ".num_batches_tracked": None}),
}


def convert_state_dict(state: State, dialect: str = "paddle") -> dict[str, Array]:
    """Another writer's tensors under this project's names, as ``STGCN.load_state_dict`` takes them.

    Args:
        state: Arrays under the dialect's names.
        dialect: A key of ``DIALECTS``.

    Returns:
        The same arrays, and a batch count of 0 for each batch norm where the dialect has none.

    Raises:
        MismatchError: Names that are none of an ST-GCN's; all are listed, each with the nearest that would do.
    """
    converted = _renamed(state, [(theirs, ours) for theirs, ours in DIALECTS[dialect].names()])
    for name in [name for name in converted if name.endswith(".running_var")]:
        converted.setdefault(name.replace(".running_var", ".num_batches_tracked"), np.zeros((), np.int64))
    return converted


def restore_state_dict(state: State, dialect: str = "paddle") -> dict[str, Array]:
    """The way back: this project's tensors under another writer's names; what it has no name for is left out.

    Raises:
        MismatchError: Names that are none of this project's.
    """
    named = {ours: theirs for theirs, ours in DIALECTS[dialect].names()}
    everything = [(ours, named.get(ours, "")) for _, ours in Dialect().names()]
    return {name: value for name, value in _renamed(state, everything).items() if name}


def _renamed(state: State, table: list[tuple[str, str]]) -> dict[str, Array]:
    patterns = [(re.compile(re.escape(old).replace(r"\*", r"(\d+)")), new) for old, new in table]
    renamed: dict[str, Array] = {}
    problems = []
    for name, value in state.items():
        matches = ((pattern.fullmatch(name), new) for pattern, new in patterns)
        found = next(((match, new) for match, new in matches if match), None)
        if found is None:
            problems.append(f"unexpected {name}{_nearest(name, table)}")
        else:
            match, new = found
            renamed[new.replace("*", match[1]) if "*" in new else new] = value
    if problems:
        raise MismatchError(f"names that are none of an ST-GCN's: {'; '.join(problems)}")
    return renamed


def _nearest(name: str, table: list[tuple[str, str]]) -> str:
    number = next(iter(re.findall(r"\.(\d+)\.", name)), "0")
    near = get_close_matches(name, [old.replace("*", number) for old, _ in table], n=1, cutoff=0.8)
    return f" (nearest is {near[0]})" if near else ""
