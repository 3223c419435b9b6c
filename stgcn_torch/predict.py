"""``python -m stgcn_torch.predict``: the class of each clip in a file."""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stgcn_torch.checkpoint import load_module
from stgcn_torch.commands import command, given_preprocessing, plain
from stgcn_torch.data.arrays import Clips, open_clips
from stgcn_torch.data.dataset import ClipDataset
from stgcn_torch.data.module import loader_of
from stgcn_torch.files import written_whole
from stgcn_torch.fingerprint import contradiction
from stgcn_torch.lit import LitSTGCN

Row = tuple[int, int, float]
FORMS = ("probabilities", "submission")
SHOWN = 20  # rows on the terminal


def probabilities(module: LitSTGCN, clips: Clips, batch_size: int = 64) -> Iterator[np.ndarray[Any, Any]]:
    """Class probabilities of each clip, in order.

    Args:
        module: In evaluation mode, on the device that shall run it.
        clips: (N, C, T, V, M) as recorded; preprocessed here as the module's checkpoint says.
        batch_size: Clips at a time.
    """
    dataset = ClipDataset(clips, None, range(len(clips)), module.preprocessing, module.body)
    with torch.inference_mode():
        for batch, _ in loader_of(dataset, batch_size):
            logits = module(batch.to(module.device)).float()
            yield from logits.softmax(dim=1).cpu().numpy()


def write_predictions(path: str | Path, rows: Sequence[Row], classes: Sequence[str], form: str) -> None:
    """Write (index, class, probability) rows as CSV.

    Args:
        path: Appears whole or not at all.
        rows: Clip index, class index, probability.
        classes: Class names.
        form: ``probabilities`` (index, class, probability) or ``submission``, the skating competition's
            sample_index, predict_category.

    Raises:
        ValueError: The form is unknown.
    """
    forms: dict[str, tuple[tuple[str, ...], Callable[[int, int, float], tuple[Any, ...]]]] = {
        "probabilities": (("index", "class", "probability"), lambda i, k, p: (i, classes[k], f"{p:.6f}")),
        "submission": (("sample_index", "predict_category"), lambda i, k, _: (i, k)),
    }
    if form not in forms:
        raise ValueError(f"form {form!r} is unknown; choose {' or '.join(forms)}")
    header, row = forms[form]
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(row(*values) for values in rows)


@command("predict")
def main(config: DictConfig) -> None:
    """Predict as the composed configuration says."""
    has_gpu = torch.cuda.is_available()
    if config.form not in FORMS:
        raise ValueError(f"form {config.form!r} is unknown; choose {' or '.join(FORMS)}")
    if config.accelerator not in ("auto", "cpu", "gpu") or (config.accelerator == "gpu" and not has_gpu):
        raise ValueError(f"accelerator must be auto, cpu, or gpu where there is one, got {config.accelerator!r}")
    given = given_preprocessing(config)
    module = load_module(config.ckpt_path, given, plain(config.strides))
    said = contradiction(module.state_dict(), module.preprocessing, module.body)
    if said and given.keys() - {"nan", "empty"}:  # its own is right, even where clips were centred before
        print(f"predict: {said}", file=sys.stderr)
    module.to("cuda" if has_gpu and config.accelerator != "cpu" else "cpu")
    clips = open_clips(config.input, module.preprocessing.channels, module.body, single=True)
    rows: list[Row] = []
    for index, probability in enumerate(probabilities(module, clips, config.batch_size)):
        best = int(probability.argmax())
        rows.append((index, best, float(probability[best])))
    if config.out:
        write_predictions(config.out, rows, module.classes, config.form)
    table = Table("clip", "class", "probability")
    for index, best, sure in rows[:SHOWN]:
        table.add_row(str(index), escape(module.classes[best]), f"{sure:.4f}")
    Console().print(table)
    more = f" ({len(rows) - SHOWN} more)" if len(rows) > SHOWN else ""
    print(f"{len(rows)} clips{more}" + (f", all in {config.out}" if config.out else ""))


if __name__ == "__main__":
    main()
