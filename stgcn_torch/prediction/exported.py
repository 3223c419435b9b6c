"""Export of a checkpoint's network as one graph from preprocessed clips to answers, to ONNX and ``torch.export``."""

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
        module: The network, which is not changed.
        output: One of ``OUTPUTS``. The logits of several crops are the logarithm of their mean probabilities.
    """

    def __init__(self, module: LitSTGCN, output: str) -> None:
        super().__init__()
        self.folded = FoldedSTGCN(module.backbone, module.head)
        self.preprocessing, self.parents, self.output = module.preprocessing, module.body.parents, output
        # For a .pt2: torch specialises the graph's memory layout for a single frame, and motion for two.
        self.least_frames = max(module.backbone.stride + 1, 3)

    @property
    def axes(self) -> dict[int, str]:
        """Axes of the input with an open length; T is open only without crops."""
        return {0: "N", 2: "T", 4: "M"} if is_whole(self.preprocessing) else {0: "N", 4: "M"}

    def forward(self, clips: Float[Tensor, "N C T V M"]) -> Float[Tensor, "N num_classes"]:
        """Map preprocessed clips (N, C, T, V, M) to (N, num_classes)."""
        steps = self.preprocessing
        views = [clips] if is_whole(steps) else even_crops(clips, steps.window, steps.crops, steps.crop)
        logits = torch.stack([self.folded(stack_streams(view, steps.streams, self.parents)) for view in views])
        if len(views) > 1:
            logits = logits.log_softmax(dim=2)
        if self.output == "logits":
            return logits[0] if len(views) == 1 else logits.logsumexp(dim=0) - math.log(len(views))
        return logits.softmax(dim=2).mean(dim=0)


def is_whole(preprocessing: Preprocessing) -> bool:
    """Whether the network's input is the whole preprocessed clip, not crops of it."""
    return preprocessing.crops == 1 and preprocessing.crop == 1.0 and preprocessing.kept_frames == preprocessing.window


def shapes(graph: Exported) -> list[tuple[int, ...]]:
    """Sizes of clips (N, C, T, V, M): the first for tracing, all for comparison."""
    preprocessing, C, V = graph.preprocessing, len(graph.preprocessing.keep), len(graph.parents)
    window, least = preprocessing.kept_frames, graph.least_frames
    whole = is_whole(preprocessing)
    longer, shorter = (2 * max(window, least) + 1, max(window // 2, least)) if whole else (window, window)
    sizes = [(2, longer, 3), (1, window, 1), (3, window, 2), (4, shorter, 1)]
    return [(N, C, T, V, M) for N, T, M in sizes]


def traced(graph: Exported) -> ExportedProgram:
    """The program of a graph, with its ``axes`` left open."""
    clips = torch.randn(*shapes(graph)[0])
    with torch.no_grad():
        program = torch.export.export(graph, (clips,), dynamic_shapes=(dict.fromkeys(graph.axes, Dim.DYNAMIC),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names the folders of this machine
    return program


def card_of(module: LitSTGCN, output: str) -> dict[str, Any]:
    """Metadata for the file's users, as plain values: input, output, layout and preprocessing."""
    body, preprocessing = module.body, module.preprocessing
    T = "T" if is_whole(preprocessing) else preprocessing.kept_frames
    try:
        number = version("stgcn-torch")
    except PackageNotFoundError:  # a bare clone
        number = "unknown"
    return {
        "input": f"clips (N, {len(preprocessing.keep)}, {T}, {len(body.joints)}, M)",
        "channels": list(preprocessing.keep),
        "output": f"{output} (N, {len(module.classes)})",
        "classes": list(module.classes),
        "layout": {
            "name": body.name,
            "joints": list(body.joints),
            "bones": [[body.joints[v], body.joints[w]] for v, w in enumerate(body.parents) if v != w],
            "center": body.joints[body.center],
        },
        "preprocessing": preprocessing.plain,
        "strides": list(module.backbone.strides),
        "training_clips": module.training_clips.plain if module.training_clips else None,
        "version": f"stgcn-torch {number}",
    }


def write_onnx(graph: Exported, path: Path, card: dict[str, Any]) -> None:
    """Write a graph as ONNX; the card's values are JSON in its ``metadata_props``."""
    import onnx

    with quiet_exporter():
        program = torch.onnx.export(
            traced(graph),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=["clips"],
            output_names=[graph.output],
            dynamic_shapes=(graph.axes,),
        )
    assert program is not None
    model = program.model_proto
    for part in (*model.graph.node, *model.graph.value_info, model.graph, *model.functions):
        del part.metadata_props[:]  # they quote the Python lines behind each node
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in card.items()})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def open_onnx(path: Path) -> Run:
    """An ONNX file as a function of onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(None, {"clips": clips.numpy()})[0])


def write_pt2(graph: Exported, path: Path, card: dict[str, Any]) -> None:
    """Write a graph for ``torch.export.load``; the card is JSON in an extra file of the archive."""
    buffer = io.BytesIO()  # torch's C++ would open a path, on Windows only with a name in ASCII
    torch.export.save(traced(graph), buffer, extra_files={CARD: json.dumps(card)})
    path.write_bytes(buffer.getvalue())


def open_pt2(path: Path) -> Run:
    """A ``.pt2`` file as a function of torch."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The given buffer is not writable", UserWarning
        )  # torch 2.11, of its own file
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
    """Silence the exporter's messages about libraries that no ST-GCN needs."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
