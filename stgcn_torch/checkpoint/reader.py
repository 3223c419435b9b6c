"""Reading of every kind of checkpoint that this project writes."""

import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from pathlib import Path
from pickle import UnpicklingError  # raised by torch for a file that weights_only refuses
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stgcn_torch.architecture import architecture, is_published, unknown_strides
from stgcn_torch.checkpoint.assumptions import ASSUMED, assumed_lines, replaced
from stgcn_torch.checkpoint.card import read_card
from stgcn_torch.checkpoint.weights import State, check_fits, check_head, in_single_precision
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.integrity import CARD, DIGEST, check_digest, check_finite, check_records
from stgcn_torch.model import STGCN
from stgcn_torch.options.stored import check_stored
from stgcn_torch.training.lit import NO_SLOTS, LitSTGCN

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

# Arguments of ``STGCN`` that no tensor shows.
STORED = ("strides", "layout", "strategy", "max_hop", "dilation", "dropout", "aggregation")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's weights and the information stored with them.

    Attributes:
        state: Tensors by the names of ``STGCN.state_dict``.
        model: Arguments of ``STGCN`` for these tensors.
        preprocessing: Preprocessing of the training clips; None if not stored.
        classes: Class names; None if not stored.
        clips: Facts about the training clips; None if not stored.
        assumed: Sentences on what no file said and is taken for granted.
        has_strides: Whether the strides in ``model`` are known, or those of the published network, and no mere guess.
        hyperparameters: All arguments of ``LitSTGCN``; None if the file holds weights only.
        recipe: Other values that a resumed run must repeat, from ``commands.run_objects.recipe``; None if not stored.
    """

    state: State
    model: dict[str, Any]
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None
    clips: TrainingClips | None = None
    assumed: tuple[str, ...] = ()
    has_strides: bool = True
    hyperparameters: Mapping[str, Any] | None = None
    recipe: Mapping[str, Any] | None = None

    def build(self) -> STGCN:
        """The network, in evaluation mode.

        Raises:
            ValueError: The tensors do not fit, with a list of all that are missing, unexpected or of another shape; or
                the file holds a backbone without a head, or nobody says its strides.
        """
        self.check()
        network = STGCN(**self.model)
        network.load_state_dict(dict(self.state))
        network.slots = self.clips.slots if self.clips else None
        return network.eval()

    def check(self) -> None:
        """Raise ValueError as ``build``, before any memory is taken: what a file says may be of any size."""
        check_head(self.model)
        if self.classes is not None and len(self.classes) != self.model["num_classes"]:
            raise ValueError(f"it names {len(self.classes)} classes, and its head has {self.model['num_classes']}")
        with torch.device("meta"):
            expected = STGCN(**self.model).state_dict()
        check_fits(self.state, expected)
        if not self.has_strides:
            raise ValueError(unknown_strides(len(self.model["channels"]), "strides="))


def load_model(path: str | Path, strides: Sequence[int] | None = None) -> STGCN:
    """The network of a checkpoint (``.ckpt``, ``.pt``, ``.pth`` or ``.safetensors``), in evaluation mode.

    Args:
        path: The file.
        strides: Temporal stride of each block, for a file that does not hold it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no checkpoint that this project reads, or is damaged, or its strides are unknown.

    Warns:
        UserWarning: Something that the file does not hold is assumed.
    """
    checkpoint = read_checkpoint(path, strides)
    network = checkpoint.build()
    for line in checkpoint.assumed:
        warnings.warn(f"{path}: {line}", stacklevel=2)
    return network


def read_checkpoint(path: str | Path, strides: Sequence[int] | None = None) -> Checkpoint:
    """A checkpoint's weights and the information stored with them; arguments and errors as of ``load_model``.

    Checksums and digest are compared, as far as the file has them, and every weight must be finite.
    """
    checkpoint = _with_strides(_checkpoint(Path(path)), strides)
    if checkpoint.clips is None:
        checkpoint = replace(checkpoint, assumed=(*checkpoint.assumed, f"it {NO_SLOTS}"))
    try:
        check_finite(checkpoint.state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return checkpoint


def _with_strides(checkpoint: Checkpoint, strides: Sequence[int] | None) -> Checkpoint:
    """The checkpoint with the strides that are given, or a sentence on those that are assumed."""
    if strides is not None:
        blocks = len(checkpoint.model["channels"])
        try:
            whole = [] if isinstance(strides, str) else [index(stride) for stride in strides if stride is not True]
        except TypeError:
            whole = []
        if len(whole) != blocks or min(whole, default=0) < 1:
            raise ValueError(f"strides must be {blocks} whole numbers from 1 on, a block each, got {strides!r:.60}")
        asked = replace(checkpoint, model=checkpoint.model | {"strides": whole}, has_strides=True)
        own = list(checkpoint.model["strides"])
        if checkpoint.classes is None or not checkpoint.has_strides or own == whole:
            return asked
        line = f"strides= overrules its own strides, {','.join(map(str, own))}: it is another network"
        return replace(asked, assumed=(*checkpoint.assumed, line))
    if checkpoint.classes is None and checkpoint.has_strides:  # of bare tensors
        listed = ",".join(map(str, checkpoint.model["strides"]))
        line = f"the strides of its blocks are assumed, those of the published network ({listed}); strides= overrules"
        return replace(checkpoint, assumed=(*checkpoint.assumed, line))
    return checkpoint


def _checkpoint(path: Path) -> Checkpoint:
    """What a file holds."""
    contents = _read(path)
    if "hyper_parameters" in contents:
        hparams = contents["hyper_parameters"]
        missing = {"model", "preprocessing", "classes"} - set(hparams if isinstance(hparams, Mapping) else ())
        if missing or "state_dict" not in contents:
            raise ValueError(f"{path} is a Lightning checkpoint, but none of LitSTGCN; {_advice(path)}")
        state = _tensors(path, contents["state_dict"])
        _check_digest(path, state, contents.get(CARD))
        try:
            check_stored(hparams["model"], hparams["preprocessing"], hparams["classes"], complete=True)
            preprocessing = Preprocessing.of(hparams["preprocessing"])
            clips, assumed = _clips(hparams.get("training_clips")), assumed_lines(hparams.get("assumed"))
        except ValueError as error:
            raise ValueError(f"{path}: its hyperparameters are damaged: {error}") from None
        hparams = {**hparams, "preprocessing": preprocessing.plain}  # with defaults of options newer than the file
        model = {"num_classes": len(hparams["classes"]), "in_channels": preprocessing.in_channels} | hparams["model"]
        state = in_single_precision(state, model)
        callbacks = contents.get("callbacks")
        recipe = callbacks.get("Recipe") if isinstance(callbacks, Mapping) else None
        classes = tuple(hparams["classes"])
        return Checkpoint(state, model, preprocessing, classes, clips, assumed, True, hparams, recipe)
    state = _tensors(path, contents.get("state_dict", contents))
    card = read_card(path)
    _check_digest(path, state, card)
    try:
        model = architecture(state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {_advice(path)}") from None
    state = in_single_precision(state, model)
    if card is None:
        return Checkpoint(state, model, has_strides=is_published(model))
    return _described(path, state, model, card)


def _described(path: Path, state: State, model: dict[str, Any], card: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint with what the card beside its tensors says."""
    try:
        check_stored(card["model"], card["preprocessing"], card["classes"])
        preprocessing = Preprocessing.of(card["preprocessing"]) if card["preprocessing"] else None
        clips, assumed = _clips(card.get("training_clips")), assumed_lines(card.get("assumed"))
        classes = tuple(map(str, card["classes"]))
        stored = {name: card["model"][name] for name in STORED if name in card["model"]}
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: its card is damaged ({_first_line(error)})") from None
    has_strides = "strides" in stored or is_published(model)
    return Checkpoint(state, model | stored, preprocessing, classes, clips, assumed, has_strides)


def _clips(stored: object) -> TrainingClips | None:
    return None if stored is None else TrainingClips.of(stored)


def _check_digest(path: Path, state: State, card: object) -> None:
    try:
        check_digest(state, card.get(DIGEST) if isinstance(card, Mapping) else None)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


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
    checkpoint = read_checkpoint(path, strides)
    if checkpoint.preprocessing is None and "window" not in (given or {}):
        raise ValueError(
            f"{path} holds weights only, not what was done to their clips; "
            f"say preprocessing=NAME, one of {', '.join(PREPROCESSINGS)}"
        )
    preprocessing = (checkpoint.preprocessing.plain if checkpoint.preprocessing else {}) | dict(given or {})
    try:
        checkpoint.check()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    classes = checkpoint.classes or tuple(map(str, range(checkpoint.model["num_classes"])))
    clips = checkpoint.clips.plain if checkpoint.clips else None
    module = LitSTGCN(checkpoint.model, preprocessing, classes, training_clips=clips)
    module.load_state_dict(dict(checkpoint.state))
    module.split = split_of(checkpoint)
    told = "window" in (given or {})  # the preprocessing
    lines = [line for line in checkpoint.assumed if not (told and line in ASSUMED)]
    if told and checkpoint.preprocessing and ASSUMED[0] not in checkpoint.assumed:
        lines += replaced(checkpoint.preprocessing, module.preprocessing)
    module.assumed = tuple(f"{path}: {line}" for line in lines)
    return module.eval()


def split_of(checkpoint: Checkpoint) -> Mapping[str, Any] | None:
    """The rules that a run held clips out by; None if the file does not say.

    Before 2026-12 the recipe of a run alone had them.
    """
    if checkpoint.clips and checkpoint.clips.split is not None:
        return checkpoint.clips.split
    data = (checkpoint.recipe or {}).get("data")
    if not isinstance(data, Mapping):
        return None
    return {name: rule for name in ("test", "val") if isinstance(rule := data.get(name), Mapping)}


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if path.suffix in (".pdparams", ".pdopt", ".pdiparams"):
        raise ValueError(f"{path} is a Paddle file; convert-pdparams {path} {path.with_suffix('.ckpt')} converts it")
    try:
        check_records(path)
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


def _tensors(path: str | Path, state: object) -> State:
    if isinstance(state, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        return state
    raise ValueError(f"{path} holds no state dict of tensors")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
