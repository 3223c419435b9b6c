"""What is typed reaches a command as it was typed: paths of any characters, old names, and no unknown ones."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.command_line import quoted, read

PREDICT, TRAIN = COMMANDS["predict"], COMMANDS["train"]
printable = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def value_of(word: str) -> object:
    """What Hydra makes of a word."""
    return OverridesParser.create().parse_override(word).value()


@given(text=printable | st.text("\\'\"=,[]{}$ ab", max_size=12))
def test_hydra_reads_quoted_text_as_it_was(text: str) -> None:
    value = value_of(f"input={quoted(text)}")
    assert str(value) == text


@given(text=printable.filter(lambda text: text and text != "null" and text[0] not in "'\"[{" and "${" not in text))
def test_a_path_needs_no_quotes_of_hydra(text: str) -> None:
    (word,) = read([f"input={text}"], PREDICT, ()).given
    assert str(value_of(word)) == text


@pytest.mark.parametrize(
    "text", ["1e3", "1_000", "007", "true", "1.50", "a, b (1) = c.npy", "日本 語.npy", "~/x", "-", "a:b"]
)
def test_names_of_files_that_look_like_something_else(text: str) -> None:
    (word,) = read([f"out={text}"], PREDICT, ()).given
    assert str(value_of(word)) == text


@pytest.mark.parametrize("word", ["out=null", "out='a b'", 'out="a b"', "out=${oc.env:HOME}", "out="])
def test_hydra_s_own_words_are_left_to_it(word: str) -> None:
    assert read([word], PREDICT, ()).given == [word]


def test_several_paths_are_hydra_s_list() -> None:
    assert read(["ckpt_path=[a.ckpt,b.ckpt]"], PREDICT, ()).given == ["ckpt_path=[a.ckpt,b.ckpt]"]


def test_a_sweep_over_paths_is_hydra_s() -> None:
    assert read(["-m", "init_from=a.ckpt,b.ckpt"], TRAIN, ()).given == ["-m", "init_from=a.ckpt,b.ckpt"]
    assert read(["init_from=a.ckpt,b.ckpt"], TRAIN, ()).given == ["init_from='a.ckpt,b.ckpt'"]


def test_old_names_become_those_of_today() -> None:
    words = read(["channels=[4,8]", "++model.channels=[4,8]", "seed=1"], TRAIN, ())
    assert words.given == ["widths=[4,8]", "++model.widths=[4,8]", "seed=1"]
    assert words.renamed == {"channels": "widths", "model.channels": "model.widths"}
    assert words.typed == {"widths": "[4,8]", "model.widths": "[4,8]", "seed": "1"}


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("lr=1", "optimizer.lr"),
        ("optimizer.learning_rate=1", ""),
        ("batch_size=8", "data.batch_size"),
        ("wndow=3", "preprocessing.window"),
        ("experment=article", "experiment"),
        ("+model.dropot=0.1", "model.dropout"),
        ("~augmentaton", "augmentation."),
    ],
)
def test_an_unknown_option_names_the_nearest(word: str, near: str) -> None:
    name = word.lstrip("+~").partition("=")[0]
    with pytest.raises(ValueError, match=f"^{name} is no option") as caught:
        read([word], TRAIN, ("experiment",))
    assert near in str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        "hydra.run.dir=x",
        "hydra/launcher=basic",
        "experiment=x",
        "+experiment=x",
        "--run",
        "layout.joints=[a]",
        "~data.val",
    ],
)
def test_what_is_hydra_s_or_within_a_mapping_is_no_unknown_option(word: str) -> None:
    assert read([word], TRAIN, ("experiment",)).given == [word]


def test_a_flag_s_value_is_no_option() -> None:
    line = ["--config-dir", "my_conf", "--cfg", "job"]
    assert read(line, TRAIN, ()).given == line


@pytest.mark.parametrize(
    ("line", "given"),
    [
        (["seed=1", "-m", "epochs=1,2"], ["-m", "seed=1", "epochs=1,2"]),
        (["--info", "defaults", "seed=1"], ["--info", "defaults", "seed=1"]),
        (["--info", "seed=1"], ["--info", "seed=1"]),
        (["-sc", "install=bash"], ["-sc", "install=bash"]),
        (["--experimental-rerun", "out/config.pickle"], ["--experimental-rerun", "out/config.pickle"]),
        (["seed=1", "--config-dir=my"], ["--config-dir=my", "seed=1"]),
        (["hydra.mode=MULTIRUN", "init_from=a,b"], ["hydra.mode=MULTIRUN", "init_from=a,b"]),
        (["trainer.num_nodes=2"], ["++trainer.num_nodes=2"]),
        (["data.val={rule: every, step: 7, offset: 1}"], ["++data.val={rule: every, step: 7, offset: 1}"]),
        (["data.val.step=3"], ["++data.val.step=3"]),
        (["trainer.precision=16"], ["trainer.precision='16'"]),
        (["data.root=my/set-1.npy"], ["data.root=my/set-1.npy"]),
        (["data.root=nan"], ["data.root='nan'"]),
    ],
)
def test_what_hydra_is_given(line: list[str], given: list[str]) -> None:
    assert read(line, TRAIN, ()).given == given


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--what"], "--what is no flag; options are given as NAME=VALUE"),
        (["--multrun"], "--multrun is no flag; the nearest: --multirun"),
        (["--cfg"], "--cfg must be followed by one of job, hydra, all, got nothing"),
        (["-c", "bogus"], "-c must be followed by one of job, hydra, all, got bogus"),
        (["--config-dir"], "--config-dir must be followed by a value, got nothing"),
        (["clips.npy"], "clips.npy is no option; --help lists them; options are given as NAME=VALUE"),
    ],
)
def test_a_line_that_hydra_could_not_read(line: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read(line, TRAIN, ())
    assert str(caught.value) == message
