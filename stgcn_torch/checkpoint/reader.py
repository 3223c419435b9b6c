"""Reading of every kind of checkpoint that this project writes."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError  # raised by torch for a file that weights_only refuses
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
from stgcn_torch.options.stored import check_stored
from stgcn_torch.training.lit import LitSTGCN

# Errors that torch's and safetensors' readers are known to raise for a damaged file.
READ_ERRORS = (
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
    """A checkpoint's weights and the information stored with them.

    Attributes:
        state: Tensors by the names of ``STGCN.state_dict``.
        model: Arguments of ``STGCN`` for these tensors.
        preprocessing: Preprocessing of the training clips; None if not stored.
        classes: Class names; None if not stored.
        hyperparameters: All arguments of ``LitSTGCN``; None if the file holds weights only.
        recipe: Other values that a resumed run must repeat, from ``commands.run_objects.recipe``; None if not stored.
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
            ValueError: The tensors do not fit, with a list of all that are missing, unexpected or of another shape; or
                the file holds a backbone without a head.
        """
        self.check()
        network = STGCN(**self.model)
        network.load_state_dict(dict(self.state))
        return network.eval()

    def check(self) -> None:
        """Raise ValueError as ``build``, before any memory is taken: what a file says may be of any size."""
        check_head(self.model)
        if self.classes is not None and len(self.classes) != self.model["num_classes"]:
            raise ValueError(f"it names {len(self.classes)} classes, and its head has {self.model['num_classes']}")
        with torch.device("meta"):
            expected = STGCN(**self.model).state_dict()
        check_fits(self.state, expected)


def load_model(path: str | Path) -> STGCN:
    """The network of a checkpoint (``.ckpt``, ``.pt``, ``.pth`` or ``.safetensors``), in evaluation mode.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no checkpoint that this project reads.
    """
    return read_checkpoint(path).build()


def read_checkpoint(path: str | Path) -> Checkpoint:
    """A checkpoint's weights and the information stored with them; raises as ``load_model``."""
    contents = _read(Path(path))
    if "hyper_parameters" in contents:
        hparams = contents["hyper_parameters"]
        missing = {"model", "preprocessing", "classes"} - set(hparams if isinstance(hparams, Mapping) else ())
        if missing or "state_dict" not in contents:
            raise ValueError(f"{path} is a Lightning checkpoint, but none of LitSTGCN; {_advice(path)}")
        state = _tensors(path, contents["state_dict"])
        try:
            check_stored(hparams["model"], hparams["preprocessing"], hparams["classes"], complete=True)
            preprocessing = Preprocessing.of(hparams["preprocessing"])
        except ValueError as error:
            raise ValueError(f"{path}: its hyperparameters are damaged: {error}") from None
        hparams = {**hparams, "preprocessing": preprocessing.plain}  # with defaults of options newer than the file
        model = {"num_classes": len(hparams["classes"]), "in_channels": preprocessing.in_channels} | hparams["model"]
        callbacks = contents.get("callbacks")
        recipe = callbacks.get("Recipe") if isinstance(callbacks, Mapping) else None
        return Checkpoint(state, model, preprocessing, tuple(hparams["classes"]), hparams, recipe)
    state = _tensors(path, contents.get("state_dict", contents))
    card = _card(Path(path))
    try:
        model = architecture(state)
        if card is None:
            return Checkpoint(state, model)
        strides, card_preprocessing, classes = card
        return Checkpoint(state, model | {"strides": strides}, card_preprocessing, classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {_advice(path)}") from None


def load_module(
    path: str | Path, given: Mapping[str, Any] | None = None, strides: Sequence[int] | None = None
) -> LitSTGCN:
    """The Lightning module of a checkpoint, in evaluation mode, with the preprocessing that it was trained with.

    Args:
        path: Any file that ``load_model`` reads.
        given: Preprocessing options that override the checkpoint's; all options for a file that holds weights only.
        strides: Temporal stride of each block, which weights do not show; None for the checkpoint's or assumed ones.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no checkpoint, or holds weights only and no preprocessing is given.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.preprocessing is None and "window" not in (given or {}):
        raise ValueError(
            f"{path} holds weights only, not what was done to their clips; "
            f"say preprocessing=NAME, one of {', '.join(PREPROCESSINGS)}"
        )
    preprocessing = (checkpoint.preprocessing.plain if checkpoint.preprocessing else {}) | dict(given or {})
    if strides:
        checkpoint = replace(checkpoint, model=checkpoint.model | {"strides": list(strides)})
    checkpoint.check()
    classes = checkpoint.classes or tuple(map(str, range(checkpoint.model["num_classes"])))
    module = LitSTGCN(checkpoint.model, preprocessing, classes)
    module.load_state_dict(dict(checkpoint.state))
    return module.eval()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if path.suffix in (".pdparams", ".pdopt", ".pdiparams"):
        raise ValueError(f"{path} is a Paddle file; convert-pdparams {path} {path.with_suffix('.ckpt')} converts it")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        reason = "it is no torch file, or holds more than tensors and plain values"
        raise ValueError(f"{path} is refused: {reason}; convert-pdparams {path} OUT.ckpt may read it") from None
    except READ_ERRORS as error:
        raise ValueError(f"{path} is no readable checkpoint: {_first_line(error)}") from None
    if not isinstance(contents, dict):
        raise ValueError(f"{path} holds no state dict, got {type(contents).__name__}")
    return contents


def _advice(path: str | Path) -> str:
    return f"convert-pdparams {path} OUT.ckpt reads other projects' files"


def _card(path: Path) -> tuple[list[int], Preprocessing | None, tuple[str, ...]] | None:
    """Strides, preprocessing (if known) and classes from the card that ``convert-pdparams`` writes into safetensors."""
    if path.suffix != ".safetensors" or (card := read_card(path)) is None:
        return None
    try:
        check_stored(card["model"], card["preprocessing"], card["classes"])
        strides, preprocessing = [int(stride) for stride in card["model"]["strides"]], card["preprocessing"]
        return strides, Preprocessing.of(preprocessing) if preprocessing else None, tuple(map(str, card["classes"]))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: its card is damaged ({_first_line(error)})") from None


def _tensors(path: str | Path, state: object) -> State:
    if isinstance(state, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        return state
    raise ValueError(f"{path} holds no state dict of tensors")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
