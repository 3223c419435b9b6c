"""Writes ``golden.npz`` with live Paddle: ``python -m tests.parity.golden.write``.

The network is the article's with random weights from NumPy's legacy generator, whose numbers never change, so that only
Paddle's answers have to be stored.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("golden.npz")
SEED = 1801_07455
CLASSES, T = 30, 51


def values(names: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Float32 weights and statistics for Paddle's names and shapes, in their order."""
    random = np.random.RandomState(SEED)
    drawn = {}
    for name, shape in names.items():
        if name.endswith("_variance"):
            drawn[name] = random.uniform(0.5, 1.5, shape)
        elif len(shape) == 4:
            drawn[name] = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        else:
            drawn[name] = random.normal("bias" not in name and "_mean" not in name, 0.1, shape)
    return {name: value.astype(np.float32) for name, value in drawn.items()}


def clips(N: int = 2) -> np.ndarray:
    """Clips (N, 2, T, 25, 1), the last with a tail."""
    x = np.random.RandomState(SEED + 1).normal(size=(N, 2, T, 25, 1)).astype(np.float32)
    x[-1, :, 30:] = 0
    return x


def main() -> None:
    """Write names and shapes, the graph, features, logits, gradients, and the release of Paddle that made them."""
    from tests.parity.reference import STGCN, paddle

    paddle.set_default_dtype("float64")
    network = STGCN(CLASSES)
    state = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if name != "backbone.A"}
    for name, value in values(shapes).items():
        state[name].set_value(value.astype(np.float64))
    network.eval()
    x = paddle.to_tensor(clips().astype(np.float64))
    features = network.backbone(x)
    logits = network.head(features)
    loss = paddle.nn.functional.cross_entropy(logits, paddle.to_tensor([[3], [27]]))
    loss.backward()
    gradients = {
        f"gradient/{name}": tensor.grad.numpy()
        for name, tensor in network.named_parameters()
        if not tensor.stop_gradient and tensor.size <= 2000
    }
    np.savez_compressed(
        FILE,
        paddle=paddle.__version__,
        names=np.array(list(shapes)),
        shapes=np.array([",".join(map(str, shape)) for shape in shapes.values()]),
        A=network.backbone.A.numpy(),
        features=features.numpy(),
        logits=logits.numpy(),
        loss=loss.numpy(),
        **gradients,
    )
    print(f"wrote {FILE}, {FILE.stat().st_size} bytes, PaddlePaddle {paddle.__version__}")


if __name__ == "__main__":
    main()
