"""Detection of a source's format, by the content of its files rather than by their names where possible."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from stgcn_torch.data.formats import arrays, class_folders, coco, kinetics, ntu, openpose, pyskl, tables
from stgcn_torch.data.formats.text_files import start_of
from stgcn_torch.data.recordings.frame_names import Pattern, with_fields
from stgcn_torch.data.recordings.recording import Recording, Scene, kind_of, walk

FORMATS: dict[str, Callable[[Path], list[Recording]]] = {
    "arrays": arrays.recordings,
    "class_folders": class_folders.recordings,
    "openpose": openpose.recordings,
    "kinetics": kinetics.recordings,
    "kinetics_tracked": partial(kinetics.recordings, people=kinetics.followed),
    "coco": coco.recordings,
    "ntu": ntu.recordings,
    "ntu_active": partial(ntu.recordings, bodies=ntu.most_active),
    "pyskl": pyskl.recordings,
    "csv": tables.recordings,
}
APART = {"kinetics": "kinetics_tracked", "ntu": "ntu_active"}  # readers that follow each person, beside the usual ones
SUFFIXES = {".skeleton": "ntu", ".json": None, ".csv": "csv", ".pkl": "pyskl", ".pickle": "pyskl"}
JSON = {  # patterns near the start of a file, each in one format only
    "openpose": re.compile(rb'"people"\s*:'),
    "kinetics": re.compile(rb'"frame_index"\s*:|"data"\s*:\s*\['),
    "coco": re.compile(rb'"(?:annotations|images|image_id|categories)"\s*:'),
}
START = 1 << 16  # bytes
LOOKED_AT = 100  # largest number of files of a suffix that are examined


BY_FRAME = {"openpose": openpose.recordings, "coco": coco.recordings}  # whose frames have names


def recordings(
    root: str | Path, form: str | None = None, *, apart: bool = False, pattern: Pattern | None = None
) -> list[Recording]:
    """The recordings of a source.

    Args:
        root: File or folder.
        form: A key of ``FORMATS``; None to detect it from the files.
        apart: Whether each person must be followed over the whole recording: a detected format is then replaced as
            in ``APART``.
        pattern: How names are made; None to tell frames from what varies in them, and classes from folders.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The format is unknown or cannot be detected, or the source holds nothing of it.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"no file or folder {root}")
    if form is None:
        form = format_of(root)
        form = APART.get(form, form) if apart else form
    if form not in FORMATS:
        raise ValueError(f"format {form!r} is unknown; choose one of {', '.join(FORMATS)}")
    of_frames = pattern is not None and "{frame}" in pattern.text and form in BY_FRAME
    sources = BY_FRAME[form](root, pattern) if of_frames else FORMATS[form](root)
    if pattern is not None and not of_frames:
        sources = [_by_pattern(each, pattern) for each in sources]
    if not sources:
        raise ValueError(f"{root} holds nothing of format {form}")
    return sources


FILE = re.compile(r"\.(?:json|csv|npy|skeleton|pkl|pickle)(?:\.gz)?$", re.IGNORECASE)


def _by_pattern(recording: Recording, pattern: Pattern) -> Recording:
    """A recording with what the pattern tells of it; one that it does not fit says so when it is read."""
    if match := pattern.fields(FILE.sub("", recording.source)):
        return with_fields(recording, match[1])

    def refuse() -> Scene:
        raise ValueError(f"pattern {pattern.text} does not fit it")

    return replace(recording, read=refuse)


def format_of(root: Path) -> str:
    """The format, a key of ``FORMATS``, of a file or of most files in a folder.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It cannot be detected.
    """
    if not root.exists():
        raise FileNotFoundError(f"no file or folder {root}")
    if root.suffix == ".npy" or (root.is_dir() and any(map(arrays.is_array, root.glob("*data*.npy")))):
        return "arrays"
    files: dict[str, list[Path]] = defaultdict(list)
    for path in walk(root) if root.is_dir() else [root]:
        files[kind_of(path)].append(path)
    for suffix, form in SUFFIXES.items():
        votes = Counter(vote for path in files[suffix][:LOOKED_AT] if (vote := form or _json_format(path)))
        if votes:
            return votes.most_common(1)[0][0]
    if root.is_dir() and files[".npy"]:
        return "class_folders"
    raise ValueError(f"{root} is of no format known; give input_format= one of {', '.join(FORMATS)}")


def _json_format(path: Path) -> str | None:
    try:
        start = start_of(path, START)
    except (OSError, ValueError):
        return None
    return next((form for form, pattern in JSON.items() if pattern.search(start)), None)
