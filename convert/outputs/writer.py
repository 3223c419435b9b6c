"""What a network becomes: a state dict, a Lightning checkpoint, safetensors with a card, or Paddle's own file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from safetensors.numpy import save

from convert.formats.pdparams import pdopt_parts, pdparams_parts
from convert.formats.torch_files import write_pt
from convert.network.keys import Array, restore_state_dict
from convert.network.network import Network
from convert.network.optimizer import Momentum
from convert.network.recipes import Recipe
from convert.pickle.errors import MismatchError, UnreadableError, about
from convert.pickle.files import contents
from stgcn_torch.checkpoint.card import card_of
from stgcn_torch.checkpoint.input_statistics import Centring, centring, contradiction
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.files import write_together, write_whole
from stgcn_torch.skeleton import LAYOUTS, Skeleton, skeleton

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".pdparams")
COORDINATES = {2: ("x", "y"), 3: ("x", "y", "z")}


def centring_of(network: Network) -> Centring:
    """Whether the weights show that the layout's centre joint was at the origin."""
    return centring(network.state, body_of(network).center)


def body_of(network: Network) -> Skeleton:
    """The layout of the network's joints."""
    return skeleton(network.model["layout"])


def preprocessing_of(network: Network, name: str | None) -> tuple[Preprocessing | None, str]:
    """The preprocessing of this name, for the network's coordinates, and how it came about; assumed without a name.

    Raises:
        MismatchError: The checkpoint's own is damaged.
    """
    if name is None and network.preprocessing is not None:
        try:
            return Preprocessing.of(network.preprocessing), "the checkpoint's own"
        except (TypeError, ValueError) as problem:
            raise MismatchError(f"its preprocessing is damaged ({problem}); --preprocessing overrules it") from None
    C = network.model["in_channels"]
    if C not in COORDINATES:
        return None, f"unknown: it sees {C} coordinates, and clips have 2 or 3"
    found, body = centring_of(network), body_of(network)
    assumed = {"centred": "paddlevideo" if body.name == "fsd10" else "fixed", "raw": "article", "unknown": None}[found]
    if assumed and contradiction(network.state, PREPROCESSINGS[assumed], body):  # centred, but on another joint
        assumed = None
    name, how = (name, "as asked for") if name else (assumed, f"assumed: the weights are {found}")
    if name is None:
        return None, "unknown, the weights do not show it; --preprocessing says it"
    made = PREPROCESSINGS[name]
    if C == 3:
        seen = ("x", "y", "score") if LAYOUTS.get(body.name, body).scored else COORDINATES[C]
        made = replace(made, channels=seen, keep=seen)
    return made, f"{name}, {how}"


def write(
    network: Network,
    path: Path,
    preprocessing: Preprocessing | None = None,
    momentum: Momentum | None = None,
    recipe: Recipe | None = None,
) -> None:
    """Write a network, and the state of its optimizer, in the form of the path's suffix; a file appears whole or not.

    Raises:
        ValueError: The suffix is unknown, or a Lightning checkpoint lacks its preprocessing.
    """
    if path.suffix in (".pt", ".pth"):
        write_pt(network.state, path)
    elif path.suffix == ".safetensors":
        write_whole(path, [save(network.state, card_of(network.model, preprocessing, network.classes))])
    elif path.suffix == ".pdparams":
        files = {path: pdparams_parts(restore_state_dict(network.state), _names(network))}
        if momentum:
            velocities = restore_state_dict(momentum.velocities)
            parts = pdopt_parts(velocities, momentum.schedule, _names(network), momentum.steps)
            files[path.with_suffix(".pdopt")] = parts
        write_together(files)
    elif path.suffix == ".ckpt":
        if preprocessing is None:
            raise ValueError(f"{path}: a Lightning checkpoint holds its preprocessing; say --preprocessing")
        from convert.outputs.lightning import write_ckpt  # here, as it loads torch and Lightning

        write_ckpt(network, preprocessing, path, momentum, recipe)
    else:
        raise ValueError(f"OUT must end with {', '.join(SUFFIXES)}, got {path}")


def _names(network: Network) -> Mapping[str, str] | None:
    """The file's own parameter names, if it has one for every tensor; None for those of a fresh process."""
    complete = network.names and restore_state_dict(network.state).keys() <= network.names.keys()
    return network.names if complete else None


def compare(network: Network, clips: Path, logits: Path) -> dict[str, Any]:
    """What the network answers to clips beside what another answered: largest difference and shared top-1.

    Raises:
        MismatchError: The clips are not what the network takes, or the answers not as many as its.
    """
    import torch  # here, as loading it takes longer than all else that the converter does

    from stgcn_torch.model import STGCN

    x, expected = _reals(clips), _reals(logits)
    C, V = network.model["in_channels"], len(body_of(network).joints)
    if x.ndim != 5 or (x.shape[1], x.shape[3]) != (C, V):
        raise MismatchError(f"{clips}: clips must be (N, {C}, T, {V}, M), got {x.shape}")
    if not network.model["num_classes"]:
        raise MismatchError("the network has no head, whose answers could be compared")
    made = STGCN(**network.model)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in network.state.items()})
    with torch.inference_mode():
        actual = made.eval()(torch.from_numpy(x.astype(np.float32))).numpy()
    if expected.shape != actual.shape:
        raise MismatchError(f"{logits}: answers must be {actual.shape}, got {expected.shape}")
    if not (np.isfinite(actual).all() and np.isfinite(expected).all()):
        raise MismatchError(f"{clips}, {logits}: answers must be finite to be compared")
    difference = float(np.abs(actual - expected).max())
    agreement = float((actual.argmax(axis=1) == expected.argmax(axis=1)).mean())
    said = (
        f"logits of {len(x)} clips differ by {difference:.1e} at most (the largest is {np.abs(expected).max():.1f}), "
    )
    return {
        "reference": {"largest_difference": difference, "top1_agreement": agreement, "clips": len(x)},
        "reference_said": f"{said}top-1 agrees in {agreement:.1%}",
    }


def _reals(path: Path) -> Array:
    """A file of real numbers in NumPy's form, mapped, so that a header that lies allocates nothing."""
    with about(path):
        if bytes(contents(path)[:6]) != b"\x93NUMPY":
            raise UnreadableError("is no array (.npy)")
        try:
            array = np.load(path, allow_pickle=False, mmap_mode="r")
        except (ValueError, EOFError, OSError, OverflowError, MemoryError, SyntaxError, TokenError):
            raise UnreadableError("is an array (.npy), damaged or cut short") from None
        if array.dtype.kind not in "fiub" or not array.size:
            raise MismatchError(f"holds no real numbers, got {array.dtype} of shape {array.shape}")
        return np.asarray(array)
