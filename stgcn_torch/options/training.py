"""Options of train, and of check, which takes what train takes."""

from typing import Annotated, Literal, Self, get_args

from annotated_types import Ge, Le, Lt, MinLen
from pydantic import Field, model_validator

from stgcn_torch.options.clips import Data, Layout, Preprocessing
from stgcn_torch.options.declaration import (
    AS_TYPED,
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
Precision = Annotated[
    Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "32", "16", "bf16", "64"], AS_TYPED
]
Widths = Annotated[list[Annotated[int, Ge(1), Le(65536)]], MinLen(1)]
Degrees = NotNegative
WEIGHT_DECAY = "Weight decay of every parameter: L2 in sgd and nesterov, decoupled in adamw."
Duration = Annotated[str, Field(pattern=r"^\d+:\d\d:\d\d:\d\d$"), Noun("time DD:HH:MM:SS", "times", literal=True)]
Devices = Annotated[int, Ge(-1), Le(4096)]
DeviceNumbers = Annotated[list[Index], MinLen(1)]
Limit = Annotated[int, Ge(0), Le(LARGEST)] | Fraction
SomeOf = Count | Share
BelowOne = Annotated[float, Ge(0), Lt(1)]


STRATEGIES = {
    "spatial": "the joint, neighbours further from the centre, nearer ones; the published code misplaces some, kept",
    "spatial_fixed": "the same without that fault, as the paper has it",
    "distance": "a partition for each hop distance",
    "uniform": "all neighbours in one",
}


class Network(Options):
    """The network."""

    strategy: Literal["spatial", "spatial_fixed", "distance", "uniform"] = option(
        "Partition of a joint's neighbours; spatial is that of the published networks.", meanings=STRATEGIES
    )
    max_hop: Annotated[int, Ge(1), Le(1000)] = option(
        "Largest number of bones between two joints that count as neighbours.", unit="bones"
    )
    dilation: Annotated[int, Ge(1), Le(1000)] = option(
        "Step between hop distances that count: 2 takes distances 0, 2, 4 up to max_hop.", unit="hops"
    )
    strides: Annotated[list[Annotated[int, Ge(1), Le(1024)]], MinLen(1)] = option(
        "Temporal stride of each block.", example="[1,1,2]"
    )
    temporal_kernel: Annotated[int, Ge(1), Le(1001)] = option(
        "Frames in each temporal convolution, an odd number.", unit="frames"
    )
    dropout: Fraction = option("Dropout probability in every block but the first.")
    edge_importance: bool = option("Learned weight for each edge of the graph, in each block.")
    data_bn: bool = option("Batch normalisation of the input, per joint and channel.")
    aggregation: Literal["matmul", "einsum"] = option(
        "Operation of the graph aggregation; results are the same, speed differs."
    )
    initialization: Literal["paddle", "paddlevideo"] = option(
        "First weights: Paddle's defaults, as in the article, or PaddleVideo's own."
    )


class Model(Network):
    """The network."""

    widths: Widths = option("Output channels of each block: those of widths, unless given.")


class Augmentation(Options):
    """Augmentation of training clips."""

    crop: Share = option("Smallest fraction of a clip that a random crop keeps; 1: no crop.")
    jitter: bool = option("Frames taken at random from equal segments, in place of evenly spaced ones.")
    rotation: Degrees = option(
        "Largest random turn to either side: about the vertical in 3-D, in the image plane in 2-D.", unit="degrees"
    )
    tilt: Degrees = option("Largest random turn about each of the other two axes, in 3-D.", unit="degrees")
    vertical: Name = option("Channel that runs along the vertical, in 3-D.")
    scale: Fraction = option("Largest relative change of size: 0.1 gives factors from 0.9 to 1.1.")
    mirror: Fraction = option("Probability that a clip is mirrored, left and right joints swapped.")
    mirrored: Name = option("Channel that a mirror image negates.")
    noise: NotNegative = option("Standard deviation of noise on detected joints, in the units of the data.")
    joint_dropout: Fraction = option("Probability, for each joint, of being missing throughout a clip.")
    about: Literal["body", "origin"] = option(
        "Without a centre, turns and mirror images are about the body, or about the origin (runs before 2026-12).",
        optional=True,
    )


class SGD(Options):
    """The optimizer."""

    name: Literal["sgd"] = option("", hidden=True)
    lr: NotNegative = option("Learning rate.")
    momentum: BelowOne = option("sgd and nesterov: momentum.")
    nesterov: bool = option("sgd and nesterov: Nesterov's form of momentum.")
    weight_decay: NotNegative = option(WEIGHT_DECAY)
    dampening: Fraction = option("sgd: dampening of the momentum.", optional=True)

    @model_validator(mode="after")
    def _has_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("needs a momentum above 0 for nesterov=true")
        return self


class AdamW(Options):
    """The optimizer."""

    name: Literal["adamw"] = option("", hidden=True)
    lr: NotNegative = option("Learning rate.")
    weight_decay: NotNegative = option(WEIGHT_DECAY)
    betas: Annotated[list[BelowOne], Field(min_length=2, max_length=2)] = option(
        "adamw: decay rates of the two moving averages.", example="[0.9,0.999]", optional=True
    )
    eps: Positive = option("adamw: small number added to the denominator.", optional=True)
    amsgrad: bool = option("adamw: the AMSGrad variant.", optional=True)


class Constant(Options):
    """The learning rate."""

    name: Literal["constant"] = option("", hidden=True)


class Cosine(Options):
    """The learning rate."""

    name: Literal["cosine"] = option("", hidden=True)
    interval: Literal["epoch", "step"] = option("When the rate changes: after each epoch or each step.")
    t_max: Positive = option(
        "cosine: epochs from lr down to eta_min, warmup included, after which it rises; epochs unless given.",
        unit="epochs",
    )
    eta_min: NotNegative = option("cosine: lowest rate.")
    warmup: NotNegative = option("cosine and multistep: epochs of linear rise to lr, at the start.", unit="epochs")


class MultiStep(Options):
    """The learning rate."""

    name: Literal["multistep"] = option("", hidden=True)
    interval: Literal["epoch", "step"] = option("When the rate changes: after each epoch or each step.")
    milestones: list[NotNegative] = option(
        "multistep: epochs after which the rate falls.", unit="epochs", example="[30,40]"
    )
    gamma: Positive = option("multistep: factor of the rate at each milestone.")
    warmup: NotNegative = option("cosine and multistep: epochs of linear rise to lr, at the start.", unit="epochs")


TAGS = [get_args(one.model_fields["name"].annotation)[0] for one in (SGD, AdamW, Constant, Cosine, MultiStep)]


class Trainer(Options):
    """Lightning's Trainer."""

    max_epochs: Count = option("Upper limit of epochs: epochs, unless given.", unit="epochs")
    accelerator: Accelerator = option("Device; auto takes a CUDA GPU if there is one; mps (Apple's) is untested.")
    devices: Literal["auto"] | Devices | DeviceNumbers = option(
        "Number of devices, -1 for all, or a list of their numbers.", example="2"
    )
    strategy: Text = option("Lightning's strategy for several devices.", example="ddp")
    precision: Precision = option("Numeric precision; on a GPU, bf16-mixed allows the fused kernels.")
    accumulate_grad_batches: Count = option("Batches whose gradients are added up for one step of the optimizer.")
    gradient_clip_val: Positive | None = option("Limit of the gradient's norm; null: none.")
    log_every_n_steps: Index = option("Steps between two entries in TensorBoard's log.", unit="steps")
    num_nodes: Count = option("Number of machines.", optional=True)
    logger: bool = option("Write TensorBoard's log.", optional=True)
    fast_dev_run: bool | Count = option("Trial run of this many batches of each split; true: one.", optional=True)
    min_epochs: Count | None = option("Lower limit of epochs.", unit="epochs", optional=True)
    max_steps: Annotated[int, Ge(-1), Le(LARGEST)] = option(
        "Upper limit of steps; -1: none.", unit="steps", optional=True
    )
    min_steps: Count | None = option("Lower limit of steps.", unit="steps", optional=True)
    max_time: Duration | None = option("Upper limit of time.", example="00:12:00:00", optional=True)
    limit_train_batches: SomeOf | None = option(
        "Training batches of an epoch: 1 takes one, 1.0 all, 0.5 half.", optional=True
    )
    limit_val_batches: Limit | None = option("Validation batches: 1 takes one, 1.0 all, 0.5 half.", optional=True)
    limit_test_batches: Limit | None = option("Test batches: 1 takes one, 1.0 all, 0.5 half.", optional=True)
    overfit_batches: Limit = option(
        "Batches that training and validation share, to see that a network can fit them; 1.0: all, 0: off.",
        optional=True,
    )
    val_check_interval: SomeOf | None = option(
        "Training batches between validations, or the fraction of an epoch.", optional=True
    )
    check_val_every_n_epoch: Count | None = option("Epochs between validations.", unit="epochs", optional=True)
    gradient_clip_algorithm: Literal["norm", "value"] | None = option(
        "Clipping by the norm of all gradients, or of each value.", optional=True
    )
    deterministic: bool | Literal["warn"] | None = option(
        "Only deterministic algorithms; warn: a warning where none exists.", optional=True
    )
    benchmark: bool | None = option("Try cuDNN's algorithms and keep the fastest.", optional=True)
    reload_dataloaders_every_n_epochs: Index = option(
        "Epochs after which data loaders are made anew; 0: never.", unit="epochs", optional=True
    )
    inference_mode: bool = option("Evaluation in torch's inference mode.", optional=True)
    profiler: Literal["simple", "advanced", "pytorch"] | None = option(
        "Report of where the time went, at the end.", optional=True
    )
    detect_anomaly: bool = option("End with an error at the first NaN in a gradient; slow.", optional=True)
    sync_batchnorm: bool = option("Batch normalisation over the clips of all devices together.", optional=True)


class Train(Options):
    """The run."""

    layout: Layout = option(
        "Layout of the data's joints; with data=arrays, layout.yaml in data.root unless given.",
        example="my_layout.yaml",
    )
    epochs: Count = option("Passes over the training clips.", unit="epochs")
    widths: Widths = option("Output channels of each block; as many numbers as model.strides.", example="[64,64,128]")
    label_smoothing: Fraction = option("Share of the target probability that is spread over all classes.")
    ema: BelowOne | None = option(
        "Decay per step of averaged weights, which are scored and saved; null: none.", example="0.999"
    )
    monitor: Literal["val/top1", "val/top5", "val/mean_class", "val/loss"] = option(
        "Measure that chooses the best checkpoint; without data.val, it is the last; mean_class: averaged over classes."
    )
    patience: Count | None = option(
        "Epochs without improvement of monitor before training stops; null: never.", unit="epochs"
    )
    seed: Seed = option("Seed of first weights, order of clips, augmentation and dropout.")
    ckpt_path: File | None = option(
        "Checkpoint of a run to resume; give that run's options again; null: a new run.",
        example="run/checkpoints/last.ckpt",
    )
    init_from: File | None = option(
        "Checkpoint to start from; its last layer is dropped if the number of classes differs; null: random weights."
    )
    fused: bool | None = option(
        "Faster GPU kernels, with trainer.precision=bf16-mixed; true: required, false: never, null: if possible."
    )
    progress_bar: bool = option("Progress bar on the terminal.")
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

    out: File | None = option("Folder for check.json and check.png, a page of plots; null: only text on the terminal.")
