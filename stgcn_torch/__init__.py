"""ST-GCN skeleton-action recognition (Yan, Xiong and Lin, AAAI 2018), as PaddleVideo has it, in PyTorch."""

from stgcn_torch.checkpoint import load_model
from stgcn_torch.graph import adjacency
from stgcn_torch.lit import LitSTGCN
from stgcn_torch.model import STGCN

__all__ = ["STGCN", "LitSTGCN", "adjacency", "load_model"]
