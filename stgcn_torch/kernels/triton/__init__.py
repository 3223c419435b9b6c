"""Kernels for CUDA in Triton; their signatures are their own (see ``training.fused``)."""
