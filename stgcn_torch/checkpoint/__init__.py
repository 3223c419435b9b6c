"""Checkpoint files: reading and writing them, what goes with the weights, and what the weights tell."""

from stgcn_torch.old_paths import names_of

__getattr__ = names_of(*(f"stgcn_torch.checkpoint.{module}" for module in ("reader", "weights", "writer")))
