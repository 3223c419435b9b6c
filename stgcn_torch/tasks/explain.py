"""``python -m stgcn_torch.explain``: one page that shows which joints and which frames carried a decision."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from stgcn_torch.commands.clip_scale import names, odd_scale
from stgcn_torch.commands.configuration import plain
from stgcn_torch.commands.input_source import Place, opened, tracked
from stgcn_torch.commands.networks import networks, warn
from stgcn_torch.data.arrays import validate_clip
from stgcn_torch.data.preprocessing.steps import Clip, live_frames
from stgcn_torch.explanation.attribution import explain
from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.explanation.page import write_page
from stgcn_torch.files import check_writable
from stgcn_torch.prediction.tempo import long_clips

LARGE = 2_000_000  # bytes of a page that opens slowly on a phone


def indices(index: int | list[int], count: int) -> list[int]:
    """Which of ``count`` clips are asked for; ValueError if there is no such clip."""
    numbers = index if isinstance(index, list) else [index]
    for i in numbers:
        if i >= count:
            raise ValueError(f"index {i} is none of the {count} clips, which are numbered from 0 to {count - 1}")
    return numbers


def title(path: str, place: Place, clip: Clip) -> str:
    """What is explained, as a person would say it: the recording, who, and the live frames.

    Args:
        path: That was given.
        place: What the clip is.
        clip: It.
    """
    where = place.source or f"{Path(path).name}, clip {place.index}"
    people = np.count_nonzero(clip.any(axis=(0, 1, 2)))
    who = f", person {place.person}" if place.person else f", {people} people" if people > 1 else ""
    return f"{where}{who}, frames {place.start} to {place.start + max(live_frames(clip), 1) - 1}"


def show(explanations: Sequence[Explanation]) -> None:
    """Print the classes of each explanation, the most likely first."""
    for explanation in explanations:
        print(explanation.title)
        for k in explanation.shown:
            print(f"  {explanation.probabilities[k]:.4f}  {explanation.classes[k]}")


def oversized(path: str) -> list[str]:
    """A line if a page is so large that it opens slowly on a phone."""
    size = Path(path).stat().st_size
    return [f"{path} has {size / 1e6:.1f} MB; fewer clips or a smaller top_k= take less"] if size > LARGE else []


def run(config: DictConfig) -> None:
    """Explain as the composed configuration says."""
    check_writable(config.out)
    ensemble, contradictions = networks(config, "explain")
    explanations = []
    with opened(config, ensemble, "explain") as source:
        (module,) = source.ensemble.modules
        for i in indices(plain(config.index), len(source.places)):
            clip = np.array(source.clips[i])  # its file goes before the page is written
            validate_clip(clip, i, module.preprocessing)
            scale = odd_scale(source.ensemble, source.clips, [i], names(source.places), source.unit)
            scale += long_clips(source.ensemble, source.clips, [i], source.rate)
            warn(f"explain: clip {i}", scale)
            explanations.append(
                explain(
                    module,
                    clip,
                    title(config.input, source.places[i], clip),
                    start=source.places[i].start,
                    top_k=config.top_k,
                    crop=config.crop,
                    warnings=[*contradictions, *scale],
                    track=partial(tracked, doing=f"occluding joints of clip {i}"),
                )
            )
        count = len(source.places)
    write_page(config.out, explanations)
    show(explanations)
    if len(explanations) < count:
        print(f"{len(explanations)} of {count} clips; index= chooses others")
    warn("explain", oversized(config.out))
    print(f"the page: {config.out}, {Path(config.out).stat().st_size / 1e6:.1f} MB")
