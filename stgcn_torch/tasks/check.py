"""``python -m stgcn_torch.check``: what is wrong with a data set, before it costs a night of training.

Exit code 0: go on, with what is said in mind; 1: the command was used wrongly; 2: training would be pointless.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from stgcn_torch.commands.configuration import load_layout, plain
from stgcn_torch.commands.run_objects import data_options
from stgcn_torch.data.arrays import read_lines
from stgcn_torch.data.check import Finding, as_text, findings, hopeless, open_parts, summary, surveyed
from stgcn_torch.data.check.clips import unit
from stgcn_torch.data.check.figure import page
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.drawing.fonts import drawable
from stgcn_torch.files import written_whole
from stgcn_torch.skeleton import Skeleton, skeleton


def class_names(path: Path, count: int | None) -> list[str]:
    """The lines of a file, or else as many numbers as are given; ValueError if both are there and disagree."""
    names = read_lines(path)
    if names and count and len(names) != count:
        raise ValueError(f"{path} names {len(names)} classes, got num_classes={count}")
    return names or [str(i) for i in range(count or 0)]


def overview(facts: dict[str, Any], body: Skeleton, channels: Sequence[str]) -> str:
    """The summary of a data set as a person would say it."""
    clips, frames, window = facts["clips"], facts["frames"], facts["window"]
    total = sum(clips.values())
    parts = ", ".join(f"{count} {name}" for name, count in clips.items())
    lines = [
        f"{parts} clips of {len(facts['classes']['train'])} classes; "
        f"{', '.join(channels)} of {len(body.joints)} joints ({body.name})",
        f"{frames['least']:.0f} to {frames['most']:.0f} frames, half of the clips {frames['quarter']:.0f} to "
        f"{frames['three_quarters']:.0f}",
        f"{window['option']}={window['frames']}: {window['cut'] / total:.0%} of the clips are sampled down "
        f"({window['unseen']:.0%} of all frames unseen), {window['padded'] / total:.0%} padded",
    ]
    if facts["size"]:
        lines.append(f"bodies have a size of {facts['size']:.3g}: {unit(facts['size'])}")
    return "\n".join(lines)


def write_findings(folder: str | Path, facts: dict[str, Any], problems: Sequence[Finding]) -> None:
    """Write ``check.json``: the summary, the findings, and whether to go on."""
    report = facts | {"findings": [asdict(finding) for finding in problems], "go_on": not hopeless(problems)}
    Path(folder).mkdir(parents=True, exist_ok=True)
    with written_whole(Path(folder) / "check.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def run(config: DictConfig) -> None:
    """Check as the composed configuration says."""
    body = skeleton(load_layout(config.layout))
    options, channels = data_options(config)
    preprocessing = Preprocessing.of(plain(config.preprocessing) | {"channels": channels})
    classes = class_names(Path(options["root"]) / "classes.txt", options["num_classes"])
    parts, problems = open_parts(options["root"], options, channels, body, len(classes) or None)
    facts: dict[str, Any] = {}
    if parts:
        count = 1 + max(int(part.labels.max(initial=0)) for part in parts)
        survey = surveyed(parts, body, preprocessing, classes or [str(i) for i in range(count)])
        problems, facts = findings(survey), summary(survey)
        print(overview(facts, body, channels))
    print(as_text(problems))
    if config.out:
        write_findings(config.out, facts, problems)
        if parts:
            with written_whole(Path(config.out) / "check.png") as temporary:
                page(survey, *drawable(survey.classes)).savefig(temporary, dpi=150, format="png")
        print(f"report {config.out}")
    if hopeless(problems):
        sys.exit(2)
