"""Figures of layouts, graphs, networks, clips and runs (matplotlib)."""
