"""Classes as files have them: numbers, which programs also write as text or floats, or names."""

from collections.abc import Sequence

import numpy as np

from stgcn_torch.data.recordings.recording import Label, shown_text


def labels_of(values: Sequence[object], names: object = None) -> list[Label | str | None]:
    """The classes of a file's clips: None for a clip that has none, a sentence for one whose label cannot be one.

    Most labels say whether they are numbers or names; the others are told of.

    Args:
        values: As the file has them, None for none. Negative numbers are none: of classes that a publisher hides.
        names: Of the classes by number, if the file has a list of them.
    """
    numbers = [number_of(value) for value in values]
    texts = [" ".join(value.split()) if isinstance(value, str) else "" for value in values]
    named = 2 * sum(number is not None for number in numbers) < sum(value is not None for value in values)
    called = [str(name) for name in names] if isinstance(names, list | tuple) else []
    labels: list[Label | str | None] = []
    for value, number, text in zip(values, numbers, texts, strict=True):
        if value is None or (number is not None and number < 0 and not named):
            labels.append(None)
        elif named:
            labels.append(Label(shown_text(text)) if text else f"its label must be a name, got {value!r:.40}")
        elif number is None:
            labels.append(f"its label must be a whole number, as others' are, got {value!r:.40}")
        else:
            labels.append(Label(shown_text(called[number]) if number < len(called) else str(number), number))
    return labels


def number_of(value: object) -> int | None:
    """A whole number, which may be a text or a float; None for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating | str):
        return None
    if isinstance(value, int):
        return int(value)
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
