"""``convert-pdparams``: from a weight file of any ST-GCN to one of this project's, or back to Paddle."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from convert.formats.kinds import TORCH, File, Folder, existing_path, open_path
from convert.formats.pdparams import pdparams_views
from convert.formats.torch_files import pt_views
from convert.network.network import MAX_STRIDE, Network, find_network
from convert.network.optimizer import Momentum, find_momentum, is_checkpoint
from convert.network.recipes import Recipe, find_recipe, optimizer_summary
from convert.outputs.report import damage, report, table
from convert.outputs.writer import SUFFIXES, body_of, centring_of, compare, preprocessing_of, write
from convert.pickle.errors import ConvertError, MismatchError, UnreadableError, UnsafeError, about
from stgcn_torch.checkpoint.card import read_card
from stgcn_torch.checkpoint.input_statistics import contradiction
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS
from stgcn_torch.files import check_writable, resolved, write_whole
from stgcn_torch.skeleton import LAYOUTS, skeleton

EXIT_CODES = {UnsafeError: 3, UnreadableError: 4, MismatchError: 2}  # and 1 for anything else that is expected
DESCRIPTION = """\
Converts the weights of an ST-GCN without Paddle and without running what a file contains.

IN   any file of Paddle 1.6 to 3.3 (.pdparams, nested checkpoints, .pdiparams with its program, folders of one file a
     variable, folders of shards (.distcp), safetensors) or a torch checkpoint of st-gcn, mmskeleton, MMAction2, PYSKL,
     TAO or this project; what it is, its contents say
OUT  .pt or .pth       state dict: torch.load(OUT, weights_only=True)
     .ckpt             Lightning checkpoint: evaluate, predict, and with --optimizer train ckpt_path=OUT
     .safetensors      with architecture and preprocessing in its metadata
     .pdparams         for every Paddle from 1.8 to 3.3, and .pdopt beside it with --optimizer"""
EPILOG = """\
examples:
  convert-pdparams STGCN_fsd.pdparams stgcn_fsd.ckpt               then predict ckpt_path=stgcn_fsd.ckpt input=CLIPS.npy
  convert-pdparams model.pdparams model.ckpt --optimizer model.pdopt   then train ckpt_path=model.ckpt
  convert-pdparams inference/ weights.pt                           a folder with .pdiparams and its program
  convert-pdparams best.ckpt best.pdparams                         back to Paddle
  convert-pdparams unknown.file weights.pt --dry-run               what is in it

exit codes: 0 done, 1 usage, existing OUT or a disk's error, 2 the tensors do not fit, 3 not safe, 4 not readable"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal's encoding may lack characters of the names
    options = parser().parse_args(arguments)
    try:
        run(options)
    except ConvertError as problem:
        _leave(problem, EXIT_CODES.get(type(problem), 1))
    except (OSError, ValueError) as problem:
        _leave(problem, 1)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    sys.exit(0)


def _leave(problem: object, code: int) -> NoReturn:
    print(f"convert-pdparams: {_plain(str(problem))}", file=sys.stderr)
    sys.exit(code)


def _plain(text: str, longest: int = 4000) -> str:
    """Text for a terminal, escaped and shortened: names from a file may hold control characters and be long."""
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:longest])
    return printable + (" ..." if len(text) > longest else "")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _leave(f"{message}; --help tells how it is used", 1)


def parser() -> argparse.ArgumentParser:
    """The parser of the command's arguments."""
    parser = _Parser(
        prog="convert-pdparams",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="IN", type=_input)
    parser.add_argument("output", metavar="OUT", type=Path)
    parser.add_argument("--optimizer", metavar="FILE", type=Path, help="the .pdopt, for .ckpt and .pdparams")
    parser.add_argument("--lr", type=float, help="the cosine's first rate, or the constant one, which no file tells")
    parser.add_argument("--t-max", type=int, metavar="EPOCHS", help="epochs of the cosine, likewise")
    parser.add_argument(
        "--layout",
        type=_layout,
        metavar="NAME",
        help="of the joints, for a file without its graph (as Paddle 1.8 saves) or with a graph of your own: "
        f"{', '.join(sorted(LAYOUTS))}, or a YAML file with joints, bones and center",
    )
    parser.add_argument(
        "--preprocessing",
        choices=list(PREPROCESSINGS),
        help="that the network was trained with; else it is told from the weights",
    )
    parser.add_argument(
        "--strides",
        type=_numbers,
        metavar="1,1,2",
        help="of each block, which no tensor tells; those published by default",
    )
    parser.add_argument("--key", help="where in a nested file the state dict is, as model or student.model")
    parser.add_argument(
        "--reference", nargs=2, type=Path, metavar=("INPUT.npy", "LOGITS.npy"), help="clips and the answers to compare"
    )
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write the report for machines")
    parser.add_argument("--dry-run", action="store_true", help="read, check and tell; write no OUT")
    parser.add_argument("--force", action="store_true", help="replace OUT")
    return parser


def _layout(text: str) -> str | dict[str, Any]:
    """A layout's name, or the layout in a YAML file."""
    layout: Any = text
    if text.endswith((".yaml", ".yml")):
        from omegaconf import OmegaConf  # imported here, as only a YAML layout needs it
        from yaml import YAMLError

        try:
            layout = OmegaConf.to_container(OmegaConf.load(text))
        except (OSError, ValueError, YAMLError) as problem:
            raise argparse.ArgumentTypeError(f"{text}: {str(problem).splitlines()[0]}") from None
    try:
        skeleton(layout)
    except (ValueError, AttributeError, TypeError) as problem:
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


def run(options: argparse.Namespace) -> None:
    """Convert as the arguments say; every error is raised before anything is written."""
    if options.output.suffix not in SUFFIXES:
        raise ValueError(f"OUT must end with {', '.join(SUFFIXES)}, got {options.output}")
    outputs = check_paths(options)
    source = open_path(options.input)
    network = find(source, options)
    momentum = recipe = None
    if options.optimizer:
        momentum, recipe = find_optimizer(options, network)
    with about(options.input):
        preprocessing, origin = preprocessing_of(network, options.preprocessing)
    summary = report(source, network) | {
        "centring": centring_of(network),
        "preprocessing": preprocessing.plain if preprocessing else None,
        "preprocessing_text": origin,
    }
    if momentum:
        schedule = momentum.schedule or {}
        summary["optimizer"] = {key: schedule.get(key) for key in ("last_epoch", "last_lr")} | {"recipe": recipe}
        summary["optimizer_text"] = optimizer_summary(momentum, recipe)
    if options.reference:
        summary |= compare(network, *options.reference)
    if options.output.suffix == ".ckpt" and not network.model["num_classes"]:
        raise MismatchError(f"{options.input}: a Lightning checkpoint has a head, and this file none; convert to .pt")
    if options.output.suffix == ".ckpt" and preprocessing is None:
        fix = "convert to .pt" if options.preprocessing else "say --preprocessing"
        raise ValueError(f"{options.output}: a Lightning checkpoint holds its preprocessing, which is {origin}; {fix}")
    if not options.dry_run:
        write(network, options.output, preprocessing, momentum, recipe)
    summary["output"] = None if options.dry_run else str(options.output)
    summary["output_text"] = "none (--dry-run)" if options.dry_run else ", ".join(map(str, outputs))
    doubt = contradiction(network.state, preprocessing, body_of(network)) if preprocessing else None
    doubts = [*(momentum.warnings if momentum else []), *([doubt] if doubt else [])]
    for warning in [*network.warnings, *damage(summary["checks"]), *doubts]:
        print(f"convert-pdparams: {_plain(warning)}", file=sys.stderr)
    print("\n".join(_plain(line) for line in table(summary).split("\n")))
    if options.json:
        plain = {key: value for key, value in summary.items() if not key.endswith("_text")}
        write_whole(options.json, [json.dumps(_finite(plain), indent=2, allow_nan=False).encode(), b"\n"])


def _finite(part: Any) -> Any:
    """A part of a report for JSON, which has no infinities: floats that are not finite become null."""
    if isinstance(part, dict):
        return {key: _finite(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_finite(value) for value in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part


def check_paths(options: argparse.Namespace) -> list[Path]:
    """The output files; an error if one exists without --force, or is also an input or another output."""
    out: Path = options.output
    outputs = [out]
    if options.optimizer and out.suffix == ".pdparams":
        outputs.append(out.with_suffix(".pdopt"))
    if options.optimizer and out.suffix not in (".ckpt", ".pdparams"):
        raise ValueError(f"an optimizer's state goes into a .ckpt or .pdparams, got {out}")
    if not (options.lr is None and options.t_max is None) and not (options.optimizer and out.suffix == ".ckpt"):
        raise ValueError("--lr and --t-max say what an optimizer's state leaves open: with --optimizer, for a .ckpt")
    inputs = [options.input, *([options.optimizer] if options.optimizer else []), *(options.reference or [])]
    for path in inputs:
        if not path.is_file() and not path.is_dir():
            raise FileNotFoundError(f"{path} is no file or folder" if path.exists() else f"no file {path}")
    written = [*outputs, *([options.json] if options.json else [])]
    sources, targets = [resolved(path) for path in inputs], [resolved(path) for path in written]
    # Only OUT may replace an input, and only IN, with --force.
    if len({*targets}) < len(targets) or {*targets} & {*sources[1:]} or {*targets[1:]} & {*sources}:
        raise ValueError(f"{', '.join(map(str, written))}: each must be a file of its own, and none that is read")
    if folders := [str(path) for path in written if path.is_dir()]:
        raise IsADirectoryError(f"{', '.join(folders)} is a folder, where a file is to be written")
    new_files = written[len(outputs) :] if options.dry_run else written
    if existing := [str(path) for path in new_files if path.exists() and not options.force]:
        raise FileExistsError(f"{', '.join(existing)} exists; --force replaces it")
    for path in new_files:
        check_writable(resolved(path))
    return outputs


def find(source: File | Folder, options: argparse.Namespace) -> Network:
    """The network in the file; an error names the file."""
    tree = _tree(source)
    if source.kind == "safetensors":
        try:
            card = read_card(source.path)
        except ValueError as problem:
            raise MismatchError(str(problem)) from None
        if card:
            tree = {"state_dict": tree, "hyper_parameters": card}  # the form of a Lightning checkpoint
    with about(source.path):
        return find_network(tree, key=options.key, layout=options.layout, strides=options.strides)


def find_optimizer(options: argparse.Namespace, network: Network) -> tuple[Momentum, Recipe | None]:
    """The optimizer's state and, for a Lightning checkpoint, its recipe; an error names the file."""
    path: Path = options.optimizer
    tree, resumable = _tree(open_path(path)), options.output.suffix == ".ckpt"
    if resumable and is_checkpoint(tree):
        raise ValueError(f"{path} is a checkpoint of this project: train ckpt_path={path} goes on from it as it is")
    with about(path):
        momentum = find_momentum(tree, network)
        return momentum, find_recipe(momentum, options.lr, options.t_max) if resumable else None


def _tree(source: File | Folder) -> object:
    """The contents of a file of torch or Paddle; an error names the file."""
    return pt_views(source) if isinstance(source, File) and source.kind in TORCH else pdparams_views(source)


if __name__ == "__main__":
    main()
