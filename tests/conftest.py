"""Triton's kernels run in its interpreter where there is no GPU; it is chosen when they are first imported."""

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
