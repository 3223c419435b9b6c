"""``convert-pdparams``: from a weight file of any ST-GCN to one of this project's, or back to Paddle."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from convert.command_line import Parser
from convert.formats.kinds import TORCH, File, Folder, open_path
from convert.formats.pdparams import pdparams_views
from convert.formats.torch_files import pt_views
from convert.network.network import UNKNOWN, Network, find_network
from convert.network.optimizer import Momentum, find_momentum, is_checkpoint
from convert.network.recipes import Recipe, find_recipe, optimizer_summary
from convert.outputs.report import damage, report, table
from convert.outputs.writer import SUFFIXES, body_of, centring_of, compare, preprocessing_of, write
from convert.pickle.errors import ConvertError, MismatchError, UnreadableError, UnsafeError, about
from stgcn_torch.architecture import unknown_strides
from stgcn_torch.checkpoint.card import beside, read_card
from stgcn_torch.checkpoint.clip_evidence import contradiction
from stgcn_torch.files import check_writable, resolved, write_whole
from stgcn_torch.integrity import CARD, DIGEST, check_digest

EXIT_CODES = {UnsafeError: 3, UnreadableError: 4, MismatchError: 2}  # and 1 for anything else that is expected


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal's encoding may lack characters of the names
    try:
        run(Parser().parse_args(sys.argv[1:] if arguments is None else arguments))
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
    if preprocessing and network.preprocessing is None and not options.preprocessing:
        network = replace(network, assumed=("preprocessing",))
    elif options.preprocessing:
        network = replace(network, assumed=())
    if network.strides_from == UNKNOWN and not options.dry_run:
        raise MismatchError(f"{options.input}: {unknown_strides(len(network.model['channels']), '--strides')}")
    if (spoilt := summary["checks"]["not_finite"]) and not options.dry_run:
        raise MismatchError(f"{options.input}: {spoilt[0]} is not finite, its training diverged or it is damaged")
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
    if out.suffix == ".pdparams":
        outputs.append(beside(out))
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
    tree, card = _tree(source), None
    if isinstance(source, File):
        try:
            card = read_card(source.path)
        except ValueError as problem:
            raise MismatchError(str(problem)) from None
    if card:
        tree = {"state_dict": tree, "hyper_parameters": card}  # the form of a Lightning checkpoint
    elif isinstance(tree, dict):
        card = tree.get(CARD)
    with about(source.path):
        network = find_network(tree, key=options.key, layout=options.layout, strides=options.strides)
        try:
            if not network.cast:  # of other types the tensors are no longer those that were written
                check_digest(network.state, card.get(DIGEST) if isinstance(card, dict) else None)
        except ValueError as problem:
            where = f"; {beside(source.path)} is of other tensors" if source.path.suffix == ".pdparams" else ""
            raise UnreadableError(f"{problem}{where}") from None
    return network


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
