"""``python -m stgcn_torch.prepare``: a folder of recordings becomes arrays that ``train data=arrays`` takes."""

import csv
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from omegaconf import DictConfig, OmegaConf
from rich.progress import track

from stgcn_torch.commands import command, load_layout, plain
from stgcn_torch.data.formats import Recording, class_folders
from stgcn_torch.data.preprocessing import Clip
from stgcn_torch.skeleton import Skeleton, skeleton


def write_arrays(
    recordings: Sequence[Recording], out: str | Path, body: Skeleton, channels: Sequence[str], *, unit: float = 1.0
) -> list[str]:
    """Write recordings as arrays, one clip at a time; returns what could not be read, a line each.

    Args:
        recordings: Clips to read; those that cannot be read are left out.
        out: Folder for ``data.npy`` (N, C, T, V, M) float32, zero after a clip's last frame, ``labels.npy``,
            ``classes.txt``, ``channels.txt``, ``layout.yaml`` and ``manifest.csv``; it appears whole or not at all.
        body: The layout of the joints.
        channels: What the rows of a clip are.
        unit: Every channel but the score is multiplied by it: 0.001 makes metres of millimetres.

    Raises:
        FileExistsError: ``out`` exists.
        ValueError: No recording can be read.
    """
    out = Path(out)
    if out.exists():
        raise FileExistsError(f"{out} exists; name another folder, or remove it")
    unreadable: list[str] = []
    sizes: dict[int, tuple[int, ...]] = {}
    for i, clip in _readable(recordings, unreadable, "reading"):
        if clip.shape[0] != len(channels) or clip.shape[2] != len(body.joints):
            unreadable.append(
                f"{recordings[i].source}: (C, V) must be ({len(channels)}, {len(body.joints)}), "
                f"{', '.join(channels)} of {body.name}, got ({clip.shape[0]}, {clip.shape[2]})"
            )
        else:
            sizes[i] = clip.shape
    if not sizes:
        raise ValueError(f"none of {len(recordings)} recordings can be read; the first: {unreadable[0]}")
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        kept = [recordings[i] for i in sizes]
        T, M = (max(shape[axis] for shape in sizes.values()) for axis in (1, 3))
        shape = (len(kept), len(channels), T, len(body.joints), M)
        data = np.lib.format.open_memmap(aside / "data.npy", "w+", np.float32, shape)
        scale = np.array([1.0 if channel == "score" else unit for channel in channels])[:, None, None, None]
        for row in track(range(len(kept)), description="writing", disable=not sys.stderr.isatty()):
            clip = kept[row].read()
            data[row, :, : clip.shape[1], :, : clip.shape[3]] = clip * scale
        data.flush()
        _describe(aside, kept, [shape[1] for shape in sizes.values()], body, channels)
        aside.chmod(0o755)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return unreadable


def _readable(recordings: Sequence[Recording], unreadable: list[str], doing: str) -> Iterator[tuple[int, Clip]]:
    for row in track(range(len(recordings)), description=doing, disable=not sys.stderr.isatty()):
        try:
            yield row, recordings[row].read()
        except (ValueError, OSError) as error:
            unreadable.append(f"{recordings[row].source}: {error}")


def _describe(
    folder: Path, recordings: Sequence[Recording], frames: Sequence[int], body: Skeleton, channels: Sequence[str]
) -> None:
    classes = sorted({recording.label for recording in recordings})
    np.save(folder / "labels.npy", np.array([classes.index(recording.label) for recording in recordings]))
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
    (folder / "channels.txt").write_text("".join(f"{name}\n" for name in channels), encoding="utf-8")
    layout = {
        "name": body.name,
        "joints": list(body.joints),
        "bones": [[body.joints[v], body.joints[w]] for v, w in body.bones],
        "center": body.joints[body.center],
        "pairs": [[body.joints[v], body.joints[w]] for v, w in body.pairs],
    }
    OmegaConf.save(OmegaConf.create(layout), folder / "layout.yaml")
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("index", "source", "frames", "label", "group"))
        for i, (recording, length) in enumerate(zip(recordings, frames, strict=True)):
            writer.writerow((i, recording.source, length, recording.label, recording.group))


def relabelled(recordings: Sequence[Recording], classes: Mapping[str, str]) -> list[Recording]:
    """The recordings with the class of whole folders corrected.

    Args:
        recordings: As a reader found them.
        classes: From a folder, as the sources name it, to the class of its clips.

    Raises:
        ValueError: No recording lies in a folder.
    """
    folders = [str(PurePosixPath(recording.source).parent) for recording in recordings]
    unknown = sorted(set(classes) - set(folders))
    if unknown:
        known = ", ".join(sorted(set(folders)))
        raise ValueError(f"relabel: no clips lie in {', '.join(unknown)}; folders are {known}")
    return [
        replace(recording, label=classes.get(folder, recording.label))
        for recording, folder in zip(recordings, folders, strict=True)
    ]


@command("prepare")
def main(config: DictConfig) -> None:
    """Prepare as the composed configuration says."""
    body = skeleton(load_layout(config.layout))
    found = relabelled(class_folders.recordings(config.input), plain(config.relabel) or {})
    unreadable = write_arrays(found, config.out, body, plain(config.channels), unit=config.unit)
    for line in unreadable:
        print(f"left out {line}", file=sys.stderr)
    print(f"{len(found) - len(unreadable)} of {len(found)} clips in {config.out}")
    print(f"train on them: python -m stgcn_torch.train data=arrays data.root={config.out}")


if __name__ == "__main__":
    main()
