"""Triton's kernels run in its interpreter where there is no GPU; tests that share something share a process."""

import os
from typing import Any

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before they are first imported


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For ``pytest -n``: one process has all of a file, for its fixtures, and all of parity, which gathers figures."""
    from xdist.scheduler import LoadScopeScheduling  # only who has it comes here

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "parity" if nodeid.startswith("tests/parity/") else nodeid.split("::")[0]

    return ByFile(config, log)
