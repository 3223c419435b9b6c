"""What a finished run left in its folder, read back: its history, its results, and what it says of held-out clips."""

import csv
import json
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from stgcn_torch.build import make_data
from stgcn_torch.checkpoint import load_module
from stgcn_torch.drawing.run import Answers, History, Results
from stgcn_torch.ensemble import Ensemble


def read_history(run: Path) -> History:
    """The rows of a run's ``metrics.csv``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It has no rows of numbers.
    """
    path = run / "metrics.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}, which every run has; run={run} must be the folder of one")
    with path.open(newline="", encoding="utf-8") as file:
        try:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from None
    if not rows or any("epoch" not in row for row in rows):
        raise ValueError(f"{path} must have a row per epoch, got {len(rows)} rows")
    return History(rows)


def read_results(run: Path) -> Results | None:
    """What a run's last evaluation counted; None if it is not there yet, or nothing was held out.

    Raises:
        ValueError: ``results.json`` cannot be read.
    """
    path = run / "report" / "results.json"
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Results.of(held) if "confusion" in held else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no report of a run: {error}") from None


def checkpoint_of(run: Path) -> Path:
    """The checkpoint that a run's report is of: the best, or the last if nothing validated.

    Raises:
        FileNotFoundError: There is neither.
    """
    found = [path for name in ("best", "last") if (path := run / "checkpoints" / f"{name}.ckpt").is_file()]
    if not found:
        raise FileNotFoundError(f"no checkpoints/best.ckpt or last.ckpt in {run}")
    return found[0]


def answers_of(run: Path, results: Results, root: str | None = None) -> Answers:
    """What a run's checkpoint says of every clip of the split that its report counts.

    Args:
        run: The folder; its ``config.yaml`` says where the clips are.
        results: Its report's.
        root: Folder of the clips, if they have moved since.

    Raises:
        FileNotFoundError: The configuration or the clips are not there.
        ValueError: They do not fit the checkpoint.
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}, which says what the run was trained on")
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    OmegaConf.update(config, "split", results.split)
    if root:
        OmegaConf.update(config, "data.root", root)
    module = load_module(checkpoint_of(run))
    try:
        dataset = make_data(config, module.body, module).datasets[results.split]
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}, where the run's clips were; root=FOLDER says where they are") from None
    said = Ensemble([module], [1.0]).for_inference().probabilities(dataset.array, dataset.indices.tolist())
    return Answers(
        dataset.array,  # type: ignore[arg-type]  # an array of clips, which has a length
        dataset.indices,
        dataset.labels,
        said,
        module.classes,
        module.preprocessing.channels,
        module.body,
    )
