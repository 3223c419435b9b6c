"""Readers of the formats that people have; each turns its source into recordings."""

from stgcn_torch.data.formats.recording import Recording

__all__ = ["Recording"]
