"""What is done once to every clip: the steps in their order, and the account of what they did. NumPy."""

from stgcn_torch.old_paths import names_of

__getattr__ = names_of("stgcn_torch.data.preprocessing.steps")
