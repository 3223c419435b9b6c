"""``python -m stgcn_torch.evaluate``: the metrics of a checkpoint on a held-out split."""

import pytorch_lightning as pl
from omegaconf import DictConfig

from stgcn_torch.commands.networks import networks
from stgcn_torch.commands.run_objects import make_data, quiet_trainer
from stgcn_torch.data.module import SkeletonData
from stgcn_torch.drawing.report import one_line, summarize, write_report
from stgcn_torch.inference.exact import for_inference
from stgcn_torch.training.lit import LitSTGCN


def evaluate(module: LitSTGCN, data: SkeletonData, split: str | None, trainer: pl.Trainer) -> dict[str, object]:
    """The results of one split as plain values (see ``report.summarize``).

    Args:
        module: Left as it is; a copy that is made for inference answers.
        data: Where the split comes from.
        split: ``test`` or ``val``; None for the test if there is one.
        trainer: What runs it.

    Raises:
        ValueError: The data hold out no such split.
    """
    split = split or ("test" if "test" in data.datasets else "val")
    if split not in data.datasets or split == "train":
        held_out = ", ".join(name for name in data.datasets if name != "train")
        raise ValueError(f"there is no {split} split to evaluate on; the data hold out {held_out or 'nothing'}")
    run = trainer.test if split == "test" else trainer.validate
    loader = data.test_dataloader() if split == "test" else data.val_dataloader()
    fast = for_inference(module)
    metrics = run(fast, loader, verbose=False, weights_only=True)
    return summarize(split, metrics[0], fast.confusion.numpy(), module.classes)


def run(config: DictConfig) -> None:
    """Evaluate as the composed configuration says."""
    (module,) = networks(config, "evaluate")[0].modules
    data = make_data(config, module.body, module)
    if data.num_classes != len(module.classes):
        raise ValueError(f"{config.ckpt_path} has {len(module.classes)} classes, the data have {data.num_classes}")
    numbers = [str(i) for i in range(len(module.classes))]
    if numbers not in (data.classes, list(module.classes)) and data.classes != list(module.classes):
        raise ValueError(
            f"{config.ckpt_path} knows the classes {', '.join(module.classes)}; "
            f"those of {data.root} are {', '.join(data.classes)}"
        )
    results = evaluate(module, data, config.split, quiet_trainer(config.accelerator, config.precision))
    print(one_line(results))
    if config.out:
        write_report(config.out, results)
        print(f"report {config.out}")
