"""ST-GCN skeleton-action recognition (Yan, Xiong and Lin, AAAI 2018), as PaddleVideo has it, in PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stgcn_torch.checkpoint import load_model
    from stgcn_torch.graph import adjacency
    from stgcn_torch.inference import for_inference
    from stgcn_torch.lit import LitSTGCN
    from stgcn_torch.model import STGCN
    from stgcn_torch.streaming import StreamingSTGCN

__all__ = ["STGCN", "LitSTGCN", "StreamingSTGCN", "adjacency", "for_inference", "load_model"]

_HOMES = {
    "STGCN": "model",
    "LitSTGCN": "lit",
    "StreamingSTGCN": "streaming",
    "adjacency": "graph",
    "for_inference": "inference",
    "load_model": "checkpoint",
}


def __getattr__(name: str) -> Any:
    # Imported on demand: the converter needs the graph, and not the seconds that torch and Lightning take to load.
    if name in _HOMES:
        return getattr(import_module(f"stgcn_torch.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
