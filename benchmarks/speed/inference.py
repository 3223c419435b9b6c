"""Ways to get logits of clips."""

import logging
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim

from benchmarks.speed import with_paddle
from benchmarks.speed.setting import EINSUM, Missing, Ready, Setting, Variant
from stgcn_torch import for_inference
from stgcn_torch.inference.folded import FoldedSTGCN
from stgcn_torch.inference.streaming import StreamingSTGCN

TOLERANCE = 1e-5  # of the largest logit, float32; measured: 7e-7


def answered(network: Callable[[Tensor], Tensor], x: Tensor) -> Ready:
    """A network that takes clips (N, C, T, V, M)."""
    run = partial(torch.inference_mode()(network), x)
    return Ready(run, run)


def plain(aggregation: str, setting: Setting, x: Tensor) -> Ready:
    """The network in evaluation mode."""
    return answered(setting.network(aggregation).eval(), x)


def fast(setting: Setting, x: Tensor) -> Ready:
    """The network made for inference."""
    return answered(for_inference(setting.network()), x)


def onnxruntime(setting: Setting, x: Tensor) -> Ready:
    """The folded graph, which computes padding and absent people too, in onnxruntime."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise Missing(f"{package} is not installed")
    if setting.device != "cpu":
        raise Missing("measured on CPUs only")
    import onnxruntime

    path = setting.folder / "folded.onnx"
    if not path.exists():
        write_onnx(setting, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    clips = x.numpy()

    def run() -> Tensor:
        return torch.from_numpy(session.run(None, {"clips": clips})[0])

    return Ready(run, run)


def write_onnx(setting: Setting, path: Path) -> None:
    """Export the folded network, for any N, T and M."""
    network = setting.network()
    folded = FoldedSTGCN(network.backbone, network.head).eval()
    x = torch.randn(2, 2, 2 * setting.frames, 25, 3)
    logging.disable(logging.WARNING)  # it tells of each step, and of libraries that no ST-GCN needs
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".isinstance\(treespec, LeafSpec\). is deprecated", FutureWarning)
            program = torch.export.export(folded, (x,), dynamic_shapes=(dict.fromkeys((0, 2, 4), Dim.DYNAMIC),))
            torch.onnx.export(
                program,
                f=path,
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=["clips"],
                dynamic_shapes=({0: "N", 2: "T", 4: "M"},),
            )
    finally:
        logging.disable(logging.NOTSET)


def streamed(setting: Setting, x: Tensor) -> StreamingSTGCN:
    """A stream that has taken the first half of the clips."""
    network = setting.network().eval()
    stream = StreamingSTGCN(network.backbone, network.head)
    stream.push(x[:, :, : x.shape[2] // 2])
    return stream


def whole_stream(setting: Setting, x: Tensor) -> Tensor:
    """The logits of clips that were pushed frame by frame."""
    stream = streamed(setting, x[:, :, :2])
    for t in range(1, x.shape[2]):
        stream.push(x[:, :, t])
    return stream.flush()


def one_frame(setting: Setting, x: Tensor) -> Ready:
    """Four frames in a row, one of each place in the stride, told as one."""
    stream, T = streamed(setting, x), x.shape[2]

    def four() -> None:
        for t in range(T // 2, T // 2 + 4):
            stream.push(x[:, :, t])

    return Ready(four, partial(whole_stream, setting, x), units=4, whole_clips=False)


def exact_answer(setting: Setting, x: Tensor) -> Ready:
    """What the network says of the frames so far, half a window of them."""
    return Ready(streamed(setting, x).answer, partial(whole_stream, setting, x), whole_clips=False)


EVERY_KIND: dict[str, Variant] = {
    EINSUM: partial(plain, "einsum"),
    "torch matmul": partial(plain, "matmul"),
    "for_inference": fast,
    "onnxruntime, folded": onnxruntime,
}
VARIANTS: dict[str, dict[str, Variant]] = {
    "dense": {
        "Paddle, eager": with_paddle.eager,
        "Paddle Inference, oneDNN": with_paddle.inference,
        **EVERY_KIND,
    },
    "padded": EVERY_KIND,
    "padded, nobody second": EVERY_KIND,
    "dense, nobody second": EVERY_KIND,
    "lengths mixed": EVERY_KIND,
    "1 clip, padded": EVERY_KIND,
    "1 clip, dense": {
        EINSUM: EVERY_KIND[EINSUM],
        "StreamingSTGCN, one frame": one_frame,
        "StreamingSTGCN, an exact answer": exact_answer,
    },
}
