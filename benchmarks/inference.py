"""``python -m benchmarks.inference``: clips as they come, by the original's network and by one made for inference.

One interleaved run: each round times both networks on every kind of clips in turn; ratios are of the rounds' medians.
No time is printed where the logits differ. ``--clip`` takes a recorded clip in place of random ones.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch import Tensor

from stgcn_torch import STGCN, for_inference
from stgcn_torch.data.preprocessing import Preprocessing, live_frames, preprocess
from stgcn_torch.skeleton import skeleton

TOLERANCE = 1e-5  # of the largest logit, float32; measured: 7e-7


def batches(clip: Tensor, clips: int) -> dict[str, Tensor]:
    """Clips (N, C, T, V, M) of every kind, from one (C, T, V, 1) with a tail of zeros."""
    padded = clip.expand(clips, *clip.shape).clone()
    dense = torch.randn_like(padded)
    nobody = torch.zeros_like(padded)
    lengths = torch.linspace(1 / clips, 1, clips) * clip.shape[1]
    mixed = dense * (torch.arange(clip.shape[1]) < lengths[:, None])[:, None, :, None, None]
    return {
        "padded": padded,
        "padded, 1 clip": padded[:1],
        "padded, 2 people": torch.cat([padded, padded], dim=-1),
        "padded, nobody second": torch.cat([padded, nobody], dim=-1),
        "nobody second": torch.cat([dense, nobody], dim=-1),
        "lengths mixed": mixed,
        "dense": dense,
    }


def main() -> None:
    """Print one line per kind of clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4, help="clips in a batch")
    parser.add_argument("--frames", type=int, default=350, help="frames of the window")
    parser.add_argument("--live", type=int, default=117, help="frames of a padded clip before its tail")
    parser.add_argument("--clip", help="a .npy (C, T, V, M) of x, y and score in the fsd10 layout, as the padded clip")
    parser.add_argument("--rounds", type=int, default=11, help="timed rounds")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    network = STGCN(30, aggregation="einsum").to(device).eval()
    for name, tensor in network.state_dict().items():  # as training leaves it: zeros would stay zeros
        if name.endswith(("bias", "running_mean")):
            tensor.normal_(0, 0.2)
    fast = for_inference(network)
    clip = torch.randn(2, options.frames, 25, 1)
    clip[:, options.live :] = 0
    if options.clip:
        raw = np.load(options.clip).astype(np.float32)
        clip = torch.from_numpy(preprocess(raw, Preprocessing(window=options.frames), skeleton("fsd10")))
    kinds = {name: x.to(device) for name, x in batches(clip, options.clips).items()}
    times: dict[str, dict[str, list[float]]] = {name: {"plain": [], "fast": []} for name in kinds}
    errors = {}
    with torch.inference_mode():
        for name, x in kinds.items():
            expected = network(x)
            errors[name] = float((fast(x) - expected).abs().max() / expected.abs().max())
        for _ in range(options.rounds):
            for name, x in kinds.items():
                for which, run in (("plain", network), ("fast", fast)):
                    start = time.perf_counter()
                    run(x)
                    if device == "cuda":
                        torch.cuda.synchronize()
                    times[name][which].append(time.perf_counter() - start)
    device = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    live = live_frames(clip.numpy())
    print(f"torch {torch.__version__}, {device}; {options.clips} clips, {live} of {options.frames} frames live, fp32")
    for name, error in errors.items():
        if not error <= TOLERANCE:
            print(f"{name:22} logits differ by {error:.1e} of the largest: not timed")
            continue
        plain, fast_one = (statistics.median(times[name][which]) for which in ("plain", "fast"))
        print(
            f"{name:22} einsum {plain * 1e3:7.1f} ms, for inference {fast_one * 1e3:7.1f} ms, "
            f"speed {plain / fast_one:5.2f}, error {error:.1e}"
        )


if __name__ == "__main__":
    main()
