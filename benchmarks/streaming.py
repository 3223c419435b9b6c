"""``python -m benchmarks.streaming``: what a stream says when, and what a frame of it costs.

Compares every prefix of a clip with the network, counts operations, measures times in rounds that alternate between the
variants, and draws what is known at each frame. Writes docs/streaming.png and the tables of docs/streaming.md. With
``--checkpoint RUN/checkpoints/best.ckpt`` of a network for the synthetic set it also predicts its test clips as one
recording, in windows and in one pass, and measures time and memory of ``predict`` on recordings of two lengths (Linux).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stgcn_torch.commands.input_source import Place
from stgcn_torch.data.preprocessing.steps import live_frames
from stgcn_torch.inference.folded import FoldedSTGCN
from stgcn_torch.inference.streaming import StreamingSTGCN
from stgcn_torch.model import STGCN
from stgcn_torch.prediction.ensemble import load_ensemble
from stgcn_torch.tasks.predict import answers

DOCS = Path(__file__).parents[1] / "docs"
WINDOW = 350  # frames
TOLERANCE = 1e-5  # of the largest logit
CLASSES = 10
CLIPS = 120  # of the synthetic test set
LENGTHS = (10_000, 100_000)  # frames of recordings

Run = Callable[[], object]


def lived_in() -> STGCN:
    """The usual network, with statistics, biases and edge importance that are not those of its start."""
    torch.manual_seed(0)
    network = STGCN(CLASSES, aggregation="einsum")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    for factor in network.backbone.edge_importance:
        nn.init.uniform_(factor, 0.5, 1.5)
    return network.eval()


def largest_difference(network: STGCN, x: Tensor) -> float:
    """Of the answer at every third prefix from the network's, relative to its largest logit."""
    stream, worst = StreamingSTGCN(network.backbone, network.head), 0.0
    for t in range(x.shape[2]):
        stream.push(x[:, :, t])
        if t % 3:
            continue
        expected = network(x[:, :, : t + 1])
        worst = max(worst, float((stream.logits() - expected).abs().max() / expected.abs().max()))
    return worst


def operations(run: Run) -> int:
    """Floating-point operations of matrix products and convolutions, multiplications and additions apart."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def milliseconds(run: Run, times: int) -> float:
    """Of one of several runs in a row."""
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times * 1e3


def costs(network: STGCN, x: Tensor, rounds: int) -> str:
    """The table of operations and times."""
    stream, folded = StreamingSTGCN(network.backbone, network.head), FoldedSTGCN(network.backbone, network.head)
    stream.push(x[:, :, :100])

    def four() -> None:
        for t in range(100, 104):  # one of each place in the stride
            stream.push(x[:, :, t])

    runs: dict[str, tuple[Run, int, int]] = {  # how many runs in a row, and frames in each
        f"the window of {WINDOW} frames again, plain network": (partial(network, x), 1, 1),
        f"the window of {WINDOW} frames again, folded": (partial(folded, x), 1, 1),
        "one frame, `push`": (four, 25, 4),
        "the exact answer so far, `answer`": (stream.answer, 3, 1),
    }
    counted = {name: operations(run) / frames for name, (run, _, frames) in runs.items()}
    took: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds + 1):
        for name, (run, times, frames) in runs.items():
            spent = milliseconds(run, times) / frames
            if i:  # the first round warms up
                took[name].append(spent)
    plain = next(iter(runs))
    lines = ["| | Mflop | ratio | ms, median | ratio, median of rounds |", "|---|---|---|---|---|"]
    for name in runs:
        ratio = statistics.median(a / b for a, b in zip(took[plain], took[name], strict=True))
        lines.append(
            f"| {name} | {counted[name] / 1e6:,.0f} | {counted[plain] / counted[name]:.1f} "
            f"| {statistics.median(took[name]):.1f} | {ratio:.1f} |"
        )
    return "\n".join(lines)


def draw(network: STGCN, T: int, path: Path) -> None:
    """Which features of a clip are known after each of its frames, as a stream tells it."""
    stream = StreamingSTGCN(network.backbone, network.head)
    x = torch.zeros(1, network.backbone.in_channels, 1, network.backbone.A.shape[1], 1)
    final, all_of_them = [], []
    for _ in range(T):
        final.append(len(stream.features(x)) + (final[-1] if final else 0))
        all_of_them.append(final[-1] + len(stream.rest()))
    t, height = np.arange(T), stream.stride * np.stack([final, all_of_them])
    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(t, 0, height[0], step="post", color="#4477aa", label="final: no later frame changes them")
    added = "as if the clip ended now: what answer() adds, anew each time"
    axes.fill_between(t, *height, step="post", color="#ccbb44", label=added)
    centre = 15 * stream.stride
    arrow = {"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (centre + stream.delay, centre + 2), (centre, centre + 2), arrowprops=arrow)
    axes.text(centre + stream.delay / 2, centre + 5, f"final {stream.delay} frames later", ha="center")
    axes.text(stream.delay + 14, 5, "push() says something from here on", va="center", color="white")
    axes.set(xlim=(0, T - 1), ylim=(0, T), xlabel="newest frame", ylabel="frames that known features stand for")
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def predicted(T: int, checkpoint: Path) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of ``predict stream=`` on a recording of T frames of random motion."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        clip = np.lib.format.open_memmap(f"{folder}/long.npy", "w+", np.float32, (3, T, 25, 1))
        for start in range(0, T, 1000):
            clip[:2, start : start + 1000] = rng.normal(0, 0.2, (2, min(1000, T - start), 25, 1))
        clip[2] = 1
        clip.flush()
        options = [f"ckpt_path={checkpoint.resolve()}", "input=long.npy", f"stream={WINDOW}"]
        begin = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "stgcn_torch.predict", *options],
            stdout=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(DOCS.parent)},
        )
        memory = 0.0
        while child.poll() is None:
            memory = max(memory, peak(child.pid))
            time.sleep(0.1)
        if child.returncode:
            raise RuntimeError(f"predict ended with exit code {child.returncode}")
    return time.perf_counter() - begin, memory


def peak(process: int) -> float:
    """Its peak memory so far, MiB; 0 when it has just ended. Not that of getrusage, which inherits its parent's."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def performance(checkpoint: Path, data: Path) -> str:
    """The table of windows against one pass: test clips one after the other as one recording, frame by frame."""
    ensemble = load_ensemble([checkpoint])
    clips = np.load(data / "test_data.npy", mmap_mode="r")[:CLIPS]
    labels = np.load(data / "test_label.npy")[:CLIPS]
    live = [np.asarray(clip[:, : live_frames(clip)]) for clip in clips]
    truth = np.repeat(labels, [clip.shape[1] for clip in live])
    long, window = np.concatenate(live, axis=1)[None], ensemble.window
    place = [Place(0, end=len(truth))]
    lines = ["| options | frames of the right class | seconds |", "|---|---|---|"]
    shown = [{"slide": window // 2}, {"slide": 4}, {"stream": window}, {"stream": window // 2}, {"stream": window // 4}]
    for options in shown:
        begin = time.perf_counter()
        right = sum(
            int((truth[part.place.start : part.place.end] == part.top[0][0]).sum())
            for part in answers(ensemble, long, place, **options)
        )
        name, value = next(iter(options.items()))
        lines.append(f"| `{name}={value}` | {right / len(truth):.3f} | {time.perf_counter() - begin:.1f} |")
    told = f"{len(live)} clips of {len(truth) / len(live):.0f} frames in the mean, {len(truth):,} together"
    return f"{told}; a window of {window}:\n\n" + "\n".join(lines)


def write(part: str, text: str) -> None:
    """Put text between the marks of a part of the page."""
    page = DOCS / "streaming.md"
    begin, end = f"<!-- {part}, written by benchmarks/streaming.py -->\n", f"<!-- end of {part} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"{page} has no part {part}")
    page.write_text(f"{before}{begin}{text}\n{mark}{after}", encoding="utf-8")
    print(text)


def main() -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds that times are the medians of")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint of the data, to predict recordings with")
    parser.add_argument("--data", type=Path, default=Path("data/skating"), help="the synthetic set")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = lived_in()
    x = torch.randn(1, 2, WINDOW, 25, 1)
    with torch.inference_mode():
        draw(network, 200, DOCS / "streaming.png")
        worst = largest_difference(network, x)
        if worst > TOLERANCE:
            raise SystemExit(f"answers are {worst:.1e} of the largest logit off, more than {TOLERANCE}: no times")
        told = f"torch {torch.__version__}, one thread of {os.cpu_count()} cores, medians of {options.rounds} rounds."
        exact = f"Largest difference of an answer from the network's at every third of {WINDOW} frames:"
        write("costs", f"{told}\n{exact} {worst:.1e} of the largest logit.\n\n{costs(network, x, options.rounds)}")
    if options.checkpoint:
        table = ["| frames | seconds | peak memory, MiB |", "|---|---|---|"]
        for T in LENGTHS:
            seconds, memory = predicted(T, options.checkpoint)
            table.append(f"| {T:,} | {seconds:.1f} | {memory:.0f} |")
        write("recordings", performance(options.checkpoint, options.data) + "\n\n" + "\n".join(table))


if __name__ == "__main__":
    main()
