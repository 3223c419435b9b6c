"""``python -m stgcn_torch.explain``: one page that shows which joints and which frames carried a decision."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from stgcn_torch.commands.clips import Place, check_source, odd_scale, opened, tracked
from stgcn_torch.commands.entry import command, plain
from stgcn_torch.commands.networks import check_one, networks, warn
from stgcn_torch.data.arrays import validate_clip
from stgcn_torch.data.preprocessing.steps import Clip, live_frames
from stgcn_torch.explanation.attribution import explain
from stgcn_torch.explanation.explanation import Explanation
from stgcn_torch.explanation.page import write_page
from stgcn_torch.files import check_writable

LARGE = 2_000_000  # bytes of a page that opens slowly on a phone


def indices(given: object, count: int) -> list[int]:
    """Which of ``count`` clips are asked for.

    Raises:
        ValueError: It is no whole number from 0 on or several, or there is no such clip.
    """
    asked = given if isinstance(given, list) else [given]
    numbers = [i for i in asked if type(i) is int]
    if not numbers or len(numbers) < len(asked):
        raise ValueError(f"index must be a whole number or several such as [0,3], got {given!r}")
    for i in numbers:
        if not 0 <= i < count:
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


def show(found: Sequence[Explanation]) -> None:
    """Print the classes of each explanation, the most likely first."""
    for made in found:
        print(made.title)
        for k in made.shown:
            print(f"  {made.probabilities[k]:.4f}  {made.classes[k]}")


def oversized(path: str) -> list[str]:
    """A line if a page is so large that it opens slowly on a phone."""
    size = Path(path).stat().st_size
    return [f"{path} has {size / 1e6:.1f} MB; fewer clips or a smaller top_k= take less"] if size > LARGE else []


def check(config: DictConfig) -> None:
    """Raise an error for what no page could be made of or written to, before anything is loaded."""
    check_one(config)
    for name in ("top_k", "crop"):
        if type(config[name]) is not int and (name == "top_k" or config[name] is not None):
            raise ValueError(f"{name} must be a whole number, got {config[name]!r}")
    if not isinstance(config.out, str) or not config.out:
        raise ValueError(f"out must be the page's path, got {config.out!r}")
    check_writable(config.out)
    check_source(config)


@command("explain")
def main(config: DictConfig) -> None:
    """Explain as the composed configuration says."""
    check(config)
    ensemble, contradictions = networks(config, "explain")
    found = []
    with opened(config, ensemble, "explain") as source:
        (module,) = source.ensemble.modules
        for i in indices(plain(config.index), len(source.places)):
            clip = np.array(source.clips[i])  # its file goes before the page is written
            validate_clip(clip, i, module.preprocessing)
            scale = odd_scale(source.ensemble, clip)
            warn(f"explain: clip {i}", scale)
            found.append(
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
    write_page(config.out, found)
    show(found)
    if len(found) < count:
        print(f"{len(found)} of {count} clips; index= chooses others")
    warn("explain", oversized(config.out))
    print(f"the page: {config.out}, {Path(config.out).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
