"""Options of the commands that ask trained networks: predict, explain, evaluate and export."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le, MinLen
from pydantic import model_validator

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.options.clips import Channels, Data, Layout, Preprocessing, Recordings
from stgcn_torch.options.declaration import Count, File, Index, NotNegative, Options, Seed, option
from stgcn_torch.options.training import Accelerator, Precision

Stride = Annotated[int, Ge(1), Le(1024)]


class GivenPreprocessing(Preprocessing):
    """Preprocessing, in place of the checkpoint's own."""

    nan: Literal["refuse", "missing"] | None = option(  # type: ignore[assignment]
        "A clip with NaN or infinite values: refused, or the joint is missing; null: as in training."
    )
    empty: Literal["refuse", "keep"] | None = option(  # type: ignore[assignment]
        "A clip without any live frame: refused or kept; null: as in training."
    )
    channels: Channels = option("Names of a joint's numbers, in their order.", optional=True)

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, parts: object) -> object:
        """What nobody gave is the checkpoint's own."""
        return PREPROCESSINGS["fixed"].plain | parts if isinstance(parts, dict) else parts


class Weights(Options):
    """Networks."""

    strides: Annotated[list[Stride], MinLen(1)] | None = option(
        "Temporal stride of each block, for a file that does not say it; null: those of published networks.",
        example="[1,1,2,1]",
    )
    preprocessing: GivenPreprocessing


class Checkpoint(Weights):
    """Networks."""

    ckpt_path: File = option("Checkpoint: .ckpt, .safetensors, .pt or .pdparams.", example="best.ckpt")


class Checkpoints(Weights):
    """Networks."""

    ckpt_path: File | Annotated[list[File], MinLen(1)] = option(
        "Checkpoint, or several whose probabilities are averaged.", example="[joint.ckpt,bone.ckpt]"
    )
    weights: Annotated[list[NotNegative], MinLen(1)] | None = option(
        "Weight of each checkpoint's probabilities; null: equal.", example="[2,1]"
    )


class Source(Recordings):
    """Recordings."""

    input: File = option(
        "Clips: a .npy (N, C, T, V, M) or of one clip, or any recording that prepare reads, a file or a folder.",
        example="recordings/",
    )


class Predict(Checkpoints, Source):
    """Answers."""

    slide: Count | None = option(
        "Frames from one window to the next: long clips get a timeline; null: one answer a clip.", unit="frames"
    )
    windows: Annotated[list[Count], MinLen(1)] | None = option(
        "Answers through windows of these lengths are averaged; null: the checkpoint's window.",
        unit="frames",
        example="[300,350,500]",
    )
    stream: Count | None = option(
        "Frames that each answer of a timeline is the mean over, in one pass; null: no.", unit="frames"
    )
    top_k: Count = option("Classes in an answer, the most likely first.", unit="classes")
    out: File | None = option("File of the answers, .csv or .json; null: only the table on the terminal.")
    out_format: Literal["probabilities", "submission"] = option(
        "Columns: index, class and probability, or the competition's sample_index and predict_category."
    )
    batch_size: Count = option("Clips or windows at a time.", unit="clips")
    accelerator: Literal["auto", "cpu", "gpu"] = option("Device; auto takes a CUDA GPU where there is one.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("windows", "slide", "stream") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{'= and '.join(ways)}= each say which frames an answer is from; give one of them")
        if self.out_format == "submission" and (self.slide is not None or self.stream is not None):
            raise ValueError("out_format=submission has one class for a clip, slide= and stream= have several")
        return self


class Explain(Checkpoint, Source):
    """The page."""

    index: Index | Annotated[list[Index], MinLen(1)] = option(
        "Clips, or people with people=each, that are explained, from 0.", example="[0,3]"
    )
    crop: Index | None = option("Crop that is explained where evaluation averages several, from 0; null: the middle.")
    top_k: Count = option("Classes that are explained, the most likely first.", unit="classes")
    out: File = option("Page, .html.")


class Evaluate(Checkpoint):
    """Evaluation."""

    data: Data
    layout: Layout = option("Layout of the arrays' joints: a name or a YAML file.")
    split: Literal["test", "val"] | None = option("Split that is scored; null: test if there is one, else val.")
    out: File | None = option("Folder for results.json and confusion.png; null: only a line on the terminal.")
    accelerator: Accelerator = option("Device; auto takes a CUDA GPU where there is one.")
    precision: Precision = option("Precision of the pass.")
    seed: Seed = option("Seed.")
    # What a file of conf/data says of training.
    epochs: object = option("", hidden=True)
    widths: object = option("", hidden=True)
    label_smoothing: object = option("", hidden=True)
    model: object = option("", hidden=True)


class Export(Checkpoint):
    """The exported file."""

    out: File = option(
        "File: .onnx (needs stgcn-torch[export]) or .pt2, which torch.export.load reads.", example="model.onnx"
    )
    output: Literal["probabilities", "logits"] = option("What the exported network answers.")
