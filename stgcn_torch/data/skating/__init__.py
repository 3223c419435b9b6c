"""The embedded figure-skating set: synthetic clips in the format of FSD, made by this package and nobody's data."""

from stgcn_torch.data.skating.clip import skating_clip
from stgcn_torch.data.skating.elements import ELEMENTS
from stgcn_torch.data.skating.files import write_skating_set

__all__ = ["ELEMENTS", "skating_clip", "write_skating_set"]
