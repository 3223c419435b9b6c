"""Whether clips are as large as those that a network was trained on: pixels are no metres, and answers tell nothing."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from stgcn_torch.checkpoint.clip_evidence import times_as_large
from stgcn_torch.data.preprocessing.people import in_slots
from stgcn_torch.data.preprocessing.steps import preprocess
from stgcn_torch.data.training_clips import TrainingClips
from stgcn_torch.prediction.ensemble import Ensemble
from stgcn_torch.prediction.sliding import ClipSequence

ONE = 10.0  # ratio: people near and far from the camera differ by less, units by more
MANY, MOST = 5, 4.0  # of so many clips, the median differs by less


def odd_scale(
    ensemble: Ensemble,
    clips: ClipSequence,
    numbers: Iterable[int],
    name: Callable[[int], str],
    unit: float | None = None,
) -> list[str]:
    """A line if clips, as recorded, are of quite another size than those the first network was trained on.

    Args:
        ensemble: The networks.
        clips: Each (C, T, V, M).
        numbers: Of the clips that are looked at.
        name: What a clip is called.
        unit: Factor that recordings were multiplied by; None for clips of an array, as they are.
    """
    module = ensemble.modules[0]
    state, ratios = module.state_dict(), {}
    for i in numbers:
        clip = preprocess(in_slots(np.asarray(clips[i]), module.slots), module.preprocessing, module.body)
        if (ratio := times_as_large(state, module.preprocessing, clip)) is not None:
            ratios[i] = ratio
    odd = {i: ratio for i, ratio in ratios.items() if _differs(ratio, ONE)}
    middle = float(np.median([*ratios.values()])) if ratios else 1.0
    if ratios and (len(odd) == len(ratios) or (len(ratios) >= MANY and _differs(middle, MOST))):
        size = f"coordinates are {middle:.2g} times as large as those the weights were trained on"
        return [f"{size}; {_remedy(ensemble, middle, unit)}"]
    if not odd:
        return []
    first = min(odd)
    which = name(first) if len(odd) == 1 else f"{len(odd)} of {len(ratios)} clips, such as {name(first)}"
    are = " is" if len(odd) == 1 else ", are"
    return [
        f"{which}{are} of another size than the others: coordinates {odd[first]:.2g} times as large as those the "
        "weights were trained on; bring them into the same unit"
    ]


def _remedy(ensemble: Ensemble, ratio: float, unit: float | None) -> str:
    told = ensemble.unit
    if unit is None:
        factor = 1 / ratio
        return f"bring them into the same unit: recordings by unit={factor:.2g}, clips of an array by that factor"
    if told and told != unit and not _differs(ratio * told / unit, MOST):
        return f"unit={told:g} is that of the training"
    return f"bring them into the same unit, such as unit={unit / ratio:.2g}"


def _differs(ratio: float, limit: float) -> bool:
    return not 1 / limit < ratio < limit


def other_origin(trained: TrainingClips | None, **found: Any) -> list[str]:
    """Lines on what the clips of a folder are, unlike those of a training, as far as both are known.

    Args:
        trained: Facts about the training clips.
        found: ``people``, ``unit`` and ``scale`` of those here.
    """
    if trained is None:
        return []
    lines = []
    people, scale, unit = (found.get(name) for name in ("people", "scale", "unit"))
    if people and trained.people and people != trained.people:
        lines.append(f"the network was trained on clips of people={trained.people}, and these are of people={people}")
    if trained.scale and isinstance(scale, float) and _differs(scale / trained.scale, MOST):
        units = f" (unit={trained.unit:g} there, unit={unit:g} here)" if trained.unit and unit else ""
        lines.append(
            f"coordinates are {scale / trained.scale:.2g} times as large as those of the training clips{units}"
        )
    return lines


def names(places: Sequence[object]) -> Callable[[int], str]:
    """What the clips at these places are called: by their recording, or else by number."""
    return lambda i: getattr(places[i], "source", "") or f"clip {i}"
