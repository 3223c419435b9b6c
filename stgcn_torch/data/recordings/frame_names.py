"""Which frames belong together, and in which order, by the names of their files or images.

Names that are alike but for their numbers are of one recording, and the number that varies is the frame's, wherever it
stands: ``walk_0001``, ``walk_0002`` and ``12_rgb.jpg``. Where several numbers vary, one is taken for the frame's and
the others tell recordings apart, as a sentence says; a pattern says it without doubt.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from stgcn_torch.data.recordings.recording import MAX_FRAMES, Label, Recording

NUMBER: Final = re.compile(r"(?<!\d)(\d{1,30})(?!\d)")
WORD: Final = re.compile(r"([a-z]{2,})[^a-z]*$|([a-z])$")  # a letter alone counts right before the number
# Words before a number that say what it counts.
OF_FRAMES: Final = re.compile(r"fr|frm|frames?")
OF_RECORDINGS: Final = re.compile(
    r"c|cam|camera|view|v|vid|video|clip|take|trial|try|rep|r|set|part|scene|seq|sequence|session|s|sub|subj|subject|p"
    r"|person|id|player|actor|a|action|class|label|run"
)
ENDING: Final = re.compile(r"(?:_keypoints(?:_[23]d)?|\.(?:jpe?g|png|bmp|tiff?|webp|gif|json))+$", re.IGNORECASE)
FEW: Final = 4  # frames: recordings of no more are rather those of several cameras at one time
WIDE: Final = 3  # digits of a number with leading zeros, as programs number frames
FIELDS: Final = {  # of a pattern, and what each matches
    "frame": r"\d+",
    "recording": r"[^/]+?",
    "class": r"[^/]+?",
    "group": r"[^/]+?",
    "subject": r"[^/]+?",
    "view": r"[^/]+?",
}


@dataclass(frozen=True)
class Pattern:
    """How names are made, such as ``{class}/{subject}_{recording}_{frame}``.

    Attributes:
        text: As it is typed. It is compared with the end of a path without its suffix, from the start of a name if it
            begins with a field; a field matches as little as it can of one folder's or file's name, ``{frame}`` a
            whole number.
    """

    text: str

    def __post_init__(self) -> None:
        names = re.findall(r"\{(.*?)\}", self.text)
        strange = [name for name in names if name not in FIELDS]
        if not names or strange or len({*names}) < len(names):
            raise ValueError(
                f"pattern must hold some of {', '.join(f'{{{name}}}' for name in FIELDS)}, each once, got {self.text}"
            )
        if "}{" in self.text:
            raise ValueError(f"pattern must have something between its fields, got {self.text}")

    def fields(self, name: str) -> tuple[str, dict[str, str]] | None:
        """The folders above that the pattern does not tell, and the fields of a path; None if it does not fit.

        What every frame's name ends with, such as ``_keypoints``, may be left out of the pattern.
        """
        parts = re.split(r"\{(.*?)\}", self.text)
        words = [f"(?P<{part}>{FIELDS[part]})" if i % 2 else re.escape(part) for i, part in enumerate(parts)]
        start = "(?:^|[/:])" if self.text.startswith("{") else ""
        for text in dict.fromkeys((name, ENDING.sub("", name))):
            if match := re.search(f"{start}{''.join(words)}$", text):
                head = text[: match.start()]
                return (head if start else head.rpartition("/")[0]), match.groupdict()
        return None


@dataclass(frozen=True)
class Series:
    """The frames of one recording.

    Attributes:
        name: What its names have in common, without the frames' number; empty if there is no other recording.
        frames: Number of each frame and index of its name, in order.
        fields: Those of a pattern, but the frame.
        told: Sentences on what was chosen.
    """

    name: str
    frames: list[tuple[int, int]]
    fields: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()


def missing_frames(numbers: Sequence[int], so: str = "taken as empty") -> tuple[str, ...]:
    """A sentence if numbers between the first frame's and the last's are missing, with what becomes of them."""
    count = numbers[-1] - numbers[0] + 1 - len(numbers)
    if count < 1:
        return ()
    first = next(number + 1 for number, after in pairwise(numbers) if after > number + 1)
    if count == 1:
        return (f"1 frame is missing, {first}: {so}",)
    return (f"{count} frames are missing, such as {first}: {so}",)


def with_fields(recording: Recording, fields: Mapping[str, str]) -> Recording:
    """The recording with class, group and further columns of a pattern."""
    label = Label(fields["class"]) if "class" in fields else recording.label
    group = fields.get("group", fields.get("subject", recording.group))
    columns = {name: fields[name] for name in ("subject", "view") if name in fields}
    return replace(recording, label=label, group=group, columns={**recording.columns, **columns})


def series_of(names: Sequence[str], pattern: Pattern | None = None) -> tuple[list[Series], list[int]]:
    """The recordings that frames are of, in natural order, and the indices of names that are no frames'.

    What was chosen is told with the first recording. No two recordings have the same name.

    Args:
        names: Of files or images, without their last suffix.
        pattern: How they are made; None to tell it from what varies.

    Raises:
        ValueError: The pattern fits none of the names.
    """
    found, others, told = _by_pattern(names, pattern) if pattern else _by_numbers(names)
    found = sorted((_counted(each) for each in found), key=lambda each: natural(each.name))
    taken: Counter[str] = Counter()
    for k, each in enumerate(found):
        taken[each.name] += 1
        name = each.name if taken[each.name] == 1 else f"{each.name} ({taken[each.name]})"
        found[k] = replace(each, name=name, told=(*each.told, *(told if k == 0 else ())))
    return found, others


def _by_numbers(names: Sequence[str]) -> tuple[list[Series], list[int], tuple[str, ...]]:
    plain = [i for i, name in enumerate(names) if not NUMBER.search(name)]
    if len(plain) == len(names):  # no numbers at all: counted
        order = sorted(plain, key=lambda i: natural(names[i]))
        return ([Series("", list(enumerate(order)))] if order else []), [], ()
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i in sorted({*range(len(names))} - {*plain}):
        alike[tuple(NUMBER.split(names[i])[::2])].append(i)
    found, told = [], []
    for texts, rows in alike.items():
        series, line = _of_alike(texts, rows, names)
        found += series
        told += [line] if line else []
    numbers = [number for each in found for number, _ in each.frames]
    differ = len({*numbers}) == len(numbers)
    if len(found) > 1 and differ and all(len(each.frames) == 1 for each in found):
        order = sorted((i for each in found for _, i in each.frames), key=lambda i: natural(names[i]))
        line = f"{len(order)} names differ by more than a number: frames in the order of names; pattern= overrules"
        return [Series("", list(enumerate(order)))], plain, (line,)
    if len(found) == 1:
        found = [replace(found[0], name="")]
    elif differ:
        told.append(f"names make {len(found)} recordings of frames whose numbers differ; pattern= joins them")
    if len({each.name for each in found}) < len(found):  # but for what separates the number: as they are written
        found = [replace(each, name=ENDING.sub("", names[each.frames[0][1]])) for each in found]
    return found, plain, tuple(told)


def _counted(series: Series) -> Series:
    """The series with frames counted where their numbers are times, or several have the same; and a sentence."""
    numbers = [number for number, _ in series.frames]
    gaps = [after - number for number, after in pairwise(numbers)]
    told = series.told
    if len(gaps) > 1 and min(gaps) > 1 and numbers[-1] - numbers[0] >= MAX_FRAMES:
        told = (*told, f"numbers from {numbers[0]} to {numbers[-1]} are no frames': they are taken in their order")
        return replace(series, frames=[(t, i) for t, (_, i) in enumerate(series.frames)], told=told)
    return series


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key: text by its letters, numbers by their value."""
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in NUMBER.split(name) if part]


def _by_pattern(names: Sequence[str], pattern: Pattern) -> tuple[list[Series], list[int], tuple[str, ...]]:
    frames: dict[tuple[tuple[str, str], ...], list[tuple[int, int]]] = defaultdict(list)
    others = []
    for i in sorted(range(len(names)), key=lambda i: natural(names[i])):
        if (match := pattern.fields(names[i])) is None:
            others.append(i)
            continue
        head, fields = match
        number = fields.pop("frame", None)
        rows = frames[(("", head.strip("/")), *fields.items())]
        rows.append((len(rows) if number is None else int(number), i))
    if not frames:
        raise ValueError(f"pattern {pattern.text} fits none of {len(names)} names, such as {min(names, key=natural)}")
    made = [
        Series("/".join(value for _, value in key if value), sorted(rows), {name: of for name, of in key if name})
        for key, rows in frames.items()
    ]
    first = f", such as {names[others[0]]}" if others else ""
    told = (f"{len(others)} names do not fit pattern {pattern.text}{first}: they are left out",) if others else ()
    return made, others, told


def _of_alike(texts: tuple[str, ...], rows: Sequence[int], names: Sequence[str]) -> tuple[list[Series], str]:
    """The recordings among names whose texts between the numbers are the same, and a sentence if that was a choice."""
    numbers = [NUMBER.split(names[i])[1::2] for i in rows]
    varying = [slot for slot in range(len(texts) - 1) if len({int(words[slot]) for words in numbers}) > 1]
    slot, told = (varying[0], "") if len(varying) == 1 else (len(texts) - 2, "")
    if len(varying) > 1:
        slot = _frame_slot(texts, numbers, varying)
        example = "".join(
            f"{text}{{frame}}" if k == slot else f"{text}{number}"
            for k, (text, number) in enumerate(zip(texts, [*numbers[0], ""], strict=True))
        )
        told = f"{len(varying)} numbers of the names vary; the frame's is taken to be {example}, pattern= overrules"
    by_rest: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for i, words in zip(rows, numbers, strict=True):
        rest = tuple(str(int(words[k])) for k in varying if k != slot)
        by_rest[rest].append((int(words[slot]), i))
    return [
        Series(_without(texts, NUMBER.split(names[frames[0][1]])[1::2], slot), sorted(frames))
        for frames in by_rest.values()
    ], told


def _frame_slot(texts: tuple[str, ...], numbers: Sequence[Sequence[str]], varying: Sequence[int]) -> int:
    """Which of the numbers that vary counts frames.

    That after a word for frames; else, of those that no word gives to recordings, the last, unless it makes recordings
    of ``FEW`` frames where another makes much longer ones, or another alone has leading zeros.
    """
    before = {slot: WORD.search(texts[slot].lower()) for slot in varying}
    words = {slot: (match[1] or match[2]) if match else "" for slot, match in before.items()}
    if len(named := [slot for slot in varying if OF_FRAMES.fullmatch(words[slot])]) == 1:
        return named[0]
    left = [slot for slot in varying if not OF_RECORDINGS.fullmatch(words[slot])] or list(varying)
    length = {
        slot: len(numbers) / len({tuple(row[k] for k in varying if k != slot) for row in numbers}) for slot in left
    }
    zeros = {slot: _zeros([row[slot] for row in numbers]) for slot in left}
    last, longest = left[-1], max(left, key=lambda slot: length[slot])
    if length[last] <= FEW and length[longest] >= FEW * length[last]:
        return longest
    widest = max(left, key=lambda slot: (zeros[slot], slot))
    return widest if zeros[widest] > zeros[last] and length[widest] >= length[last] else last


def _zeros(words: Sequence[str]) -> int:
    """The common width of numbers that are filled up with zeros; 0 if they are not."""
    width = len(words[0])
    filled = width >= WIDE and all(len(word) == width for word in words) and any(word[0] == "0" for word in words)
    return width if filled else 0


def _without(texts: tuple[str, ...], numbers: Sequence[str], slot: int) -> str:
    """A name without the number of the frame, and without what separates it."""
    before = "".join(f"{text}{number}" for text, number in zip(texts[:slot], numbers[:slot], strict=True)) + texts[slot]
    after = texts[slot + 1] + "".join(
        f"{number}{text}" for number, text in zip(numbers[slot + 1 :], texts[slot + 2 :], strict=True)
    )
    name = before.rstrip(" _.-") + (after if before.strip(" _.-") else after.lstrip(" _.-"))
    return ENDING.sub("", name)
