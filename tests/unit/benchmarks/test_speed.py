"""The speed benchmark: what is not the same function is not timed, and every figure follows from the times."""

import json
import statistics
import subprocess
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.speed import clock, inference, measure, training
from benchmarks.speed import origin as origins
from benchmarks.speed.__main__ import main, parsed
from benchmarks.speed.measure import TASKS, Timing, measured
from benchmarks.speed.origin import origin
from benchmarks.speed.setting import EINSUM, LEAST_FRAMES, Missing, Ready, Setting, Variant
from benchmarks.speed.table import printed

TINY = [
    "--clips",
    "2",
    "--frames",
    "16",
    "--live",
    "6",
    "--channels",
    "4",
    "8",
    "--strides",
    "1",
    "2",
    "--product",
    "16",
]
QUICK = Timing(rounds=3, pause=0, size=16)
FAST = {"for_inference": inference.fast, EINSUM: inference.EVERY_KIND[EINSUM]}
STEPS = {name: training.VARIANTS["dense"][name] for name in (EINSUM, "torch matmul")}


def no_memory(*row: str) -> None:
    """Measure none."""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """Two narrow blocks, two short clips."""
    return Setting("cpu", tmp_path, clips=2, frames=16, live=6, channels=(4, 8), strides=(1, 2))


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's alone; ``test_the_whole_of_it`` has the others too."""
    monkeypatch.setattr(
        measure,
        "TASKS",
        {
            "inference": measure.Task({"dense": FAST, "padded": FAST}, inference.TOLERANCE),
            "training": measure.Task({"dense": STEPS}, training.TOLERANCE),
        },
    )


def found(results: dict[str, Any], task: str, kind: str, variant: str) -> dict[str, Any]:
    """The one row of that name."""
    (row,) = [row for row in results["rows"] if (row["task"], row["clips"], row["variant"]) == (task, kind, variant)]
    return row


def shifted(make: Variant, by: float) -> Variant:
    """A variant whose output is wrong by that part of its largest value."""

    def made(setting: Setting, x: Tensor) -> Ready:
        ready = make(setting, x)

        def output() -> Tensor:
            right = ready.output()
            return right + by * right.abs().max()

        return Ready(ready.run, output)

    return made


@pytest.mark.parametrize(("by", "timed"), [(0.0, True), (1e-3, False), (float("nan"), False)])
def test_no_time_where_logits_differ(by: float, timed: bool, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"dense": FAST | {"for_inference": shifted(inference.fast, by)}}
    monkeypatch.setitem(measure.TASKS, "inference", measure.Task(variants, inference.TOLERANCE))
    results = measured(setting, QUICK, ["inference"], no_memory)
    row = found(results, "inference", "dense", "for_inference")
    assert [row[figure] is not None for figure in ("ms", "times_ms", "ratio", "clips_per_s", "share")] == [timed] * 5
    assert (row["withheld"] is None) == timed
    assert ("not timed" in printed(results)) != timed
    if by == 1e-3:
        assert row["error"] == pytest.approx(by, rel=0.01)
        assert "by 1.0e-03, may by 1e-05" in row["withheld"]


def test_no_time_where_gradients_differ(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"dense": STEPS | {"torch matmul": shifted(STEPS["torch matmul"], 0.1)}}
    monkeypatch.setitem(measure.TASKS, "training", measure.Task(variants, training.TOLERANCE))
    row = found(measured(setting, QUICK, ["training"], no_memory), "training", "dense", "torch matmul")
    assert row["ms"] is None
    assert row["error"] > training.TOLERANCE


def test_gradients_are_compared_in_float64_and_steps_timed_in_float32(setting: Setting) -> None:
    x = setting.batches["dense"]
    exact, matmul = (make(setting, x).output() for make in STEPS.values())
    assert exact.dtype == torch.float64
    assert clock.difference(matmul, exact) < 1e-12  # measured: 0
    network = setting.network()
    rounded = training.gradients(network, network, x, setting.labels)
    assert 1e-9 < clock.difference(rounded, exact) < 1e-5, "of the same clips and labels"  # measured: 2e-7


def test_paddles_gradients_are_the_networks(setting: Setting) -> None:
    pytest.importorskip("paddle", reason="PaddlePaddle is not installed; it comes with [test]")
    x = setting.batches["dense"]
    theirs = training.VARIANTS["dense"]["Paddle, eager"](setting, x).output()
    difference = clock.difference(theirs, STEPS[EINSUM](setting, x).output())
    assert difference < training.TOLERANCE  # measured: 8.8e-9


def test_a_variant_has_its_own_tolerance_where_it_says_so(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def loose(setting: Setting, x: Tensor) -> Ready:
        return replace(shifted(inference.fast, 1e-3)(setting, x), tolerance=0.01)

    variants = {"dense": FAST | {"for_inference": loose}}
    monkeypatch.setitem(measure.TASKS, "inference", measure.Task(variants, inference.TOLERANCE))
    row = found(measured(setting, QUICK, ["inference"], no_memory), "inference", "dense", "for_inference")
    assert row["ms"] is not None
    assert row["tolerance"] == 0.01


def test_a_variant_that_cannot_run_says_why(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(setting: Setting, x: Tensor) -> Ready:
        raise Missing("it is not installed")

    variants = {"dense": {"absent": absent} | FAST}
    monkeypatch.setitem(measure.TASKS, "inference", measure.Task(variants, inference.TOLERANCE))
    results = measured(setting, QUICK, ["inference"], no_memory)
    assert found(results, "inference", "dense", "absent")["withheld"] == "it is not installed"
    assert "| absent | it is not installed |" in printed(results)


def test_figures_follow_from_the_times(setting: Setting) -> None:
    results = measured(setting, QUICK, ["inference", "training"], no_memory)
    for row in results["rows"]:
        original = found(results, row["task"], row["clips"], EINSUM)
        assert len(row["times_ms"]) == QUICK.rounds
        assert row["ms"] == pytest.approx(statistics.median(row["times_ms"]))
        assert row["ratio"] == pytest.approx(statistics.median(original["times_ms"]) / row["ms"])
        assert row["clips_per_s"] == pytest.approx(2 / row["ms"] * 1e3)
        assert row["share"] / original["share"] == pytest.approx(row["ratio"])


def test_the_share_is_of_operations_counted_and_of_the_product(setting: Setting) -> None:
    results = measured(setting, QUICK, ["inference"], no_memory)
    row = found(results, "inference", "dense", EINSUM)
    useful = clock.operations(inference.EVERY_KIND[EINSUM](setting, setting.batches["dense"]).run)
    rate = max(results["product"]["gflop_per_s"].values()) * 1e9
    assert row["share"] == pytest.approx(useful / (row["ms"] / 1e3) / rate)


def test_each_round_takes_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def row(name: str, **options: Any) -> Ready:
        return Ready(lambda: taken.append(name), lambda: torch.zeros(1), **options)

    ticks = count()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: float(next(ticks)))
    ready = {"a": row("a"), "b": row("b", most_rounds=1), "c": row("c", units=4)}
    times = clock.times_in_rounds(ready, "cpu", 3, 0)
    assert "".join(taken) == "abcabcacac"  # the first round warms up
    assert times == {"a": [1, 1, 1], "b": [1], "c": [0.25] * 3}


def test_operations_are_multiplications_and_additions() -> None:
    sticks = clock.yardsticks(16, torch.float32, "cpu")
    counted = {name: clock.operations(stick.run) for name, stick in sticks.items()}
    assert counted == {"matrix product": 2 * 16**3, "convolution": 2 * (2 * 2 * 9) * (4 * 80 * 25)}


def test_a_difference_is_relative_to_the_largest_value() -> None:
    expected = torch.tensor([3.0, -4.0])
    assert clock.difference(expected + torch.tensor([0.0, 1.0]), expected) == pytest.approx(1 / 4)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells peak memory")
def test_peak_memory_is_what_a_call_adds() -> None:
    held = np.ones(8 * clock.MIB)  # 64 MiB from before do not count
    peak = clock.peak_mib(lambda: np.ones(4 * clock.MIB).sum(), "cpu")
    assert held.sum() == 8 * clock.MIB
    assert peak == pytest.approx(32, abs=4)


def test_clips_of_every_kind(setting: Setting) -> None:
    people = {
        kind: [int(n) for n in (x != 0).any(dim=1).any(dim=2).sum(dim=1).flatten()]
        for kind, x in setting.batches.items()
    }
    assert people == {
        "dense": [16, 16],
        "padded": [6, 6],
        "padded, nobody second": [6, 0, 6, 0],
        "dense, nobody second": [16, 0, 16, 0],
        "lengths mixed": [8, 16],
        "1 clip, padded": [6],
        "1 clip, dense": [16],
    }


def test_a_recorded_clip_is_the_padded_one(tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", np.random.default_rng(0).uniform(0.2, 0.8, (3, 9, 25, 1)))
    setting = Setting("cpu", tmp_path, frames=20, recorded=str(tmp_path / "clip.npy"))
    assert setting.live_frames == 9
    assert setting.batches["padded"].shape == (4, 2, 20, 25, 1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["--frames", "9", "--live", "10"], "--frames must be at least --live, got 9 and 10"),
        (["--frames", "6", "--live", "3"], "--frames must be at least 7, got 6"),
        (["--product", "4"], "--product must be at least 8, got 4"),
        (["--channels", "4"], "--channels and --strides must be as many, got 1 and 10"),
        (["--channels", "0", "--strides", "1"], "--channels must be at least 1, got 0"),
        (["--clip", "nothere.npy"], "--clip no file nothere.npy"),
    ],
)
def test_refuses_options_that_do_not_fit(wrong: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(wrong)
    assert capsys.readouterr().err.splitlines()[-1].endswith(f": error: {told}")


def test_refuses_what_is_no_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for clip, told in ((np.zeros((3, 9, 25, 1)), "is empty"), (np.ones((3, 9, 17, 1)), "25 joints")):
        np.save(tmp_path / "clip.npy", clip)
        with pytest.raises(SystemExit):
            parsed(["--clip", str(tmp_path / "clip.npy")])
        assert told in capsys.readouterr().err.splitlines()[-1]


def test_the_fewest_frames_are_enough(tmp_path: Path) -> None:
    setting = Setting("cpu", tmp_path, clips=1, frames=LEAST_FRAMES, live=3, channels=(4,), strides=(1,))
    inference.one_frame(setting, setting.batches["1 clip, dense"]).run()
    with pytest.raises(IndexError):
        inference.one_frame(setting, setting.batches["1 clip, dense"][:, :, 1:]).run()


def test_results_tell_the_command_the_code_and_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.npy"
    path.write_bytes(b"abc")
    told = origin(["--clip", str(path), "--clips", "2"], str(path))
    assert told["arguments"] == ["--clip", "clip.npy", "--clips", "2"]
    assert told["clip"] == {
        "name": "clip.npy",  # and the SHA-256 of "abc", as FIPS 180 has it
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
    monkeypatch.setattr(origins, "ROOT", tmp_path)
    bare = origin([], None)
    assert (bare["commit"], bare["changed"], bare["clip"]) == (None, None, None)
    for command in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "a", "--allow-empty"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    found = origin([], None)
    assert len(found["commit"]) == 40
    assert found["changed"], "clip.npy is not in the commit"
    path.unlink()
    assert not origin([], None)["changed"]


@pytest.fixture
def every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command has them."""
    monkeypatch.setattr(measure, "TASKS", TASKS)


@pytest.mark.slow
def test_the_whole_of_it(every_row: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command itself, Paddle and onnxruntime included where they are installed."""
    main([*TINY, "--rounds", "1", "--pause", "0", "--no-memory", "--json", str(tmp_path / "all.json")])
    results = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert {*results} == {"machine", "sizes", "rounds", "product", "rows", *origin([], None)}
    assert {(row["task"], row["clips"], row["variant"]) for row in results["rows"]} == {
        (name, kind, variant)
        for name, task in TASKS.items()
        for kind, variants in task.variants.items()
        for variant in variants
    }
    for row in results["rows"]:
        assert row["withheld"] is None or "installed" in row["withheld"] or "CUDA" in row["withheld"], row
        assert (row["ms"] is None) == (row["withheld"] is not None)
    assert "sizes of 16" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells peak memory")
@pytest.mark.slow
def test_memory_is_that_of_a_process_for_each_row(tmp_path: Path) -> None:
    """Of the rows of training, which are the fewest."""
    results = tmp_path / "training.json"
    main([*TINY, "--rounds", "1", "--pause", "0", "--only", "training", "--json", str(results)])
    peaks = [row["peak_mib"] for row in json.loads(results.read_text(encoding="utf-8"))["rows"]]
    assert len(peaks) == len(STEPS)
    assert min(peaks) > 0
