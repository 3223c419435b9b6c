"""Options of clips: how recordings are read, what is done to every clip, and which clips a set holds out."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le, MinLen
from pydantic import AfterValidator, model_validator

from stgcn_torch.data.recordings.frame_names import Pattern
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
FORMATS = {
    "arrays": "clips (N, C, T, V, M) in .npy, or one (C, T, V, M)",
    "class_folders": "CLASS/CLIP.npy or GROUP/CLASS/CLIP.npy, each clip (T, V, C)",
    "openpose": "OpenPose's JSON, one file for each frame",
    "kinetics": "Kinetics-skeleton's JSON, one file for each clip; in each frame the two people of the highest scores",
    "kinetics_tracked": "the same; each person linked from frame to frame",
    "coco": "COCO keypoints in JSON, annotations or results",
    "ntu": "NTU RGB+D's .skeleton; in each frame the first two bodies listed",
    "ntu_active": "the same; each body by its number, the most moving first",
    "pyskl": "the pickles of PYSKL and MMAction2, read without unpickling",
    "csv": "tables with a row for each joint or each frame",
}
Layout = LayoutName | YamlFile | dict[str, object]


def _distinct(names: list[str]) -> list[str]:
    if len({*names}) < len(names):
        raise ValueError(f"must name each once, got [{','.join(names)}]")
    return names


def _fields(pattern: str) -> str:
    try:
        Pattern(pattern)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("pattern ")) from None  # the option is named before it
    return pattern


PatternText = Annotated[Text, AfterValidator(_fields)]
Channels = Annotated[list[Name], AfterValidator(_distinct)]


class Reading(Options):
    """Recordings."""

    input_format: Format | None = option(
        "Format of the recordings; null: told from the files; with people=each, one that follows people.",
        meanings=FORMATS,
    )
    layout: Layout | None = option("Layout of the recordings' joints; null: the format's own.")
    channels: Channels | None = option(
        "Names of each joint's values in the recordings, in their order; null: the format's own.", example="[x,y,score]"
    )
    pattern: PatternText | None = option(
        "How ends of paths are made of {frame}, {recording}, {class}, {group}, {subject}, {view}; null: told by names.",
        example="'{class}/{recording}_{frame}'",
    )
    most_people: Count = option("With people=together: most people in a clip, in the order that the format lists them.")


class Recordings(Reading):
    """Recordings."""

    absent: Literal["refuse", "missing"] = option(
        "Joints that are needed but not in a recording's layout: refuse the recording, or set them to zero."
    )
    people: Literal["each", "together"] = option(
        "One clip for each person of a recording, or one with all together; arrays stay as they are."
    )
    min_frames: Count = option("Shorter clips and people are left out.", unit="frames")
    unit: Positive = option("Factor that multiplies all coordinates: 0.001 turns millimetres into metres.")


class Preprocessing(Options):
    """Preprocessing."""

    window: Count = option(
        "Frames that the network sees; shorter clips get zeros at the end, longer ones are sampled.", unit="frames"
    )
    keep: Annotated[Channels, MinLen(1)] = option("Channels that the network sees, in this order.", example="[x,y,z]")
    select: Literal["before", "after"] = option(
        "Channels not in keep are dropped before or after padding and centring, which use the score."
    )
    length: Literal["nonzero", "positive_sum"] = option(
        "End of a clip: its last frame with a nonzero value, or with a positive sum (PaddleVideo's rule)."
    )
    sampling: Literal["to_last", "to_length"] = option(
        "Frames taken of longer clips: evenly up to the last one, or one past it (PaddleVideo's rule)."
    )
    random_pad: bool = option("In training, shorter clips start at a random frame of the window, not at its first.")
    center: Name | Index | None = option(
        "Joint moved to the origin: its name or number, or layout for the layout's own centre; null: none.",
        example="MidHip",
    )
    centring: Literal["detected", "every_joint"] = option(
        "Joints that the centre is subtracted from: detected ones, or undetected zeros too (PaddleVideo's rule)."
    )
    center_of: Literal["frame", "clip"] = option(
        "Centre that is subtracted: that of each frame, or that of the clip's first frame."
    )
    absent_center: Literal["interpolate", "visible"] = option(
        "Centre where its joint is undetected: interpolated over time, or the mean of detected joints."
    )
    teleports: Literal["keep", "missing", "drop"] = option(
        "Frames in which a body jumps away and back: kept, taken as undetected, or dropped."
    )
    gaps: Literal["keep", "interpolate", "drop"] = option(
        "Gaps in detection: kept, interpolated up to 10 frames, or frames without anybody dropped."
    )
    frames: Count | None = option(
        "Frames that each clip is sampled or padded to before it is cropped; null: those of the window.", unit="frames"
    )
    crops: Annotated[int, Ge(1), Le(1000)] = option(
        "Evenly spread crops of each clip in evaluation, whose probabilities are averaged; see preprocessing.crop."
    )
    crop: Share = option(
        "Fraction of a clip's frames, padding left out, in each evaluation crop, which is sampled to the window."
    )
    streams: Annotated[list[Literal["joint", "bone", "joint_motion", "bone_motion"]], MinLen(1)] = option(
        "Inputs computed from the joints; several are joined as further channels.", example="[joint,bone]"
    )
    nan: Literal["refuse", "missing"] = option(
        "NaN or infinite values: an error, or the joint counts as undetected in that frame."
    )
    empty: Literal["refuse", "keep"] = option("Clips in which nobody is ever detected: an error, or kept.")
    channels: Channels = option("", hidden=True)  # data.channels sets them


RULES = {  # that hold out clips, each with its own options
    "folds": ("folds", "fold", "seed", "together"),
    "every": ("step", "offset"),
    "groups": ("column", "value"),
    "file": ("clips", "labels"),
}


class Rule(Options):
    """Held-out clips."""

    rule: Literal["folds", "every", "groups", "file"] = option(
        "Choice of held-out clips: stratified folds, every n-th, a whole group, or files of their own.",
        meanings={
            "folds": "folds, each class spread evenly over them: folds, fold, seed, together",
            "every": "one clip in so many: step, offset",
            "groups": "all clips of a person, say: column, value",
            "file": "clips and labels in files of their own: clips, labels",
        },
    )
    folds: Annotated[int, Ge(2), Le(LARGEST)] = option("folds: number of folds.", optional=True)
    fold: Index = option("folds: the fold that is held out, from 0.", optional=True)
    seed: Seed = option("folds: seed of the random assignment.", optional=True)
    together: bool = option(
        "folds: clips of one group of manifest.csv, or else of one recording, stay in one fold.", optional=True
    )
    step: Annotated[int, Ge(2), Le(LARGEST)] = option(
        "every: distance between held-out clips; 7 holds out one clip in seven.", unit="clips", optional=True
    )
    offset: Index = option("every: number of the first held-out clip, from 0.", optional=True)
    column: Name = option("groups: column of manifest.csv in data.root that names each clip's group.", optional=True)
    value: Name | int | float | Annotated[list[Name | int | float], MinLen(1)] | None = option(
        "groups: the value of column whose clips are held out, or a list of such.", optional=True
    )
    clips: File | None = option("file: name of the held-out clips' file in data.root.", optional=True)
    labels: File | None = option("file: name of their labels' file in data.root.", optional=True)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.rule == "folds" and None not in (self.folds, self.fold) and self.fold >= self.folds:
            raise ValueError(f"has {self.folds} folds, numbered from 0, got fold={self.fold}")
        if self.rule == "every" and None not in (self.step, self.offset) and self.offset >= self.step:
            raise ValueError(f"needs an offset below its step of {self.step}, got {self.offset}")
        if self.rule == "groups" and None in (self.column, self.value):
            raise ValueError("holds out groups, and must say column= and value=")
        return self


class Skating(Options):
    """The synthetic set."""

    train: Count = option("Training clips, of which validation takes its share.")
    test: Count = option("Test clips, of other skaters.")
    seed: Seed = option("Seed of the set.")


class Data(Options):
    """Data."""

    root: File = option("Folder of the arrays.", example="my_set")
    channels: Channels | None = option(
        "Names of each joint's values in the arrays; null: the lines of channels.txt in data.root.",
        example="[x,y,score]",
    )
    clips: File = option("File of the training clips in data.root: (clips, channels, frames, joints, people).")
    labels: File = option("File of the training labels in data.root: .npy, or .pkl of names and labels.")
    val: Rule | None = option("Clips held out for validation; null: none.", example="{rule: every, step: 7, offset: 1}")
    test: Rule | None = option("Clips held out for the test, taken out before those of data.val; null: none.")
    num_classes: Count | None = option(
        "Number of classes; null: as in classes.txt in data.root, or else in the labels."
    )
    batch_size: Count = option("Clips in a training batch, per device.")
    eval_batch_size: Count | None = option(
        "Clips in a batch of validation and test, per device; null: data.batch_size."
    )
    drop_last: bool = option("Last training batch of an epoch left out if it is not full.")
    num_workers: Annotated[int, Ge(0), Le(256)] = option("Processes that read clips; 0: the main process reads them.")
    resident: bool | None = option("Training clips kept in GPU memory; null: where they fit.")
    skating: Skating | None = option(
        "Sizes and seed of the synthetic set, which is written to data.root if missing; null: none.", optional=True
    )
