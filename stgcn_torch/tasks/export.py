"""``python -m stgcn_torch.export``: a checkpoint as one file for another program, ONNX or ``torch.export``."""

import math
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from stgcn_torch.commands.networks import networks
from stgcn_torch.files import written_whole
from stgcn_torch.prediction.exported import OUTPUTS, WRITERS, Exported, Run, card_of, check_packages, is_whole, shapes
from stgcn_torch.training.lit import LitSTGCN

TOLERANCE = 1e-5  # of probabilities, or of the largest logit; measured: 6.4e-7, the 10-block network's logits as ONNX


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


def compare(module: LitSTGCN, run: Run, output: str, sizes: Iterable[Sequence[int]]) -> float:
    """The largest difference of a file's outputs from the module's, over clips of several sizes.

    Returns:
        Of probabilities; or of logits, divided by the largest of all clips: of a single clip it may be what is left of
        terms that cancel, and then is no measure of rounding.

    Raises:
        ValueError: It is larger than rounding.
    """
    module = copy(module)
    module.training_clips = None  # whose slots would be filled: the graph takes any number of people as it is
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
    errors = {}
    for name, measured in differences.items():
        worst, shape = max(measured, key=lambda difference: (math.isnan(difference[0]), difference[0]))
        errors[name] = worst / largest if name == "logits" and largest else worst
        if not errors[name] <= TOLERANCE:
            of = " of the largest" if name == "logits" else ""
            raise ValueError(
                f"the exported graph does not answer as the checkpoint does: {name} differ by {errors[name]:.1e}{of} "
                f"for clips {shape}; nothing was written"
            )
    return errors[output]


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


def run(config: DictConfig) -> None:
    """Export as the composed configuration says."""
    (module,) = networks(config, "export")[0].modules
    difference = export(module, config.out, config.output)
    card = card_of(module, config.output)
    of = " of the largest logit" if config.output == "logits" else ""
    print(
        f"{card['input']}\n{card['output']}, within {difference:.1e}{of} of {config.ckpt_path}\nwritten to {config.out}"
    )
