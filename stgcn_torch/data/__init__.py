"""Clips in, batches out."""
