"""Name tables: names of an ST-GCN's tensors in files of other writers and in this project.

A name in no table is an error, so that no tensor is dropped silently. NumPy only; arrays are passed on unchanged.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any

import numpy as np

from convert.pickle.errors import MismatchError
from stgcn_torch.architecture import LAYERS

Array = np.ndarray[Any, np.dtype[Any]]
State = Mapping[str, Array]
Table = Mapping[str, str]  # new name by old name, '*' for a block's number in both
NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")

MAX_PROBLEMS = 20  # in one message

# Tensors of each part of the network, '*' for a block's number.
PARTS = {layer.name: layer.tensors for layer in LAYERS}


@dataclass(frozen=True)
class Dialect:
    """Differences of another writer's names from this project's.

    Attributes:
        parts: The writer's name by this project's name of each part that is named differently.
        tensors: Likewise for the tensors of a part; None for a tensor that the writer does not save.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    tensors: Mapping[str, str | None] = field(default_factory=dict)

    def names(self) -> Iterator[tuple[str, str]]:
        """Pairs of (the writer's name, this project's name), '*' for a block's number."""
        for part, tensors in PARTS.items():
            for tensor in tensors:
                suffix = self.tensors.get(tensor, tensor)
                if suffix is not None:
                    yield self.parts.get(part, part) + suffix, part + tensor


# PYSKL and MMAction2 1.x name the layers by purpose, and keep a copy of the graph in every block.
_BY_PURPOSE = {
    "backbone.A": "backbone.gcn.*.gcn.A",
    "backbone.edge_importance.*": "backbone.gcn.*.gcn.PA",
    "backbone.st_gcn_networks.*.gcn.conv": "backbone.gcn.*.gcn.conv",
    "backbone.st_gcn_networks.*.tcn.0": "backbone.gcn.*.gcn.bn",
    "backbone.st_gcn_networks.*.tcn.2": "backbone.gcn.*.tcn.conv",
    "backbone.st_gcn_networks.*.tcn.3": "backbone.gcn.*.tcn.bn",
    "backbone.st_gcn_networks.*.residual.0": "backbone.gcn.*.residual.conv",
    "backbone.st_gcn_networks.*.residual.1": "backbone.gcn.*.residual.bn",
}

DIALECTS: dict[str, Dialect] = {
    "stgcn-torch": Dialect(),
    # Paddle counts no batches; of its names, only those of batch-norm statistics differ from this project's.
    "paddle": Dialect(tensors={".running_mean": "._mean", ".running_var": "._variance", ".num_batches_tracked": None}),
    # st-gcn and mmskeleton; NVIDIA's TAO has the same names with a prefix.
    "st-gcn": Dialect({part: part.removeprefix("backbone.").removeprefix("head.") for part in PARTS}),
    "mmaction2-0.x": Dialect({"head.fcn": "cls_head.fc"}),
    "mmaction2-1.x": Dialect(_BY_PURPOSE | {"head.fcn": "cls_head.fc"}),
    "pyskl": Dialect(_BY_PURPOSE | {"head.fcn": "cls_head.fc_cls"}),
}
WRAPPERS = ("_layers.", "module.", "model.", "network.", "_orig_mod.")  # of data parallelism, frameworks, torch.compile

# Networks easily mistaken for an ST-GCN: a pattern of their tensors' names, and the error's words.
OTHER_NETWORKS = {
    r"(^|\.)tcn\.branches\.": "an ST-GCN++, whose temporal convolution has branches",
    r"(^|\.)l1\.gcn1\.": "an AGCN or CTR-GCN",
    r"(^|\.)layers\.layer1\.gcn\.g_conv": "a continual ST-GCN, whose graph convolution has a residual of its own",
    r"(^|\.)backbone\.0\.gcn1\.": "the first st-gcn release, of before v0.2, whose layers are others",
}


def unwrapped(state: Mapping[str, Any]) -> dict[str, Any]:
    """A network's state without wrappers' prefixes of names, and without tensors outside the network."""
    return {name: state[full_name] for full_name, name in bare_names(state).items()}


def bare_names(names: Iterable[str]) -> dict[str, str]:
    """Each name of a network without wrappers' prefixes, by its full name.

    The most frequent prefix is removed until some dialect knows a name. Tensors without that prefix lie outside the
    network, such as the weights of a loss or the count of an average, and are left out.
    """
    bare = {name: name for name in names}
    while bare and not any(map(_is_known, bare.values())):
        prefixes = Counter(wrapper for name in bare.values() for wrapper in WRAPPERS if name.startswith(wrapper))
        if not prefixes:
            return {name: name for name in names}
        wrapper = prefixes.most_common(1)[0][0]
        bare = {full_name: name.removeprefix(wrapper) for full_name, name in bare.items() if name.startswith(wrapper)}
    return bare


def _is_known(name: str) -> bool:
    return any(_match(name, _table(dialect)) is not None for dialect in DIALECTS)


def dialect_of(names: Iterable[str]) -> str:
    """The dialect that knows most of these names; if several, the first.

    Raises:
        MismatchError: No dialect knows any name, or the names are those of another kind of network.
    """
    names = list(names)
    for pattern, network in OTHER_NETWORKS.items():
        if any(re.search(pattern, name) for name in names):
            raise MismatchError(f"the tensors are those of {network}")
    matches = {dialect: sum(_match(name, _table(dialect)) is not None for name in names) for dialect in DIALECTS}
    best = max(matches, key=lambda dialect: matches[dialect])
    if not matches[best]:
        examples = ", ".join(f"{name:.60}" for name in names[:3]) + (", ..." if len(names) > 3 else "")
        raise MismatchError(f"none of its {len(names)} tensors is named as an ST-GCN's ({examples})")
    return best


def our_name(name: str, dialect: str) -> str | None:
    """This project's name of a dialect's tensor; None if the dialect has no such name."""
    return _match(name, _table(dialect))


def convert_state_dict(state: State, dialect: str = "paddle") -> dict[str, Array]:
    """Another writer's tensors under this project's names, for ``STGCN.load_state_dict``.

    Args:
        state: Arrays by the dialect's names.
        dialect: A key of ``DIALECTS``.

    Returns:
        The same arrays; a linear head becomes a 1×1 convolution, and batch norms without a batch count get one of 0.

    Raises:
        MismatchError: Some names are none of an ST-GCN's (the message gives the nearest valid name), or tensors that
            are a single one in this project differ; all are listed.
    """
    converted, problems = fitting_tensors(state, dialect)
    if problems:
        raise misfit(problems)
    return converted


def fitting_tensors(state: State, dialect: str = "paddle") -> tuple[dict[str, Array], list[str]]:
    """``convert_state_dict`` of the tensors that have a name here, and the problems with the others."""
    converted, problems = _renamed(state, _table(dialect))
    head = converted.get("head.fcn.weight")
    if head is not None and head.ndim == 2:
        converted["head.fcn.weight"] = head[:, :, None, None]
    for name in [name for name in converted if name.endswith(".running_var")]:
        converted.setdefault(name.replace(".running_var", ".num_batches_tracked"), np.zeros((), np.int64))
    return converted, problems


def misfit(problems: Sequence[str]) -> MismatchError:
    """An error with the first ``MAX_PROBLEMS`` problems and the number of the others."""
    more = [f"and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
    return MismatchError(f"the tensors are not those of an ST-GCN: {'; '.join([*problems[:MAX_PROBLEMS], *more])}")


def restore_state_dict(state: State, dialect: str = "paddle") -> dict[str, Array]:
    """The inverse: this project's tensors under a dialect's names, without those that the dialect has no name for.

    Raises:
        MismatchError: Some names are none of this project's, or the dialect cannot be written.
    """
    their_names = {ours: theirs for theirs, ours in DIALECTS[dialect].names()}
    if repeated := [theirs for ours, theirs in their_names.items() if "*" in theirs and "*" not in ours]:
        raise MismatchError(f"{dialect} has {', '.join(repeated)} in every block: it is read, and not written")
    restored, problems = _renamed(state, {ours: their_names.get(ours, "") for _, ours in Dialect().names()})
    if problems:
        raise misfit(problems)
    return {name: value for name, value in restored.items() if name}


@cache
def _table(dialect: str) -> Table:
    return dict(DIALECTS[dialect].names())


def _match(name: str, table: Table) -> str | None:
    """The table's new name for a name; None if the table lacks the name."""
    number = NUMBER.search(name)
    if name in table or not number:
        return table.get(name)
    new = table.get(f"{name[: number.start()]}*{name[number.end() :]}")
    return new and new.replace("*", number[0])


def _renamed(state: State, table: Table) -> tuple[dict[str, Array], list[str]]:
    renamed: dict[str, Array] = {}
    problems: list[str] = []
    for name, value in state.items():
        new = _match(name, table)
        if new is None:
            problems.append(f"unexpected {name[:200]}{_nearest(name, table) if len(problems) < MAX_PROBLEMS else ''}")
        elif (first := renamed.setdefault(new, value)) is not value and new and not np.array_equal(first, value):
            problems.append(f"{name} differs from another block's, and there is one {new}")
    return renamed, problems


def _nearest(name: str, table: Table) -> str:
    number = next(iter(re.findall(r"\.(\d+)\.", name)), "0")
    matches = get_close_matches(name, [candidate.replace("*", number) for candidate in table], n=1, cutoff=0.8)
    return f" (nearest is {matches[0]})" if matches else ""
