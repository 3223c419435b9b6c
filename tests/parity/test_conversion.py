"""Files that live Paddle writes, and that it reads."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from convert import read_pdparams, write_pdparams
from convert.network.keys import restore_state_dict
from convert.network.network import find_network
from stgcn_torch.model import STGCN
from tests.parity import reference
from tests.parity.page import Measured
from tests.parity.pairs import arrays, pair
from tests.parity.reference import paddle
from tests.parity.rounding import largest_difference

pytestmark = pytest.mark.paddle
T = 33
TOLERANCE = 1e-5


def state_file(network: reference.STGCN, folder: Path) -> Path:
    paddle.save(network.state_dict(), str(folder / "state.pdparams"))
    return folder / "state.pdparams"


def protocol_2(network: reference.STGCN, folder: Path) -> Path:
    paddle.save(network.state_dict(), str(folder / "two.pdparams"), protocol=2)
    return folder / "two.pdparams"


def nested(network: reference.STGCN, folder: Path) -> Path:
    paddle.save({"epoch": 3, "model": network.state_dict(), "note": "x"}, str(folder / "nested.pdparams"))
    return folder / "nested.pdparams"


def safetensors(network: reference.STGCN, folder: Path) -> Path:
    paddle.save(network.state_dict(), str(folder / "state.safetensors"), safetensors=True)
    return folder / "state.safetensors"


def inference_model(network: reference.STGCN, folder: Path) -> Path:
    clips = paddle.static.InputSpec([None, 2, T, 25, 1], "float32")
    paddle.jit.save(paddle.jit.to_static(network, input_spec=[clips]), str(folder / "exported"))
    return folder / "exported.pdiparams"


def checkpoint(network: reference.STGCN, folder: Path) -> Path:
    paddle.distributed.save_state_dict({"model": network.state_dict()}, str(folder / "shards"))
    return folder / "shards"


def safe_checkpoint(network: reference.STGCN, folder: Path) -> Path:
    paddle.distributed.save_state_dict(network.state_dict(), str(folder / "safe"), safetensors=True)
    return folder / "safe"


FORMS: dict[str, Callable[[reference.STGCN, Path], Path]] = {
    "state dict": state_file,
    "state dict, pickle protocol 2": protocol_2,
    "nested checkpoint": nested,
    "safetensors": safetensors,
    "inference model": inference_model,
    "distributed checkpoint": checkpoint,
    "distributed checkpoint, safetensors": safe_checkpoint,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore")  # what Paddle's exporter says of itself
def test_every_tensor_of_a_file_is_paddles(form: str, tmp_path: Path, measured: Measured) -> None:
    theirs, _ = pair("float32")
    held = arrays(theirs)
    found = restore_state_dict(find_network(read_pdparams(FORMS[form](theirs, tmp_path))).state)
    assert found.keys() == held.keys()
    measured(f"tensors read: {form}", max(float(np.abs(found[name] - held[name]).max()) for name in held), 0)


@pytest.mark.filterwarnings("ignore")  # what Paddle's exporter says of itself
def test_the_names_of_an_exported_network_follow_from_its_shapes(tmp_path: Path) -> None:
    """Paddle 3 exports no structured names; the process has made other layers before."""
    theirs = reference.STGCN(5, channels=(8, 8, 16, 16), strides=(1, 1, 2, 1))
    theirs.eval()
    held = arrays(theirs)
    path = inference_model(theirs, tmp_path)
    for given in (path, path.with_suffix("")):
        read = read_pdparams(given)
        assert isinstance(read, dict)
        assert read.keys() == held.keys()
        assert all(np.array_equal(read[name], held[name]) for name in held)


def test_a_converted_network_answers_as_paddles(tmp_path: Path, measured: Measured) -> None:
    theirs, _ = pair("float32")
    network = find_network(read_pdparams(state_file(theirs, tmp_path)))
    ours = STGCN(**network.model).eval()
    ours.load_state_dict({name: torch.from_numpy(value) for name, value in network.state.items()})
    x = np.random.default_rng(2).normal(size=(2, 2, T, 25, 1)).astype(np.float32)
    with torch.no_grad():
        difference = largest_difference(theirs(paddle.to_tensor(x)), ours(torch.from_numpy(x)))
    measured("logits of a converted network, float32", difference, TOLERANCE)


def test_paddle_answers_as_a_network_written_for_it(tmp_path: Path, measured: Measured) -> None:
    torch.manual_seed(4)
    ours = STGCN(30)
    ours(torch.randn(4, 2, T, 25, 1))  # statistics of its own
    ours.eval()
    state = {name: tensor.detach().numpy() for name, tensor in ours.state_dict().items()}
    write_pdparams(restore_state_dict(state), tmp_path / "ours.pdparams")
    theirs = reference.STGCN(30)
    missing, unexpected = theirs.set_state_dict(paddle.load(str(tmp_path / "ours.pdparams")))
    assert (missing, unexpected) == ([], [])
    theirs.eval()
    x = np.random.default_rng(2).normal(size=(2, 2, T, 25, 1)).astype(np.float32)
    with torch.no_grad():
        difference = largest_difference(theirs(paddle.to_tensor(x)), ours(torch.from_numpy(x)))
    measured("logits of a network written for Paddle, float32", difference, TOLERANCE)
