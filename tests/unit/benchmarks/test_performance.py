"""docs/performance.md says what the results say, and nothing else."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import performance
from benchmarks.performance import TARGETS, main, ratio, written
from benchmarks.speed.setting import EINSUM

PAGE = Path(__file__).parents[3] / "docs" / "performance.md"
KEPT = sorted(map(str, PAGE.parent.glob("performance*.json")))  # the results that the page was made of


def row(task: str, clips: str, variant: str, ms: float | None, **others: Any) -> dict[str, Any]:
    """A row as the benchmark writes it."""
    figures = {"ratio": 1.0, "clips_per_s": 4.0, "share": 0.5, "peak_mib": 64.0, "error": 1e-7, "withheld": None}
    return {"task": task, "clips": clips, "variant": variant, "ms": ms} | figures | others


@pytest.fixture
def results() -> dict[str, Any]:
    """A run whose every row took 100 ms, but for those that have a target, which they meet by a tenth."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for target in TARGETS:
        rows.setdefault((target.task, target.clips, target.other), row(target.task, target.clips, target.other, 100.0))
        rows[target.task, target.clips, target.variant] = row(
            target.task, target.clips, target.variant, 100 / (1.1 * target.least)
        )
    return {
        "machine": {
            "device": "CPU, of a test",
            "cores": 2,
            "threads": 2,
            "float32_products": "highest",
            "python": "3.11.0",
            "versions": {"torch": "2.13.0", "triton": None},
        },
        "sizes": {"clips": 4, "frames": 350, "live": 117, "recorded": False},
        "rounds": 3,
        "product": {"size": 2048, "gflop_per_s": {"torch.float32 matrix product": 123.4}},
        "rows": sorted(rows.values(), key=lambda row: (row["task"], row["clips"])),
    }


def test_a_target_is_a_ratio_of_times(results: dict[str, Any]) -> None:
    assert [ratio(results, target) for target in TARGETS if target.variant != "for_inference"] == [
        pytest.approx(1.1 * target.least) for target in TARGETS if target.variant != "for_inference"
    ]


def test_a_target_is_met_or_not(results: dict[str, Any]) -> None:
    line = f"| inference, padded: for_inference | {EINSUM} | 2.4 | "
    assert f"{line}2.64 | yes |" in written([results], None)
    slow = copy.deepcopy(results)
    for found in slow["rows"]:
        if (found["clips"], found["variant"]) == ("padded", "for_inference"):
            found["ms"] = 100 / 2.39
    assert f"{line}2.39 | no |" in written([slow], None)


def test_of_what_was_not_timed_nothing_is_known(results: dict[str, Any]) -> None:
    for found in results["rows"]:
        if found["variant"] == "torch matmul":
            found |= {"ms": None, "withheld": "differs"}
    page = written([results], None)
    assert "| training, dense: torch matmul | " + EINSUM + " | 0.97 | not timed | not known |" in page
    assert "| torch matmul | differs |" in page


def test_targets_are_a_cpus(results: dict[str, Any]) -> None:
    results["machine"]["device"] = "NVIDIA"
    assert "aimed at" not in written([results], None)


def test_figures_stand_in_their_columns(results: dict[str, Any]) -> None:
    results["rows"] = [
        row("inference", "dense", "one", 1234.56, ratio=2.5, clips_per_s=3.24, share=0.456, peak_mib=78.9),
        row("inference", "dense", "a frame", 2.0, clips_per_s=None, share=None, peak_mib=None, error=0.0),
    ]
    page = written([results], None)
    assert "| one | 1,234.6 | 3.2 | 2.50 | 46% | 79 | 1.0e-07 |" in page
    assert "| a frame | 2.0 |  | 1.00 |  |  | 0 |" in page
    assert "CPU, of a test, 2 cores, 2 threads; Python 3.11.0, torch 2.13.0. " in page
    assert "float32 matrix product 123 GFLOP/s" in page


def test_the_same_results_make_the_same_page(results: dict[str, Any]) -> None:
    assert written([results], None) == written([json.loads(json.dumps(results))], None)
    assert written([results, results], None).count("## CPU, of a test") == 2


def test_the_command_prints_the_page(
    results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(performance, "ON_A_GPU", tmp_path / "performance_gpu.md")
    main([str(path)])
    assert capsys.readouterr().out == written([results], None)
    (tmp_path / "performance_gpu.md").touch()
    main([str(path)])
    assert "See [performance_gpu.md](performance_gpu.md)." in capsys.readouterr().out


def test_files_that_are_no_results_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text("text")
    for arguments, told in (
        ([], "the following arguments are required: results"),
        (["nothere.json"], "nothere.json cannot be read: No such file or directory"),
        ([str(tmp_path / "list.json")], "list.json cannot be read: no results of benchmarks.speed"),
        ([str(tmp_path / "text.json")], "text.json cannot be read: Expecting value: line 1 column 1 (char 0)"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert capsys.readouterr().err.splitlines()[-1].endswith(told)


def test_the_page_tells_the_command_the_code_and_the_clip(results: dict[str, Any]) -> None:
    bare = written([results], None)
    assert "the padded ones are one random clip of 117 live frames, 4 times" in bare
    assert "benchmarks.speed --clip" not in bare, "these results do not tell"
    results["sizes"]["recorded"] = True
    results |= {
        "arguments": ["--clip", "my clip.npy"],
        "commit": "c0ffee",
        "changed": True,
        "date": "2026-11-01",
        "clip": {"name": "my clip.npy", "sha256": "abc"},
    }
    page = written([results], None)
    assert "`python -m benchmarks.speed --clip 'my clip.npy'`, 2026-11-01 at commit c0ffee, with changes that" in page
    assert " are not in it. The recorded clip is my clip.npy, SHA-256 abc.\n" in page
    assert "the padded ones are one recorded clip of 117 live frames, 4 times" in page
    results |= {"commit": None, "changed": None, "clip": None}
    assert "\n`python -m benchmarks.speed --clip 'my clip.npy'`, 2026-11-01.\n" in written([results], None)


@pytest.mark.skipif(not KEPT, reason="docs has no performance.json, the results to make the page of")
def test_the_page_is_that_of_the_results_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(KEPT)
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8")
