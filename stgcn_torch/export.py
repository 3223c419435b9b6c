"""``python -m stgcn_torch.export``: a checkpoint as one file for another program, ONNX or ``torch.export``."""

import io
import json
import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from stgcn_torch.checkpoint import load_module
from stgcn_torch.commands import command, given_preprocessing, plain
from stgcn_torch.data.frames import even_crops
from stgcn_torch.data.preprocessing import Preprocessing
from stgcn_torch.data.streams import stack_streams
from stgcn_torch.files import written_whole
from stgcn_torch.fingerprint import contradiction
from stgcn_torch.folded import FoldedBlock, FoldedSTGCN
from stgcn_torch.lit import LitSTGCN

OUTPUTS = ("probabilities", "logits")
CARD = "stgcn_torch.json"  # the extra file of a .pt2
TOLERANCE = 1e-5  # of probabilities, or of the largest logit; measured: 6.4e-7, the 10-block network's logits as ONNX

Run = Callable[[Tensor], Tensor]
Write = Callable[["Exported", Path, dict[str, Any]], None]


class Exported(nn.Module):
    """Preprocessed clips in, probabilities or logits out: streams, crops and the folded network in one graph.

    Args:
        module: Left as it is.
        output: One of ``OUTPUTS``. The logits of several crops are the logarithm of their mean probabilities.
    """

    def __init__(self, module: LitSTGCN, output: str) -> None:
        super().__init__()
        self.folded = FoldedSTGCN(module.backbone, module.head)
        self.made, self.parents, self.output = module.preprocessing, module.body.parents, output
        strides = [cast(FoldedBlock, block).stride for block in self.folded.blocks]
        # As a .pt2: torch tells a single frame from several where it lays out memory, motion two from more.
        self.least_frames = max(math.prod(strides) + 1, 3)

    @property
    def axes(self) -> dict[int, str]:
        """Axes of the input whose length is left open; T is not where crops are cut out of it."""
        return {0: "N", 2: "T", 4: "M"} if is_whole(self.made) else {0: "N", 4: "M"}

    def forward(self, clips: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N num_classes"]:
        """Clips (N, C, T, V, M), as ``preprocess`` makes them, to (N, num_classes)."""
        made = self.made
        views = [clips] if is_whole(made) else even_crops(clips, made.window, made.crops, made.crop)
        logits = torch.stack([self.folded(stack_streams(view, made.streams, self.parents)) for view in views])
        if len(views) > 1:
            logits = logits.log_softmax(dim=2)
        if self.output == "logits":
            return logits[0] if len(views) == 1 else logits.logsumexp(dim=0) - math.log(len(views))
        return logits.softmax(dim=2).mean(dim=0)


def is_whole(made: Preprocessing) -> bool:
    """Whether the network sees preprocessed clips as they are, and no crops of them."""
    return made.crops == 1 and made.crop == 1.0 and made.kept_frames == made.window


def export(module: LitSTGCN, path: str | Path, output: str = "probabilities") -> float:
    """Write a module's network as one file, which appears only if it answers as the module does.

    Args:
        module: On the CPU, in evaluation mode.
        path: ``.onnx`` (any N, T and M), or ``.pt2`` (T from ``Exported.least_frames`` on). T is open without crops.
        output: One of ``OUTPUTS``.

    Returns:
        The largest difference from the module's outputs: of probabilities, or of logits, divided by the largest.

    Raises:
        ValueError: The suffix or output is unknown, a package is missing, clips are too short for a ``.pt2``, or the
            file answers otherwise.
        OSError: It cannot be written.
    """
    path = Path(path)
    if path.suffix not in WRITERS:
        raise ValueError(f"out must end in {' or '.join(WRITERS)}, got {path.name!r}")
    if output not in OUTPUTS:
        raise ValueError(f"output {output!r} is unknown; choose {' or '.join(OUTPUTS)}")
    write, opened = WRITERS[path.suffix]
    graph = Exported(module, output).eval()
    if path.suffix == ".onnx":
        check_packages()
    elif module.preprocessing.window < graph.least_frames:
        raise ValueError(
            f"a .pt2 of this network takes clips of at least {graph.least_frames} frames, "
            f"the window has {module.preprocessing.window}; an .onnx takes any"
        )
    try:
        with written_whole(path) as temporary:
            write(graph, temporary, card_of(module, output))
            return compare(module, opened(temporary), output, shapes(graph))
    except OSError as error:
        raise OSError(f"{path} could not be written: {error.strerror or error}") from None


def shapes(graph: Exported) -> list[tuple[int, ...]]:
    """Sizes of clips (N, C, T, V, M): the first is traced with, all are compared with."""
    made, V = graph.made, len(graph.parents)
    window, least = made.kept_frames, graph.least_frames
    longer, shorter = (2 * max(window, least) + 1, max(window // 2, least)) if is_whole(made) else (window, window)
    sizes = [(2, longer, 3), (1, window, 1), (3, window, 2), (4, shorter, 1)]
    return [(N, len(made.keep), T, V, M) for N, T, M in sizes]


def traced(graph: Exported) -> ExportedProgram:
    """The program of a graph, with its ``axes`` left open."""
    clips = torch.randn(*shapes(graph)[0])
    with torch.no_grad():
        program = torch.export.export(graph, (clips,), dynamic_shapes=(dict.fromkeys(graph.axes, Dim.DYNAMIC),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # which names the folders of this machine
    return program


def card_of(module: LitSTGCN, output: str) -> dict[str, Any]:
    """What a program must know to feed the file and to read its answers, as plain values."""
    body, made = module.body, module.preprocessing
    T = "T" if is_whole(made) else made.kept_frames
    try:
        own = version("stgcn-torch")
    except PackageNotFoundError:  # a bare clone
        own = "unknown"
    return {
        "input": f"clips (N, {len(made.keep)}, {T}, {len(body.joints)}, M)",
        "channels": list(made.keep),
        "output": f"{output} (N, {len(module.classes)})",
        "classes": list(module.classes),
        "layout": {
            "name": body.name,
            "joints": list(body.joints),
            "bones": [[body.joints[v], body.joints[w]] for v, w in enumerate(body.parents) if v != w],
            "center": body.joints[body.center],
        },
        "preprocessing": made.plain,
        "version": f"stgcn-torch {own}",
    }


def write_onnx(graph: Exported, path: Path, card: dict[str, Any]) -> None:
    """Write a graph as ONNX; the card's values are JSON in its ``metadata_props``."""
    import onnx

    with quiet_exporter():
        made = torch.onnx.export(
            traced(graph),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=["clips"],
            output_names=[graph.output],
            dynamic_shapes=(graph.axes,),
        )
    assert made is not None
    model = made.model_proto
    for held in (*model.graph.node, *model.graph.value_info, model.graph, *model.functions):
        del held.metadata_props[:]  # the lines of Python that each node comes from
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in card.items()})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def open_onnx(path: Path) -> Run:
    """An ONNX file as onnxruntime runs it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(None, {"clips": clips.numpy()})[0])


def write_pt2(graph: Exported, path: Path, card: dict[str, Any]) -> None:
    """Write a graph as ``torch.export.load`` reads it; the card is JSON in an extra file of the archive."""
    held = io.BytesIO()  # a path would go to torch's C++, which on Windows opens only names in ASCII
    torch.export.save(traced(graph), held, extra_files={CARD: json.dumps(card)})
    path.write_bytes(held.getvalue())


def open_pt2(path: Path) -> Run:
    """A ``.pt2`` file as torch runs it."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)  # torch 2.11 of its own file
        module: Run = torch.export.load(io.BytesIO(file.read())).module()
    return module


WRITERS: dict[str, tuple[Write, Callable[[Path], Run]]] = {
    ".onnx": (write_onnx, open_onnx),
    ".pt2": (write_pt2, open_pt2),
}


def compare(module: LitSTGCN, run: Run, output: str, sizes: Iterable[Sequence[int]]) -> float:
    """The largest difference of a file's outputs from the module's, over clips of several sizes.

    Returns:
        Of probabilities; or of logits, divided by the largest of all clips: of a single clip it may be what is left of
        terms that cancel, and then is no measure of rounding.

    Raises:
        ValueError: It is larger than rounding.
    """
    generator = torch.Generator().manual_seed(0)
    # Logits of the graph too: where an answer is certain, probabilities hide what is wrong.
    differences: dict[str, list[tuple[float, tuple[int, ...]]]] = {"logits": [], output: []}
    largest = 0.0
    for shape in sizes:
        clips = likely_clips(module, shape, generator)
        with torch.inference_mode():
            logits = module.logits(clips) if is_whole(module.preprocessing) else module(clips)
            pairs = {"logits": (Exported(module, "logits")(clips), logits)}
            pairs[output] = run(clips), logits.softmax(dim=1) if output == "probabilities" else logits
        for name, (got, expected) in pairs.items():
            differences[name].append((float((got - expected).abs().max()), tuple(shape)))
        largest = max(largest, float(logits.abs().max()))
    found = {}
    for name, told in differences.items():
        worst, shape = max(told, key=lambda difference: (math.isnan(difference[0]), difference[0]))
        found[name] = worst / largest if name == "logits" and largest else worst
        if not found[name] <= TOLERANCE:
            of = " of the largest" if name == "logits" else ""
            raise ValueError(
                f"the exported graph does not answer as the checkpoint does: {name} differ by {found[name]:.1e}{of} "
                f"for clips {shape}; nothing was written"
            )
    return found[output]


def likely_clips(module: LitSTGCN, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Random clips of the size that the network was trained on, where it tells: far off, every answer is certain."""
    _, C, T, V, _ = shape
    clips = torch.randn(*shape, generator=generator)
    norm = module.backbone.data_bn
    if isinstance(norm, nn.BatchNorm1d):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        # Joint-major; of several streams those of the first.
        mean, var = (kept.view(V, -1)[:, :C].t()[:, None, :, None] for kept in (norm.running_mean, norm.running_var))
        clips = clips * var.sqrt() + mean
    clips[-1, :, T // 3 :] = 0  # padding
    clips[0, ..., 1:] = 0  # nobody
    return clips


def check_packages() -> None:
    """Raise ValueError if a package that ONNX needs is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"out=FILE.onnx needs the package {error.name}; install stgcn-torch[export], or write a .pt2"
        ) from None


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Silence what the exporter says of libraries that no ST-GCN needs."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


@command("export")
def main(config: DictConfig) -> None:
    """Export as the composed configuration says."""
    given = given_preprocessing(config)
    module = load_module(config.ckpt_path, given, plain(config.strides))
    said = contradiction(module.state_dict(), module.preprocessing, module.body)
    if said and given.keys() - {"nan", "empty"}:  # its own is right, even where clips were centred before
        print(f"export: {said}", file=sys.stderr)
    difference = export(module, config.out, config.output)
    card = card_of(module, config.output)
    of = " of the largest logit" if config.output == "logits" else ""
    print(
        f"{card['input']}\n{card['output']}, within {difference:.1e}{of} of {config.ckpt_path}\nwritten to {config.out}"
    )


if __name__ == "__main__":
    main()
