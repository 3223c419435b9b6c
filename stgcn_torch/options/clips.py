"""Options of clips: how recordings are read, what is done to every clip, and which clips a set holds out."""

from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import AfterValidator

from stgcn_torch.options.declaration import (
    LARGEST,
    Count,
    File,
    Index,
    LayoutName,
    Name,
    Options,
    Positive,
    Seed,
    Share,
    Text,
    YamlFile,
    option,
)

Format = Literal[
    "arrays",
    "class_folders",
    "openpose",
    "kinetics",
    "kinetics_tracked",
    "coco",
    "ntu",
    "ntu_active",
    "pyskl",
    "csv",
]
Layout = LayoutName | YamlFile | dict[str, object]


def _distinct(names: list[str]) -> list[str]:
    if len({*names}) < len(names):
        raise ValueError(f"must name each once, got [{','.join(names)}]")
    return names


Channels = Annotated[list[Name], AfterValidator(_distinct)]


class Reading(Options):
    """Recordings."""

    input_format: Format | None = option("Format of the recordings; null: told from what the files hold.")
    layout: Layout | None = option(
        "Layout of the recordings' joints: a name or a YAML file; null: the format's own.", example="coco"
    )
    channels: Channels | None = option(
        "Names of a joint's numbers in the recordings; null: the format's own.", example="[x,y,score]"
    )
    most_people: Count = option("People in one clip, the most prominent first.", unit="people")


class Recordings(Reading):
    """Recordings."""

    absent: Literal["refuse", "missing"] = option(
        "Recordings whose layout does not say where a wanted joint is: refused, or the joint stays zero."
    )
    people: Literal["each", "together"] = option("A clip for each person, or one clip with all people side by side.")
    min_frames: Count = option("People, or clips, of fewer frames are left out.", unit="frames")
    unit: Positive = option("Factor of all coordinates: 0.001 makes metres of millimetres.")


class Preprocessing(Options):
    """What is done to every clip."""

    window: Count = option("Frames that the network sees; shorter clips are zero-padded at the end.", unit="frames")
    keep: Annotated[Channels, MinLen(1)] = option("Channels that the network sees, in this order.", example="[x,y]")
    select: Literal["before", "after"] = option("Other channels are dropped before or after padding and centring.")
    length: Literal["nonzero", "positive_sum"] = option(
        "A clip ends with its last frame that has a value, or whose values have a positive sum (PaddleVideo's rule)."
    )
    sampling: Literal["to_last", "to_length"] = option(
        "Longer clips are sampled evenly up to their last frame, or one past it (PaddleVideo's rule)."
    )
    random_pad: bool = option("In training, shorter clips start at a random frame, as in PaddleVideo.")
    center: Name | Index | None = option(
        "Joint that is moved to the origin, by name or number, or 'layout' for the layout's centre; null: none.",
        example="MidHip",
    )
    centring: Literal["detected", "every_joint"] = option(
        "Joints that move with the centre; every_joint, as in PaddleVideo, makes false positions of undetected ones."
    )
    center_of: Literal["frame", "clip"] = option("Centre of each frame, or of the clip's first frame.")
    absent_center: Literal["interpolate", "visible"] = option(
        "Where the centre is undetected: interpolated over time, or the mean of the visible joints."
    )
    teleports: Literal["keep", "missing", "drop"] = option(
        "Frames in which a body is far from its place just before and after: kept, undetected, or dropped."
    )
    gaps: Literal["keep", "interpolate", "drop"] = option(
        "Joints undetected for up to 10 frames: kept so, interpolated, or frames without anybody dropped."
    )
    frames: Count | None = option(
        "Frames kept of each clip for crops to choose the window from; null: the window.", unit="frames"
    )
    crops: Annotated[int, Ge(1), Le(1000)] = option("Crops of a clip that evaluation averages.", unit="crops")
    crop: Share = option("Fraction of a clip's live frames in each of these crops.")
    streams: Annotated[list[Literal["joint", "bone", "joint_motion", "bone_motion"]], MinLen(1)] = option(
        "Inputs computed from the joints; several are stacked.", example="[joint,bone]"
    )
    nan: Literal["refuse", "missing"] = option("A clip with NaN or infinite values: refused, or the joint is missing.")
    empty: Literal["refuse", "keep"] = option("A clip without any live frame: refused or kept.")
    channels: Channels = option("", hidden=True)  # data.channels sets them


class Rule(Options):
    """Which clips are held out."""

    rule: Literal["folds", "every", "groups", "file"] = option(
        "Stratified folds, every n-th clip, a whole group, or files of their own; options of other rules are ignored."
    )
    folds: Annotated[int, Ge(2), Le(LARGEST)] = option("folds: number of folds.", optional=True)
    fold: Index = option("folds: the fold that is held out, from 0.", optional=True)
    seed: Seed = option("folds: seed of the drawing.", optional=True)
    step: Annotated[int, Ge(2), Le(LARGEST)] = option("every: one clip in so many.", unit="clips", optional=True)
    offset: Index = option("every: the first of them.", optional=True)
    column: Name = option("groups: column of manifest.csv.", optional=True)
    value: Text | int | float | None = option("groups: the group that is held out.", optional=True)
    clips: File | None = option("file: the clips' file in data.root.", optional=True)
    labels: File | None = option("file: the labels' file in data.root.", optional=True)


class Skating(Options):
    """The synthetic skating set."""

    train: Count = option("Clips for training.", unit="clips")
    test: Count = option("Clips of other skaters, for the test.", unit="clips")
    seed: Seed = option("Seed of the set.")


class Data(Options):
    """Clips that a run is given."""

    root: File = option("Folder of the arrays.", example="my_set")
    channels: Channels | None = option(
        "Names of a joint's numbers in the arrays; null: the lines of channels.txt in data.root.",
        example="[x,y,score]",
    )
    clips: File = option("File of the training clips in data.root, (N, C, T, V, M).")
    labels: File = option("File of their labels in data.root, .npy or .pkl.")
    val: Rule | None = option("Clips held out for validation; null: none.", example="{rule: every, step: 7, offset: 1}")
    test: Rule | None = option("Clips held out for the test, before validation; null: none.")
    num_classes: Count | None = option("Number of classes; null: told by classes.txt in data.root, or by the labels.")
    batch_size: Count = option("Clips in a training batch, per device.", unit="clips")
    eval_batch_size: Count | None = option(
        "Clips in a batch of validation and test, per device; null: data.batch_size.", unit="clips"
    )
    drop_last: bool = option("Leave out the last training batch where it is not full.")
    num_workers: Annotated[int, Ge(0), Le(256)] = option("Processes that read clips; 0 reads in the run's own.")
    resident: bool | None = option("Keep training clips on the GPU; null: where they fit.")
    skating: Skating | None = option(
        "Sizes of the synthetic set, which is written to data.root if it is not there.", optional=True
    )
