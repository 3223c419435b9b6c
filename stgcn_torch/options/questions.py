"""Options of the commands that ask trained networks: predict, explain, evaluate and export."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le, MinLen
from pydantic import model_validator

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.options.clips import Channels, Data, Layout, Preprocessing, Recordings
from stgcn_torch.options.declaration import Count, File, Index, NotNegative, Options, Positive, Seed, option
from stgcn_torch.options.training import Accelerator, Precision

Stride = Annotated[int, Ge(1), Le(1024)]


class GivenPreprocessing(Preprocessing):
    """Preprocessing, in place of the checkpoint's own: parts of the one that preprocessing=NAME names."""

    nan: Literal["refuse", "missing"] | None = option(  # type: ignore[assignment]
        "NaN or infinite values: an error, or the joint is undetected; null: the checkpoint's."
    )
    empty: Literal["refuse", "keep"] | None = option(  # type: ignore[assignment]
        "Clips in which nobody is ever detected: an error, or kept; null: the checkpoint's."
    )
    channels: Channels = option(
        "Names of each joint's values in the clips that the network was trained on, in their order.", optional=True
    )

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, parts: object) -> object:
        """What nobody gave is the checkpoint's own."""
        return PREPROCESSINGS["fixed"].plain | parts if isinstance(parts, dict) else parts


class Weights(Options):
    """Checkpoint."""

    strides: Annotated[list[Stride], MinLen(1)] | None = option(
        "Temporal strides; null: the file's, or the published network's if widths match; else needed.",
        example="[1,1,2,1]",
    )
    preprocessing: GivenPreprocessing


class Checkpoint(Weights):
    """Checkpoint."""

    ckpt_path: File = option("Checkpoint: .ckpt, .safetensors or .pt.", example="best.ckpt")


class Checkpoints(Weights):
    """Checkpoint."""

    ckpt_path: File | Annotated[list[File], MinLen(1)] = option(
        "Checkpoint (.ckpt, .safetensors or .pt), or several whose probabilities are averaged.",
        example="[joint.ckpt,bone.ckpt]",
    )
    weights: Annotated[list[NotNegative], MinLen(1)] | None = option(
        "Weight of each checkpoint in the average; null: equal.", example="[2,1]"
    )


class Source(Recordings):
    """Recordings."""

    people: Literal["each", "together"] | None = option(  # type: ignore[assignment]
        "One clip for each person of a recording, or one with all together; null: as in training; not of arrays."
    )
    most_people: Count | None = option(  # type: ignore[assignment]
        "With people=together: most people in a clip, in the order that the format lists them; null: as in training."
    )

    unit: Positive | None = option(  # type: ignore[assignment]
        "Factor of the coordinates of recordings: 0.001 turns millimetres into metres; null: as in training."
    )
    input: File = option(
        "Clips: .npy (N, C, T, V, M) or one clip (C, T, V, M); or a file or folder of recordings.",
        example="recordings/",
    )


class Predict(Checkpoints, Source):
    """Answers."""

    slide: Count | None = option(
        "A timeline of windows that start so many frames apart; not with stream; null: one answer per clip.",
        unit="frames",
    )
    windows: Annotated[list[Count], MinLen(1)] | None = option(
        "Lengths of windows whose answers are averaged; not with slide or stream; null: the checkpoint's.",
        unit="frames",
        example="[300,350,500]",
    )
    stream: Count | None = option(
        "A timeline in one pass, each answer an average over so many frames; not with slide; null: off.",
        unit="frames",
    )
    span: Count | None = option(
        "Frames of a recording in a window of slide, at whose tempo stream goes too; null: as in training.",
        unit="frames",
    )
    fps: Positive | None = option("Frames per second, for times in seconds; null: as prepare was told, or unknown.")
    every: Count = option("With fps, the video's: 2 if only every other frame of it is in the input.", unit="frames")
    top_k: Count = option("Classes in an answer, the most likely first.")
    out: File | None = option("File of the answers, .csv or .json; null: only a table on the terminal.")
    out_format: Literal["probabilities", "submission"] = option(
        "Content of the file: classes and probabilities, or the skating competition's sample_index, predict_category."
    )
    batch_size: Count = option("Clips or windows that are computed at once.")
    accelerator: Literal["auto", "cpu", "gpu"] = option("Device; auto takes a CUDA GPU where there is one.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        several = len(self.ckpt_path) if isinstance(self.ckpt_path, list) else 1
        if self.weights and (len(self.weights) != several or not any(self.weights)):
            raise ValueError(f"weights must be {several} numbers, one of them above 0, got {self.weights}")
        if self.span is not None and self.slide is None and self.stream is None:
            raise ValueError("span= is for slide= or stream=; give one of them")
        ways = [name for name in ("windows", "slide", "stream") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{'= and '.join(ways)}= each say which frames an answer is from; give one of them")
        if self.out_format == "submission" and (self.slide is not None or self.stream is not None):
            raise ValueError("out_format=submission has one class for a clip, slide= and stream= have several")
        return self


class Explain(Checkpoint, Source):
    """The page."""

    index: Index | Annotated[list[Index], MinLen(1)] = option(
        "Clips to explain, numbered from 0 over all files; with people=each, every person is one.", example="[0,3]"
    )
    crop: Index | None = option("Number of the evaluation crop that is explained, from 0; null: the middle one.")
    top_k: Count = option("Explained classes of each clip, the most likely first.")
    out: File = option("HTML file to write.")


class Evaluate(Checkpoint):
    """Evaluation."""

    data: Data
    layout: Layout = option("Layout of the arrays' joints; with data=arrays, layout.yaml in data.root unless given.")
    split: Literal["test", "val"] | None = option(
        "Clips that are scored: the test's or validation's; null: the test's, or else validation's."
    )
    allow_seen: bool = option("Clips that the network was trained on are scored too, in place of left out.")
    out: File | None = option("Folder for results.json and confusion.png; null: only a line on the terminal.")
    accelerator: Accelerator = option("Device; auto takes a CUDA GPU where there is one.")
    precision: Precision = option("Numeric precision of the computation.")
    seed: Seed = option("Seed of the run's random numbers, which no score depends on.")
    # What a file of data may say of training.
    epochs: object = option("", hidden=True)
    widths: object = option("", hidden=True)
    label_smoothing: object = option("", hidden=True)
    ema: object = option("", hidden=True)
    monitor: object = option("", hidden=True)
    patience: object = option("", hidden=True)
    model: object = option("", hidden=True)
    augmentation: object = option("", hidden=True)
    optimizer: object = option("", hidden=True)
    scheduler: object = option("", hidden=True)
    trainer: object = option("", hidden=True)


class Export(Checkpoint):
    """The exported file."""

    out: File = option(
        "File to write, which takes preprocessed clips: .onnx (needs stgcn-torch[export]) or .pt2.",
        example="model.onnx",
    )
    output: Literal["probabilities", "logits"] = option("Output of the exported network.")
