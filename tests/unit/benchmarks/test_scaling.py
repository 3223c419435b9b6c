"""The benchmark of the data path runs to its end, whatever becomes of a process."""

from pathlib import Path

import pytest
from torch.multiprocessing import ProcessRaisedException

from benchmarks.scaling import EPOCHS, KINDS, main, together

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells the memory of a process"
)


@pytest.mark.slow
def test_a_small_run_prints_a_row_of_figures_for_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--clips", "3"])
    told, _, head, _, *rows = capsys.readouterr().out.splitlines()
    assert told.startswith("`python -m benchmarks.scaling --clips 3`, torch ")
    assert f"epochs 2 to {EPOCHS}" in head
    assert [row.split(" | ")[0] for row in rows] == [f"| {name}" for name in KINDS]
    for row in rows:
        _, first, later, memory = row.strip("| ").split(" | ")
        low, high = later.split(" to ")
        assert 0 < float(first.replace(",", ""))
        assert 0 < float(low.replace(",", "")) <= float(high.replace(",", ""))
        assert memory.endswith(" MiB")


def test_a_process_that_fails_ends_the_command(tmp_path: Path) -> None:
    with pytest.raises(ProcessRaisedException, match=r"train_data\.npy"):
        together(tmp_path, 1, share=False)


def test_refuses_fewer_clips_than_processes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--clips", "1"])
    assert "--clips must be at least 2, one for each of two processes, got 1" in capsys.readouterr().err
