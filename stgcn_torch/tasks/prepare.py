"""``python -m stgcn_torch.prepare``: recordings become arrays that ``train data=arrays`` and ``predict`` take."""

import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from rich.progress import track

from stgcn_torch.commands.configuration import load_layout, plain
from stgcn_torch.commands.input_source import origin_of, pattern_of, selection_of
from stgcn_torch.data.formats import Label, Recording, recordings
from stgcn_torch.data.formats.registry import format_of
from stgcn_torch.data.recordings.collection import Collection, classes_of, collect, leave_out_unlabelled
from stgcn_torch.data.recordings.joint_mapping import mapping
from stgcn_torch.data.recordings.pyskl_writer import write_pyskl
from stgcn_torch.data.recordings.selection import Selection
from stgcn_torch.data.training_clips import ORIGIN
from stgcn_torch.files import folder_beside
from stgcn_torch.skeleton import Skeleton, skeleton
from stgcn_torch.yaml_files import load_yaml

SHOWN = 20  # lines of one kind on the terminal


def write_arrays(collection: Collection, folder: Path) -> None:
    """Write clips into a new folder, one at a time.

    Args:
        collection: The clips.
        folder: Gets ``data.npy`` (N, C, T, V, M) float32, zero after a clip's last frame, ``channels.txt``,
            ``layout.yaml``, ``recordings.yaml``, ``manifest.csv``, and if the clips have classes ``labels.npy`` and
            ``classes.txt``.
    """
    folder.mkdir()
    body, channels = collection.selection.told
    T, M = (max(row.shape[axis] for row in collection.rows) for axis in (1, 3))
    shape = (len(collection.rows), len(channels), T, len(body.joints), M)
    data = np.lib.format.open_memmap(folder / "data.npy", "w+", np.float32, shape)
    steps = track(collection, "writing", len(collection.rows), disable=not sys.stderr.isatty())
    for row, clip in enumerate(steps):
        data[row, :, : clip.shape[1], :, : clip.shape[3]] = clip
    data.flush()
    classes, labels = classes_of([row.label for row in collection.rows])
    if classes:
        np.save(folder / "labels.npy", np.array(labels))
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
    (folder / "channels.txt").write_text("".join(f"{name}\n" for name in channels), encoding="utf-8")
    OmegaConf.save(OmegaConf.create(_mapping(body)), folder / "layout.yaml")
    OmegaConf.save(OmegaConf.create(collection.origin), folder / ORIGIN)
    _write_manifest(collection, folder / "manifest.csv")


def _mapping(body: Skeleton) -> dict[str, object]:
    return {
        "name": body.name,
        "joints": list(body.joints),
        "bones": [[body.joints[v], body.joints[w]] for v, w in body.bones],
        "center": body.joints[body.center],
        "pairs": [[body.joints[v], body.joints[w]] for v, w in body.pairs],
    }


def _write_manifest(collection: Collection, path: Path) -> None:
    """A row per clip: where it comes from, and every column that any recording has."""
    more = list(dict.fromkeys(name for row in collection.rows for name in row.columns))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", "source", "person", "frames", "label", "group", *more))
        for i, row in enumerate(collection.rows):
            label = row.label.name if row.label else ""
            known = [row.columns.get(name, "") for name in more]
            writer.writerow((i, row.source, row.person, row.shape[1], label, row.group, *known))


def corrections(given: Any) -> dict[str, str]:
    """Classes of folders, of a mapping or of the mapping in a YAML file; empty for None."""
    if not isinstance(given, str):
        return plain(given) or {}
    classes = load_yaml(given)
    if not isinstance(classes, dict):
        raise ValueError(f"{given} must be a mapping of folders to classes, such as raw/jmp: jump")
    if unquoted := [f"{key}: {value}" for key, value in classes.items() if not (type(key) is type(value) is str)]:
        raise ValueError(f"{given}: folders and classes must be text, and {unquoted[0]} is not; quotes make it so")
    return classes


def relabelled(entries: Sequence[Recording], classes: Mapping[str, str]) -> list[Recording]:
    """The recordings with the class of whole folders corrected.

    Args:
        entries: As a reader found them.
        classes: From a folder, as the sources name it, to the class of its clips.

    Raises:
        ValueError: No recording lies in a folder.
    """
    folders = [str(PurePosixPath(recording.source).parent) for recording in entries]
    classes = {folder.replace("\\", "/"): name for folder, name in classes.items()}
    unknown = sorted(set(classes) - set(folders))
    if unknown:
        known = ", ".join(sorted(set(folders)))
        raise ValueError(f"relabel: no clips lie in {', '.join(unknown)}; folders are {known}")
    return [
        replace(recording, label=Label(classes[folder])) if folder in classes else recording
        for recording, folder in zip(entries, folders, strict=True)
    ]


def without(entries: Sequence[Recording], skip: str | None) -> list[Recording]:
    """The recordings but those that a file names, one a line, by source or by name with or without its suffix.

    A line that names none is told of.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if skip is None:
        return list(entries)
    if not Path(skip).is_file():
        raise FileNotFoundError(f"no file {skip}")
    lines = Path(skip).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    names = dict.fromkeys(line.strip().replace("\\", "/") for line in lines if line.strip())
    paths = [PurePosixPath(recording.source) for recording in entries]
    called = [{str(path), path.name, path.stem} for path in paths]
    strange = list(names.keys() - set[str]().union(*called))
    if strange:
        line = f"{len(strange)} of {len(names)} lines of {skip} name no recording, such as {min(strange)}"
        print(line, file=sys.stderr)
    return [each for each, of in zip(entries, called, strict=True) if of.isdisjoint(names)]


def origin_before(config: DictConfig) -> dict[str, Any]:
    """What was told of the recordings of arrays that are prepared once more."""
    path = Path(config.input)
    folder = path if path.is_dir() else path.parent
    if (config.input_format or format_of(path)) != "arrays":
        return {}
    return {name: value for name, value in origin_of(folder).items() if value is not None}


def _say(doing: str, lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        print(f"{doing} {line}", file=sys.stderr)
    if len(lines) > SHOWN:
        print(f"{doing} {len(lines) - SHOWN} more", file=sys.stderr)


def _say_built(selection: Selection) -> None:
    if selection.body and selection.to:
        for joint, made_of in mapping(selection.body, selection.to).built.items():
            print(f"{selection.body.name} has no {joint}: it is {made_of}")


def run(config: DictConfig) -> None:
    """Prepare as the composed configuration says."""
    out = Path(config.out)
    selection = selection_of(config, to=skeleton(load_layout(config.to)) if config.to else None)
    if out.exists():
        raise FileExistsError(f"{out} exists; name another, or remove it")
    listed = recordings(config.input, config.input_format, apart=config.people == "each", pattern=pattern_of(config))
    entries = relabelled(without(listed, config.skip), corrections(config.relabel))
    with folder_beside(out) as aside:  # so that a failure leaves no folders
        steps = track(entries, "reading", disable=not sys.stderr.isatty())
        collection = collect(steps, aside / "clips", selection)
        leave_out_unlabelled(collection)
        before = origin_before(config)
        collection.origin = {
            "people": "each" if before.get("people") == "each" else selection.people,
            "unit": before.get("unit", 1.0) * selection.unit,
            "fps": config.fps or before.get("fps"),
        }
        write = write_pyskl if out.suffix in (".pkl", ".pickle") else write_arrays
        write(collection, aside / "whole")
        out.parent.mkdir(parents=True, exist_ok=True)
        (aside / "whole").rename(out)
    _say("left out", collection.left_out)
    _say("in", collection.problems)
    _report(collection, len(listed), len(entries), out)


def found_in(collection: Collection) -> str:
    """Which classes and splits the recordings have, in a line."""
    classes, _ = classes_of([row.label for row in collection.rows])
    named = ", ".join(classes[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
    parts = [f"{len(classes)} {'class' if len(classes) == 1 else 'classes'}: {named}" if classes else "no classes"]
    for column in dict.fromkeys(name for row in collection.rows for name in row.columns):
        values = Counter(value for row in collection.rows if (value := row.columns.get(column)))
        if {*values} <= {"train", "val", "test", "in"}:
            parts.append(f"{column}: {', '.join(f'{count} {value}' for value, count in sorted(values.items()))}")
    return "; ".join(parts)


def _report(collection: Collection, listed: int, entries: int, out: Path) -> None:
    body, channels = collection.selection.told
    used = entries - len(collection.left_out)
    skipped = f", {listed - entries} skipped" if listed > entries else ""
    print(f"{used} of {entries} recordings{skipped}")
    print(f"{len(collection.rows)} clips in {out}: {', '.join(channels)} of {body.name}")
    print(found_in(collection))
    _say_built(collection.selection)
    if collection.crowd:
        are = "person is" if collection.crowd == 1 else "people are"
        print(f"{collection.crowd} {are} in no clip; most_people=N puts more into one, people=each every one")
    if out.is_dir() and collection.rows[0].label:
        print(f"look at them: python -m stgcn_torch.check data=arrays data.root={out}")
        print(f"train on them: python -m stgcn_torch.train data=arrays data.root={out}")
    elif out.is_dir():
        print(f"classify them: python -m stgcn_torch.predict ckpt_path=CHECKPOINT input={out}/data.npy")
