"""The same network in PaddlePaddle, as the parity tests have it."""

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.setting import CLASSES, Missing, Ready, Setting, compared
from convert.network.keys import convert_state_dict, restore_state_dict

MOST_ROUNDS = 3  # of training steps, which take some 14 s each


def network_of(setting: Setting, dtype: str = "float32") -> tuple[Any, Any]:
    """Paddle, and the network in it with the setting's weights; Missing where that cannot be."""
    if find_spec("paddle") is None:
        raise Missing("PaddlePaddle is not installed")
    if setting.device != "cpu":
        raise Missing("measured on CPUs only")
    from tests.parity.pairs import default_dtype
    from tests.parity.reference import STGCN, paddle

    paddle.set_flags({"FLAGS_paddle_num_threads": torch.get_num_threads()})  # 1 by itself
    with default_dtype(dtype):
        theirs = STGCN(CLASSES, channels=setting.channels, strides=setting.strides)
    state = {name: value.numpy() for name, value in setting.network().to(getattr(torch, dtype)).state_dict().items()}
    theirs.set_state_dict(restore_state_dict(state))
    return paddle, theirs


def eager(setting: Setting, x: Tensor) -> Ready:
    """Layer by layer, in evaluation mode."""
    paddle, network = network_of(setting)
    network.eval()
    clips = paddle.to_tensor(x.numpy())

    def run() -> Tensor:
        with paddle.no_grad():
            return torch.from_numpy(network(clips).numpy())

    return Ready(run, run)


def inference(setting: Setting, x: Tensor) -> Ready:
    """Paddle Inference on a saved model, with oneDNN."""
    paddle, network = network_of(setting)
    network.eval()
    path = str(setting.folder / "paddle")
    paddle.jit.save(network, path, input_spec=[paddle.static.InputSpec(list(x.shape), "float32")])
    config = paddle.inference.Config(f"{path}.json", f"{path}.pdiparams")
    config.disable_gpu()
    config.disable_glog_info()
    config.enable_onednn()
    config.set_cpu_math_library_num_threads(torch.get_num_threads())
    predictor = paddle.inference.create_predictor(config)
    clips = predictor.get_input_handle(predictor.get_input_names()[0])
    logits = predictor.get_output_handle(predictor.get_output_names()[0])
    clips.reshape(list(x.shape))
    clips.copy_from_cpu(np.ascontiguousarray(x.numpy()))

    def run() -> Tensor:
        predictor.run()
        return torch.from_numpy(logits.copy_to_cpu())

    return Ready(run, run)


def training(setting: Setting, x: Tensor) -> Ready:
    """A training step, layer by layer."""
    paddle, network = network_of(setting)
    network.train()
    clips, labels = paddle.to_tensor(x.numpy()), paddle.to_tensor(setting.labels.numpy()[:, None])
    decay = paddle.regularizer.L2Decay(1e-4)
    optimizer = paddle.optimizer.Momentum(0.05, 0.9, network.parameters(), weight_decay=decay)

    def step() -> None:
        network.clear_gradients()
        paddle.nn.functional.cross_entropy(network(clips), labels).backward()
        optimizer.step()

    return Ready(step, partial(gradients, setting, x), most_rounds=MOST_ROUNDS)


def gradients(setting: Setting, x: Tensor) -> Tensor:
    """Of the loss by all parameters in float64, as one vector in torch's order."""
    paddle, network = network_of(setting, "float64")
    network.train()
    clips, labels = paddle.to_tensor(compared(x).numpy()), paddle.to_tensor(setting.labels.numpy()[:, None])
    paddle.nn.functional.cross_entropy(network(clips), labels).backward()
    trained = {name: tensor for name, tensor in network.named_parameters() if not tensor.stop_gradient}
    found = convert_state_dict({name: tensor.grad.numpy() for name, tensor in trained.items()})
    names = [name for name, _ in setting.network().named_parameters()]
    return torch.cat([torch.from_numpy(found[name]).flatten() for name in names])
