"""The Lightning data module: the clips for training, validation and test, and their loaders."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from stgcn_torch.data.arrays import (
    UNIT_COLUMNS,
    Labels,
    known_groups,
    open_clips,
    read_groups,
    read_labels,
    read_lines,
    read_units,
)
from stgcn_torch.data.dataset import ClipDataset, as_is
from stgcn_torch.data.fingerprints import Fingerprints, Progress, kept_fingerprints
from stgcn_torch.data.preprocessing.mirroring import MirrorImage
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.data.resident import ResidentLoader, fits
from stgcn_torch.data.sampler import EpochSampler
from stgcn_torch.data.splits import UNITS, Rules, divided, on_both_sides
from stgcn_torch.data.training_clips import TrainingClips, facts, read_origin
from stgcn_torch.skeleton import Skeleton

Loader = DataLoader[tuple[Tensor, Tensor]]


class SkeletonData(pl.LightningDataModule):
    """Clips of one folder, split into training, validation and test.

    Args:
        root: Folder of the arrays.
        clips: File of the training clips in it.
        labels: File of their labels.
        preprocessing: The steps for every clip.
        body: The layout of the joints.
        val: Rule of the validation split: ``{rule: file, clips, labels}`` names separate files in the folder, other
            rules hold out training clips (see ``splits.held_out``); None for no validation.
        test: Rule of the test split, which is taken out before validation.
        num_classes: Number of classes; None to count them in ``classes.txt``, or else in ``classes`` or the labels.
        classes: Names of the classes of a folder that has no ``classes.txt``.
        only: Split to open, val or test; the other splits and their files stay closed. None for all.
        batch_size: Clips in a training batch, per device.
        eval_batch_size: Clips in a validation or test batch, per device.
        drop_last: Leave out the last training batch when it is not full.
        num_workers: Processes that read clips; 0 is enough once all clips are preprocessed.
        resident: Hold the training clips in the GPU's memory; None to do so where they fit.
        seed: Seed of the order of training clips.
        slots: People in each clip, for a network that was trained on so many; None for those of the arrays.
        image: Mirror image that training needs of each recording (see ``mirroring``); None for none.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: The arrays, labels or rules do not fit each other, or hold out no split of the name ``only``.
    """

    def __init__(
        self,
        root: str | Path,
        clips: str,
        labels: str,
        preprocessing: Preprocessing,
        body: Skeleton,
        *,
        val: Mapping[str, Any] | None = None,
        test: Mapping[str, Any] | None = None,
        num_classes: int | None = None,
        classes: Sequence[str] = (),
        only: str | None = None,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        drop_last: bool = False,
        num_workers: int = 0,
        resident: bool | None = None,
        seed: int = 0,
        slots: int | None = None,
        image: MirrorImage | None = None,
    ) -> None:
        super().__init__()
        self.root, self.clips = Path(root), clips
        if not self.root.is_dir():
            raise FileNotFoundError(f"no folder {self.root}")
        if batch_size < 1 or (eval_batch_size is not None and eval_batch_size < 1):
            raise ValueError(f"batch sizes must be at least 1, got {batch_size} and {eval_batch_size}")
        self.preprocessing, self.body, self.seed = preprocessing, body, seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or batch_size
        self.drop_last, self.num_workers, self.resident = drop_last, num_workers, resident
        self.resident_loader: ResidentLoader | None = None
        self.classes = read_lines(self.root / "classes.txt")
        if not self.classes and num_classes is None:
            self.classes = list(classes)
        self.num_classes = num_classes or len(self.classes) or None
        rules = {name: rule for name, rule in (("test", test), ("val", val)) if rule is not None}
        if only and only not in rules:
            raise ValueError(
                f"there is no {only} split to evaluate on; the data hold out {', '.join(rules) or 'nothing'}"
            )
        self.rules, self.slots, self.image = rules, slots, image
        self.notes: list[str] = []  # on the splits
        self.datasets = self._from_files(rules, only)
        if only not in self.datasets:
            self.datasets |= self._divided(clips, labels, rules, only)
        self._check_classes(self.datasets)
        train = len(self.datasets.get("train", ()))
        if train and drop_last and train < batch_size:
            raise ValueError(f"drop_last leaves nothing to train on: {train} clips do not fill a batch of {batch_size}")

    def _open(self, clips: str, labels: str) -> tuple[np.ndarray[Any, Any], Labels]:
        array = open_clips(self.root / clips, self.preprocessing.channels, self.body)
        return array, read_labels(self.root / labels, len(array), self.num_classes)

    def _from_files(self, rules: Rules, only: str | None) -> dict[str, ClipDataset]:
        """The splits with separate files, or the one named by ``only``."""
        sets = {}
        for name, rule in rules.items():
            if rule.get("rule") != "file" or only not in (None, name):
                continue
            if not rule.get("clips") or not rule.get("labels"):
                raise ValueError(f"rule file of {name} must name clips and labels, got {dict(rule)}")
            array, labels = self._open(rule["clips"], rule["labels"])
            sets[name] = ClipDataset(array, labels, range(len(array)), self.preprocessing, self.body, slots=self.slots)
        return sets

    def _divided(self, clips: str, labels: str, rules: Rules, only: str | None) -> dict[str, ClipDataset]:
        """The splits of the training clips, or the one named by ``only``: test first, then val; the rest trains."""
        array, targets = self._open(clips, labels)
        columns = [rule["column"] for rule in rules.values() if rule.get("rule") == "groups" and "column" in rule]
        manifest = self.root / "manifest.csv"
        groups = {column: read_groups(manifest, column, len(array)) for column in columns}
        groups |= self._units(manifest, rules, len(array))
        parts = divided(rules, targets, groups)
        self._note_shared(manifest, parts, len(array))
        return {
            name: ClipDataset(
                array,
                targets,
                indices.tolist(),
                self.preprocessing,
                self.body,
                self.seed if name == "train" else None,
                self.slots,
                self.image if name == "train" else None,
            )
            for name, indices in parts.items()
            if only in (None, name)
        }

    def _note_shared(self, manifest: Path, parts: Mapping[str, Any], count: int) -> None:
        """Say if clips of one subject or of one recording are in training and in another split."""
        for column, things in UNIT_COLUMNS.items():
            values = known_groups(manifest, column, count)
            if values is None:
                continue
            for name, shared in on_both_sides({name: values[rows].tolist() for name, rows in parts.items()}).items():
                self.notes.append(
                    f"{len(shared)} {things} of manifest.csv are in train and in {name}, such as {shared[0]}: "
                    f"scores on {name} do not speak of others"
                )

    def _units(self, manifest: Path, rules: Rules, count: int) -> dict[str, Any]:
        """Clips that must stay together, for rules that keep them so; says where that cannot be."""
        least = max((rule.get("folds", 5) for rule in rules.values() if rule.get("together")), default=0)
        units, said = read_units(manifest, count, least) if least else (None, "")
        self.notes += [said] if said else []
        return {} if units is None else {UNITS: units}

    def _check_classes(self, sets: Mapping[str, ClipDataset]) -> None:
        """Set number and names of the classes; ValueError if a split is empty or has a class without training clips."""
        for name, dataset in sets.items():
            if not len(dataset):
                raise ValueError(f"no clips are left for {name} of {self.root}")
        for name, dataset in sets.items():
            unseen = np.setdiff1d(dataset.labels, sets.get("train", dataset).labels)
            if unseen.size:
                raise ValueError(f"{name} has classes that no training clip has: {', '.join(map(str, unseen))}")
        count, clips = int(max(dataset.labels.max() for dataset in sets.values())) + 1, sum(map(len, sets.values()))
        if self.num_classes is None and count > clips:
            raise ValueError(
                f"a label of {self.root} is {count - 1}, and there are {clips} clips: is it a class? "
                f"data.num_classes={count} says that there are so many"
            )
        self.num_classes = self.num_classes or count
        self.classes = self.classes or [str(i) for i in range(self.num_classes)]
        if len(self.classes) != self.num_classes:
            raise ValueError(f"classes.txt names {len(self.classes)} classes, got num_classes={self.num_classes}")

    def fingerprints_of(self, split: str, progress: Progress = iter) -> Fingerprints:
        """Each clip's hash, length and size, of a split; kept beside the array that they are of."""
        rule, dataset = self.rules.get(split, {}), self.datasets[split]
        file = self.root / (rule["clips"] if rule.get("rule") == "file" else self.clips)
        whole = kept_fingerprints(file, np.asanyarray(dataset.array), self.preprocessing.channels, progress)
        return whole.of(dataset.indices)

    def training_clips(self, progress: Progress = iter) -> TrainingClips:
        """Facts about the training clips, for the checkpoint."""
        dataset = self.datasets["train"]
        slots = dataset.array.shape[4]
        prints = self.fingerprints_of("train", progress)
        return facts(prints, slots, dataset.labels, self.rules, **read_origin(self.root))

    def setup(self, stage: str) -> None:
        """Let the processes of one machine share one set of files with preprocessed clips."""
        if not self.trainer or self.trainer.world_size == 1:
            return
        first = self.trainer.local_rank == 0
        new = tempfile.mkdtemp() if first else None
        folders: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(folders, (self.trainer.node_rank, new))
        folder = next(Path(name) for node, name in folders if name and node == self.trainer.node_rank)
        try:
            for name, dataset in self.datasets.items():
                if folder.is_dir():  # False where each process runs in its own container, with its own folder
                    (folder / name).mkdir(exist_ok=True)
                    dataset.share(folder / name)
            torch.distributed.barrier()
        finally:
            if first:
                shutil.rmtree(folder, ignore_errors=True)  # the files go with their last process; Windows keeps them

    def train_dataloader(self) -> Loader | ResidentLoader:
        """Training batches in the order of (seed, epoch), the same in a resumed run."""
        trainer = self.trainer
        sampler = EpochSampler(self.datasets["train"], *self._place(), self.seed, self.drop_last)
        if trainer:
            # With workers the first iterator is made before Lightning calls set_epoch, and the current_epoch of a
            # resumed run is one too low then; the count of processed epochs is right in both cases.
            sampler.set_epoch(trainer.fit_loop.epoch_progress.current.processed)  # type: ignore[attr-defined]
        dataset = self.datasets["train"]
        device = trainer.strategy.root_device if trainer else torch.device("cpu")
        if self.resident and not dataset.caches:
            raise ValueError("data.resident keeps clips on the GPU, preprocessing.random_pad changes them every epoch")
        # With overfit_batches, Lightning takes the order from the loader's dataset; a resident loader has no dataset.
        overfits = bool(trainer and getattr(trainer, "overfit_batches", 0))
        loader = self.resident_loader
        if not overfits and (self.resident or (self.resident is None and (loader or fits(dataset, device)))):
            self.resident_loader = loader or ResidentLoader(dataset, sampler, self.batch_size, self.drop_last, device)
            self.resident_loader.sampler = sampler
            return self.resident_loader
        return self._loader("train", sampler, self.batch_size, self.drop_last)

    def val_dataloader(self) -> Loader | list[Loader]:
        """Validation batches in order; an empty list if nothing was held out."""
        return self._eval_loader("val") if "val" in self.datasets else []

    def test_dataloader(self) -> Loader | list[Loader]:
        """Test batches in order; an empty list if there is no test."""
        return self._eval_loader("test") if "test" in self.datasets else []

    def _eval_loader(self, name: str) -> Loader:
        world, rank = self._place()
        clips = range(rank, len(self.datasets[name]), world)  # every clip once: Lightning's sampler repeats some
        return self._loader(name, clips, self.eval_batch_size, drop_last=False)

    def _place(self) -> tuple[int, int]:
        """Number of processes, and the rank of this one."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _loader(self, name: str, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> Loader:
        return DataLoader(
            self.datasets[name],
            batch_size=batch_size,
            sampler=sampler,
            drop_last=drop_last,
            collate_fn=as_is,
            num_workers=self.num_workers,
            persistent_workers=False,  # such workers would stay at the first epoch's number
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator().manual_seed(self.seed),  # else every epoch draws from the global generator
        )


def loader_of(clips: ClipDataset, batch_size: int) -> Loader:
    """Batches of a dataset in order, for prediction."""
    return DataLoader(clips, batch_size=batch_size, collate_fn=as_is)
