"""One door for checkpoints: read any kind the project writes, and write them so that they are never half there."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # what torch raises for a file that weights_only refuses
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stgcn_torch.architecture import architecture
from stgcn_torch.checkpoint.card import read_card
from stgcn_torch.checkpoint.weights import State, check_fits, check_head
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN

# What torch's and safetensors' readers are known to raise for a damaged file.
DAMAGED = (
    SafetensorError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's weights, and what it says about them.

    Attributes:
        state: Tensors under the names of ``STGCN.state_dict``.
        model: Arguments of ``STGCN`` that fit them.
        preprocessing: What was done to the clips it was trained with; None if the file does not say.
        classes: Class names; None if the file does not say.
        hyperparameters: All arguments of ``LitSTGCN``; None if the file holds weights only.
        recipe: What else a resumed run must repeat, as ``commands.composition.recipe`` has it; None if nobody says.
    """

    state: State
    model: dict[str, Any]
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None
    hyperparameters: Mapping[str, Any] | None = None
    recipe: Mapping[str, Any] | None = None

    def build(self) -> STGCN:
        """The network, in evaluation mode.

        Raises:
            ValueError: The tensors do not fit; all that are missing, unexpected or of another shape are listed. Or they
                are a backbone's alone.
        """
        check_head(self.model)
        network = STGCN(**self.model)
        check_fits(self.state, network.state_dict())
        network.load_state_dict(dict(self.state))
        return network.eval()


def load_model(path: str | Path) -> STGCN:
    """The network of a checkpoint (``.ckpt``, ``.pt``, ``.pth`` or ``.safetensors``), in evaluation mode.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint that this project reads.
    """
    return read_checkpoint(path).build()


def read_checkpoint(path: str | Path) -> Checkpoint:
    """A checkpoint's weights and all that it says about them; errors as in ``load_model``."""
    held = _read(Path(path))
    if "hyper_parameters" in held:
        said = held["hyper_parameters"]
        missing = {"model", "preprocessing", "classes"} - set(said if isinstance(said, Mapping) else ())
        if missing or "state_dict" not in held:
            raise ValueError(f"{path} is a Lightning checkpoint, but none of LitSTGCN; {_converted(path)}")
        state = _tensors(path, held["state_dict"])
        preprocessing = Preprocessing.of(said["preprocessing"])
        said = {**said, "preprocessing": preprocessing.plain}  # with the parts that are younger than the file
        model = {"num_classes": len(said["classes"]), "in_channels": preprocessing.in_channels} | said["model"]
        callbacks = held.get("callbacks")
        recipe = callbacks.get("Recipe") if isinstance(callbacks, Mapping) else None
        return Checkpoint(state, model, preprocessing, tuple(said["classes"]), said, recipe)
    state = _tensors(path, held.get("state_dict", held))
    card = _card(Path(path))
    try:
        model = architecture(state)
        if card is None:
            return Checkpoint(state, model)
        strides, known, classes = card
        return Checkpoint(state, model | {"strides": strides}, known, classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {_converted(path)}") from None


def load_module(
    path: str | Path, given: Mapping[str, Any] | None = None, strides: Sequence[int] | None = None
) -> LitSTGCN:
    """The Lightning module of a checkpoint, in evaluation mode, with the preprocessing that it was trained with.

    Args:
        path: Any file that ``load_model`` reads.
        given: Parts of the preprocessing laid over the checkpoint's own; all of it where the file holds weights only.
        strides: Temporal stride of each block, which weights alone do not say; None takes the usual ones.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, or holds weights only and no preprocessing is given.
    """
    held = read_checkpoint(path)
    if held.preprocessing is None and "window" not in (given or {}):
        raise ValueError(
            f"{path} holds weights only, not what was done to their clips; "
            f"say preprocessing=NAME, one of {', '.join(PREPROCESSINGS)}"
        )
    preprocessing = (held.preprocessing.plain if held.preprocessing else {}) | dict(given or {})
    check_head(held.model)
    classes = held.classes or tuple(map(str, range(held.model["num_classes"])))
    module = LitSTGCN(held.model | ({"strides": list(strides)} if strides else {}), preprocessing, classes)
    check_fits(held.state, module.state_dict())
    module.load_state_dict(dict(held.state))
    return module.eval()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if path.suffix in (".pdparams", ".pdopt", ".pdiparams"):
        raise ValueError(f"{path} is a Paddle file; convert-pdparams {path} {path.with_suffix('.ckpt')} converts it")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        held = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        why = "it is no torch file, or holds more than tensors and plain values"
        raise ValueError(f"{path} is refused: {why}; convert-pdparams {path} OUT.ckpt may read it") from None
    except DAMAGED as error:
        raise ValueError(f"{path} is no readable checkpoint: {_first_line(error)}") from None
    if not isinstance(held, dict):
        raise ValueError(f"{path} holds no state dict, got {type(held).__name__}")
    return held


def _converted(path: str | Path) -> str:
    return f"convert-pdparams {path} OUT.ckpt reads other projects' files"


def _card(path: Path) -> tuple[list[int], Preprocessing | None, tuple[str, ...]] | None:
    """Strides, preprocessing (if known) and classes, which ``convert-pdparams`` writes into safetensors."""
    if path.suffix != ".safetensors" or (card := read_card(path)) is None:
        return None
    try:
        strides, said = [int(stride) for stride in card["model"]["strides"]], card["preprocessing"]
        return strides, Preprocessing.of(said) if said else None, tuple(map(str, card["classes"]))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: its card is damaged ({_first_line(error)})") from None


def _tensors(path: str | Path, state: object) -> State:
    if isinstance(state, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        return state
    raise ValueError(f"{path} holds no state dict of tensors")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
