"""A checkpoint's network as one graph from preprocessed clips to answers, in the files of ONNX and ``torch.export``."""

import io
import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from stgcn_torch.data.batch.crops import even_crops
from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.steps import Preprocessing
from stgcn_torch.inference.folded import FoldedSTGCN
from stgcn_torch.training.lit import LitSTGCN

OUTPUTS = ("probabilities", "logits")
CARD = "stgcn_torch.json"  # the extra file of a .pt2

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
        # As a .pt2: torch tells a single frame from several where it lays out memory, motion two from more.
        self.least_frames = max(module.backbone.stride + 1, 3)

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
