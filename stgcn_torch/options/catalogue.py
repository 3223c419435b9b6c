"""The commands: what each does, examples that run, and its options."""

from dataclasses import dataclass, field

from stgcn_torch.options.declaration import Options
from stgcn_torch.options.pictures import Prepare, Visualize
from stgcn_torch.options.questions import Evaluate, Explain, Export, Predict
from stgcn_torch.options.training import Check, Train


@dataclass(frozen=True)
class Entry:
    """A command.

    Attributes:
        summary: What it does, in a sentence.
        usage: How it is typed, after its name.
        examples: What it is given, and what happens then.
        options: Its options.
        old: Today's name of each option that was called otherwise before.
        notes: What else its user must know.
        remedies: For parts of the configuration that an override can take away, what to say instead.
    """

    summary: str
    usage: str
    examples: dict[str, str]
    options: type[Options]
    old: dict[str, str] = field(default_factory=dict)
    remedies: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


PRESETS_TITLE = "Presets set several options at once; options that are given win"


@dataclass(frozen=True)
class Preset:
    """A group of the configuration.

    Attributes:
        sentence: What its choices set.
        meanings: What each of them is.
    """

    sentence: str
    meanings: dict[str, str]


PRESETS = {
    "preprocessing": Preset(
        "preprocessing.NAME as a whole; paddlevideo and article repeat those programs' errors.",
        {
            "fixed": "what both meant, without their errors",
            "paddlevideo": "as PaddleVideo's ST-GCN, to the bit",
            "article": "as the article that this project reproduces, to the bit (docs/puzzle.md)",
            "null": "the checkpoint's",
        },
    ),
    "optimizer": Preset(
        "Everything under optimizer.NAME.",
        {
            "nesterov": "SGD with Nesterov's momentum",
            "sgd": "SGD with ordinary momentum, as in PaddleVideo and the article",
            "adamw": "AdamW",
        },
    ),
    "scheduler": Preset(
        "Learning rate over the epochs: everything under scheduler.NAME.",
        {
            "cosine": "from optimizer.lr down to eta_min: t_max, eta_min, warmup, interval",
            "multistep": "lower by gamma at each milestone: milestones, gamma, warmup, interval",
            "constant": "optimizer.lr throughout",
        },
    ),
    "data": Preset(
        "Clips, layout and held-out part; in training also window, widths, strides, epochs, smoothing for them.",
        {
            "synthetic": "a skating set that the project makes itself",
            "arrays": "a folder that prepare wrote, or any with clips and labels in .npy or .pkl",
            "fsd10": "the figure-skating competition's train_data.npy and train_label.npy",
        },
    ),
    "experiment": Preset(
        "A whole recipe, network and trainer too; needs data.root; null: none.",
        {
            "article": "the article's training on the figure-skating data",
            "paddlevideo_fsd": "PaddleVideo's on the same data",
            "paddlevideo_ntu_xsub": "PaddleVideo's on NTU RGB+D 60, cross-subject",
            "practice": "PYSKL's training recipe, for your own data.root",
            "fs_jump3d": "jumps in 3-D from FS-Jump3D, one skater held out",
        },
    ),
}
RUN = "A run is written to outputs/DATE/TIME, or to the folder of hydra.run.dir=FOLDER."
FORMAT = {"format": "input_format"}
WIDTHS = {"channels": "widths", "model.channels": "model.widths"}
REMEDIES = {
    "scheduler": "scheduler=constant has none",
    "data.val": "data.val=null holds nothing out",
    "data.test": "data.test=null holds nothing out",
}
COMMANDS = {
    "train": Entry(
        "Train ST-GCN, evaluate its best checkpoint, and leave a report.",
        "[experiment=NAME] [data=NAME data.root=FOLDER] [OPTION=VALUE ...]",
        {
            "": "the synthetic skating set, two minutes on two CPU cores",
            "data=arrays data.root=my_set": "a folder that prepare wrote",
            "ckpt_path=run/checkpoints/last.ckpt": "go on with a run that was interrupted",
        },
        Train,
        WIDTHS,
        REMEDIES,
        (RUN,),
    ),
    "evaluate": Entry(
        "Score a checkpoint on clips that were held out.",
        "ckpt_path=CHECKPOINT [data=NAME data.root=FOLDER] [OPTION=VALUE ...]",
        {
            "ckpt_path=best.ckpt": "on the synthetic set's test",
            "ckpt_path=best.ckpt data=arrays data.root=my_set split=val": "on clips of your own",
            "ckpt_path=best.ckpt out=scores": "with results.json and confusion.png in a folder",
        },
        Evaluate,
        {"channels": "widths"},
        REMEDIES,
    ),
    "predict": Entry(
        "Predict the class of each clip, of each person in recordings, or a timeline of a long one.",
        "ckpt_path=CHECKPOINT input=SOURCE [OPTION=VALUE ...]",
        {
            "ckpt_path=best.ckpt input=clips.npy": "a class for each clip of an array",
            "ckpt_path=best.ckpt input=recordings people=each top_k=3": "three classes for each person",
            "ckpt_path=best.ckpt input=recordings slide=30 out=timeline.json": "a timeline",
        },
        Predict,
        FORMAT | {"form": "out_format"},
        {"ckpt_path": "give ckpt_path=best.ckpt"},
    ),
    "explain": Entry(
        "Explain a prediction: a page that shows which joints and which frames carried it.",
        "ckpt_path=CHECKPOINT input=SOURCE [OPTION=VALUE ...]",
        {
            "ckpt_path=best.ckpt input=clips.npy": "the first clip of an array",
            "ckpt_path=best.ckpt input=clips.npy 'index=[0,2]' out=two.html": "two clips on a page",
            "ckpt_path=best.ckpt input=recordings people=together": "all people of a recording in one clip",
        },
        Explain,
        FORMAT,
        {},
    ),
    "visualize": Entry(
        "Draw a layout and its graph, what a checkpoint has learned, a finished run, or a clip.",
        "[layout=NAME | ckpt_path=CHECKPOINT | run=FOLDER | input=CLIP] [OPTION=VALUE ...]",
        {
            "layout=coco strategy=distance": "a layout's joints and the partitions of its graph",
            "ckpt_path=best.ckpt 'only=[importance]'": "what a network has learned",
            "input=clips.npy layout=fsd10 'channels=[x,y,score]' index=2": "a clip, still and moving",
        },
        Visualize,
        {"format": "figure_format"},
        {},
    ),
    "export": Entry(
        "Export a checkpoint as one file for another program, ONNX or torch.export.",
        "ckpt_path=CHECKPOINT out=FILE [OPTION=VALUE ...]",
        {
            "ckpt_path=best.ckpt out=model.onnx": "for ONNX Runtime",
            "ckpt_path=best.ckpt out=logits.onnx output=logits": "answering logits",
            "ckpt_path=best.ckpt out=model.pt2": "for torch.export.load",
        },
        Export,
        {},
        {},
    ),
    "prepare": Entry(
        "Turn recordings into arrays that train, check and predict take.",
        "input=SOURCE out=FOLDER [OPTION=VALUE ...]",
        {
            "input=recordings out=my_set": "a folder of recordings, its format told from its files",
            "input=recordings out=each people=each min_frames=5": "a clip for each person",
            "input=recordings out=my_set.pkl to=coco absent=missing": "in another layout, for PYSKL and MMAction2",
        },
        Prepare,
        FORMAT,
        {},
    ),
    "check": Entry(
        "Check a data set before it costs a night of training; takes the options of train.",
        "[experiment=NAME] [data=NAME data.root=FOLDER] [OPTION=VALUE ...]",
        {
            "data=arrays data.root=my_set": "findings on the terminal; exit code 2 if training would be pointless",
            "data=arrays data.root=my_set out=report": "with check.json and a page of plots in a folder",
            "data=arrays data.root=my_set preprocessing.window=64": "as train would be given the clips",
        },
        Check,
        WIDTHS,
        REMEDIES,
        (
            "Only layout, data.NAME and preprocessing.NAME change what is found.",
            "Exit codes: 0 go on, 1 wrong use, 2 training on these data would be pointless.",
        ),
    ),
}
