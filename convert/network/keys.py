"""The name tables: what a writer calls the tensors of an ST-GCN, and what this project calls them.

Total: a name that no table has is an error, so that nothing is left out in silence. NumPy only; arrays pass through
untouched.
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
Table = Mapping[str, str]  # the name to give by the name, '*' for a block's number in both
NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")

SHOWN = 20  # problems in one message

# The parts of the network, '*' for a block's number, and the tensors in each.
PARTS = {layer.name: layer.tensors for layer in LAYERS}


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


# PYSKL and MMAction2 1.x name the layers by what they do, and keep a copy of the graph in every block.
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
    # Paddle counts no batches; its names are this project's but for the statistics of batch norms.
    "paddle": Dialect(tensors={".running_mean": "._mean", ".running_var": "._variance", ".num_batches_tracked": None}),
    # st-gcn and mmskeleton; NVIDIA's TAO has the same behind a prefix.
    "st-gcn": Dialect({part: part.removeprefix("backbone.").removeprefix("head.") for part in PARTS}),
    "mmaction2-0.x": Dialect({"head.fcn": "cls_head.fc"}),
    "mmaction2-1.x": Dialect(_BY_PURPOSE | {"head.fcn": "cls_head.fc"}),
    "pyskl": Dialect(_BY_PURPOSE | {"head.fcn": "cls_head.fc_cls"}),
}
WRAPPERS = ("_layers.", "module.", "model.", "network.", "_orig_mod.")  # of data parallelism, frameworks, torch.compile

# Networks that are easily taken for an ST-GCN: what gives them away, and what they are.
STRANGERS = {
    r"(^|\.)tcn\.branches\.": "an ST-GCN++, whose temporal convolution has branches",
    r"(^|\.)l1\.gcn1\.": "an AGCN or CTR-GCN",
    r"(^|\.)layers\.layer1\.gcn\.g_conv": "a continual ST-GCN, whose graph convolution has a residual of its own",
    r"(^|\.)backbone\.0\.gcn1\.": "the first st-gcn release, of before v0.2, whose layers are others",
}


def unwrapped(state: Mapping[str, Any]) -> dict[str, Any]:
    """A network's state without the prefixes that wrappers put before its names, and without what lies beside it."""
    return {name: state[whole] for whole, name in bare_names(state).items()}


def bare_names(names: Iterable[str]) -> dict[str, str]:
    """What is left of a network's names when wrappers' prefixes are taken off, by the whole names.

    One is taken off while no dialect knows a name. What lies beside the network in its wrapper, such as the weights of
    a loss or the count of an average, does not have it and is left out.
    """
    bare = {name: name for name in names}
    while bare and not any(map(_is_known, bare.values())):
        carried = Counter(wrapper for name in bare.values() for wrapper in WRAPPERS if name.startswith(wrapper))
        if not carried:
            return {name: name for name in names}
        wrapper = carried.most_common(1)[0][0]
        bare = {whole: name.removeprefix(wrapper) for whole, name in bare.items() if name.startswith(wrapper)}
    return bare


def _is_known(name: str) -> bool:
    return any(_match(name, _table(dialect)) is not None for dialect in DIALECTS)


def dialect_of(names: Iterable[str]) -> str:
    """The dialect that knows the most of these names (the first, if several do).

    Raises:
        MismatchError: No dialect knows any, or they are those of another kind of network.
    """
    names = list(names)
    for pattern, stranger in STRANGERS.items():
        if any(re.search(pattern, name) for name in names):
            raise MismatchError(f"the tensors are those of {stranger}")
    known = {dialect: sum(_match(name, _table(dialect)) is not None for name in names) for dialect in DIALECTS}
    best = max(known, key=lambda dialect: known[dialect])
    if not known[best]:
        some = ", ".join(f"{name:.60}" for name in names[:3]) + (", ..." if len(names) > 3 else "")
        raise MismatchError(f"none of its {len(names)} tensors is named as an ST-GCN's ({some})")
    return best


def our_name(name: str, dialect: str) -> str | None:
    """What this project calls a dialect's tensor; None if the dialect has no such name."""
    return _match(name, _table(dialect))


def convert_state_dict(state: State, dialect: str = "paddle") -> dict[str, Array]:
    """Another writer's tensors under this project's names, as ``STGCN.load_state_dict`` takes them.

    Args:
        state: Arrays under the dialect's names.
        dialect: A key of ``DIALECTS``.

    Returns:
        The same arrays; a linear head as the 1×1 convolution that it is, and a batch count of 0 for each batch norm
        where the dialect has none.

    Raises:
        MismatchError: Names that are none of an ST-GCN's, each with the nearest that would do, or two tensors that are
            one here and differ; all are listed.
    """
    converted, problems = fitting_tensors(state, dialect)
    if problems:
        raise misfit(problems)
    return converted


def fitting_tensors(state: State, dialect: str = "paddle") -> tuple[dict[str, Array], list[str]]:
    """What ``convert_state_dict`` gives of those tensors that have a name here, and what is wrong with the others."""
    converted, problems = _renamed(state, _table(dialect))
    head = converted.get("head.fcn.weight")
    if head is not None and head.ndim == 2:
        converted["head.fcn.weight"] = head[:, :, None, None]
    for name in [name for name in converted if name.endswith(".running_var")]:
        converted.setdefault(name.replace(".running_var", ".num_batches_tracked"), np.zeros((), np.int64))
    return converted, problems


def misfit(problems: Sequence[str]) -> MismatchError:
    """The error that tells them, the first ``SHOWN`` in full."""
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return MismatchError(f"the tensors are not those of an ST-GCN: {'; '.join([*problems[:SHOWN], *more])}")


def restore_state_dict(state: State, dialect: str = "paddle") -> dict[str, Array]:
    """The way back: this project's tensors under another writer's names; what it has no name for is left out.

    Raises:
        MismatchError: Names that are none of this project's, or a dialect that cannot be written.
    """
    named = {ours: theirs for theirs, ours in DIALECTS[dialect].names()}
    if several := [theirs for ours, theirs in named.items() if "*" in theirs and "*" not in ours]:
        raise MismatchError(f"{dialect} has {', '.join(several)} in every block: it is read, and not written")
    restored, problems = _renamed(state, {ours: named.get(ours, "") for _, ours in Dialect().names()})
    if problems:
        raise misfit(problems)
    return {name: value for name, value in restored.items() if name}


@cache
def _table(dialect: str) -> Table:
    return dict(DIALECTS[dialect].names())


def _match(name: str, table: Table) -> str | None:
    """What the table calls a tensor of this name; None if it has no such name."""
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
            problems.append(f"unexpected {name[:200]}{_nearest(name, table) if len(problems) < SHOWN else ''}")
        elif (first := renamed.setdefault(new, value)) is not value and new and not np.array_equal(first, value):
            problems.append(f"{name} differs from another block's, and there is one {new}")
    return renamed, problems


def _nearest(name: str, table: Table) -> str:
    number = next(iter(re.findall(r"\.(\d+)\.", name)), "0")
    near = get_close_matches(name, [old.replace("*", number) for old in table], n=1, cutoff=0.8)
    return f" (nearest is {near[0]})" if near else ""
