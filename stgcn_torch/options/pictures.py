"""Options of prepare and visualize."""

from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from stgcn_torch.options.clips import Layout, Reading, Recordings
from stgcn_torch.options.declaration import File, Index, Name, Positive, Text, YamlFile, option
from stgcn_torch.options.questions import Weights

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


class Prepare(Recordings):
    """Arrays."""

    input: File = option("Folder or file of recordings.", example="recordings/")
    out: File = option("Folder of arrays, or FILE.pkl for PYSKL and MMAction2; must not exist.", example="my_set")
    to: Layout | None = option("Layout to bring the joints into, by their names; null: as they are.", example="coco")
    skip: File | None = option("File of recordings to leave out, one name a line.")
    relabel: YamlFile | dict[Text, Text] | None = option(
        "Classes of folders whose own name is wrong, or a YAML file of them.", example="{GROUP/CLASS: CLASS}"
    )


class Visualize(Weights, Reading):
    """Figures."""

    ckpt_path: File | None = option("Checkpoint: its graph, and what it has learned.")
    run: File | None = option("Folder of a finished run: its curves, and the clips that it confuses.")
    input: File | None = option("Clip: .npy (N, C, T, V, M) or of one, or any recording that prepare reads.")
    strategy: Literal["spatial", "spatial_fixed", "distance", "uniform"] = option("Partitions of the layout's graph.")
    max_hop: Annotated[int, Ge(1), Le(1000)] = option("Joints up to so many bones apart are neighbours.", unit="bones")
    dilation: Annotated[int, Ge(1), Le(1000)] = option("Step between hop distances.", unit="hops")
    root: File | None = option("Folder of the run's clips, if they have moved since.")
    classes: Annotated[list[Text], MinLen(1)] | None = option(
        "Classes whose clips are played as they are recognised; null: the three recognised best.",
        example="[camel_spin,axel_jump]",
    )
    index: Index = option("Which of the recordings, from 0.")
    only: Annotated[list[Figure], MinLen(1)] | None = option(
        "Figures to draw; null: all that can be.", example="[partitions,hops]"
    )
    out: File = option("Folder of the figures.")
    figure_format: Literal["png", "svg"] = option("Format of still figures.")
    theme: Literal["light", "dark", "both"] = option("Colours; both writes NAME and NAME-dark.")
    frames: Annotated[int, Ge(1), Le(1000)] = option("Frames in the film strip of a clip.", unit="frames")
    moving: Literal["gif", "mp4"] = option("Format of moving figures; mp4 needs ffmpeg.")
    fps: Positive = option("Frames per second of a recording.", unit="1/s")
    speed: Positive = option("Speed of playing: 0.5 is half as fast.")
    angle: float = option("Degrees that the viewer walks around the people, in 3-D.", unit="degrees")
    trail: Name | None = option("Joint that leaves a trail behind in a moving clip.", example="RWrist")
