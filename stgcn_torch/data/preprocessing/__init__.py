"""What is done once to every clip: the steps in their order, and the account of what they did. NumPy."""

from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing, live_frames, preprocess
from stgcn_torch.old_paths import names_of

__all__ = ["PREPROCESSINGS", "Preprocessing", "live_frames", "preprocess"]

__getattr__ = names_of("stgcn_torch.data.preprocessing.steps")
