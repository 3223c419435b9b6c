"""Options of prepare and visualize."""

from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from stgcn_torch.options.clips import FORMATS, Format, Layout, Reading, Recordings
from stgcn_torch.options.declaration import Count, File, Index, Name, Positive, Text, YamlFile, option
from stgcn_torch.options.questions import Weights
from stgcn_torch.options.training import STRATEGIES

Figure = Literal[
    "skeleton",
    "hops",
    "adjacency",
    "partitions",
    "importance",
    "importance_matrices",
    "receptive_field",
    "curves",
    "confusion",
    "accuracy",
    "confused",
    "recognised",
    "film",
    "clip",
]


FIGURES = {
    "skeleton": "joints, bones and centre (layout or ckpt_path)",
    "hops": "bones between every two joints (layout or ckpt_path)",
    "adjacency": "the normalised matrices (layout or ckpt_path)",
    "partitions": "the neighbours of each partition (layout or ckpt_path)",
    "importance": "learned weights of the edges, on the body (ckpt_path)",
    "importance_matrices": "the same as matrices, block by block (ckpt_path)",
    "receptive_field": "the frames that each block sees (ckpt_path)",
    "curves": "loss, accuracy and learning rate by epoch (run)",
    "confusion": "classes against predicted classes (run)",
    "accuracy": "accuracy by class (run)",
    "confused": "the pairs of classes that are confused most (run)",
    "recognised": "clips that were recognised, moving (run)",
    "film": "the clip as a strip of still frames (input)",
    "clip": "the clip, moving (input)",
}


class Prepare(Recordings):
    """Input and output."""

    input: File = option("Folder or file of recordings.", example="recordings/")
    out: File = option(
        "Folder of arrays to write, or FILE.pkl for PYSKL and MMAction2; must not exist.", example="my_set"
    )
    fps: Positive | None = option(
        "Frames per second of the recordings, which networks trained on them know then; null: unknown."
    )
    to: Layout | None = option("Layout to convert to, joints matched by their names; null: no conversion.")
    skip: File | None = option("Text file of recordings to leave out, one name or path per line.")
    relabel: YamlFile | dict[Text, Text] | None = option(
        "Classes of folders that are named wrongly, as FOLDER: CLASS, or a YAML file of them.",
        example="{raw/jmp: jump}",
    )


class Visualize(Weights, Reading):
    """Figures."""

    layout: Layout | None = option("Layout to draw, or that of input's joints; null: fsd10, or the format's own.")
    input_format: Format | None = option(
        "Format of input; null: told from the files.",
        meanings=FORMATS,
    )
    most_people: Count = option("Largest number of people of a recording that are drawn; the format's first are taken.")
    ckpt_path: File | None = option("Checkpoint (.ckpt, .safetensors or .pt): its graph, and what it has learned.")
    run: File | None = option("Folder of a finished run: its curves and the clips that it confuses.")
    input: File | None = option("Clip: .npy (N, C, T, V, M) or (C, T, V, M), or a file or folder of recordings.")
    strategy: Literal["spatial", "spatial_fixed", "distance", "uniform"] = option(
        "Partition of the neighbours in the drawn layout's graph.", meanings=STRATEGIES
    )
    max_hop: Annotated[int, Ge(1), Le(1000)] = option(
        "Largest number of bones between two joints that count as neighbours.", unit="bones"
    )
    dilation: Annotated[int, Ge(1), Le(1000)] = option("Step between hop distances that count.", unit="hops")
    root: File | None = option("With run: folder of its clips, where they no longer lie where they did.")
    classes: Annotated[list[Text], MinLen(1)] | None = option(
        "Classes whose recognised clips are animated; null: the three recognised best.",
        example="[camel_spin,axel_jump]",
    )
    index: Index = option("Number of the clip or recording in input, from 0.")
    only: Annotated[list[Figure], MinLen(1)] | None = option(
        "Figures to draw, of what is given; null: all.",
        example="[partitions,hops]",
        meanings=FIGURES,
    )
    out: File = option("Folder of the figures.")
    figure_format: Literal["png", "svg"] = option("Format of still figures.")
    theme: Literal["light", "dark", "both"] = option("Colours; both writes each figure twice, as NAME and NAME-dark.")
    frames: Annotated[int, Ge(1), Le(1000)] = option("Still frames in the film strip of a clip.")
    moving: Literal["gif", "mp4"] = option("Format of animations; mp4 needs ffmpeg.")
    fps: Positive = option("Frames per second at which the input was recorded.")
    speed: Positive = option("Speed of animations: 0.5 is half as fast.")
    angle: float = option("Turn of the viewpoint around the people, to the left, in 3-D.", unit="degrees")
    trail: Name | None = option("Joint whose path is drawn in an animation.", example="RWrist")
