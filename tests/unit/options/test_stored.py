"""A checkpoint whose arguments are damaged is refused in one line, before any memory is taken for it."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from stgcn_torch.checkpoint.reader import load_module, read_checkpoint
from stgcn_torch.options.stored import check_stored
from tests.checkpoints import CLASSES, module_of, write_ckpt

NAN = float("nan")
DAMAGED: list[tuple[str, object, str]] = [
    *(
        (("classes", value, "classes must be a list of texts, got "))
        for value in (None, [1, 2], [["a"]], "ab", {"a": 1})
    ),
    *(("model", value, "model must be a mapping, got ") for value in (None, [1], "STGCN")),
    *(("preprocessing", value, "preprocessing must be a mapping, got ") for value in ([1], 3)),
    *(("model.layout", value, "model.layout must be a layout name, a YAML file or a mapping") for value in (5, [1])),
    ("model.strategy", ["spatial"], "model.strategy must be spatial, "),
    *(("model.dropout", value, "model.dropout must be a number from 0 to 1") for value in ("much", NAN, 2.0)),
    *(("model.max_hop", value, "model.max_hop must be a whole number from 1 to 1000") for value in (10**9, 0, 1.0)),
    *(
        ("model.channels", value, "model.channels must be a list of whole numbers")
        for value in ([10**9], "ab", None, 4)
    ),
    *(("model.strides", value, "model.strides must be a list of whole numbers") for value in ([0, 1], None, [1.5])),
    *(("model.temporal_kernel", value, "model.temporal_kernel must be a whole") for value in ("9", -1, 10**9)),
    ("model.data_bn", "yes", "model.data_bn must be true or false"),
    ("model.aggregation", 3, "model.aggregation must be matmul or einsum"),
    ("model.colour", "red", "model.colour is no option"),
    *(("preprocessing.window", value, "preprocessing.window must be a whole") for value in (10**12, "8", 8.0, True)),
    ("preprocessing.crops", 10**9, "preprocessing.crops must be a whole number from 1 to 1000"),
    *(("preprocessing.keep", value, "preprocessing.keep must be a list of names") for value in ([1], 3, None)),
    ("preprocessing.center", [1], "preprocessing.center must be a name, a whole number from 0 on or null"),
    ("preprocessing.streams", None, "preprocessing.streams must be a list out of joint, bone"),
    ("preprocessing.colour", "red", "preprocessing.colour is no option"),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A checkpoint as a run writes it."""
    path = tmp_path_factory.mktemp("stored") / "whole.ckpt"
    write_ckpt(module_of(), path)
    return torch.load(path, weights_only=True)  # type: ignore[no-any-return]


def test_what_a_run_writes_is_taken(stored: dict[str, Any]) -> None:
    arguments = stored["hyper_parameters"]
    check_stored(arguments["model"], arguments["preprocessing"], arguments["classes"])
    check_stored(arguments["model"] | {"strides": (1, 2)}, None, tuple(CLASSES))


@pytest.mark.parametrize(("name", "value", "message"), DAMAGED, ids=lambda value: str(value)[:30])
def test_damage_is_one_line(stored: dict[str, Any], name: str, value: object, message: str, tmp_path: Path) -> None:
    changed = copy.deepcopy(stored)
    group, _, key = name.partition(".")
    if key:
        changed["hyper_parameters"][group][key] = value
    else:
        changed["hyper_parameters"][group] = value
    torch.save(changed, tmp_path / "damaged.ckpt")
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        read_checkpoint(tmp_path / "damaged.ckpt")
    assert str(caught.value).startswith(f"{tmp_path / 'damaged.ckpt'}: its hyperparameters are damaged: {message}")


@pytest.mark.parametrize(
    ("name", "value"), [("channels", [65536, 65536]), ("num_classes", 10**9), ("temporal_kernel", 1001)]
)
def test_what_the_tensors_contradict_takes_no_memory(
    stored: dict[str, Any], name: str, value: object, tmp_path: Path
) -> None:
    """The networks that these arguments describe would have gigabytes."""
    changed = copy.deepcopy(stored)
    changed["hyper_parameters"]["model"][name] = value
    torch.save(changed, tmp_path / "lying.ckpt")
    with pytest.raises(ValueError, match=r"the weights do not fit the network|it names 3 classes, and its head has"):
        load_module(tmp_path / "lying.ckpt")
