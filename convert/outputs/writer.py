"""Writing of networks: state dict, Lightning checkpoint, safetensors with a card, or Paddle's own file."""

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
from stgcn_torch.checkpoint.card import RECORD, beside, card_of, text_of
from stgcn_torch.checkpoint.clip_evidence import Centring, centring, contradiction
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.files import write_together, write_whole
from stgcn_torch.integrity import CARD
from stgcn_torch.skeleton import LAYOUTS, Skeleton, skeleton

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".pdparams")
COORDINATES = {2: ("x", "y"), 3: ("x", "y", "z")}


def centring_of(network: Network) -> Centring:
    """Whether the weights show that training clips had the layout's centre joint at the origin."""
    return centring(network.state, body_of(network).center)


def body_of(network: Network) -> Skeleton:
    """The layout of the network's joints."""
    return skeleton(network.model["layout"])


def preprocessing_of(network: Network, name: str | None) -> tuple[Preprocessing | None, str]:
    """The preprocessing for the network's coordinates, and its source for the report.

    Args:
        network: The network of a file.
        name: Key of ``PREPROCESSINGS``; None for the checkpoint's own, else the one that the weights suggest.

    Returns:
        The preprocessing, None if unknown; and words on its source.

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
    state, body = centring_of(network), body_of(network)
    assumed = {"centred": "paddlevideo" if body.name == "fsd10" else "fixed", "raw": "article", "unknown": None}[state]
    if assumed and contradiction(network.state, PREPROCESSINGS[assumed], body):  # centred on another joint
        assumed = None
    name, source = (name, "as asked for") if name else (assumed, f"assumed: the weights are {state}")
    if name is None:
        return None, "unknown, the weights do not show it; --preprocessing says it"
    preprocessing = PREPROCESSINGS[name]
    if C == 3:
        channels = ("x", "y", "score") if LAYOUTS.get(body.name, body).scored else COORDINATES[C]
        preprocessing = replace(preprocessing, channels=channels, keep=channels)
    return preprocessing, f"{name} (window {preprocessing.window}), {source}"


def write(
    network: Network,
    path: Path,
    preprocessing: Preprocessing | None = None,
    momentum: Momentum | None = None,
    recipe: Recipe | None = None,
) -> None:
    """Write a network and its optimizer's state in the format of the path's suffix; files appear whole or not at all.

    Raises:
        ValueError: The suffix is unknown, or a Lightning checkpoint lacks its preprocessing.
    """
    clips, classes = clips_of(network), network.classes
    card = text_of(card_of(network.state, network.model, preprocessing, classes, clips, network.assumed)).encode()
    if path.suffix in (".pt", ".pth"):
        write_pt(network.state, path, {RECORD: card})
    elif path.suffix == ".safetensors":
        write_whole(path, [save(network.state, {CARD: card.decode()})])
    elif path.suffix == ".pdparams":
        files = {path: pdparams_parts(restore_state_dict(network.state), _names(network)), beside(path): [card]}
        if momentum:
            velocities = restore_state_dict(momentum.velocities)
            parts = pdopt_parts(velocities, momentum.schedule, _names(network), momentum.steps)
            files[path.with_suffix(".pdopt")] = parts
        write_together(files)
    elif path.suffix == ".ckpt":
        if preprocessing is None:
            raise ValueError(f"{path}: a Lightning checkpoint holds its preprocessing; say --preprocessing")
        from convert.outputs.lightning import write_ckpt  # imported here, as it loads torch and Lightning

        write_ckpt(network, preprocessing, path, momentum, recipe)
    else:
        raise ValueError(f"OUT must end with {', '.join(SUFFIXES)}, got {path}")


def clips_of(network: Network) -> TrainingClips | None:
    """Facts about the training clips; None if unknown, MismatchError if they are damaged."""
    try:
        return TrainingClips.of(network.training_clips) if network.training_clips else None
    except ValueError as problem:
        raise MismatchError(str(problem)) from None


def _names(network: Network) -> Mapping[str, str] | None:
    """The file's parameter names if it has one for every tensor; else None, for those of a fresh process."""
    complete = network.names and restore_state_dict(network.state).keys() <= network.names.keys()
    return network.names if complete else None


def compare(network: Network, clips: Path, logits: Path) -> dict[str, Any]:
    """Compare the network's logits with reference logits: largest difference and top-1 agreement.

    Args:
        network: The network of a file.
        clips: A ``.npy`` file (N, C, T, V, M).
        logits: A ``.npy`` file of the reference logits (N, classes).

    Raises:
        MismatchError: The shape of the clips or of the logits does not fit the network, or logits are not finite.
    """
    import torch  # imported here, as its import takes longer than the whole conversion

    from stgcn_torch.model import STGCN

    x, expected = _reals(clips), _reals(logits)
    C, V = network.model["in_channels"], len(body_of(network).joints)
    if x.ndim != 5 or (x.shape[1], x.shape[3]) != (C, V):
        raise MismatchError(f"{clips}: clips must be (N, {C}, T, {V}, M), got {x.shape}")
    if not network.model["num_classes"]:
        raise MismatchError("the network has no head, whose answers could be compared")
    model = STGCN(**network.model)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in network.state.items()})
    with torch.inference_mode():
        actual = model.eval()(torch.from_numpy(x.astype(np.float32))).numpy()
    if expected.shape != actual.shape:
        raise MismatchError(f"{logits}: answers must be {actual.shape}, got {expected.shape}")
    if not (np.isfinite(actual).all() and np.isfinite(expected).all()):
        raise MismatchError(f"{clips}, {logits}: answers must be finite to be compared")
    difference = float(np.abs(actual - expected).max())
    agreement = float((actual.argmax(axis=1) == expected.argmax(axis=1)).mean())
    text = (
        f"logits of {len(x)} clips differ by {difference:.1e} at most (the largest is {np.abs(expected).max():.1f}), "
    )
    return {
        "reference": {"largest_difference": difference, "top1_agreement": agreement, "clips": len(x)},
        "reference_text": f"{text}top-1 agrees in {agreement:.1%}",
    }


def _reals(path: Path) -> Array:
    """An array of real numbers from a ``.npy`` file, mapped, so that a false header allocates no memory."""
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
