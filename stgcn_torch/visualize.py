"""``python -m stgcn_torch.visualize``: figures of a layout and its graph, of a checkpoint, a run or a clip."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from matplotlib.figure import Figure
from omegaconf import DictConfig
from torch import nn

from stgcn_torch.checkpoint import Checkpoint, read_checkpoint
from stgcn_torch.commands import command, load_layout, plain
from stgcn_torch.drawing.graph import (
    Graph,
    adjacency_figure,
    adjacency_text,
    hops_figure,
    hops_text,
    skeleton_figure,
)
from stgcn_torch.drawing.network import (
    Network,
    importance_figure,
    importance_matrices_figure,
    importance_text,
    receptive_field_figure,
)
from stgcn_torch.drawing.partitions import partitions_figure, partitions_text
from stgcn_torch.drawing.style import FORMATS, THEMES, Theme, save
from stgcn_torch.files import written_whole
from stgcn_torch.graph import adjacency
from stgcn_torch.model import STGCNBlock
from stgcn_torch.skeleton import skeleton

Given = Mapping[type, Any]  # what there is to draw, each kind under its class


@dataclass(frozen=True)
class Subject:
    """What one figure shows.

    Attributes:
        takes: The kind of thing that it is drawn of.
        draw: Draws it, in a theme.
        text: Its numbers as text, written beside it.
    """

    takes: type
    draw: Callable[[Any, Theme], Figure]
    text: Callable[[Any], str] | None = None


SUBJECTS = {
    "skeleton": Subject(Graph, skeleton_figure),
    "hops": Subject(Graph, hops_figure, hops_text),
    "adjacency": Subject(Graph, adjacency_figure, adjacency_text),
    "partitions": Subject(Graph, partitions_figure, partitions_text),
    "importance": Subject(Network, importance_figure, importance_text),
    "importance_matrices": Subject(Network, importance_matrices_figure),
    "receptive_field": Subject(Network, receptive_field_figure),
}


def graph_given(config: DictConfig) -> Graph:
    """The graph of the layout and strategy that the configuration names."""
    body = skeleton(load_layout(config.layout))
    A = adjacency(body, config.strategy, config.max_hop, config.dilation)
    return Graph(body, A, config.strategy, config.max_hop, config.dilation)


def network_of(held: Checkpoint) -> Network:
    """What the figures show of a checkpoint's network."""
    backbone = held.build().backbone
    options = {name: held.model[name] for name in ("strategy", "max_hop", "dilation") if name in held.model}
    graph = Graph(skeleton(held.model.get("layout", "fsd10")), backbone.A.double().numpy(), **options)
    learned = backbone.edge_importance
    temporal = [cast(nn.Conv2d, cast(STGCNBlock, block).tcn[2]) for block in backbone.st_gcn_networks]
    return Network(
        graph,
        None if learned is None else torch.stack([*learned]).detach().double().numpy(),
        [convolution.kernel_size[0] for convolution in temporal],
        [convolution.stride[0] for convolution in temporal],
        held.preprocessing.window if held.preprocessing else None,
    )


def given(config: DictConfig) -> Given:
    """All that the configuration gives to draw."""
    if config.ckpt_path is None:
        return {Graph: graph_given(config)}
    held = read_checkpoint(config.ckpt_path)
    if config.strides is not None:
        held = replace(held, model=held.model | {"strides": plain(config.strides)})
    network = network_of(held)
    return {Graph: network.graph, Network: network}


def chosen(there: Given, only: Sequence[str] | None) -> dict[str, Subject]:
    """The subjects that can be drawn of what is there, or those that are asked for.

    Raises:
        ValueError: One that is asked for is unknown, or needs what is not there.
    """
    can = {name: subject for name, subject in SUBJECTS.items() if subject.takes in there}
    if only is None:
        return can
    if unknown := [name for name in only if name not in SUBJECTS]:
        raise ValueError(f"only={unknown[0]} is unknown; choose of {', '.join(SUBJECTS)}")
    if lacking := [name for name in only if name not in can]:
        raise ValueError(f"{lacking[0]} cannot be drawn of what is given, only {', '.join(can)}")
    return {name: SUBJECTS[name] for name in only}


def draw(there: Given, subjects: Mapping[str, Subject], out: Path, form: str, themes: Sequence[str]) -> list[Path]:
    """Write the figures and texts of subjects into a folder; returns the files."""
    written = []
    words = [word for thing in there.values() for word in thing.words]
    for name, subject in subjects.items():
        for theme in themes:
            path = out / f"{name}{'-dark' if theme == 'dark' and len(themes) > 1 else ''}.{form}"
            with THEMES[theme].worn(words):
                save(subject.draw(there[subject.takes], THEMES[theme]), path)
            written.append(path)
        if subject.text:
            path = out / f"{name}.txt"
            with written_whole(path) as temporary:
                temporary.write_text(subject.text(there[subject.takes]), encoding="utf-8")
            written.append(path)
    return written


def check(config: DictConfig) -> None:
    """Raise ValueError for options that no drawing could use."""
    if config.format not in FORMATS:
        raise ValueError(f"format {config.format!r} is unknown; choose {' or '.join(FORMATS)}")
    if config.theme not in (*THEMES, "both"):
        raise ValueError(f"theme {config.theme!r} is unknown; choose {', '.join(THEMES)} or both")


@command("visualize")
def main(config: DictConfig) -> None:
    """Draw what the composed configuration says."""
    check(config)
    there = given(config)
    subjects = chosen(there, plain(config.only))
    graph = there[Graph]
    off = graph.check_sum()
    print(f"{len(graph.A)} partitions of {graph.body.name} sum to its normalised adjacency, within {off:.1e}")
    themes = list(THEMES) if config.theme == "both" else [config.theme]
    for path in draw(there, subjects, Path(config.out), config.format, themes):
        print(f"written to {path}")


if __name__ == "__main__":
    main()
