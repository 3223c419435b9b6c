"""ST-GCN skeleton-action recognition (Yan, Xiong and Lin, AAAI 2018), as PaddleVideo has it, in PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import stgcn_torch.old_paths  # noqa: F401  from here on imports by them work

if TYPE_CHECKING:
    from stgcn_torch.checkpoint.reader import load_model
    from stgcn_torch.graph import adjacency
    from stgcn_torch.inference.exact import for_inference
    from stgcn_torch.inference.streaming import StreamingSTGCN
    from stgcn_torch.model import STGCN
    from stgcn_torch.training.lit import LitSTGCN

__all__ = ["STGCN", "LitSTGCN", "StreamingSTGCN", "adjacency", "for_inference", "load_model"]

_HOMES = {
    "STGCN": "model",
    "LitSTGCN": "training.lit",
    "StreamingSTGCN": "inference.streaming",
    "adjacency": "graph",
    "for_inference": "inference.exact",
    "load_model": "checkpoint.reader",
}


def __getattr__(name: str) -> Any:
    # Imported on demand: the converter needs the graph, and not the seconds that torch and Lightning take to load.
    if name in _HOMES:
        return getattr(import_module(f"stgcn_torch.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
