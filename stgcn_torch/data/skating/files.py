"""The synthetic set on disk, in the layout of FSD: four arrays, the class names, and the set's parameters."""

import gc
import json
from pathlib import Path
from typing import Final

import numpy as np

from stgcn_torch.data.skating.clip import skating_clip
from stgcn_torch.data.skating.elements import ELEMENTS
from stgcn_torch.data.skating.skater import MOST
from stgcn_torch.files import folder_beside, locked

VERSION: Final = 1  # to be raised when the same seed no longer gives the same clips
CARD: Final = "skating.json"
FILES: Final = ("train_data.npy", "train_label.npy", "test_data.npy", "test_label.npy", "classes.txt", CARD)


def write_skating_set(root: str | Path, *, train: int = 2000, test: int = 480, seed: int = 0) -> Path:
    """Write the whole set, unless the folder holds the same set already.

    Args:
        root: Folder for ``train_data.npy`` (train, 3, 350, 25, 1) float32, zero after a clip's last frame,
            ``train_label.npy`` (train,) int64, the same for test, ``classes.txt`` (one name a line) and
            ``skating.json``, the parameters. A set made from other parameters is replaced.
        train: Number of training clips.
        test: Number of test clips, by other skaters.
        seed: The same seed gives the same bytes.

    Returns:
        The folder.

    Raises:
        ValueError: There are fewer clips than classes, or the folder holds files that are no part of such a set.
    """
    root = Path(root)
    if min(train, test) < len(ELEMENTS):
        raise ValueError(f"train and test need {len(ELEMENTS)} clips or more, one per class; got {train} and {test}")
    card = json.dumps({"version": VERSION, "train": train, "test": test, "seed": seed}) + "\n"
    if not _is_written(root, card):
        root.parent.mkdir(parents=True, exist_ok=True)
        with locked(root.parent):  # one process of a job writes; the others wait and find the set complete
            if not _is_written(root, card):
                _write_set(root, card, train, test, seed)
    return root


def _write_set(root: Path, card: str, train: int, test: int, seed: int) -> None:
    if foreign := _foreign(root):
        raise ValueError(f"{root} is no synthetic skating set, it holds {', '.join(foreign)}; choose another folder")
    with folder_beside(root) as aside:
        new = aside / "made"
        new.mkdir()
        _write_split(new, "train", train, seed)
        _write_split(new, "test", test, seed)
        (new / "classes.txt").write_text("\n".join(ELEMENTS) + "\n", encoding="utf-8")
        (new / CARD).write_text(card, encoding="utf-8")
        if root.exists() and not _is_written(root, card):
            gc.collect()  # an earlier run of this process may have mapped it, and Windows renames no open file
            root.rename(aside / "replaced")
        try:
            new.rename(root)
        except OSError:
            if not _is_written(root, card):  # on a disk without locks another process may have written it first
                raise


def _write_split(root: Path, split: str, clips: int, seed: int) -> None:
    """Write one split, clip i from the generator of (seed, split, i), with balanced and shuffled classes."""
    number = ("train", "test").index(split)
    labels = np.arange(clips, dtype=np.int64) % len(ELEMENTS)
    np.random.default_rng((seed, number)).shuffle(labels)
    np.save(root / f"{split}_label.npy", labels)
    data = np.lib.format.open_memmap(
        root / f"{split}_data.npy", mode="w+", dtype=np.float32, shape=(clips, 3, MOST, 25, 1)
    )
    for i, label in enumerate(labels):
        clip = skating_clip(ELEMENTS[label], np.random.default_rng((seed, number, i)))
        data[i, :, : clip.shape[1]] = clip
    data.flush()


def _is_written(root: Path, card: str) -> bool:
    path = root / CARD
    return path.is_file() and path.read_text(encoding="utf-8") == card


def _foreign(root: Path) -> list[str]:
    """Files of a folder that are no part of a whole set, or beside one; all files if there is no card."""
    names = sorted(path.name for path in root.iterdir()) if root.exists() else []
    beside = {f".{name}.fingerprints.npz" for name in FILES}
    return [name for name in names if CARD not in names or name not in {*FILES, *beside}]
