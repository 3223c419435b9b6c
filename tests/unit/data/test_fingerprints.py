"""A clip is known again by its hash, however it is padded; fingerprints are taken once."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgcn_torch.data import fingerprints as module
from stgcn_torch.data.fingerprints import fingerprints, kept_fingerprints, measured

CHANNELS = ("x", "y", "score")


def clips(N: int = 4, T: int = 10, M: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1, (N, 3, T, 5, M)).astype(np.float32)


@given(pad=st.integers(0, 5), absent=st.integers(0, 2), dtype=st.sampled_from([np.float32, np.float64, np.float16]))
def test_a_hash_is_that_of_the_live_frames(pad: int, absent: int, dtype: type[np.generic]) -> None:
    """Whatever the padding, the absent people and the type."""
    clip = clips(1)[0].astype(np.float16).astype(np.float32)
    other = np.pad(clip, [(0, 0), (0, pad), (0, 0), (0, absent)]).astype(dtype)
    assert measured(other, CHANNELS) == measured(clip, CHANNELS)


@given(place=st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 4), st.integers(0, 1)))
def test_any_other_value_is_another_hash(place: tuple[int, int, int, int]) -> None:
    clip = clips(1)[0]
    other = clip.copy()
    other[place] += 1e-6
    assert measured(other, CHANNELS)[0] != measured(clip, CHANNELS)[0]


def test_lengths_people_and_scale() -> None:
    array = np.zeros((3, 3, 6, 5, 2), np.float32)
    array[0, :2, :4, :, 0] = [[[2.0]], [[2.0]]]
    array[1, 2, :5, :, 1] = 0.5  # a score is no coordinate
    prints = fingerprints(array, CHANNELS)
    assert prints.frames.tolist() == [4, 5, 0]
    assert prints.people.tolist() == [1, 2, 0]
    assert prints.counts.tolist() == [40, 0, 0]
    assert prints.scale == 2.0
    assert prints.hashes[2] == 0
    assert len({*prints.hashes.tolist()}) == 3
    assert prints.of([2, 0]).frames.tolist() == [0, 4]
    assert prints.of([2]).scale is None


def test_values_that_are_no_numbers_spoil_no_scale() -> None:
    array = clips(1)
    array[0, 0, 0, 0, 0], array[0, 0, 1, 0, 0] = np.nan, np.inf
    assert np.isfinite(fingerprints(array, CHANNELS).scale or np.nan)


def test_they_are_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(path := tmp_path / "data.npy", clips())
    taken: list[int] = []
    monkeypatch.setattr(module, "fingerprints", lambda *given: taken.append(1) or fingerprints(*given))  # type: ignore[func-returns-value]
    first = kept_fingerprints(path, clips(), CHANNELS)
    again = kept_fingerprints(path, clips(), CHANNELS)
    assert taken == [1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    np.save(path, clips(seed=1))
    os.utime(path, ns=(1, 1))
    assert not np.array_equal(kept_fingerprints(path, clips(seed=1), CHANNELS).hashes, first.hashes)
    assert taken == [1, 1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing"])
def test_a_damaged_file_beside_is_taken_anew(tmp_path: Path, content: bytes) -> None:
    np.save(path := tmp_path / "data.npy", clips())
    expected = kept_fingerprints(path, clips(), CHANNELS)
    (tmp_path / ".data.npy.fingerprints.npz").write_bytes(content)
    assert np.array_equal(kept_fingerprints(path, clips(), CHANNELS).hashes, expected.hashes)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError("read-only")

    np.save(path := tmp_path / "data.npy", clips())
    monkeypatch.setattr(module, "written_whole", refuse)
    assert len(kept_fingerprints(path, clips(), CHANNELS).hashes) == 4
    assert not (tmp_path / ".data.npy.fingerprints.npz").exists()


def test_no_flipped_bit_of_the_file_beside_matters(tmp_path: Path) -> None:
    np.save(path := tmp_path / "data.npy", clips(2))
    expected, beside = kept_fingerprints(path, clips(2), CHANNELS), tmp_path / ".data.npy.fingerprints.npz"
    whole = beside.read_bytes()
    for i in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[i] ^= 1 << i % 8
        beside.write_bytes(flipped)
        found = kept_fingerprints(path, clips(2), CHANNELS)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)), i
