"""What a finished run left in its folder, read back: its history, its results, and what it says of held-out clips."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from stgcn_torch.checkpoint.reader import load_module
from stgcn_torch.commands.run_objects import make_data
from stgcn_torch.data.preprocessing.steps import live_frames
from stgcn_torch.drawing.clip import Film
from stgcn_torch.drawing.moving import Rate
from stgcn_torch.drawing.recognised import Recognition, Recognitions
from stgcn_torch.drawing.run import Answers, History, Results
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.sliding import Piece, Pieces
from stgcn_torch.yaml_files import load_yaml

SIDE_BY_SIDE = 3  # clips that are played together


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
        contents = json.loads(path.read_text(encoding="utf-8"))
        return Results.of(contents) if "confusion" in contents else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no report of a run: {error}") from None


def checkpoint_of(run: Path) -> Path:
    """The checkpoint that a run's report is of: the best, or the last if nothing validated.

    Raises:
        FileNotFoundError: There is neither.
    """
    paths = [path for name in ("best", "last") if (path := run / "checkpoints" / f"{name}.ckpt").is_file()]
    if not paths:
        raise FileNotFoundError(f"no checkpoints/best.ckpt or last.ckpt in {run}")
    return paths[0]


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
    contents = load_yaml(path)
    if not isinstance(contents, dict):
        raise ValueError(f"{path} holds no configuration of a run")
    config = OmegaConf.create(contents)
    OmegaConf.update(config, "split", results.split)
    OmegaConf.update(config, "data.skating", None)  # to look at a run makes no clips
    if root:
        OmegaConf.update(config, "data.root", root)
    module = load_module(checkpoint_of(run))
    try:
        dataset = make_data(config, module.body, module).datasets[results.split]
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}, where the run's clips were; root=FOLDER says where they are") from None
    probabilities = Ensemble([module], [1.0]).for_inference().probabilities(dataset.array, dataset.indices.tolist())
    return Answers(
        dataset.array,  # type: ignore[arg-type]  # an array of clips, which has a length
        dataset.indices,
        dataset.labels,
        probabilities,
        module.classes,
        module.preprocessing.channels,
        module.body,
    )


def recognitions_of(run: Path, answers: Answers, rate: Rate, classes: Sequence[str] | None = None) -> Recognitions:
    """Of some classes the clip that was recognised most surely, and what the network says as it is played.

    Args:
        run: The folder.
        answers: What its checkpoint says.
        rate: How fast they are played.
        classes: Names of the classes; None for those of which the most is recognised.

    Raises:
        ValueError: There is no such class, or none of its clips is recognised.
    """
    confusion = answers.confusion
    recognised = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
    best = [k for k in np.argsort(-recognised, kind="stable").tolist() if recognised[k]]
    names = [answers.classes[k] for k in best[:SIDE_BY_SIDE]] if classes is None else list(classes)
    if unfit := [name for name in names if name not in [answers.classes[k] for k in best]]:
        raise ValueError(
            f"no clip of class {unfit[0]!r} is recognised; choose of {', '.join(answers.classes[k] for k in best)}"
        )
    ensemble = Ensemble([load_module(checkpoint_of(run))], [1.0]).for_inference()
    recognitions = []
    for name in names:
        k = list(answers.classes).index(name)
        i = int(answers.numbers[answers.surest(k, k)])
        clip = np.asarray(answers.clips[i])
        T = live_frames(clip)
        prefixes = Pieces(answers.clips, [Piece(i, 0, t + 1) for t in range(T)])
        probabilities = ensemble.probabilities(prefixes, range(T))
        recognitions.append(
            Recognition(Film(clip, answers.channels, answers.body, rate=rate), answers.classes, probabilities)
        )
    return Recognitions(recognitions, rate)
