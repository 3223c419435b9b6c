"""A map adds up to its logit, and a joint is missing as if it had never been seen."""

from typing import Any

import numpy as np
import pytest
import torch

from stgcn_torch.attribution import MISSING, class_activation, occlusion
from stgcn_torch.data.streams import stack_streams
from stgcn_torch.inference import for_inference
from stgcn_torch.lit import LitSTGCN
from stgcn_torch.model import STGCN
from stgcn_torch.skeleton import skeleton
from tests.walkers import walkers
