"""Readers of the formats that people have; each turns its source into recordings."""

from stgcn_torch.data.formats.registry import FORMATS, format_of, recordings
from stgcn_torch.data.recordings.recording import Label, Recording, Scene, Track

__all__ = ["FORMATS", "Label", "Recording", "Scene", "Track", "format_of", "recordings"]
