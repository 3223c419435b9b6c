"""The arguments of ``convert-pdparams``, and its help."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from convert.formats.kinds import existing_path
from convert.network.network import MAX_STRIDE
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.options.checking import nearest
from stgcn_torch.options.declaration import in_a_row
from stgcn_torch.options.help import LAYOUTS_NOTE, Item, listed, page
from stgcn_torch.skeleton import skeleton

SUMMARY = "Convert the weights of an ST-GCN, without Paddle and without running what a file contains."
EXAMPLES = {
    "convert-pdparams STGCN_fsd.pdparams stgcn_fsd.ckpt": "then predict ckpt_path=stgcn_fsd.ckpt input=CLIPS.npy",
    "convert-pdparams model.pdparams model.ckpt --optimizer model.pdopt": "then train ckpt_path=model.ckpt",
    "convert-pdparams inference/ weights.pt": "a folder with .pdiparams and its program",
    "convert-pdparams best.ckpt best.pdparams": "back to Paddle",
    "convert-pdparams unknown.file weights.pt --dry-run": "what is in it",
}
EXIT = (
    "Exit codes: 0 done, 1 usage, existing OUT or a disk's error, 2 the tensors do not fit, 3 not safe, 4 not readable."
)


class Parser(argparse.ArgumentParser):
    """The command's arguments, with errors as exceptions and help in the form of the other commands."""

    def __init__(self) -> None:
        super().__init__(prog="convert-pdparams")
        self.topics: set[str] = set()
        self._optionals.title, self._positionals.title = "Options", "Files"
        add = self.add_argument
        add(
            "input",
            metavar="IN",
            type=_input,
            help="Any file of Paddle 1.6 to 3.3 (.pdparams, nested checkpoints, .pdiparams with its program, "
            "folders with a file for each variable, folders of shards (.distcp), safetensors) or a torch checkpoint of "
            "st-gcn, mmskeleton, MMAction2, PYSKL, TAO or this project; its contents say which.",
        )
        add(
            "output",
            metavar="OUT",
            type=Path,
            help=".pt or .pth: a state dict for torch.load(OUT, weights_only=True). .ckpt: a Lightning checkpoint for "
            "evaluate, predict and, with --optimizer, train. .safetensors: architecture and preprocessing in its "
            "metadata. .pdparams: for every Paddle from 1.8 to 3.3, with the same in OUT.json and, with --optimizer, a "
            ".pdopt beside it.",
        )
        add(
            "--optimizer",
            metavar="FILE",
            type=Path,
            help="Optimizer's state to read, .pdopt, where OUT is .ckpt or .pdparams.",
        )
        add(
            "--lr",
            metavar="NUMBER",
            type=float,
            help="With --optimizer: the first rate, of a cosine if --t-max is given, else a constant one; by default "
            "that of the known recipe which fits FILE's rate.",
        )
        add(
            "--t-max",
            metavar="EPOCHS",
            type=int,
            help="With --optimizer and --lr: epochs in which its cosine falls to 0.",
        )
        add(
            "--layout",
            type=_layout,
            metavar="NAME",
            help="Layout of the joints; by default that of the file's graph; needed where the graph is missing (as "
            "Paddle 1.8 saves) or of no known layout.",
        )
        add(
            "--preprocessing",
            choices=list(PREPROCESSINGS),
            help="Preprocessing of the clips that the network was trained with; by default what the weights show.",
        )
        add(
            "--strides",
            type=_numbers,
            metavar="1,1,2",
            help="Temporal stride of each block; by default those in the file, or the published network's if widths "
            "match; else needed.",
        )
        add(
            "--key",
            metavar="NAME",
            help="Where a nested file has the state dict, such as student.model; by default it is found.",
        )
        add(
            "--reference",
            nargs=2,
            type=Path,
            metavar=("INPUT.npy", "LOGITS.npy"),
            help="Preprocessed clips (N, C, T, V, M) and another program's logits for them (N, classes); the report "
            "says how far this network's differ.",
        )
        add("--json", type=Path, metavar="REPORT", help="File of the report, for machines.")
        add("--dry-run", action="store_true", help="Read, check and report; write no OUT.")
        add("--force", action="store_true", help="Replace OUT.")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it; options beside ``--help`` are those that help is wanted on."""
        self.topics = {word.partition("=")[0].lstrip("-") for word in args or ()} - {"h", "help"}
        return super().parse_args(args, namespace)

    def format_help(self) -> str:
        """Help in groups, at the terminal's width, or on the options that were named beside it."""
        groups: dict[str, list[Item]] = {"Files": [], "Options": []}
        for action in self._actions:
            names = action.metavar if isinstance(action.metavar, tuple) else (action.metavar or "",)
            values = " ".join(names) if action.nargs != 0 else ""
            choices = in_a_row([*action.choices]) if action.choices else ""
            head = " ".join([*action.option_strings[-1:], values]).strip()
            sentence = "Show this help." if action.dest == "help" else action.help or ""
            item = Item(head or str(action.dest), f"({choices})" if choices else "", sentence)
            groups["Options" if action.option_strings else "Files"].append(item)
        asked = [item for item in groups["Options"] if item.head.split()[0].lstrip("-") in self.topics]
        if asked:
            return listed({"Options": asked}).strip("\n") + "\n"
        usage = "convert-pdparams IN OUT [OPTION ...]"
        return page(SUMMARY, usage, EXAMPLES, [EXIT, LAYOUTS_NOTE], groups) + "\n"

    def error(self, message: str) -> NoReturn:
        """Raise ValueError; an unknown option names the nearest."""
        if message.startswith("unrecognized arguments: "):
            flags = [name for action in self._actions for name in action.option_strings]
            near = nearest(message.split(": ", 1)[1].split()[0], flags, 1)
            message += f"; the nearest: {near[0]}" if near else ""
        raise ValueError(f"{message}; --help tells how it is used")


def _layout(text: str) -> str | dict[str, Any]:
    """A layout's name, or the layout in a YAML file."""
    layout: Any = text
    if text.endswith((".yaml", ".yml")):
        from stgcn_torch.yaml_files import load_yaml  # imported here, as only a YAML layout needs it

        try:
            layout = load_yaml(text)
        except (OSError, ValueError) as problem:
            raise argparse.ArgumentTypeError(str(problem)) from None
    try:
        skeleton(layout)
    except (ValueError, TypeError) as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    return layout  # type: ignore[no-any-return]


def _input(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("is empty, where a file or folder belongs")
    return existing_path(text)


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and 0 < int(part[:9]) <= MAX_STRIDE for part in parts):
        raise argparse.ArgumentTypeError(f"must be whole numbers from 1 to {MAX_STRIDE}, as 1,1,2; got {text[:40]!r}")
    return [int(part) for part in parts]
