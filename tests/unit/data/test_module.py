"""Laws of the data module: the clips of each split, their order, and the errors before work starts."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from stgcn_torch.data.dataset import ClipDataset
from stgcn_torch.data.module import EpochSampler, SkeletonData, loader_of
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.data.splits import every, folds
from stgcn_torch.skeleton import Skeleton

BODY = Skeleton("three", ("Left", "Middle", "Right"), ((0, 1), (2, 1)), 1, ((0, 2),))
FIXED = Preprocessing(window=4)
N = 30
LABELS = np.arange(N) % 3
SKATERS = np.array([f"s{i // 10}" for i in range(N)])
EVERY = {"rule": "every", "step": 5, "offset": 2}


def numbered(count: int) -> np.ndarray:
    """Clips whose x is 1 + the number of the clip; the centre is left undetected, so that it stays."""
    array = np.zeros((count, 3, 6, 3, 1), "f4")
    array[:, 0, :3, 0] = np.arange(1, count + 1)[:, None, None]
    array[:, 2, :3, 0] = 1
    return array


@pytest.fixture
def root(tmp_path: Path) -> Path:
    np.save(tmp_path / "clips.npy", numbered(N))
    np.save(tmp_path / "labels.npy", LABELS)
    np.save(tmp_path / "own.npy", numbered(6))
    np.save(tmp_path / "own_labels.npy", np.array([0, 1, 2, 0, 1, 2]))
    rows = "".join(f"{i},{skater}\n" for i, skater in enumerate(SKATERS))
    (tmp_path / "manifest.csv").write_text("clip,skater\n" + rows, encoding="utf-8")
    return tmp_path


def data_of(root: Path, preprocessing: Preprocessing = FIXED, **options: Any) -> SkeletonData:
    return SkeletonData(root, "clips.npy", "labels.npy", preprocessing, BODY, **options)


def numbers(batches: Any) -> list[int]:
    """The clips that a loader served, in order."""
    return [int(clip[0].max()) - 1 for clips, _ in batches for clip in clips]


def served(data: SkeletonData, epoch: int = 0) -> list[int]:
    loader = data.train_dataloader()
    assert isinstance(loader.sampler, EpochSampler)
    loader.sampler.set_epoch(epoch)
    return numbers(loader)


def test_every_training_clip_is_served_once_with_its_label(root: Path) -> None:
    batches = list(data_of(root, batch_size=7).train_dataloader())
    assert sorted(numbers(batches)) == list(range(N))
    assert torch.cat([labels for _, labels in batches]).tolist() == LABELS[numbers(batches)].tolist()


def test_the_order_of_training_clips_depends_on_seed_and_epoch_alone(root: Path) -> None:
    orders: dict[tuple[int, int], list[int]] = {}
    for state in (0, 1):
        torch.manual_seed(state)
        np.random.seed(state)  # noqa: NPY002
        for place in ((0, 0), (0, 1), (0, 2), (7, 0), (7, 1)):
            order = served(data_of(root, seed=place[0]), place[1])
            assert orders.setdefault(place, order) == order
    assert len({tuple(order) for order in orders.values()}) == 5


def test_serving_clips_draws_nothing_from_the_global_generator(root: Path) -> None:
    before = torch.random.get_rng_state()
    served(data_of(root, val=EVERY))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_two_ranks_share_the_clips_between_them(root: Path) -> None:
    clips = data_of(root).datasets["train"]
    halves = []
    for rank in (0, 1):
        sampler = EpochSampler(clips, 2, rank, seed=0, drop_last=False)
        sampler.set_epoch(3)
        halves.append([int(str(i)) for i in sampler])  # torch's stub takes them for clips
    assert len(halves[0]) == len(halves[1]) == N // 2
    assert sorted(halves[0] + halves[1]) == list(range(N))


def test_the_dataset_is_told_the_epoch(root: Path) -> None:
    data = data_of(root)
    served(data, epoch=4)
    assert data.datasets["train"].epoch == 4


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [8, 8, 8, 6]), (True, [8, 8, 8])])
def test_the_last_training_batch_is_left_out_only_if_asked_for(root: Path, drop_last: bool, sizes: list[int]) -> None:
    loader = data_of(root, batch_size=8, drop_last=drop_last).train_dataloader()
    assert [len(clips) for clips, _ in loader] == sizes
    assert len(loader) == len(sizes)


@pytest.mark.parametrize(("eval_batch_size", "sizes"), [(None, [4, 2]), (5, [5, 1]), (100, [6])])
def test_evaluation_serves_every_clip_in_order(root: Path, eval_batch_size: int | None, sizes: list[int]) -> None:
    data = data_of(root, val=EVERY, batch_size=4, eval_batch_size=eval_batch_size, drop_last=True)
    batches = list(data.val_dataloader())
    assert [len(clips) for clips, _ in batches] == sizes
    assert numbers(batches) == list(range(2, N, 5))


def test_without_rules_all_clips_train(root: Path) -> None:
    data = data_of(root)
    assert list(data.datasets) == ["train"]
    assert data.val_dataloader() == []
    assert data.test_dataloader() == []


@pytest.mark.parametrize("name", ["val", "test"])
def test_held_out_clips_do_not_train(root: Path, name: str) -> None:
    rules: dict[str, tuple[dict[str, Any], np.ndarray]] = {
        "every": (EVERY, every(N, 5, 2)),
        "folds": ({"rule": "folds", "folds": 3, "fold": 1, "seed": 4}, folds(LABELS, 3, 1, 4)),
        "groups": ({"rule": "groups", "column": "skater", "value": "s1"}, SKATERS == "s1"),
    }
    for rule, mask in rules.values():
        data = data_of(root, val=rule) if name == "val" else data_of(root, test=rule)
        assert data.datasets[name].indices.tolist() == np.flatnonzero(mask).tolist()
        assert data.datasets["train"].indices.tolist() == np.flatnonzero(~mask).tolist()


def test_validation_is_taken_from_what_the_test_leaves(root: Path) -> None:
    data = data_of(root, test={"rule": "groups", "column": "skater", "value": "s0"}, val=EVERY)
    assert data.datasets["test"].indices.tolist() == list(range(10))
    assert data.datasets["val"].indices.tolist() == [12, 17, 22, 27]
    parts = [set(clips.indices.tolist()) for clips in data.datasets.values()]
    assert set.union(*parts) == set(range(N))
    assert sum(map(len, parts)) == N


def test_validation_may_have_a_file_of_its_own(root: Path) -> None:
    data = data_of(root, val={"rule": "file", "clips": "own.npy", "labels": "own_labels.npy"})
    assert numbers(data.val_dataloader()) == list(range(6))
    assert sorted(served(data)) == list(range(N))


OWN = {"rule": "file", "clips": "own.npy", "labels": "own_labels.npy"}


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_split_with_files_of_its_own_opens_no_others(root: Path, name: str) -> None:
    for other in ("clips.npy", "labels.npy"):
        (root / other).unlink()
    rules: dict[str, Any] = {"val": EVERY, "test": EVERY, name: OWN}
    data = data_of(root, **rules, only=name, classes=["Axel", "Lutz", "Flip", "Loop"], batch_size=500, drop_last=True)
    assert list(data.datasets) == [name]
    assert numbers(getattr(data, f"{name}_dataloader")()) == list(range(6))
    assert (data.num_classes, data.classes) == (4, ["Axel", "Lutz", "Flip", "Loop"])
    with pytest.raises(FileNotFoundError, match=r"^no file .*clips\.npy$"):
        data_of(root, **rules)


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_split_alone_is_what_it_is_among_all(root: Path, name: str) -> None:
    rules = {"test": {"rule": "groups", "column": "skater", "value": "s0"}, "val": EVERY}
    alone, among = data_of(root, **rules, only=name), data_of(root, **rules)
    assert list(alone.datasets) == [name]
    assert alone.datasets[name].indices.tolist() == among.datasets[name].indices.tolist()


@pytest.mark.parametrize(
    ("rules", "only", "held_out"),
    [({"val": EVERY}, "test", "val"), ({}, "val", "nothing"), ({"val": EVERY, "test": OWN}, "train", "test, val")],
)
def test_refuses_to_evaluate_what_is_not_held_out(root: Path, rules: Any, only: str, held_out: str) -> None:
    with pytest.raises(ValueError, match=f"^there is no {only} split to evaluate on; the data hold out {held_out}$"):
        data_of(root, **rules, only=only)


def test_names_in_the_folder_come_before_others(root: Path) -> None:
    (root / "classes.txt").write_text("Axel\nLutz\nFlip\n", encoding="utf-8")
    assert data_of(root, classes=["a", "b", "c"]).classes == ["Axel", "Lutz", "Flip"]
    (root / "classes.txt").unlink()
    assert data_of(root, classes=["a", "b", "c"], num_classes=4).classes == ["0", "1", "2", "3"]


def test_only_training_is_padded_at_random(root: Path) -> None:
    data = data_of(root, Preprocessing(window=6, random_pad=True), val=EVERY)
    assert not data.datasets["train"].caches
    assert data.datasets["val"].caches


def test_classes_are_counted_in_the_labels(root: Path) -> None:
    data = data_of(root)
    assert (data.num_classes, data.classes) == (3, ["0", "1", "2"])


def test_classes_are_named_by_their_file(root: Path) -> None:
    (root / "classes.txt").write_bytes(b"Axel\r\nLutz \r\nFlip\r\nLoop\r\n\r\n")
    data = data_of(root)
    assert (data.num_classes, data.classes) == (4, ["Axel", "Lutz", "Flip", "Loop"])


def test_refuses_another_number_of_classes_than_their_file_names(root: Path) -> None:
    (root / "classes.txt").write_text("Axel\nLutz\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^classes\.txt names 2 classes, got num_classes=3$"):
        data_of(root, num_classes=3)


def test_refuses_labels_beyond_the_classes(root: Path) -> None:
    with pytest.raises(ValueError, match=r"labels\.npy: labels must be at least 0 and below 2, got 2 for clip 2"):
        data_of(root, num_classes=2)


def test_refuses_classes_that_no_training_clip_has(root: Path) -> None:
    np.save(root / "own_labels.npy", np.array([0, 1, 2, 0, 5, 4]))
    with pytest.raises(ValueError, match=r"^test has classes that no training clip has: 4, 5$"):
        data_of(root, test={"rule": "file", "clips": "own.npy", "labels": "own_labels.npy"})


def test_refuses_a_split_without_clips(root: Path) -> None:
    with pytest.raises(ValueError, match=r"^no clips are left for val of .*$"):
        data_of(root, val={"rule": "every", "step": 100, "offset": 99})
    (root / "manifest.csv").write_text("skater\n" + "one\n" * N, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^no clips are left for train of .*$"):
        data_of(root, val={"rule": "groups", "column": "skater", "value": "one"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, r"^batch sizes must be at least 1, got 0 and None$"),
        (
            {"batch_size": 500, "drop_last": True},
            r"^drop_last leaves nothing to train on: \d+ clips do not fill .* 500$",
        ),
        ({"batch_size": 4, "eval_batch_size": 0}, r"^batch sizes must be at least 1, got 4 and 0$"),
        ({"val": {}}, r"^rule None is unknown; choose one of every, folds, groups, file$"),
        ({"test": {"rule": "file", "clips": "own.npy"}}, r"^rule file of test must name clips and labels, got .*$"),
        ({"val": {"rule": "half"}}, r"^rule 'half' is unknown; choose one of every, folds, groups, file$"),
        ({"val": {"rule": "groups", "value": "s1"}}, r"^rule groups cannot be made of .*: 'column'$"),
        ({"val": {"rule": "groups", "column": "judge", "value": 1}}, r"^.*manifest\.csv has no column 'judge'; "),
        ({"val": {"rule": "groups", "column": "skater", "value": "s9"}}, r"^no clip is of group 's9'; .* s0, s1, s2$"),
    ],
    ids=str,
)
def test_refuses_options_that_do_not_fit(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data_of(root, **options)


def test_refuses_labels_of_another_number_of_clips(root: Path) -> None:
    np.save(root / "labels.npy", LABELS[:-1])
    with pytest.raises(ValueError, match=r"labels\.npy must hold 30 labels, one per clip, got shape \(29,\)$"):
        data_of(root)


def test_a_missing_folder_or_file_is_named(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^no folder .*nowhere$"):
        data_of(root / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"^no file .*other\.npy$"):
        data_of(root, val={"rule": "file", "clips": "other.npy", "labels": "own_labels.npy"})
    (root / "manifest.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"^no file .*manifest\.csv; held-out groups need it$"):
        data_of(root, val={"rule": "groups", "column": "skater", "value": "s0"})


def test_prediction_serves_every_clip_in_order() -> None:
    clips = ClipDataset(numbered(5), None, range(5), FIXED, BODY)
    batches = list(loader_of(clips, 2))
    assert numbers(batches) == list(range(5))
    assert [len(labels) for _, labels in batches] == [2, 2, 1]


def process(root: Path, rank: int, machines: int) -> int:
    """One of two processes, of which the first preprocesses all clips: the number of clips then preprocessed here."""
    torch.distributed.init_process_group("gloo", f"file://{root}/store", rank=rank, world_size=2)
    node, local = (0, rank) if machines == 1 else (rank, 0)
    data = data_of(root, val=EVERY)
    data.trainer = SimpleNamespace(world_size=2, global_rank=rank, local_rank=local, node_rank=node)  # type: ignore[assignment]
    data.setup("fit")
    clips = data.datasets["train"]
    if rank == 0:
        clips.__getitems__(range(len(clips)))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    return int(clips.ready.sum())


@pytest.mark.parametrize("machines", [1, 2])
def test_processes_share_preprocessed_clips_with_those_of_their_machine(
    root: Path, machines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(root))
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        ranks = [pool.submit(process, root, rank, machines) for rank in (0, 1)]
        counts = [rank.result(timeout=120) for rank in ranks]
    assert counts == ([24, 24] if machines == 1 else [24, 0])
    assert [path.name for path in root.iterdir() if path.is_dir()] == []
