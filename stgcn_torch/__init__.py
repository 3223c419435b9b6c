"""ST-GCN skeleton-action recognition (Yan, Xiong and Lin, AAAI 2018), as PaddleVideo has it, in PyTorch."""

from stgcn_torch.graph import adjacency
from stgcn_torch.model import STGCN

__all__ = ["STGCN", "adjacency"]
