"""``python -m stgcn_torch.visualize``: figures of a layout and its graph, of a checkpoint, a run or a clip."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from matplotlib.figure import Figure
from omegaconf import DictConfig

from stgcn_torch.checkpoint.reader import Checkpoint, read_checkpoint
from stgcn_torch.commands.configuration import given_preprocessing, load_layout, plain
from stgcn_torch.commands.input_source import pattern_of, selection_of
from stgcn_torch.commands.past_run import answers_of, checkpoint_of, read_history, read_results, recognitions_of
from stgcn_torch.data.arrays import read_lines
from stgcn_torch.data.formats import Label, recordings
from stgcn_torch.data.preprocessing.steps import without_nan
from stgcn_torch.data.recordings.selection import completed, fitted
from stgcn_torch.drawing.clip import Film, film_figure, write_clip
from stgcn_torch.drawing.fonts import without_font
from stgcn_torch.drawing.graph import (
    Graph,
    adjacency_figure,
    adjacency_text,
    hops_figure,
    hops_text,
    skeleton_figure,
)
from stgcn_torch.drawing.moving import Rate, check_moving
from stgcn_torch.drawing.network import (
    Network,
    importance_figure,
    importance_matrices_figure,
    importance_text,
    receptive_field_figure,
)
from stgcn_torch.drawing.partitions import partitions_figure, partitions_text
from stgcn_torch.drawing.recognised import Recognitions, write_recognitions
from stgcn_torch.drawing.run import (
    Answers,
    History,
    Results,
    accuracy_figure,
    confused_figure,
    history_figure,
    matrix_figure,
)
from stgcn_torch.drawing.style import THEMES, Theme, save
from stgcn_torch.files import existing_parent, written_whole
from stgcn_torch.graph import adjacency, hop_distance
from stgcn_torch.skeleton import skeleton
from stgcn_torch.training.lit import NO_SLOTS

Given = Mapping[type, Any]  # what there is to draw, each kind under its class
DRAWABLE = 1e15  # coordinates beyond are no body's
FONTS = "install one of its script, such as Noto Sans CJK; until then a number stands for it"
PLAYED = ("moving", "fps", "speed")
BELONGS = {  # which options mean something for what is drawn; the first three name it
    "ckpt_path": ("strides", "preprocessing"),
    "run": ("root", "classes", *PLAYED),
    "input": ("layout", "index", "input_format", "channels", "most_people", "frames", "angle", "trail", *PLAYED),
    "layout": ("layout", "strategy", "max_hop", "dilation"),
}


@dataclass(frozen=True)
class Subject:
    """What one figure shows.

    Attributes:
        takes: The kind of thing that it is drawn of.
        draw: Draws it, in a theme,
        text: Its numbers as text, written beside it.
        move: or writes it as a moving picture.
    """

    takes: type
    draw: Callable[[Any, Theme], Figure] | None = None
    text: Callable[[Any], str] | None = None
    move: Callable[[Any, Path, Theme], None] | None = None


SUBJECTS = {
    "skeleton": Subject(Graph, skeleton_figure),
    "hops": Subject(Graph, hops_figure, hops_text),
    "adjacency": Subject(Graph, adjacency_figure, adjacency_text),
    "partitions": Subject(Graph, partitions_figure, partitions_text),
    "importance": Subject(Network, importance_figure, importance_text),
    "importance_matrices": Subject(Network, importance_matrices_figure),
    "receptive_field": Subject(Network, receptive_field_figure),
    "curves": Subject(History, history_figure),
    "confusion": Subject(Results, matrix_figure),
    "accuracy": Subject(Results, accuracy_figure),
    "confused": Subject(Answers, confused_figure),
    "recognised": Subject(Recognitions, move=write_recognitions),
    "film": Subject(Film, film_figure),
    "clip": Subject(Film, move=write_clip),
}


def graph_given(config: DictConfig) -> Graph:
    """The graph of the layout and strategy that the configuration names.

    Raises:
        ValueError: There are no such, or no two joints are as far apart as ``max_hop``.
    """
    body = skeleton(load_layout(config.layout or "fsd10"))
    longest = max(1, int(hop_distance(len(body.joints), body.bones).max()))
    if config.max_hop > longest:
        raise ValueError(f"max_hop must be at most {longest}, the longest way in {body.name}, got {config.max_hop}")
    A = adjacency(body, config.strategy, config.max_hop, config.dilation)
    return Graph(body, A, config.strategy, config.max_hop, config.dilation)


def network_of(checkpoint: Checkpoint, window: int | None) -> Network:
    """What the figures show of a checkpoint's network, whose clips have a window of so many frames."""
    backbone = checkpoint.build().backbone
    options = {name: checkpoint.model[name] for name in ("strategy", "max_hop", "dilation") if name in checkpoint.model}
    graph = Graph(skeleton(checkpoint.model.get("layout", "fsd10")), backbone.A.double().numpy(), **options)
    learned = backbone.edge_importance
    return Network(
        graph,
        None if learned is None else torch.stack([*learned]).detach().double().numpy(),
        [backbone.temporal_kernel] * len(backbone.strides),
        backbone.strides,
        window,
    )


def given(config: DictConfig) -> Given:
    """All that the configuration gives to draw."""
    if config.input is not None:
        return {Film: film_given(config)}
    path = checkpoint_of(Path(config.run)) if config.run is not None else config.ckpt_path
    if path is None:
        return {Graph: graph_given(config)}
    checkpoint = read_checkpoint(path, plain(config.strides))
    for line in checkpoint.assumed:
        if NO_SLOTS not in line:  # figures are of the network alone
            print(f"visualize: {line}", file=sys.stderr)
    window = given_preprocessing(config).get("window", checkpoint.preprocessing and checkpoint.preprocessing.window)
    network = network_of(checkpoint, window)
    sources: dict[type, Any] = {Graph: network.graph, Network: network}
    return sources if config.run is None else {**sources, **run_given(config)}


def run_given(config: DictConfig) -> Given:
    """What a run left: its history, its results, and what it says of its clips if that is wanted and they are there."""
    run = Path(config.run)
    sources: dict[type, Any] = {History: read_history(run)}
    results = read_results(run)
    if results is None:
        return sources
    sources[Results] = results
    wanted_names = config.only or ["confused", "recognised"]
    if not {"confused", "recognised"} & set(wanted_names):
        return sources
    try:
        answers = sources[Answers] = answers_of(run, results, config.root)
    except OSError as error:
        if config.only is not None:
            raise
        print(f"visualize: without its clips: {error}", file=sys.stderr)
        return sources
    if "recognised" in wanted_names and np.trace(answers.confusion):
        sources[Recognitions] = recognitions_of(run, answers, Rate(config.fps, config.speed), plain(config.classes))
    return sources


def film_given(config: DictConfig) -> Film:
    """The clip that the configuration names, in its own layout, or else in the one that is told for it.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It cannot be read, its layout or channels are not told, or it has no clip of that index.
    """
    listed = recordings(config.input, config.input_format, pattern=pattern_of(config))
    if config.index >= len(listed):
        raise ValueError(
            f"index must be one of the {len(listed)} clips of {config.input}, from 0, got {config.index!r}"
        )
    one = listed[config.index]
    scene = one.read()
    selection = completed(selection_of(config), scene)
    if scene.told and not config.layout:
        print(f"visualize: {one.source}: {scene.told}", file=sys.stderr)
    body, channels = selection.told
    clip = without_nan(fitted(scene, selection).together())
    if not 0 < np.abs(clip).max() < DRAWABLE:
        raise ValueError(f"{one.source} has nothing to draw: its values go up to {np.abs(clip).max():.0e}")
    name = class_name(one.label or scene.label, Path(config.input))
    title = f"{one.source}: {name}" if name else one.source
    rate = Rate(config.fps, config.speed)
    return Film(clip, channels, body, title, config.frames, rate, config.angle, config.trail)


def class_name(label: Label | None, source: Path) -> str:
    """What the class of a clip is called, by the ``classes.txt`` beside it if it has but a number."""
    if label is None:
        return ""
    names = read_lines((source if source.is_dir() else source.parent) / "classes.txt")
    return names[label.number] if label.number is not None and label.number < len(names) else label.name


def chosen(sources: Given, only: Sequence[str] | None) -> dict[str, Subject]:
    """The subjects that can be drawn of what is there, or those that are asked for.

    Raises:
        ValueError: One that is asked for needs what is not there.
    """
    can = {name: subject for name, subject in SUBJECTS.items() if subject.takes in sources}
    if only is None:
        return can
    if lacking := [name for name in only if name not in can]:
        raise ValueError(f"{lacking[0]} cannot be drawn of what is given, only {', '.join(can)}")
    return {name: SUBJECTS[name] for name in only}


def draw(
    sources: Given, subjects: Mapping[str, Subject], out: Path, form: str, themes: Sequence[str], moving: str = "gif"
) -> list[Path]:
    """Write the figures and texts of subjects into a folder; returns the files."""
    written = []
    words = [word for thing in sources.values() for word in thing.words]
    for name, subject in subjects.items():
        thing = sources[subject.takes]
        for theme in themes:
            dark = "-dark" if theme == "dark" and len(themes) > 1 else ""
            path = out / f"{name}{dark}.{moving if subject.move else form}"
            with THEMES[theme].worn(words):
                if subject.draw:
                    save(subject.draw(thing, THEMES[theme]), path)
                if subject.move:
                    subject.move(thing, path, THEMES[theme])
            written.append(path)
        if subject.text:
            path = out / f"{name}.txt"
            with written_whole(path) as temporary:
                temporary.write_text(subject.text(thing), encoding="utf-8")
            written.append(path)
    return written


def check(config: DictConfig, options: Iterable[str]) -> None:
    """Raise ValueError for what no drawing could use.

    Args:
        config: The configuration.
        options: Those that the user gave a value.
    """
    if len(given := [name for name in ("ckpt_path", "run", "input") if config[name] is not None]) > 1:
        raise ValueError(f"{'= and '.join(given)}= are each drawn by themselves; give one of them")
    (of,) = given or ["layout"]
    bound = {option for belonging in BELONGS.values() for option in belonging}
    if strange := [option for option in options if option in bound and option not in BELONGS[of]]:
        raise ValueError(f"{strange[0]}= says nothing of {of}=, of which there are {', '.join(BELONGS[of])}")
    check_moving(Path(config.out) / f"NAME.{config.moving}")
    parent = existing_parent(Path(config.out) / "figure")
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f"out must be a folder that can be written, got {config.out}")


def run(config: DictConfig) -> None:
    """Draw what the composed configuration says."""
    check(config, [re.split(r"[=.]", option)[0].lstrip("+~") for option in HydraConfig.get().overrides.task])
    sources = given(config)
    subjects = chosen(sources, plain(config.only))
    if lacking := without_font([word for subject in subjects.values() for word in sources[subject.takes].words]):
        print(f"visualize: no font has all of {lacking[0]!r}; {FONTS}", file=sys.stderr)
    if graph := sources.get(Graph):
        off = graph.check_sum()
        print(f"{len(graph.A)} partitions of {graph.body.name} sum to its normalised adjacency, within {off:.1e}")
    themes = list(THEMES) if config.theme == "both" else [config.theme]
    for path in draw(sources, subjects, Path(config.out), config.figure_format, themes, config.moving):
        print(f"written to {path}")
