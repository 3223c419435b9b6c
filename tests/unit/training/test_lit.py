"""Training depends on its hyperparameters only, and a checkpoint on its file only."""

import math
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing
from stgcn_torch.model import STGCN
from stgcn_torch.training.lit import LitSTGCN, make_schedule, mean_class_accuracy

ROOT = Path(__file__).parents[3]
LEG = {
    "joints": ["Hip", "Knee", "Ankle"],
    "bones": [["Knee", "Hip"], ["Ankle", "Knee"]],
    "center": "Hip",
    "pairs": [["Knee", "Ankle"]],
}
CLASSES = ["Axel", "Flip", "Loop", "Lutz", "Salchow", "Spin", "Toe"]
WINDOW = 8

# Relative error of learning rates computed step by step instead of in closed form; measured: 2.0e-14.
RTOL = 1e-12
# Of losses and accuracies in float32, order 1; measured: 2.4e-7.
ATOL = 1e-6

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*number of training batches"),
    pytest.mark.filterwarnings("ignore:You defined a .validation_step. but have no"),
]


def lit(**options: Any) -> LitSTGCN:
    """A small module with seeded weights."""
    torch.manual_seed(0)
    model = {"num_classes": len(CLASSES), "layout": LEG, "channels": [4, 8], "strides": [1, 2], "temporal_kernel": 3}
    model |= options.pop("model", {})
    preprocessing = PREPROCESSINGS["fixed"].plain | {"window": WINDOW} | options.pop("preprocessing", {})
    return LitSTGCN(model, preprocessing, **({"classes": CLASSES} | options))


def trainer(**options: Any) -> pl.Trainer:
    """A trainer without logs and checkpoints."""
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )


def skating(count: int) -> TensorDataset:
    """Random clips (C, T, V, M) with labels."""
    generator = torch.Generator().manual_seed(1)
    clips = torch.randn(count, 2, WINDOW, 3, 1, generator=generator)
    return TensorDataset(clips, torch.randint(len(CLASSES), (count,), generator=generator))


class Data(pl.LightningDataModule):
    """Ten clips in batches of four, four and two."""

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches, always in the same order."""
        return DataLoader(skating(10), batch_size=4)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint of a module that was trained for a step."""
    module = lit(scheduler={"name": "cosine", "t_max": 3}, augmentation={"rotation": 10.0}, label_smoothing=0.1, seed=7)
    runner = trainer(max_epochs=1, limit_train_batches=1)
    runner.fit(module, Data())
    path = tmp_path / "only" / "last.ckpt"
    runner.save_checkpoint(path)
    return path


def is_plain(value: object) -> bool:
    """Whether a value and all its parts can be written in YAML."""
    if isinstance(value, dict):
        return type(value) is dict and all(type(key) is str for key in value) and all(map(is_plain, value.values()))
    if isinstance(value, list):
        return type(value) is list and all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def test_hyperparameters_are_plain_values(saved: Path) -> None:
    contents = torch.load(saved, weights_only=True)["hyper_parameters"]
    assert set(contents) == {
        "model", "preprocessing", "classes", "optimizer", "scheduler", "augmentation", "label_smoothing", "seed",
        "training_clips",
    }  # fmt: skip
    for name, value in contents.items():
        assert is_plain(value), name


def test_a_checkpoint_names_no_code(saved: Path) -> None:
    allowed = torch.serialization.get_safe_globals()
    needed = torch.serialization.get_unsafe_globals_in_checkpoint(saved)
    assert needed == []
    assert allowed == torch.serialization.get_safe_globals()


def test_a_checkpoint_rebuilds_its_module(saved: Path) -> None:
    contents = torch.load(saved, weights_only=True)
    module = LitSTGCN.load_from_checkpoint(saved, weights_only=True)
    assert module.classes == tuple(CLASSES)
    assert module.preprocessing == Preprocessing(window=WINDOW)
    assert module.hparams["seed"] == 7
    assert module.augmentation.rotation == 10.0
    for key, tensor in module.state_dict().items():
        assert torch.equal(tensor, contents["state_dict"][key]), key


def test_a_fresh_process_needs_nothing_but_the_file(saved: Path) -> None:
    source = (
        "import torch; from stgcn_torch.training.lit import LitSTGCN; "
        f"module = LitSTGCN.load_from_checkpoint('{saved.name}', weights_only=True, map_location='cpu').eval(); "
        f"print(module(torch.ones(1, 2, {WINDOW}, 3, 1)).tolist())"
    )
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", source]
    run = subprocess.run(command, cwd=saved.parent, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    here = LitSTGCN.load_from_checkpoint(saved, weights_only=True).eval()(torch.ones(1, 2, WINDOW, 3, 1))
    printed = torch.tensor([[float(value) for value in run.stdout.strip().strip("[]").split(",")]])
    torch.testing.assert_close(printed, here, rtol=0, atol=ATOL)


def test_the_state_dict_is_the_network_s_alone() -> None:
    module = lit()
    assert set(module.state_dict()) == set(STGCN(**module.hparams["model"]).state_dict())


def test_logits_are_the_network_s_on_the_streams() -> None:
    module = lit(preprocessing={"streams": ["joint", "bone"]}).eval()
    x = torch.randn(2, 2, WINDOW, 3, 1)
    bones = x - x[:, :, :, [0, 0, 1]]  # Knee from Hip, Ankle from Knee
    expected = module.head(module.backbone(torch.cat([x, bones], dim=1)))
    assert torch.equal(module(x), expected)


def test_the_network_s_coordinates_follow_from_the_preprocessing() -> None:
    module = lit(preprocessing={"keep": ["x", "y", "score"], "streams": ["joint", "bone_motion"]})
    assert module.backbone.st_gcn_networks[0].get_submodule("gcn.conv").in_channels == 6


# Learning rates


def rates(schedule: dict[str, Any], epochs: int, steps: int = 1) -> list[float]:
    """The rate of each epoch or, with several steps per epoch, of each step, from a first rate of 0.05."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.05)
    scheduler = make_schedule(optimizer, schedule, steps)
    learning_rates = []
    for _ in range(epochs * steps):
        learning_rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return learning_rates


def cosine(epoch: float, t_max: float = 60, eta_min: float = 0.0) -> float:
    """The closed form of Paddle's CosineAnnealingDecay."""
    return eta_min + (0.05 - eta_min) * (1 + math.cos(math.pi * epoch / t_max)) / 2


def test_cosine_is_its_closed_form() -> None:
    results = rates({"name": "cosine", "t_max": 60}, 60)
    assert results == pytest.approx([cosine(epoch) for epoch in range(60)], rel=RTOL)


def test_cosine_climbs_back_after_t_max() -> None:
    results = rates({"name": "cosine", "t_max": 60}, 121)
    assert results[60] == pytest.approx(0, abs=1e-12)
    assert results[61:] == pytest.approx(results[59::-1], rel=1e-9)
    assert all(later > earlier for earlier, later in pairwise(results[60:]))


def test_cosine_ends_at_eta_min() -> None:
    results = rates({"name": "cosine", "t_max": 10, "eta_min": 0.01}, 11)
    assert results == pytest.approx([cosine(epoch, 10, 0.01) for epoch in range(11)], rel=RTOL)


def test_multistep_falls_at_its_milestones() -> None:
    results = rates({"name": "multistep", "milestones": [3, 5]}, 7)
    assert results == pytest.approx([0.05] * 3 + [0.005] * 2 + [0.0005] * 2, rel=RTOL)
    results = rates({"name": "multistep", "milestones": [2], "gamma": 0.5}, 4)
    assert results == pytest.approx([0.05, 0.05, 0.025, 0.025], rel=RTOL)


def test_warmup_rises_linearly_and_the_cosine_ends_no_later() -> None:
    results = rates({"name": "cosine", "t_max": 20, "warmup": 4}, 21)
    assert results[:4] == pytest.approx([0.05 * step / 5 for step in (1, 2, 3, 4)], rel=RTOL)
    assert results[4:] == pytest.approx([cosine(epoch, 16) for epoch in range(17)], rel=RTOL, abs=1e-15)


def test_warmup_leaves_milestones_where_they_are() -> None:
    results = rates({"name": "multistep", "milestones": [3, 5], "warmup": 1}, 7)
    assert results == pytest.approx([0.025] + [0.05] * 2 + [0.005] * 2 + [0.0005] * 2, rel=RTOL)


def test_steps_cut_epochs_finer() -> None:
    results = rates({"name": "cosine", "t_max": 6}, 6, steps=5)
    assert results == pytest.approx([cosine(step / 5, 6) for step in range(30)], rel=RTOL)
    results = rates({"name": "multistep", "milestones": [1], "warmup": 0.5}, 2, steps=4)
    assert results == pytest.approx([0.05 / 3, 0.1 / 3, 0.05, 0.05] + [0.005] * 4, rel=RTOL)


class Rates(Callback):
    """Records the rate of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        """Record the rate of the step."""
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.parametrize(
    ("interval", "epoch_of"),
    [("epoch", [0, 0, 0, 1, 1, 1]), ("step", [step / 3 for step in range(6)])],
)
def test_the_rate_moves_once_an_epoch_or_once_a_step(interval: str, epoch_of: list[float]) -> None:
    recorder = Rates()
    module = lit(scheduler={"name": "cosine", "t_max": 2, "interval": interval})
    trainer(max_epochs=2, callbacks=[recorder]).fit(module, Data())
    assert recorder.rates == pytest.approx([cosine(epoch, 2) for epoch in epoch_of], rel=RTOL)


def test_a_step_is_one_of_the_optimizer_s() -> None:
    recorder = Rates()
    module = lit(scheduler={"name": "cosine", "t_max": 2, "interval": "step"})
    trainer(max_epochs=2, accumulate_grad_batches=2, callbacks=[recorder]).fit(module, Data())
    steps = [0, 0, 1, 2, 2, 3]  # batches 0 and 1 together, then the last alone: two steps an epoch
    assert recorder.rates == pytest.approx([cosine(step / 2, 2) for step in steps], rel=RTOL)


def test_without_a_schedule_the_rate_stays() -> None:
    recorder = Rates()
    trainer(max_epochs=2, callbacks=[recorder]).fit(lit(), Data())
    assert recorder.rates == [0.05] * 6


def test_an_unknown_schedule_is_refused_in_one_line() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.05)
    with pytest.raises(ValueError, match=r"^scheduler 'step' is unknown; choose cosine, multistep or constant$"):
        make_schedule(optimizer, {"name": "step"})


# Optimizers


def test_the_default_optimizer_is_the_article_s_and_decays_every_parameter() -> None:
    module = lit()
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    chosen = {key: group[key] for key in ("lr", "momentum", "weight_decay", "nesterov", "dampening")}
    assert chosen == {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": False, "dampening": 0}
    assert len(group["params"]) == len(list(module.parameters()))


def test_an_optimizer_is_chosen_by_name_as_often_as_asked() -> None:
    module = lit(optimizer={"name": "adamw", "lr": 0.01})
    for _ in range(2):
        optimizer = module.configure_optimizers()
        assert isinstance(optimizer, torch.optim.AdamW)
        assert optimizer.param_groups[0]["lr"] == 0.01


def test_an_unknown_optimizer_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^optimizer 'lion' is unknown; choose one of adamw, sgd$"):
        lit(optimizer={"name": "lion"}).configure_optimizers()


# Randomness


class DrawRecorder(Callback):
    """Records the network's input and dropout's mask, and disturbs the random generator before every batch."""

    def __init__(self, disturb: int = 0) -> None:
        self.disturb = disturb
        self.steps: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hook the backbone and the first dropout that is applied."""
        backbone = pl_module.get_submodule("backbone")
        dropout = pl_module.get_submodule("backbone.st_gcn_networks.1.tcn.4")
        backbone.register_forward_pre_hook(lambda _, args: setattr(self, "clips", args[0].clone()))
        dropout.register_forward_hook(lambda _, args, left: setattr(self, "mask", (left != 0) & (args[0] != 0)))

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        """Draw unused random numbers."""
        torch.rand(self.disturb)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: object, out: object, batch: object, i: int) -> None:
        """Record input and mask of the step."""
        self.steps[trainer.current_epoch, i] = (self.clips, self.mask)  # type: ignore[attr-defined]


def drawn(seed: int = 0, disturb: int = 0) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """Inputs and dropout masks of two epochs, by epoch and batch."""
    recorder = DrawRecorder(disturb)
    module = lit(seed=seed, model={"dropout": 0.5}, augmentation={"rotation": 30.0, "noise": 0.1, "mirror": 0.5})
    trainer(max_epochs=2, callbacks=[recorder]).fit(module, Data())
    return recorder.steps


def test_a_step_draws_the_same_whatever_was_drawn_before() -> None:
    calm, disturbed = drawn(), drawn(disturb=17)
    assert list(calm) == list(disturbed) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for place, (clips, mask) in calm.items():
        assert torch.equal(clips, disturbed[place][0]), place
        assert torch.equal(mask, disturbed[place][1]), place


def test_seeds_and_epochs_draw_differently() -> None:
    one, other = drawn(seed=0), drawn(seed=1)
    for i in range(3):
        assert not torch.equal(one[0, i][0], one[1, i][0])
        assert not torch.equal(one[0, i][0], other[0, i][0])


def test_batches_draw_differently() -> None:
    steps = drawn()
    assert not torch.equal(steps[0, 0][1], steps[0, 1][1]), "dropout kept the same"


def test_evaluation_changes_nothing_about_a_clip() -> None:
    module = lit(model={"dropout": 0.5}, augmentation={"rotation": 30.0, "noise": 0.1})
    losses = [trainer().validate(module, DataLoader(skating(6), batch_size=3), verbose=False)[0] for _ in range(2)]
    assert losses[0] == losses[1]


class OnDevice(TorchDispatchMode):
    """Refuses tensors of Python values: on a GPU the step would wait until each is copied there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Refuse ``lift_fresh``, which every such tensor goes through, an index list included."""
        assert func is not torch.ops.aten.lift_fresh.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("keep", [["x", "y"], ["x", "score", "y"]], ids="-".join)
def test_a_step_copies_nothing_to_the_device(keep: list[str]) -> None:
    every = {"crop": 0.5, "jitter": True, "rotation": 30.0, "scale": 0.1, "mirror": 0.5, "noise": 0.1}
    streams = ["joint", "bone", "joint_motion", "bone_motion"]
    module = lit(preprocessing={"keep": keep, "streams": streams}, augmentation=every | {"joint_dropout": 0.1})
    clips = torch.randn(4, len(keep), WINDOW, 3, 1)
    with pytest.raises(AssertionError), OnDevice():
        _ = clips[:, [0, 1]]
    with OnDevice():
        module.logits(module._augment(clips))


# Losses and metrics


def test_metrics_weigh_every_clip_alike() -> None:
    module, data = lit(), skating(7)
    results = trainer().validate(module, DataLoader(data, batch_size=3), verbose=False)[0]  # 3, 3 and 1
    clips, labels = data.tensors
    with torch.no_grad():
        logits = module.eval()(clips)
    best = logits.argsort(dim=1, descending=True)
    right = [(best[:, :k] == labels[:, None]).any(dim=1).float() for k in (1, 5)]
    per_class = torch.stack([right[0][labels == k].mean() for k in set(labels.tolist())])
    expected = {
        "val/loss": F.cross_entropy(logits, labels),
        "val/top1": right[0].mean(),
        "val/top5": right[1].mean(),
        "val/mean_class": per_class.mean(),
    }
    assert 0 < right[1].mean() < 1, "the case is too easy to tell a mean of batch means"
    assert results == pytest.approx({name: float(value) for name, value in expected.items()}, abs=ATOL)
    assert module.confusion.sum() == 7


@pytest.mark.parametrize("then", ["validate", "test"])
def test_every_evaluation_counts_afresh(then: str) -> None:
    first, second = DataLoader(skating(7), batch_size=3), DataLoader(TensorDataset(*skating(5)[1:]), batch_size=3)
    module, fresh = lit(), lit()
    trainer().validate(module, first, verbose=False)
    after, alone = (getattr(trainer(), then)(m, second, verbose=False)[0] for m in (module, fresh))
    assert after == alone
    assert module.confusion.sum() == 4


def test_validation_and_test_count_alike() -> None:
    module, batches = lit(), DataLoader(skating(7), batch_size=3)
    results, tested = (
        trainer().validate(module, batches, verbose=False)[0],
        trainer().test(module, batches, verbose=False)[0],
    )
    assert {name.replace("test/", "val/"): value for name, value in tested.items()} == results


def test_fewer_than_five_classes_are_always_in_the_top_five() -> None:
    module = lit(classes=["Axel", "Lutz"], model={"num_classes": 2})
    clips, labels = skating(5).tensors
    results = trainer().validate(module, DataLoader(TensorDataset(clips, labels % 2), batch_size=3), verbose=False)[0]
    assert results["val/top5"] == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_label_smoothing_shares_out_part_of_the_label(smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    module = lit(label_smoothing=smoothing, preprocessing={"center": None})
    clips, labels = skating(6).tensors
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    loss = module.training_step((clips, labels), 0)
    log_share = module(clips).log_softmax(dim=1)
    target = (1 - smoothing) * F.one_hot(labels, len(CLASSES)) + smoothing / len(CLASSES)
    torch.testing.assert_close(loss, -(target * log_share).sum(dim=1).mean(), rtol=0, atol=ATOL)


def test_evaluation_does_not_smooth_labels() -> None:
    smoothed, plain = (
        trainer().validate(lit(label_smoothing=s), DataLoader(skating(6), batch_size=3), verbose=False)[0]
        for s in (0.5, 0.0)
    )
    assert smoothed == plain


def test_the_training_loss_of_an_epoch_weighs_every_clip_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[tuple[float, int]] = []
    step: Callable[..., Tensor] = LitSTGCN.training_step

    def recorder(self: LitSTGCN, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss = step(self, batch, batch_idx)
        losses.append((float(loss.detach()), len(batch[1])))
        return loss

    monkeypatch.setattr(LitSTGCN, "training_step", recorder)
    runner = trainer(max_epochs=1)
    runner.fit(lit(), Data())
    expected = sum(loss * count for loss, count in losses) / 10
    assert [count for _, count in losses] == [4, 4, 2]
    assert float(runner.callback_metrics["train/loss"]) == pytest.approx(expected, abs=ATOL)


@pytest.mark.parametrize(
    ("confusion", "accuracy"),
    [
        ([[3, 1], [0, 4]], (3 / 4 + 1) / 2),
        ([[3, 1], [0, 0]], 3 / 4),  # the second class has no clips
        ([[0, 2, 0], [1, 0, 0], [0, 0, 5]], 1 / 3),
        ([[90, 0], [10, 0]], 1 / 2),  # 0.9 by clips
    ],
)
def test_mean_class_accuracy_by_hand(confusion: list[list[int]], accuracy: float) -> None:
    assert float(mean_class_accuracy(torch.tensor(confusion))) == pytest.approx(accuracy, abs=ATOL)


def test_processes_draw_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one step, each rank has noise of its own, and always the same."""
    losses = []
    for rank in (0, 1, 0):
        module = lit(augmentation={"noise": 0.5})
        monkeypatch.setattr(type(module), "global_rank", property(lambda _, rank=rank: rank))
        monkeypatch.setattr(module, "log", lambda *_, **__: None)
        clips = torch.randn(4, 2, WINDOW, 3, 1, generator=torch.Generator().manual_seed(0))
        losses.append(float(module.training_step((clips, torch.arange(4) % len(CLASSES)), 0).detach()))
    assert losses[0] == losses[2] != losses[1]
