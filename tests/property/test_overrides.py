"""No override of any type, in any command, ends in a traceback: it works, or one line says why not.

Every command runs in this process on a small set, its work cut after the first batch.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stgcn_torch.commands.configuration import groups_of
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.help import visible
from tests.in_process import DATA, SMALL, cut_short, line_of, run, write_files

VALUES = [
    *("", "null", "true", "3", "-1", "0", "1.5", "1e30", "-1e-30", "nan", "-inf", "99999999999999999999", "abc"),
    *("[]", "[1]", "[-1,2.5]", "[a,a]", "[null]", "[[1],[2]]", "{}", "{a: 1}", "{rule: every}", "${nothing}"),
    *("${seed}", "${oc.env:NOTHING}", "'???'", "' '", "'a\\'b'", "日本", "0x10", "1_000", "a=b", "[1", "%", "/", "."),
]
EACH = 2  # values of an option
SEVERAL = ("trainer.devices", "trainer.num_nodes")
BEST = "ckpt_path=best.ckpt"
GIVEN = {
    "train": [*DATA, *SMALL],
    "check": [*DATA, *SMALL[:-1]],
    "evaluate": [BEST, *DATA, "split=val", "data.val.folds=2"],
    "predict": [BEST, "input=clips.npy", "out=answers.csv"],
    "explain": [BEST, "input=clips.npy", "out=page.html", "top_k=1"],
    "export": [BEST, "out=net.pt2"],
    "visualize": ["layout=coco", "only=[skeleton]", "out=figures"],
    "prepare": ["input=clips.npy", "out=prepared", "layout=coco", "channels=[x,y]"],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overrides")
    write_files(folder)
    (folder / "tab.yaml").write_text("joints:\t[a\n")
    (folder / "twice.yaml").write_text("joints: [a, b]\njoints: [c]\nbones: [[b, a]]\ncenter: a\n")
    (folder / "deep.yaml").write_text("[" * 3000 + "]" * 3000)
    (folder / "list.yaml").write_text("[a, b]\n")
    return folder


@pytest.fixture(autouse=True)
def here(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    shutil.rmtree("prepared", ignore_errors=True)
    monkeypatch.setenv("COLUMNS", "80")
    cut_short(monkeypatch)


def overrides(name: str) -> Iterator[str]:
    """Every option of a command with some values, added, and taken away."""
    names = [option.name for option in visible(COMMANDS[name].options)] + groups_of(name)
    names = names[:: 4 if name == "check" else 1]  # as all but one are train's
    for i, option in enumerate(names):
        for j in range(EACH):
            value = VALUES[(7 * i + 11 * j) % len(VALUES)]
            if option in SEVERAL and value in ("3", "true"):
                continue  # it would wait for other processes
            yield f"{('', '+')[i % 2 * j]}{option}={value}"
        yield f"~{option}"
    if name == "train":
        yield from ("model.dropout=${seed}", "optimizer.weight_decay=99999999999999999999")  # of no float
    yield from ("+colour=red", "nothing=1", "~nothing", "+model.colour=red", "=", "a", "+", "hydra.run.dir=null")
    yield from ("--what", "--multrun")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_given_works(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing here would be tested."""
    assert run(name, GIVEN[name], capsys, monkeypatch).code == 0


@pytest.mark.filterwarnings("ignore")  # of Lightning and torch, about odd but possible values
@pytest.mark.parametrize("name", COMMANDS)
def test_no_override_ends_in_a_traceback(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for override in overrides(name):
        said = run(name, [*GIVEN[name], override], capsys, monkeypatch)
        if said.code not in (0, 2 * (name == "check")):
            assert said.code == 1, (override, said)
            assert said.err.strip().splitlines()[-1].startswith(f"{name}: "), (override, said)


REFUSED = [
    ("train", "epochs=1.5", "epochs must be a whole number from 1 on (epochs), got 1.5"),
    ("train", "data.num_workers=1.5", "data.num_workers must be a whole number from 0 to 256, got 1.5"),
    ("train", "channels=4", "widths must be a list of whole numbers from 1 to 65536, such as [64,64,128], got 4"),
    (
        "train",
        "model.strides=1",
        "model.strides must be a list of whole numbers from 1 to 1024, such as [1,1,2], got 1",
    ),
    ("train", "model.dropout=nan", "model.dropout must be a number from 0 to 1, got nan"),
    ("train", "seed=1.5", "seed must be a whole number from 0 to 4294967295, got 1.5"),
    ("train", "scheduler.warmup=-1", "scheduler.warmup must be a number from 0 on (epochs), got -1"),
    ("train", "trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches must be a whole number from 1 on"),
    ("train", "trainer.accelerator=tpu", "trainer.accelerator must be auto, cpu, gpu, cuda or mps, got tpu"),
    ("train", "data.root=null", "data.root must be a path, got null"),
    ("train", "data.clips=null", "data.clips must be a path, got null"),
    ("train", "model=null", "model must have the options strategy, max_hop"),
    ("train", "trainer=null", "trainer must have the options max_epochs, accelerator"),
    ("train", "+trainer.callbacks=[1]", "trainer.callbacks is no option"),
    ("train", "+trainer.plugins=[x]", "trainer.plugins is no option"),
    ("train", "+trainer.default_root_dir=x", "trainer.default_root_dir is no option"),
    ("train", "trainer.devices=4096", "trainer.devices=4096 is as many processes, too many for "),
    ("prepare", "pattern='{colour}_{frame}'", "pattern must hold some of {frame}, {recording}, {class}, "),
    ("prepare", "pattern='{class}{frame}'", "pattern must have something between its fields, got {class}{frame}"),
    ("train", "init_from=2024", "no file 2024"),
    ("train", "ckpt_path=2024", "no file 2024"),
    ("train", "~scheduler", "scheduler is missing; scheduler=constant has none"),
    ("train", "ema=nan", "ema must be a number from 0 to below 1 or null, got nan"),
    ("train", "patience=-1", "patience must be a whole number from 1 on or null (epochs), got -1"),
    ("train", "patience=1.5", "patience must be a whole number from 1 on or null (epochs), got 1.5"),
    ("train", "preprocessing.keep=[x,x]", "preprocessing.keep must name each once, got [x,x]"),
    ("train", "preprocessing.window=64.0", "preprocessing.window must be a whole number from 1 on (frames), got 64.0"),
    ("train", "optimizer.lr=nan", "optimizer.lr must be a number from 0 on, got nan"),
    ("train", "fused=3", "fused must be true, false or null, got 3"),
    ("train", "layout=tab.yaml", "tab.yaml cannot be read: "),
    ("train", "preprocessing.channels=[x]", "preprocessing.channels is no option; the nearest: data.channels"),
    ("check", "data.clips=7", "no file set/7"),
    ("predict", "weights=2", "weights must be a list of numbers from 0 on or null, such as [2,1], got 2"),
    ("predict", "weights=x", "weights must be a list of numbers from 0 on or null, such as [2,1], got x"),
    (
        "predict",
        "ckpt_path=null",
        "ckpt_path must be a path or a list of paths, such as [joint.ckpt,",
    ),
    ("predict", "unit=0", "unit must be a number above 0 or null, got 0"),
    ("predict", "unit=nan", "unit must be a number above 0 or null, got nan"),
    ("predict", "unit=inf", "unit must be a number above 0 or null, got inf"),
    ("predict", "preprocessing.window=64", "preprocessing.window= is part of a named preprocessing: give preproc"),
    ("predict", "+preprocessing.window=64", "preprocessing.window= is part of a named preprocessing: give preproc"),
    ("export", "strides=3", "strides must be a list of whole numbers from 1 to 1024 or null, such as [1,1,2,1], got 3"),
    ("train", "trainer.precision=32.0", "trainer.precision must be 32-true, bf16-mixed, "),
    ("train", "data.val.fold=7", "data.val has 2 folds, numbered from 0, got fold=7"),
    ("train", "data.val.rule=groups", "data.val holds out groups, and must say column= and value="),
    ("train", "optimizer.momentum=0", "optimizer needs a momentum above 0 for nesterov=true"),
    ("train", "trainer.limit_train_batches=0", "trainer.limit_train_batches must be a whole number from 1 on"),
    ("train", "+optimizer.betas=[0.9,0.99]", "optimizer.betas is no option of optimizer=sgd"),
    ("train", "optimizer.betas=[0.9,0.99]", "optimizer.betas is no option of optimizer=sgd"),
    ("train", "optimizer.name=adamw", "optimizer.name is no option: optimizer=NAME chooses it"),
    ("train", "data.val.step=3", "data.val.step is for data.val.rule=every, and the rule is folds"),
    ("train", "~data.test.rule", "data.test.rule has no place here: "),
    ("train", "epochs=1e1", "epochs must be a whole number from 1 on (epochs), got 1e1"),
    ("train", "seed=${nothing}", "seed: Interpolation key 'nothing' not found"),
    ("predict", "weights=[0]", "weights must be 1 numbers, one of them above 0, got [0.0]"),
    ("evaluate", "ckpt_path=2024", "no file 2024"),
    ("evaluate", "epochs=3", "epochs is no option"),
    ("prepare", "relabel=[1]", "relabel must be a YAML file, a mapping or null, got [1]"),
    ("prepare", "relabel=list.yaml", "list.yaml must be a mapping of folders to classes"),
    ("prepare", "channels=[x,x]", "channels must name each once, got [x,x]"),
    ("visualize", "layout=tab.yaml", "tab.yaml cannot be read: "),
    ("visualize", "layout=twice.yaml", "twice.yaml cannot be read: the key 'joints' stands twice (line 1)"),
    ("visualize", "layout=deep.yaml", "deep.yaml cannot be read: it is nested more than 20 levels deep"),
    ("visualize", "layout=list.yaml", "list.yaml holds no layout, which is a mapping with joints, bones and center"),
]


@pytest.mark.parametrize(("name", "override", "message"), REFUSED)
def test_what_a_command_cannot_take_is_said(
    name: str, override: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(name, run(name, [*GIVEN[name], override], capsys, monkeypatch))
    assert line.startswith(f"{name}: {message}")


@pytest.mark.parametrize("out", ["1e3", "1_000", "007", "a, b = (c).csv", "[a].csv", "é.json", "null"])
def test_an_answer_s_file_is_called_as_it_is_typed(
    out: str, files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that Hydra has a word for wants its quotes."""
    typed = f'out="{out}"' if out in ("[a].csv", "null") else f"out={out}"
    assert run("predict", [BEST, "input=clips.npy", typed], capsys, monkeypatch).code == 0
    assert (files / out).is_file()


def test_old_names_go_on_working(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("predict", [BEST, "input=clips.npy", "form=submission", "format=arrays"], capsys, monkeypatch)
    assert said.code == 0
    assert said.err.splitlines()[:2] == [
        "predict: form= is called out_format= now",
        "predict: format= is called input_format= now",
    ]
    old = [word.replace("widths", "channels") for word in SMALL]
    said = run("train", [*DATA, *old], capsys, monkeypatch)
    assert said.code == 0
    assert said.err.splitlines()[0] == "train: channels= is called widths= now"


def test_lightning_s_own_log_can_be_left_out(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*DATA, *SMALL[:-1], "hydra.run.dir=quiet", "+trainer.logger=false"]
    assert run("train", words, capsys, monkeypatch).code == 0
    assert not (files / "quiet" / "tensorboard").exists()
    assert (files / "quiet" / "checkpoints" / "last.ckpt").is_file()


def test_a_label_beyond_all_classes_is_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.arange(16) % 2
    np.save(files / "set" / "huge.npy", np.where(np.arange(16) == 3, 10**6, labels))
    line = line_of("train", run("train", [*GIVEN["train"], "data.labels=huge.npy"], capsys, monkeypatch))
    assert "1000000" in line


def test_huge_coordinates_are_checked_without_a_traceback(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, values in (("big", np.full((16, 2, 8, 17, 1), 1e300)), ("same", np.full((16, 2, 8, 17, 1), 3e38))):
        np.save(files / "set" / f"{name}.npy", values)
        said = run("check", [*GIVEN["check"], f"data.clips={name}.npy"], capsys, monkeypatch)
        assert said.code in (0, 1, 2)
        shown = run("visualize", [f"input=set/{name}.npy", "layout=coco", "channels=[x,y]"], capsys, monkeypatch)
        assert shown.code in (0, 1)
