"""Options of train, and of check, which takes what train takes."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le, Lt, MinLen
from pydantic import Field, model_validator

from stgcn_torch.options.clips import Data, Layout, Preprocessing
from stgcn_torch.options.declaration import (
    LARGEST,
    Count,
    File,
    Fraction,
    Index,
    Name,
    NotNegative,
    Noun,
    Options,
    Positive,
    Seed,
    Share,
    Text,
    option,
)

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Precision = Literal[
    "32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "bf16", "64", 32, 16, 64
]
Widths = Annotated[list[Annotated[int, Ge(1), Le(65536)]], MinLen(1)]
Degrees = NotNegative
Duration = Annotated[str, Field(pattern=r"^\d+:\d\d:\d\d:\d\d$"), Noun("time DD:HH:MM:SS", "times", literal=True)]
Devices = Annotated[int, Ge(-1), Le(4096)]
DeviceNumbers = Annotated[list[Index], MinLen(1)]
Limit = Annotated[int, Ge(0), Le(LARGEST)] | Fraction
BelowOne = Annotated[float, Ge(0), Lt(1)]


class Network(Options):
    """The network."""

    strategy: Literal["spatial", "spatial_fixed", "distance", "uniform"] = option(
        "Partitions of a joint's neighbours: spatial as released, spatial_fixed by true hop distances."
    )
    max_hop: Annotated[int, Ge(1), Le(1000)] = option("Joints up to so many bones apart are neighbours.", unit="bones")
    dilation: Annotated[int, Ge(1), Le(1000)] = option(
        "Step between the hop distances that count as neighbours.", unit="hops"
    )
    strides: Annotated[list[Annotated[int, Ge(1), Le(1024)]], MinLen(1)] = option("Temporal stride of each block.")
    temporal_kernel: Annotated[int, Ge(1), Le(1001)] = option(
        "Frames that a temporal convolution sees; odd.", unit="frames"
    )
    dropout: Fraction = option("Probability in every block but the first.")
    edge_importance: bool = option("Learn a factor for each edge of each block.")
    data_bn: bool = option("Normalise the input per joint and coordinate.")
    aggregation: Literal["matmul", "einsum"] = option("Kernel of the graph aggregation.")
    initialization: Literal["paddle", "paddlevideo"] = option(
        "First weights: as Paddle's layers have them (the article's), or as PaddleVideo draws them."
    )


class Model(Network):
    """The network."""

    widths: Widths = option("Output channels of each block.")


class Augmentation(Options):
    """Random changes of training batches."""

    crop: Share = option("Smallest fraction of a clip that a random crop keeps; 1: no crop.")
    jitter: bool = option("A random frame from each segment, in place of evenly spaced ones.")
    rotation: Degrees = option("Largest turn, about the vertical in 3-D, in the image plane in 2-D.", unit="degrees")
    tilt: Degrees = option("Largest turn about the other two axes, in 3-D.", unit="degrees")
    vertical: Name = option("Channel that points up or down, in 3-D.")
    scale: Fraction = option("Largest relative change of size.")
    mirror: Fraction = option("Probability of a mirror image.")
    mirrored: Name = option("Channel that a mirror image negates.")
    noise: NotNegative = option("Standard deviation of noise on detected joints, in the data's units.")
    joint_dropout: Fraction = option("Probability that a joint is missing throughout a clip.")


class SGD(Options):
    """The optimizer."""

    name: Literal["sgd"] = option("", hidden=True)
    lr: NotNegative = option("Learning rate.")
    momentum: BelowOne = option("sgd: momentum.")
    nesterov: bool = option("sgd: Nesterov's momentum.")
    weight_decay: NotNegative = option("Weight decay of every parameter; coupled in sgd, as in Paddle.")
    dampening: Fraction = option("sgd: dampening.", optional=True)


class AdamW(Options):
    """The optimizer."""

    name: Literal["adamw"] = option("", hidden=True)
    lr: NotNegative = option("Learning rate.")
    weight_decay: NotNegative = option("Weight decay of every parameter.")
    betas: Annotated[list[BelowOne], Field(min_length=2, max_length=2)] = option(
        "adamw: decay of the two moments.", example="[0.9,0.999]", optional=True
    )
    eps: Positive = option("adamw: addend of the denominator.", optional=True)
    amsgrad: bool = option("adamw: the AMSGrad variant.", optional=True)


class Constant(Options):
    """The learning rate's schedule."""

    name: Literal["constant"] = option("", hidden=True)


class Cosine(Options):
    """The learning rate's schedule."""

    name: Literal["cosine"] = option("", hidden=True)
    interval: Literal["epoch", "step"] = option("Change the rate after each epoch, or after each step.")
    t_max: Positive = option("cosine: epochs from the top to eta_min; the rate climbs again after.", unit="epochs")
    eta_min: NotNegative = option("cosine: lowest rate.")
    warmup: NotNegative = option("Epochs of linear rise before.", unit="epochs")


class MultiStep(Options):
    """The learning rate's schedule."""

    name: Literal["multistep"] = option("", hidden=True)
    interval: Literal["epoch", "step"] = option("Change the rate after epochs, or after steps.")
    milestones: list[NotNegative] = option("multistep: epochs after which the rate falls.", unit="epochs")
    gamma: Positive = option("multistep: factor by which it falls.")
    warmup: NotNegative = option("Epochs of linear rise before.", unit="epochs")


class Trainer(Options):
    """Lightning's Trainer."""

    max_epochs: Count = option("Epochs; set by epochs.", unit="epochs")
    accelerator: Accelerator = option("Device; auto takes a CUDA GPU; mps is Apple's, not tried.")
    devices: Literal["auto"] | Devices | DeviceNumbers = option("How many devices, or which.", example="2")
    strategy: Text = option("How several devices share the work.", example="ddp")
    precision: Precision = option("Precision; bf16-mixed trains through the fused kernels on a GPU that has them.")
    accumulate_grad_batches: Count = option("Batches between steps of the optimizer.", unit="batches")
    gradient_clip_val: Positive | None = option("Largest norm of the gradient; null: any.")
    log_every_n_steps: Index = option("Steps between rows of TensorBoard.", unit="steps")
    num_nodes: Count = option("Machines.", optional=True)
    logger: bool = option("Write TensorBoard's log.", optional=True)
    fast_dev_run: bool | Count = option("Run so many batches of each kind, to see that all works.", optional=True)
    min_epochs: Count | None = option("Epochs at least.", unit="epochs", optional=True)
    max_steps: Annotated[int, Ge(-1), Le(LARGEST)] = option("Steps at most; -1: any.", unit="steps", optional=True)
    min_steps: Count | None = option("Steps at least.", unit="steps", optional=True)
    max_time: Duration | None = option("Time at most.", example="00:12:00:00", optional=True)
    limit_train_batches: Limit | None = option("Training batches of an epoch: how many, or a fraction.", optional=True)
    limit_val_batches: Limit | None = option("Validation batches: how many, or a fraction.", optional=True)
    limit_test_batches: Limit | None = option("Test batches: how many, or a fraction.", optional=True)
    overfit_batches: Limit = option("Train and validate on so many training batches.", optional=True)
    val_check_interval: Limit | None = option("Validate after so many batches, or a fraction.", optional=True)
    check_val_every_n_epoch: Count | None = option("Epochs between validations.", unit="epochs", optional=True)
    gradient_clip_algorithm: Literal["norm", "value"] | None = option("What is clipped.", optional=True)
    deterministic: bool | Literal["warn"] | None = option("Deterministic algorithms only.", optional=True)
    benchmark: bool | None = option("Let cuDNN try its algorithms.", optional=True)
    profiler: Literal["simple", "advanced"] | None = option("Print where time goes.", optional=True)
    detect_anomaly: bool = option("Stop where a gradient is NaN, slowly.", optional=True)
    sync_batchnorm: bool = option("Batch norm over all devices.", optional=True)


class Train(Options):
    """The run."""

    layout: Layout = option("Layout of the joints: a name or a YAML file.", example="coco")
    epochs: Count = option("Passes over the training clips.", unit="epochs")
    widths: Widths = option("Output channels of each block.", example="[64,64,128]")
    label_smoothing: Fraction = option("Share of a label that all classes get.")
    ema: BelowOne | None = option("Decay per step of averaged weights; null: none.", example="0.999")
    monitor: Literal["val/top1", "val/top5", "val/mean_class", "val/loss"] = option(
        "What the best checkpoint is best in."
    )
    patience: Count | None = option("Epochs without improvement before training stops; null: never.", unit="epochs")
    seed: Seed = option("Seed of first weights, order of clips, augmentation and dropout.")
    ckpt_path: File | None = option("Checkpoint that training goes on from.", example="run/checkpoints/last.ckpt")
    init_from: File | None = option("Checkpoint whose weights training starts from; its classes may be others.")
    fused: bool | None = option(
        "Own kernels on a GPU with trainer.precision=bf16-mixed; true: or else an error; null: where they can be."
    )
    progress_bar: bool = option("Show a progress bar.")
    preprocessing: Preprocessing
    model: Model
    augmentation: Augmentation
    optimizer: SGD | AdamW = Field(discriminator="name")
    scheduler: Constant | Cosine | MultiStep = Field(discriminator="name")
    data: Data
    trainer: Trainer

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.patience and self.data.val is None:
            raise ValueError("patience needs validation clips, and data.val holds none out")
        if len(self.model.widths) != len(self.model.strides):
            widths, strides = len(self.model.widths), len(self.model.strides)
            raise ValueError(f"widths and model.strides must be as many, got {widths} and {strides}")
        if self.model.temporal_kernel % 2 == 0:
            raise ValueError(f"model.temporal_kernel must be odd, got {self.model.temporal_kernel}")
        return self


class Check(Train):
    """The report."""

    out: File | None = option("Folder for check.json and check.png; null: only text on the terminal.")
