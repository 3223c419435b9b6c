"""Damage is found: a changed bit, a changed tensor, a value that is no number."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from convert.formats.torch_files import write_pt
from stgcn_torch.checkpoint.reader import load_model
from stgcn_torch.integrity import check_digest, check_finite, check_records, digest, not_finite
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import module_of, one_line, same_state, trained, write_ckpt

FLIPS = 150


def arrays() -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in trained().state_dict().items()}


@pytest.mark.filterwarnings("ignore:.*strides of its blocks are assumed")
@pytest.mark.parametrize("name", ["last.ckpt", "weights.pt", "ours.pt"])
def test_no_flipped_bit_changes_a_weight_in_silence(tmp_path: Path, name: str) -> None:
    """Of Lightning's files, of torch's, and of the converter's."""
    torch.manual_seed(0)
    path, module = tmp_path / name, module_of()
    if name == "last.ckpt":
        write_ckpt(module, path)
    elif name == "ours.pt":
        write_pt({key: value.numpy() for key, value in module.state_dict().items()}, path)
    else:
        torch.save(module.state_dict(), path)
    whole, expected, draw = path.read_bytes(), module.state_dict(), random.Random(0)
    refused = 0
    for _ in range(FLIPS):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            state = load_model(path, [1, 2]).state_dict()
        except ValueError:
            refused += 1
        else:
            assert same_state(state, {key: value for key, value in expected.items() if key in state})
    assert refused > FLIPS / 3


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(trained().state_dict(), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^it is damaged: .* differs from its checksum$"):
        check_records(path)


def test_files_without_checksums_pass(tmp_path: Path) -> None:
    """As torch writes them if it is told to, and files that are no zip."""
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        torch.save(trained().state_dict(), tmp_path / "bare.pt")
    finally:
        torch.serialization.set_crc32_options(compute_crc32=True)
    (tmp_path / "text").write_text("no zip")
    check_records(tmp_path / "bare.pt")
    check_records(tmp_path / "text")


def test_the_digest_is_of_names_types_shapes_and_values() -> None:
    state = arrays()
    expected = digest(state)
    assert digest({name: torch.from_numpy(value) for name, value in state.items()}) == expected
    assert digest(dict(reversed(state.items()))) == expected
    name = "head.fcn.weight"
    for other in (
        state | {name: state[name] + np.float32(1e-6)},
        state | {name: state[name].astype(np.float64)},
        state | {name: state[name].reshape(-1)},
        {key: value for key, value in state.items() if key != name},
        {("other" if key == name else key): value for key, value in state.items()},
    ):
        assert digest(other) != expected
        with pytest.raises(ValueError, match=r"^it is damaged: its tensors differ from their SHA-256$"):
            check_digest(other, expected)
    check_digest(state, expected)
    check_digest(state, None)
    count = "backbone.data_bn.num_batches_tracked"
    assert digest({key: value for key, value in state.items() if key != count}) == expected  # as Paddle has none


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_everywhere(tmp_path: Path, value: float) -> None:
    module = module_of()
    module.head.fcn.weight.data[0, 0] = value
    assert not_finite(module.state_dict()) == ["head.fcn.weight"]
    assert not_finite({name: tensor.numpy() for name, tensor in module.state_dict().items()}) == ["head.fcn.weight"]
    with pytest.raises(ValueError, match=r"^its weights are not finite \(head.fcn.weight\): its training diverged"):
        check_finite(module.state_dict())
    write_ckpt(module, tmp_path / "last.ckpt")
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    for path in (tmp_path / "last.ckpt", tmp_path / "weights.pt"):
        with pytest.raises(ValueError, match=r"its weights are not finite") as refusal:
            load_model(path, [1, 2])
        assert one_line(refusal).startswith(str(path))
    with pytest.raises(ValueError, match=r"its weights are not finite"):
        LitSTGCN.load_from_checkpoint(tmp_path / "last.ckpt", weights_only=True)


def test_lightning_s_own_loading_finds_changed_tensors(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write_ckpt(module_of(), path)
    contents = torch.load(path, weights_only=True)
    contents["state_dict"]["head.fcn.bias"][0] += 1
    torch.save(contents, path)
    with pytest.raises(ValueError, match=r"its tensors differ from their SHA-256"):
        LitSTGCN.load_from_checkpoint(path, weights_only=True)
    with pytest.raises(ValueError, match=r"its tensors differ from their SHA-256"):
        load_model(path)


def test_lightning_s_own_loading_reads_the_checksums(tmp_path: Path) -> None:
    """Hyperparameters are in no digest."""
    path = tmp_path / "last.ckpt"
    write_ckpt(module_of(), path)
    content = path.read_bytes()
    changed = content.replace(b"Axel", b"Lutz", 1)
    assert changed != content
    path.write_bytes(changed)
    with pytest.raises(ValueError, match=r"differs from its checksum"):
        LitSTGCN.load_from_checkpoint(path, weights_only=True)
