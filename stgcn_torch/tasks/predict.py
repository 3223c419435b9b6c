"""``python -m stgcn_torch.predict``: classes of clips and of people in recordings, and timelines of long ones."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stgcn_torch.commands.clip_scale import names, odd_scale
from stgcn_torch.commands.configuration import plain
from stgcn_torch.commands.input_source import Place, opened, tracked
from stgcn_torch.commands.networks import networks, warn
from stgcn_torch.data.arrays import validate_clip
from stgcn_torch.data.preprocessing.steps import live_frames, without_nan
from stgcn_torch.files import written_whole
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.single_pass import running_segments, streams_of
from stgcn_torch.prediction.sliding import ClipSequence, Piece, Pieces, Segment, timeline, window_starts
from stgcn_torch.prediction.tempo import Tempo, long_clips, tempo_of

SHOWN = 20  # rows on the terminal


@dataclass(frozen=True)
class Answer:
    """The most likely classes of a clip, or of a segment of one.

    Attributes:
        place: What it is about.
        top: Class index and probability, the most likely first.
    """

    place: Place
    top: Sequence[tuple[int, float]]


def answers(
    ensemble: Ensemble,
    clips: ClipSequence,
    places: Sequence[Place],
    *,
    top_k: int = 1,
    slide: int | None = None,
    stream: int | None = None,
    tempo: Tempo | None = None,
    batch_size: int = 64,
) -> Iterator[Answer]:
    """What the networks say of clips, in order.

    Args:
        ensemble: The networks.
        clips: Each (C, T, V, M), of the ensemble's channels and layout.
        places: What each clip is.
        top_k: Classes in an answer.
        slide: None for one answer to a clip; else frames from one window to the next, for an answer to each segment of
            a clip. Windows without anybody get no answer.
        stream: None, or frames around each moment that its answer is the mean over, for the like in one pass.
        tempo: Frames of a recording in a window, and those that a stream takes; None for the training's.
        batch_size: Clips or windows at a time.
    """
    if tempo is None and not (slide is None and stream is None):
        tempo = tempo_of(ensemble)
    if stream is not None:
        streams = streams_of(ensemble)
        for i, place in enumerate(places):
            for part in running_segments(ensemble, streams, clips[i], stream, f"clip {i}", tempo):
                yield _of_segment(place, part, top_k)
        return
    ensemble = ensemble.for_inference()
    if slide is None:
        probabilities = np.empty((len(places), len(ensemble.classes)))
        people = np.array([clips[i].shape[3] for i in range(len(clips))])
        for M in np.unique(people):  # apart: of unknown slots, absent people beside those of a clip would count
            alike = np.flatnonzero(people == M)
            whole = [Piece(i, 0, clips[i].shape[1]) for i in alike.tolist()]
            probabilities[alike] = ensemble.probabilities(Pieces(clips, whole), range(len(whole)), batch_size)
        yield from (Answer(place, _top(row, top_k)) for place, row in zip(places, probabilities, strict=True))
        return
    assert tempo is not None
    for i, place in enumerate(places):
        clip = np.asarray(clips[i])
        if all(module.preprocessing.nan == "missing" for module in ensemble.modules):
            clip = without_nan(clip)  # a window of NaN alone shows nobody
        T = live_frames(clip)
        starts = [s for s in window_starts(T, tempo.span, slide) if clip[:, s : s + tempo.span].any()]
        if not starts:
            continue
        for module in ensemble.modules:  # before it is cut, so that an error names the clip and the frame
            validate_clip(clip, i, module.preprocessing)
        pieces = [Piece(i, start, min(start + tempo.span, T)) for start in starts]
        probabilities = ensemble.probabilities(Pieces(clips, pieces), range(len(pieces)), batch_size)
        there = (clip[:, :T] != 0).any(axis=(0, 2, 3))
        for part in timeline(starts, tempo.span, probabilities, there):
            yield _of_segment(place, part, top_k)


def _of_segment(place: Place, part: Segment, top_k: int) -> Answer:
    at = replace(place, start=place.start + part.start, end=place.start + part.end)
    return Answer(at, _top(part.probabilities, top_k))


def _top(probabilities: np.ndarray[Any, Any], k: int) -> list[tuple[int, float]]:
    return [(int(i), float(probabilities[i])) for i in np.argsort(-probabilities, kind="stable")[:k]]


def write_answers(path: str | Path, results: Sequence[Answer], classes: Sequence[str], columns: Sequence[str]) -> None:
    """Write answers, as JSON if the path ends so, else as CSV with a row per class.

    Args:
        path: Appears whole or not at all.
        results: The answers.
        classes: Class names.
        columns: What to tell of a place, by the names of its attributes.
    """
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        if Path(path).suffix == ".json":
            records = [
                {name: getattr(answer.place, name) for name in columns}
                | {"top": [{"class": classes[k], "probability": p} for k, p in answer.top]}
                for answer in results
            ]
            json.dump(records, file, indent=2, ensure_ascii=False)
            return
        writer = csv.writer(file, lineterminator="\n")
        ranked = any(len(answer.top) > 1 for answer in results)
        writer.writerow((*columns, *(["rank"] if ranked else []), "class", "probability"))
        for answer in results:
            known = [getattr(answer.place, name) for name in columns]
            for rank, (k, p) in enumerate(answer.top, 1):
                writer.writerow((*known, *([rank] if ranked else []), classes[k], f"{p:.6f}"))


def write_submission(path: str | Path, results: Iterable[Answer]) -> None:
    """Write the skating competition's form: sample_index, predict_category."""
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sample_index", "predict_category"))
        writer.writerows((answer.place.index, answer.top[0][0]) for answer in results)


def load(config: DictConfig) -> Ensemble:
    """The networks that the configuration names, on its device; warns of a preprocessing that contradicts weights."""
    ensemble, _ = networks(config, "predict")
    if config.windows is not None:
        ensemble = ensemble.through(plain(config.windows))
    return ensemble.to("cuda" if torch.cuda.is_available() and config.accelerator != "cpu" else "cpu")


def run(config: DictConfig) -> None:
    """Predict as the composed configuration says."""
    if config.accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("accelerator=gpu, and torch finds no CUDA GPU; accelerator=cpu takes the CPU")
    ensemble = load(config)
    if config.stream is not None:
        streams_of(ensemble)  # or an error, before anything is read
    options = {name: config[name] for name in ("top_k", "slide", "stream", "batch_size")}
    with opened(config, ensemble, "predict") as source:
        numbers = tracked(range(len(source.places)), "looking at the clips")
        warn("predict", odd_scale(source.ensemble, source.clips, numbers, names(source.places), source.unit))
        tempo = None
        if config.slide or config.stream:
            tempo = tempo_of(ensemble, config.span, source.rate)
            warn("predict", tempo_lines(config, tempo))
        else:
            warn("predict", long_clips(ensemble, source.clips, range(len(source.places)), source.rate))
        classes, places, columns = ensemble.classes, source.places, [*source.columns]
        results = list(answers(source.ensemble, source.clips, places, tempo=tempo, **options))
    if config.slide or config.stream:
        columns += [name for name in ("start", "end") if name not in columns]
        columns += ["start_seconds", "end_seconds"] if source.rate else []
    if config.out and config.out_format == "submission":
        write_submission(config.out, results)
    elif config.out:
        write_answers(config.out, results, classes, columns)
    _show(results, classes, columns)
    print(f"{len(places)} clips, {len(results)} answers" + (f", all in {config.out}" if config.out else ""))


def tempo_lines(config: DictConfig, tempo: Tempo) -> list[str]:
    """What a timeline is made of, where the user did not say it, and what is odd about it."""
    lines = []
    if config.span is None and config.slide:
        lines.append(f"a window spans {tempo.span} frames, {tempo.source}; span= overrules")
    elif config.span is None:
        lines.append(f"the tempo is that of clips of {tempo.span} frames, {tempo.source}; span= overrules")
    if config.slide and config.slide > tempo.span:
        lines.append(f"windows of {tempo.span} frames begin {config.slide} apart: between them no frame has an answer")
    if config.stream and config.stream > 2 * tempo.span:
        lines.append(
            f"an answer is the mean over {config.stream} frames, in which several clips of {tempo.span} have room: "
            f"stream={max(1, tempo.span // 2)} tells them apart better"
        )
    return lines


def _show(results: Sequence[Answer], classes: Sequence[str], columns: Sequence[str]) -> None:
    table = Table(*("clip" if name == "index" else name for name in columns), "class", "probability")
    for answer in results[:SHOWN]:
        known = [escape(str(getattr(answer.place, name))) for name in columns]
        names = "\n".join(escape(classes[k]) for k, _ in answer.top)
        table.add_row(*known, names, "\n".join(f"{p:.4f}" for _, p in answer.top))
    Console().print(table)
    if len(results) > SHOWN:
        print(f"... and {len(results) - SHOWN} more")
