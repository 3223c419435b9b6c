"""``python -m benchmarks.aggregation``: a training step of the article's network with each aggregation kernel.

One interleaved run: each round times one step (forward, backward, SGD) of every kernel in turn, and the ratios are of
the rounds' medians. No time is printed for a kernel whose outputs or gradients differ from the reference's.
"""

import argparse
import statistics
import time

import torch
from torch.nn import functional as F  # noqa: N812

from stgcn_torch.kernels import AGGREGATORS
from stgcn_torch.model import STGCN

TOLERANCE = 1e-3  # of the largest gradient, float32; measured: 2e-6


def gradients(network: STGCN, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """All gradients of the loss, as one vector."""
    network.zero_grad()
    F.cross_entropy(network(x), y).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def main() -> None:
    """Print one line per kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4, help="clips in a batch")
    parser.add_argument("--frames", type=int, default=350, help="frames of a clip")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    networks = {}
    for name in AGGREGATORS:
        torch.manual_seed(0)
        networks[name] = STGCN(30, aggregation=name).to(device)
    x = torch.randn(options.clips, 2, options.frames, 25, 1, device=device)
    y = torch.arange(options.clips, device=device) % 30
    reference = gradients(networks["einsum"], x, y)
    errors = {
        name: float((gradients(network, x, y) - reference).abs().max() / reference.abs().max())
        for name, network in networks.items()
    }
    optimizers = {
        name: torch.optim.SGD(network.parameters(), 0.05, 0.9, weight_decay=1e-4) for name, network in networks.items()
    }
    times: dict[str, list[float]] = {name: [] for name, error in errors.items() if error <= TOLERANCE}
    for _ in range(options.rounds + 2):
        for name, spent in times.items():
            start = time.perf_counter()
            gradients(networks[name], x, y)
            optimizers[name].step()
            if device == "cuda":
                torch.cuda.synchronize()
            spent.append(time.perf_counter() - start)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {name}; {options.clips} clips of {options.frames} frames, fp32")
    base = statistics.median(times["einsum"][2:])
    for kernel, error in errors.items():
        if kernel not in times:
            print(f"{kernel:8} gradients differ by {error:.1e} of the largest: not timed")
            continue
        median = statistics.median(times[kernel][2:])
        print(f"{kernel:8} {median * 1e3:9.1f} ms a step, speed / einsum {base / median:.3f}, error {error:.1e}")


if __name__ == "__main__":
    main()
