"""The kernels compile for a GPU, without one: the interpreter accepts much that the compiler refuses."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="Triton is not installed")

COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from stgcn_torch.kernels.triton import graph_conv
from stgcn_torch.kernels.triton import norm

WHOLE = {"rows", "V", "C", "D", "E", "sk", "sc", "sd", "sw", "sv", "size", "frames", "frames_of_split", "programs"}

def compiled(kernel, half, **constants):
    signature = {}
    for name in kernel.arg_names:
        if name in constants:
            signature[name] = "constexpr"
        elif name in ("momentum", "eps"):
            signature[name] = "fp32"
        elif name in ("source", "target"):
            signature[name] = "*i64"
        elif name in WHOLE:
            signature[name] = "i32"
        else:
            signature[name] = "*bf16" if name in half else "*fp32"
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    binary = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert binary.asm["ptx"]
    print(kernel.__name__)

features = {"x", "y", "dy", "dx", "g", "out", "blocks", "addend", "residual", "dresidual"}
compiled(graph_conv._blocks_kernel, {"out"}, ROWS=64)
for bias, addend in ((True, False), (False, True)):
    constants = {} if bias else {"bias": None}
    constants |= {} if addend else {"addend": None}
    compiled(graph_conv._graph_conv_kernel, features | {"weight"}, K=3, ROWS=64, BC=64, BD=64, BIAS=bias, ADD=addend,
             RELU=bias, PRECISION="ieee", **constants)
compiled(graph_conv._edge_products_kernel, features, BF=64, BC=64, BD=64, PRECISION="ieee")
compiled(norm._sums_kernel, features, BR=64, BC=64)
compiled(norm._statistics_kernel, features, OFFSET=True, BP=1024, BC=16)
compiled(norm._apply_kernel, features, RESIDUAL=True, RELU=True, B=2048)
compiled(norm._backward_sums_kernel, features, RESIDUAL=True, RELU=True, BR=64, BC=64)
compiled(norm._backward_sums_kernel, features, y=None, dresidual=None, RESIDUAL=False, RELU=True, BR=64, BC=64)
compiled(norm._gradients_kernel, features, BP=1024, BC=16)
compiled(norm._backward_kernel, features, MASK=True, B=2048)
"""


def test_all_kernels_compile_for_hopper() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 9
